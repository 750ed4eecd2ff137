# SPDX-License-Identifier: LGPL-2.1-or-later
"""What went wrong without stopping an operation: said at once, and kept in the commit."""

from collections.abc import Sequence

from layering import progress
from layering.failures import last_lines
from layering.layerinfo import LayerInfo
from layering.metadata import WarningRecord
from triggers import Outcome, describe_end


def warning_records(outcomes: Sequence[Outcome]) -> tuple[WarningRecord, ...]:
    """Returns what the commit keeps of the scripts that failed: no times, nothing of this host."""
    return tuple(
        WarningRecord(
            package=outcome.invocation.owner,
            phase=str(outcome.invocation.phase),
            status=outcome.status,
            message=f"{outcome.invocation.label} {describe_end(outcome)}",
        )
        for outcome in outcomes
        if outcome.status
    )


def warn_of(outcomes: Sequence[Outcome], report: progress.Report) -> None:
    """Says loudly which scripts failed, with the end of their output; in detail, how each ran."""
    for outcome in outcomes:
        if outcome.status:
            how = f"{outcome.invocation.label} {describe_end(outcome)}"
            progress.warn(report, "scripts", how)
            for line in last_lines(outcome.output):
                progress.note(report, "scripts", f"  {line}")
            progress.detail(report, "scripts", f"  it ran as: {outcome.replay}")


def warn_of_dropped(paths: Sequence[str], report: progress.Report) -> None:
    """Says which of the paths that scripts made a commit cannot hold."""
    for path in paths:
        progress.warn(report, "seal", f"a commit cannot hold {path}, made by a script: dropped")


def noted(layers: Sequence[LayerInfo], warnings: Sequence[str]) -> tuple[str, ...]:
    """Returns what a person has to know of a tree beside failures: the same on every host.

    `warnings` are those of putting it together.
    """
    return (
        *(
            f"left out as it was asked for: {what} of {layer.layer.nevra}"
            for layer in layers
            for what in layer.dropped
        ),
        *warnings,
    )
