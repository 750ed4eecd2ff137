# SPDX-License-Identifier: LGPL-2.1-or-later
from collections.abc import Iterator
from pathlib import Path

import pytest

from layering.progress import Event
from layering.scriptlog import KEPT, ScriptLog
from tests.layering.outcomes import outcome


@pytest.fixture
def told() -> list[Event]:
    return []


@pytest.fixture
def log(tmp_path: Path, told: list[Event]) -> Iterator[ScriptLog]:
    made = ScriptLog(tmp_path / "var/log/overlay", ["base 1234"], told.append)
    yield made
    made.close()


def test_where_no_script_runs_there_is_no_log(log: ScriptLog, tmp_path: Path) -> None:
    assert (log.path, list(tmp_path.iterdir())) == (None, [])


def test_each_script_is_there_as_soon_as_it_has_ended(log: ScriptLog) -> None:
    log(outcome(0, label="%post(a-1-1.noarch)", output="fine\n"))
    assert log.path is not None
    first = log.path.read_text()
    assert first == (
        "base 1234\n\n== %post(a-1-1.noarch): done, 1.50 s\nwhy: it is installed\nfine\n"
    )
    log(outcome(3, label="%post(b-1-1.noarch)", output="not fine"))
    assert log.path.read_text() == first + (
        "\n== %post(b-1-1.noarch): exit status 3, 1.50 s\nwhy: it is installed\nnot fine\n"
        "it ran as: bwrap … /bin/sh\n"
    )
    assert [each.invocation.label for each in log.failed] == ["%post(b-1-1.noarch)"]


def test_a_log_is_for_nobody_else_to_read(log: ScriptLog) -> None:
    log(outcome(0))
    assert log.path is not None
    assert log.path.stat().st_mode & 0o777 == 0o600


def test_what_is_not_text_is_written_all_the_same(log: ScriptLog) -> None:
    log(outcome(0, output="\udcff"))
    assert log.path is not None
    assert log.path.read_text().endswith("\\udcff\n")


def test_the_newest_few_are_kept(tmp_path: Path) -> None:
    for _ in range(KEPT + 3):
        log = ScriptLog(tmp_path, [], lambda event: None)
        log(outcome(0))
        log.close()
    assert log.path is not None and log.path.is_file()
    assert len(list(tmp_path.iterdir())) == KEPT


def test_a_log_that_cannot_be_written_is_said_once_and_stops_nothing(
    tmp_path: Path, told: list[Event]
) -> None:
    (tmp_path / "file").touch()
    log = ScriptLog(tmp_path / "file/log", [], told.append)
    log(outcome(1))
    log(outcome(2))
    assert [(str(each.kind), each.item) for each in told] == [
        ("warning", f"cannot keep what scripts write: Not a directory: {tmp_path}/file/log")
    ]
    assert (log.path, len(log.failed)) == (None, 2)
