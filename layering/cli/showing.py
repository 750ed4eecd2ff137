# SPDX-License-Identifier: LGPL-2.1-or-later
"""The forms in which progress is shown: `--progress`.

Everything goes to stderr, so that stdout holds nothing but data. The JSON form is a contract (one
object a line, `"v": 1`; keys are only ever added).
"""

import json
import sys
from collections.abc import Iterator
from enum import StrEnum
from typing import Protocol, TextIO

from layering.cli.printable import printable
from layering.progress import Event, Kind


class Level(StrEnum):
    """The form that progress takes: `--progress`."""

    AUTO = "auto"
    BAR = "bar"
    PLAIN = "plain"
    JSON = "json"
    NONE = "none"


class Renderer(Protocol):
    """A report that holds the terminal until it is closed."""

    def __call__(self, event: Event) -> None:
        """Shows one event."""

    def close(self) -> None:
        """Leaves the terminal clean."""


class Silence:
    """Shows warnings only."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __call__(self, event: Event) -> None:
        """Shows one event if it is a warning."""
        if event.kind is Kind.WARNING:
            for line in _warning(event):
                print(printable(line), file=self._stream, flush=True)

    def close(self) -> None:
        """Does nothing: nothing is held."""


class PlainLines:
    """A line a phase: for logs, and for terminals that can do no more."""

    def __init__(self, stream: TextIO, *, verbose: bool = False) -> None:
        self._stream = stream
        self._verbose = verbose

    def __call__(self, event: Event) -> None:
        """Shows the end of a phase, notes and warnings; every item when verbose."""
        match event.kind:
            case Kind.END if not event.failed:
                what = f" {event.item}" if event.item else ""
                self._line(f"{event.phase}{what}: {event.seconds:.2f} s")
            case Kind.NOTE:
                self._line(event.item)
            case Kind.DETAIL if self._verbose:
                self._line(event.item)
            case Kind.WARNING:
                for line in _warning(event):
                    self._line(line)
            case Kind.PROGRESS if self._verbose and event.done >= event.total:
                self._line(f"  {event.phase}: {event.item}")
            case _:
                pass

    def close(self) -> None:
        """Does nothing: nothing is held."""

    def _line(self, text: str) -> None:
        print(printable(text), file=self._stream, flush=True)


class JsonLines:
    """One JSON object a line."""

    def __init__(self, stream: TextIO, *, verbose: bool = False) -> None:
        self._stream = stream
        self._verbose = verbose

    def __call__(self, event: Event) -> None:
        """Writes one event; details only when verbose."""
        if event.kind is Kind.DETAIL and not self._verbose:
            return
        record: dict[str, object] = {"v": 1, "event": str(event.kind), "phase": event.phase}
        record["item"] = event.item
        if event.kind is Kind.PROGRESS:
            record |= {"done": event.done, "total": event.total, "unit": event.unit}
        if event.kind is Kind.END:
            record["seconds"] = round(event.seconds, 4)
            if event.failed:
                record["failed"] = True
        if event.details:
            record["details"] = list(event.details)
        print(json.dumps(record), file=self._stream, flush=True)

    def close(self) -> None:
        """Does nothing: nothing is held."""


class Bars:
    """A live bar for the phase that runs, a line for each that is done."""

    def __init__(self, stream: TextIO, *, verbose: bool = False, color: bool | None = None) -> None:
        # Imported here: rich costs 40 ms, which a pipe or a log does not pay.
        from rich.console import Console
        from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

        self._verbose = verbose
        self._console = Console(file=stream, no_color=None if color is None else not color)
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[item]}", markup=False),
            TimeElapsedColumn(),
            console=self._console,
            transient=True,
        )
        self._task = self._progress.add_task("", total=None, item="", visible=False)

    def __call__(self, event: Event) -> None:
        """Moves the bar, or writes a line above it."""
        match event.kind:
            case Kind.START:
                self._progress.reset(self._task, total=None, description=printable(event.phase))
                self._progress.update(self._task, item=printable(event.item), visible=True)
                self._progress.start()
            case Kind.PROGRESS:
                total = event.total or None
                self._progress.update(
                    self._task, completed=event.done, total=total, item=printable(event.item)
                )
            case Kind.END:
                self._progress.update(self._task, visible=False)
                self._progress.stop()  # between phases the terminal is the command line's
                text = f"{event.phase} {event.item}".strip()
                if not event.failed:
                    self._print(f"{text}: {event.seconds:.2f} s")
            case Kind.NOTE:
                self._print(event.item)
            case Kind.DETAIL if self._verbose:
                self._print(event.item)
            case Kind.WARNING:
                first, *more = _warning(event)
                self._print(first, style="yellow")
                for line in more:
                    self._print(line)
            case _:
                pass

    def close(self) -> None:
        """Takes the bar off the terminal."""
        self._progress.stop()

    def _print(self, text: str, style: str | None = None) -> None:
        # A path is to be copied: the terminal breaks lines, where it has to, and we do not.
        self._console.print(
            printable(text), style=style, markup=False, highlight=False, emoji=False, soft_wrap=True
        )


def _warning(event: Event) -> Iterator[str]:
    """Yields the lines of a warning."""
    yield f"warning: {event.item}"
    yield from (f"  {line}" for line in event.details)


def renderer(
    level: Level,
    *,
    verbose: int = 0,
    color: bool | None = None,
    stream: TextIO | None = None,
) -> Renderer:
    """Returns the renderer for `level`; `auto` means bars on a terminal and lines elsewhere.

    `color` of None means colour in bars, unless NO_COLOR is set.
    """
    stream = stream or sys.stderr
    if level is Level.AUTO:
        level = Level.BAR if stream.isatty() else Level.PLAIN
    match level:
        case Level.BAR:
            return Bars(stream, verbose=verbose > 0, color=color)
        case Level.JSON:
            return JsonLines(stream, verbose=verbose > 0)
        case Level.NONE:
            return Silence(stream)
        case _:
            return PlainLines(stream, verbose=verbose > 0)
