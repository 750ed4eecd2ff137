# SPDX-License-Identifier: LGPL-2.1-or-later
"""Compares what scripts give now with what is remembered of them.

Of the results that are remembered those are compared that would have been used: of the same key,
and with all that they read as it is now. Two results are the same if they would make the same of
this tree, and say the same.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from layering import deltas, memos, reads
from layering.errors import LayeringError
from layering.memos import Memo
from layering.repo import Repo
from layering.sandboxpaths import DoubtError
from layering.triggermemory import Again
from layering.upperdelta import Delta


class State(StrEnum):
    """How a result is to what is remembered."""

    SAME = "same"
    DIFFERS = "differs"
    UNKNOWN = "unknown"  # nothing is remembered of it
    NOT_KEPT = "not-kept"  # it is none that can be


@dataclass(frozen=True, slots=True, kw_only=True)
class Rerun:
    """A script that has run once more."""

    label: str
    state: State
    why: str = ""  # where that needs a word
    paths: tuple[str, ...] = ()  # that it makes otherwise than is remembered; absolute


class MemoJudge:
    """Judges one script after the other; what it has seen is in `reruns`."""

    def __init__(self, repo: Repo) -> None:
        self._repo = repo
        self._writers: dict[str, list[str]] = {}
        self.reruns: list[Rerun] = []

    def __call__(self, again: Again) -> None:
        """Takes what came of a script; in the transaction that it ran in."""
        label = again.outcome.invocation.label
        now = None
        if again.made is not None:
            now = deltas.read_delta(self._repo, again.made.tree[0], again.made.rest)
            for path in now.paths:
                self._writers.setdefault(f"/{path}", []).append(label)
        self.reruns.append(self._judged(again, now))

    def writers(self, path: str) -> tuple[str, ...]:
        """Returns which of the scripts wrote a path, or the directory that it is in anew."""
        while path and path not in self._writers:
            path = path.rpartition("/")[0]
        return tuple(dict.fromkeys(self._writers.get(path, ())))

    def _judged(self, again: Again, now: Delta | None) -> Rerun:
        label = again.outcome.invocation.label
        known = list(self._known(again))
        if not known:
            state = State.NOT_KEPT if now is None else State.UNKNOWN
            return Rerun(label=label, state=state, why=again.why)
        if now is None:
            return Rerun(label=label, state=State.DIFFERS, why=f"remembered, but now {again.why}")
        for memo in known:
            try:
                before = memo.delta(self._repo)
            except (LayeringError, ValueError):
                why = f"what is remembered is not whole: {memo.ref}"
                return Rerun(label=label, state=State.DIFFERS, why=why)
            paths = tuple(sorted(f"/{path}" for path in self._differing(again, before, now)))
            if paths or memo.output != again.outcome.output:
                why = "" if paths else "it said something else"
                return Rerun(label=label, state=State.DIFFERS, why=why, paths=paths)
        return Rerun(label=label, state=State.SAME)

    def _known(self, again: Again) -> Iterator[Memo]:
        """Yields the results that could have been used."""
        if again.view is None:
            return
        for memo in memos.known(self._repo, again.key):
            try:
                if reads.holds(again.view, memo.reads):
                    yield memo
            except DoubtError:
                continue

    def _differing(self, again: Again, before: Delta, now: Delta) -> Iterator[str]:
        upper = again.upper
        old, new = (
            deltas.fitted(self._repo, each, upper.united, upper.objects.labels)
            for each in (before, now)
        )
        for path in {*old.paths, *new.paths}:
            if _at(old, path) != _at(new, path):
                yield path


def _at(delta: Delta, path: str) -> tuple[object, ...]:
    return (
        delta.files.get(path),
        delta.directories.get(path),
        path in delta.fresh,
        path in delta.removed,
    )
