# SPDX-License-Identifier: LGPL-2.1-or-later
from pathlib import Path

from layering.metadata import WarningRecord
from layering.progress import Event, Kind
from layering.sides import ReplacedFile
from layering.warnings import (
    noted,
    strict_error,
    warn_of,
    warn_of_dropped,
    warn_of_tree,
    warning_records,
    warnings_of_replaced,
)
from tests.layering.outcomes import outcome

A, B = "%filetriggerin(a-1-1.noarch)", "%post(b-1-1.noarch)"


def said(told: list[Event]) -> list[tuple[str, str, tuple[str, ...]]]:
    return [(str(event.kind), event.item, event.details) for event in told]


def test_only_failures_are_kept_and_nothing_of_this_run() -> None:
    assert warning_records([outcome(0), outcome(3, output="at 12:00 on host")]) == (
        WarningRecord(
            package="a-1-1.noarch",
            phase="%post",
            status=3,
            message="%post(a-1-1.noarch) failed with exit status 3",
        ),
    )


def test_a_failure_is_said_with_its_output_and_in_detail_how_it_ran() -> None:
    told: list[Event] = []
    warn_of(
        [outcome(0, output="fine"), outcome(137, output="\none\ntwo\n")],
        told.append,
        log=Path("/log"),
    )
    assert said(told) == [
        (
            "warning",
            "%post(a-1-1.noarch) failed with signal SIGKILL",
            ("one", "two", "all that scripts wrote is in /log"),
        ),
        ("detail", "  it ran as: bwrap … /bin/sh", ()),
    ]


def test_one_that_fails_again_and_again_is_said_once_with_each_output() -> None:
    told: list[Event] = []
    outputs = ("one", "two", "one")
    failed = [outcome(3, label=A, output=text) for text in outputs]
    warn_of([failed[0], outcome(4, label=B), *failed[1:]], told.append)
    assert [each for each in said(told) if each[0] == "warning"] == [
        ("warning", f"{A} failed with exit status 3 (3 times)", ("one", "two")),
        ("warning", f"{B} failed with exit status 4", ()),
    ]


def test_what_the_tree_before_had_is_counted_and_only_news_are_told() -> None:
    told: list[Event] = []
    old = f"{A} failed with exit status 3"
    outcomes = [outcome(3, label=A, output="old"), outcome(4, label=B, output="new")]
    warn_of_tree(outcomes, ["lost", "kept"], told.append, before={old, "lost"}, log=Path("/log"))
    assert [each for each in said(told) if each[0] != "detail"] == [
        (
            "warning",
            f"{B} failed with exit status 4",
            ("new", "all that scripts wrote is in /log"),
        ),
        ("warning", "kept", ()),
        ("note", "as before: 2 warnings ('overlay status -v' shows them)", ()),
    ]


def test_failures_that_are_errors_are_numbered_and_keep_what_they_wrote() -> None:
    told: list[Event] = []
    failed = [outcome(3, label=A, output="one") for _ in range(2)]
    error = strict_error([*failed, outcome(4, label=B, output="two"), failed[0]], told.append)
    assert str(error) == (
        f"failed, and --strict makes that an error: 1-2, 4: {A} (3 times), 3: {B}"
    )
    assert error.causes == (
        f"{A} failed with exit status 3 (3 times)",
        "  one",
        f"{B} failed with exit status 4",
        "  two",
    )
    assert {event.kind for event in told} == {Kind.DETAIL}
    assert str(strict_error(failed[:1], told.append)).endswith(f"an error: {A}")


def test_what_a_commit_cannot_hold_is_said_and_kept_among_the_notes() -> None:
    told: list[Event] = []
    text = "a commit cannot hold /usr/lib/socket, made by a script: dropped"
    warn_of_dropped(["/usr/lib/socket"], told.append)
    assert said(told) == [("warning", text, ())]
    assert noted([], ["of putting it together"], ["/usr/lib/socket"]) == (
        text,
        "of putting it together",
    )


def test_of_replaced_files_the_first_are_told_and_the_others_counted() -> None:
    files = [ReplacedFile(f"/usr/{at:02}\n", "a-1-1.noarch", "b-1-1.noarch") for at in range(23)]
    told = warnings_of_replaced(files)
    assert told[0] == "replaced: /usr/00\\n of a-1-1.noarch by b-1-1.noarch"
    assert (len(told), told[-1]) == (21, "replaced: 3 more files")
    assert warnings_of_replaced(files[:20]) == told[:20]
