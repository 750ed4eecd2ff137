# SPDX-License-Identifier: LGPL-2.1-or-later
from layering.metadata import WarningRecord
from layering.progress import Event
from layering.warnings import warn_of, warn_of_dropped, warning_records
from tests.layering.outcomes import outcome


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
    warn_of([outcome(0, output="fine"), outcome(137, output="\none\ntwo\n")], told.append)
    assert [(str(event.kind), event.item) for event in told] == [
        ("warning", "%post(a-1-1.noarch) failed with signal SIGKILL"),
        ("note", "  one"),
        ("note", "  two"),
        ("detail", "  it ran as: bwrap … /bin/sh"),
    ]


def test_what_a_commit_cannot_hold_is_said() -> None:
    told: list[Event] = []
    warn_of_dropped(["/usr/lib/socket"], told.append)
    assert [(str(event.kind), event.item) for event in told] == [
        ("warning", "a commit cannot hold /usr/lib/socket, made by a script: dropped")
    ]
