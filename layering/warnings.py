# SPDX-License-Identifier: LGPL-2.1-or-later
"""What went wrong without stopping an operation: said at once, and kept in the commit."""

from collections.abc import Sequence

from layering import progress
from layering.metadata import WarningRecord
from triggers import Outcome, describe_status


def warning_records(outcomes: Sequence[Outcome]) -> tuple[WarningRecord, ...]:
    """Returns what the commit keeps of the scripts that failed: no times, nothing of this host."""
    return tuple(
        WarningRecord(
            package=outcome.invocation.owner,
            phase=str(outcome.invocation.phase),
            status=outcome.status,
            message=f"{outcome.invocation.label} failed with {describe_status(outcome)}",
        )
        for outcome in outcomes
        if outcome.status
    )


def warn_of(outcomes: Sequence[Outcome], report: progress.Report) -> None:
    """Says loudly which scripts failed, with their output and the line that runs each again."""
    for outcome in outcomes:
        if outcome.status:
            label, how = outcome.invocation.label, describe_status(outcome)
            progress.warn(report, "scripts", f"{label} failed with {how}")
            for line in outcome.output.strip().splitlines():
                progress.note(report, "scripts", f"  {line}")
            progress.note(report, "scripts", f"  it ran as: {outcome.replay}")


def warn_of_dropped(paths: Sequence[str], report: progress.Report) -> None:
    """Says which of the paths that scripts made a commit cannot hold."""
    for path in paths:
        progress.warn(report, "seal", f"a commit cannot hold {path}, made by a script: dropped")
