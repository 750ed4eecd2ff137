# SPDX-License-Identifier: LGPL-2.1-or-later
import io
import json
import re

import pytest

from layering import progress
from layering.cli.showing import Bars, JsonLines, Level, PlainLines, Silence, renderer
from layering.progress import Event, Kind
from triggers import Progress

STEP = Progress(phase="download", item="strace", done=1, total=2, unit="bytes")
LAST = Progress(phase="download", item="strace", done=2, total=2, unit="bytes")


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def play(report: progress.Report) -> None:
    """An operation with a phase, steps, a note and a warning."""
    with progress.phase(report, "download", "all"):
        progress.step(report, STEP)
        progress.step(report, LAST)
    progress.note(report, "merge", "known from before")
    progress.warn(report, "scripts", "%post failed")


def test_a_phase_tells_its_start_and_its_end_with_the_seconds() -> None:
    told: list[Event] = []
    play(told.append)
    assert [(event.kind, event.phase, event.item) for event in told] == [
        (Kind.START, "download", "all"),
        (Kind.PROGRESS, "download", "strace"),
        (Kind.PROGRESS, "download", "strace"),
        (Kind.END, "download", "all"),
        (Kind.NOTE, "merge", "known from before"),
        (Kind.WARNING, "scripts", "%post failed"),
    ]
    assert (told[1].done, told[1].total, told[1].unit) == (1, 2, "bytes")
    assert 0 <= told[3].seconds < 5


def test_the_end_of_a_phase_that_fails_says_so_and_people_see_the_error_alone() -> None:
    told: list[Event] = []
    with pytest.raises(RuntimeError), progress.phase(told.append, "seal"):
        raise RuntimeError
    assert [(event.kind, event.failed) for event in told] == [
        (Kind.START, False),
        (Kind.END, True),
    ]
    shown = {kind: io.StringIO() for kind in (PlainLines, Silence, JsonLines)}
    for kind, stream in shown.items():
        kind(stream)(told[1])
    assert shown[PlainLines].getvalue() == shown[Silence].getvalue() == ""
    record = json.loads(shown[JsonLines].getvalue())
    assert record.pop("seconds") >= 0
    assert record == {"v": 1, "event": "end", "phase": "seal", "item": "", "failed": True}


def warned(kind: type[PlainLines] | type[Silence] | type[JsonLines]) -> str:
    stream = io.StringIO()
    progress.warn(kind(stream), "scripts", "%post failed", ["one", "  two"])
    return stream.getvalue()


def test_what_belongs_to_a_warning_is_shown_with_it_also_to_who_wants_silence() -> None:
    assert warned(PlainLines) == warned(Silence) == "warning: %post failed\n  one\n    two\n"
    assert json.loads(warned(JsonLines)) == {
        "v": 1,
        "event": "warning",
        "phase": "scripts",
        "item": "%post failed",
        "details": ["one", "  two"],
    }


def test_details_are_for_who_asks_for_more_in_json_too() -> None:
    quiet, loud = io.StringIO(), io.StringIO()
    for shown in (JsonLines(quiet), JsonLines(loud, verbose=True)):
        progress.detail(shown, "scripts", "it ran as: sh")
    assert quiet.getvalue() == ""
    assert json.loads(loud.getvalue())["item"] == "it ran as: sh"


HOSTILE = "\x1b]0;pwn\x07\x1b[2K\rall is well\u202e\udc80"
HARMLESS = r"\x1b]0;pwn\x07\x1b[2K\rall is well\u202e\udc80"


@pytest.mark.parametrize("level", [Level.BAR, Level.PLAIN, Level.NONE])
def test_nobody_writes_to_the_terminal_through_us(
    monkeypatch: pytest.MonkeyPatch, level: Level
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal()
    shown = renderer(level, verbose=1, stream=stream)
    with progress.phase(shown, HOSTILE, HOSTILE):
        step = Progress(phase=HOSTILE, item=HOSTILE, done=2, total=2, unit="bytes")
        progress.step(shown, step)
    progress.note(shown, "x", HOSTILE)
    progress.detail(shown, "x", HOSTILE)
    progress.warn(shown, "x", HOSTILE, [HOSTILE])
    shown.close()
    written = stream.getvalue()
    assert HARMLESS in written
    for each in ("\x1b]", "\x07", "\x1b[2K\rall", "\u202e", "\udc80"):
        assert each not in written


def test_on_a_terminal_a_path_is_not_broken_into_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "40")
    stream = Terminal()
    path = "/var/log/overlay/" + "x" * 100 + " with :smile: [bold]"
    progress.warn(Bars(stream, color=False), "x", f"it is in {path}", [path])
    assert stream.getvalue() == f"warning: it is in {path}\n  {path}\n"


def test_plain_lines_are_one_a_phase() -> None:
    stream = io.StringIO()
    play(PlainLines(stream))
    text = re.sub(r"\d\.\d\d", "N", stream.getvalue())
    assert text == "download all: N s\nknown from before\nwarning: %post failed\n"


def test_plain_lines_name_each_finished_item_when_verbose() -> None:
    stream = io.StringIO()
    play(PlainLines(stream, verbose=True))
    assert stream.getvalue().startswith("  download: strace\ndownload all: ")


def test_json_lines_are_the_contract() -> None:
    stream = io.StringIO()
    shown = JsonLines(stream)
    play(shown)
    shown.close()
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    seconds = lines[3].pop("seconds")
    assert isinstance(seconds, float)
    step = {"v": 1, "event": "progress", "phase": "download", "item": "strace"}
    assert lines == [
        {"v": 1, "event": "start", "phase": "download", "item": "all"},
        {**step, "done": 1, "total": 2, "unit": "bytes"},
        {**step, "done": 2, "total": 2, "unit": "bytes"},
        {"v": 1, "event": "end", "phase": "download", "item": "all"},
        {"v": 1, "event": "note", "phase": "merge", "item": "known from before"},
        {"v": 1, "event": "warning", "phase": "scripts", "item": "%post failed"},
    ]


def test_silence_lets_warnings_through() -> None:
    stream = io.StringIO()
    play(Silence(stream))
    assert stream.getvalue() == "warning: %post failed\n"


def test_bars_leave_lines_and_no_bar_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal()
    shown = Bars(stream)
    play(shown)
    shown.close()
    plain = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", stream.getvalue())
    for line in ("download all: 0.00 s", "known from before", "warning: %post failed"):
        assert line in plain
    # The cursor is back.
    assert stream.getvalue().rindex("\x1b[?25h") > stream.getvalue().rindex("\x1b[?25l")


@pytest.mark.parametrize(
    ("color", "no_color", "coloured"),
    [(None, "", True), (None, "1", False), (True, "1", True), (False, "", False)],
)
def test_colour_is_the_options_or_else_the_environments(
    monkeypatch: pytest.MonkeyPatch, color: bool | None, no_color: str, coloured: bool
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", no_color)
    stream = Terminal()
    shown = renderer(Level.BAR, color=color, stream=stream)
    progress.warn(shown, "x", "look")
    shown.close()
    assert ("\x1b[33m" in stream.getvalue()) is coloured


@pytest.mark.parametrize(
    ("level", "stream", "kind"),
    [
        (Level.AUTO, io.StringIO(), PlainLines),
        (Level.AUTO, Terminal(), Bars),
        (Level.BAR, io.StringIO(), Bars),
        (Level.PLAIN, Terminal(), PlainLines),
        (Level.JSON, Terminal(), JsonLines),
        (Level.NONE, Terminal(), Silence),
    ],
)
def test_a_level_has_its_renderer(level: Level, stream: io.StringIO, kind: type) -> None:
    shown = renderer(level, stream=stream)
    shown.close()
    assert type(shown) is kind


def test_stderr_is_where_progress_goes(capsys: pytest.CaptureFixture[str]) -> None:
    progress.note(renderer(Level.PLAIN), "x", "said")
    assert capsys.readouterr() == ("", "said\n")
    progress.silent(Event(kind=Kind.NOTE, phase="x"))
    assert capsys.readouterr() == ("", "")
