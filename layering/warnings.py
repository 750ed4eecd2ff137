# SPDX-License-Identifier: LGPL-2.1-or-later
"""What went wrong without stopping an operation: said at once, and kept in the commit.

What is said again and again, as of a file trigger that fails for each package, is said once and
counted. What the tree before had, too, is not news: it is counted, and `overlay status` has it.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from layering import progress
from layering.errors import StrictError
from layering.failures import last_lines
from layering.layerinfo import LayerInfo
from layering.metadata import WarningRecord
from layering.package_errors import shown
from layering.sides import ReplacedFile, bytes_of
from triggers import Outcome, describe_end

_REPLACED_SHOWN = 20


def warning_records(outcomes: Sequence[Outcome]) -> tuple[WarningRecord, ...]:
    """Returns what the commit keeps of the scripts that failed: no times, nothing of this host."""
    return tuple(
        WarningRecord(
            package=outcome.invocation.owner,
            phase=str(outcome.invocation.phase),
            status=outcome.status,
            message=_message(outcome),
        )
        for outcome in outcomes
        if outcome.status
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A warning, however often it was given."""

    text: str
    numbers: tuple[int, ...]  # which of all it is, from 1
    output: tuple[str, ...]  # what the script wrote each time; the same is there once

    @property
    def line(self) -> str:
        """The warning with how often it was given."""
        return _times(self.text, len(self.numbers))


def folded(warnings: Iterable[tuple[str, Sequence[str]]]) -> tuple[Told, ...]:
    """Returns warnings, each with its script's output, in the order in which they first came."""
    numbers: dict[str, list[int]] = {}
    outputs: dict[str, dict[tuple[str, ...], None]] = {}
    for number, (text, output) in enumerate(warnings, 1):
        numbers.setdefault(text, []).append(number)
        outputs.setdefault(text, {})[tuple(output)] = None
    return tuple(
        Told(
            text=text,
            numbers=tuple(found),
            output=tuple(line for output in outputs[text] for line in output),
        )
        for text, found in numbers.items()
    )


def strict_error(failed: Sequence[Outcome], report: progress.Report) -> StrictError:
    """Returns the error that failures are with `--strict`; says in detail how each ran.

    Where there are several, each has its number, as `overlay shell --replay` takes it.
    """
    for outcome in failed:
        progress.detail(report, "scripts", f"{outcome.invocation.label} ran as: {outcome.replay}")
    labels = folded((outcome.invocation.label, ()) for outcome in failed)
    numbered = [
        f"{_ranges(each.numbers)}: {each.line}" if len(failed) > 1 else each.line for each in labels
    ]
    causes = [
        line
        for each in _failures(failed)
        for line in (each.line, *(f"  {line}" for line in each.output))
    ]
    return StrictError(numbered, causes)


def warn_of(
    outcomes: Sequence[Outcome],
    report: progress.Report,
    *,
    before: Collection[str] = (),
    log: Path | None = None,
) -> None:
    """Says loudly which scripts failed, with the end of their output; in detail, how each ran.

    Nothing is said of what was said `before`. With the last one goes where the whole output is.
    """
    news = [each for each in _failures(outcomes) if each.text not in before]
    for each in news:
        where = [f"all that scripts wrote is in {log}"] if log and each is news[-1] else []
        progress.warn(report, "scripts", each.line, [*each.output, *where])
        for outcome in outcomes:
            if outcome.status and _message(outcome) == each.text:
                progress.detail(report, "scripts", f"  it ran as: {outcome.replay}")


def warn_of_tree(
    outcomes: Sequence[Outcome],
    notes: Sequence[str],
    report: progress.Report,
    *,
    before: Collection[str],
    log: Path | None = None,
) -> None:
    """Says what a person has to know of a tree; of what was said `before`, how much it is."""
    warn_of(outcomes, report, before=before, log=log)
    for text in notes:
        if text not in before:
            progress.warn(report, "merge", text)
    every = (*(each.text for each in _failures(outcomes)), *notes)
    count = sum(text in before for text in every)
    if count:
        what = "1 warning" if count == 1 else f"{count} warnings"
        shows = "it" if count == 1 else "them"
        progress.note(report, "merge", f"as before: {what} ('overlay status -v' shows {shows})")


def warn_of_dropped(paths: Sequence[str], report: progress.Report) -> None:
    """Says which of the paths that scripts made a commit cannot hold."""
    for path in paths:
        progress.warn(report, "seal", _lost(path))


def warnings_of_replaced(files: Sequence[ReplacedFile]) -> tuple[str, ...]:
    """Returns what is said of files that packages had leave to replace: the first, and a count."""
    lines = [
        f"replaced: {shown(bytes_of(file.path))} of {file.loser} by {file.winner}"
        for file in files[:_REPLACED_SHOWN]
    ]
    if len(files) > _REPLACED_SHOWN:
        lines.append(f"replaced: {len(files) - _REPLACED_SHOWN} more files")
    return tuple(lines)


def noted(
    layers: Sequence[LayerInfo], warnings: Sequence[str], dropped: Sequence[str] = ()
) -> tuple[str, ...]:
    """Returns what a person has to know of a tree beside failures: the same on every host.

    `warnings` are those of putting it together, `dropped` the paths that a commit cannot hold.
    """
    return (
        *(_left_out(what, layer) for layer in layers for what in layer.dropped),
        *(_lost(path) for path in sorted(dropped)),
        *warnings,
    )


def _left_out(what: str, layer: LayerInfo) -> str:
    path, _colon, kind = what.rpartition(": ")
    return f"{kind} left out: {path} of {layer.layer.nevra} (--drop-device-nodes)"


def _lost(path: str) -> str:
    return f"a commit cannot hold {path}, made by a script: dropped"


def _failures(outcomes: Sequence[Outcome]) -> tuple[Told, ...]:
    return folded((_message(each), last_lines(each.output)) for each in outcomes if each.status)


def _message(outcome: Outcome) -> str:
    return f"{outcome.invocation.label} {describe_end(outcome)}"


def _times(text: str, count: int) -> str:
    return text if count == 1 else f"{text} ({count} times)"


def _ranges(numbers: Sequence[int]) -> str:
    """Returns numbers as people write them: `1, 3-5`."""
    runs = groupby(enumerate(numbers), lambda pair: pair[1] - pair[0])
    found = [[number for _at, number in run] for _distance, run in runs]
    return ", ".join(f"{run[0]}-{run[-1]}" if len(run) > 1 else f"{run[0]}" for run in found)
