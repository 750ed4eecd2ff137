# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a person can do about a request that cannot be met; each verified by solving again.

A remedy is a goal that differs a little from the one that failed. It is offered only if that goal
is solved, over the same packages. They are tried from the least invasive on: what this command
leaves out, repositories, other versions of what is asked for, other requests, and the base last.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Protocol

from solver.errors import BaseMovedError, SolverError, UnknownPackageError
from solver.model import BaseMove, Goal, Transaction
from solver.nearmisses import near_misses
from solver.nevra import Nevra, compare_evr
from solver.rules import RuleKind

_MOST = 3  # hints; more are not read


class Trials(Protocol):
    """The packages that there are, to solve over again."""

    paths: Mapping[str, Path]  # of the failed goal's files, by what their requests are called

    def attempt(self, goal: Goal) -> Transaction | None:
        """Returns the solution of a goal, None if it has none."""

    def attempt_without_excludes(self, goal: Goal) -> Transaction | None:
        """Returns the same as if the configuration excluded nothing."""

    def repositories_for(self, goal: Goal) -> tuple[str, ...]:
        """Returns the disabled repositories, sorted, with which a goal has a solution."""

    def moves_for(self, goal: Goal) -> tuple[BaseMove, ...]:
        """Returns what of the base would change if it could; nothing if that does not help."""

    def older(self, goal: Goal, spec: str) -> Nevra | None:
        """Returns the version of a request that would be taken if it need not be the newest."""

    def names(self) -> Sequence[str]:
        """Returns the names of all packages that may be asked for."""


def hints(error: SolverError, goal: Goal, trials: Trials) -> tuple[str, ...]:
    """Returns at most three things that would help, the least invasive first."""
    ways = (_excludes, _repositories, _near, _older, _without, _newer_base, _told)
    found = (hint for way in ways for hint in way(error, goal, trials))
    return tuple(islice(dict.fromkeys(found), _MOST))


def _excludes(error: SolverError, goal: Goal, trials: Trials) -> Iterator[str]:
    single = [(pattern,) for pattern in sorted(set(goal.exclude))]
    for patterns in (*single, tuple(sorted(set(goal.exclude)))):
        kept = tuple(each for each in goal.exclude if each not in patterns)
        if patterns and trials.attempt(replace(goal, exclude=kept)) is not None:
            yield "leave out " + " ".join(f"--exclude={pattern}" for pattern in patterns)
            return
    if any(link.kind == RuleKind.HIDDEN for link in error.chain) and (
        trials.attempt_without_excludes(goal) is not None
    ):
        yield "--setopt=disable_excludes=* lifts what the configuration excludes"


def _repositories(error: SolverError, goal: Goal, trials: Trials) -> Iterator[str]:
    ids = () if goal.upgrade else trials.repositories_for(goal)
    if ids:
        yield f"add {' '.join(f'--enablerepo={repo_id}' for repo_id in ids)}"


def _near(error: SolverError, goal: Goal, trials: Trials) -> Iterator[str]:
    if not isinstance(error, UnknownPackageError):
        return
    unknown = [spec for spec in error.specs if spec not in error.hidden]
    for spec in unknown:
        near = () if spec.startswith(("/", "@", "(")) else near_misses(spec, trials.names())
        if near:
            yield f"names like '{spec}': {', '.join(near)}"
    if unknown:
        yield "run 'overlay refresh-md' if a repository has it since recently"


def _older(error: SolverError, goal: Goal, trials: Trials) -> Iterator[str]:
    """Yields an older version of a new request that fits."""
    if goal.upgrade or isinstance(error, UnknownPackageError):
        return
    new = [spec for spec in error.requests if spec in goal.install and spec not in goal.standing]
    for spec in new:
        nevra = trials.older(goal, spec)
        words = tuple(str(nevra) if each == spec else each for each in goal.install)
        if nevra is not None and trials.attempt(replace(goal, install=words)) is not None:
            yield f"an older version fits: overlay install {nevra}"


def _without(error: SolverError, goal: Goal, trials: Trials) -> Iterator[str]:
    """Yields the requests that the others can be met without: older ones, or else new ones."""
    old = [spec for spec in error.requests if spec in goal.standing]
    if old and _fits_without(goal, old, trials):
        yield "to go on without: " + " ".join(f"--uninstall {spec}" for spec in old)
    new = {*goal.install, *trials.paths} - goal.standing
    blamed = tuple(spec for spec in error.requests if spec in new)
    if old or not new.difference(blamed[:1]) or isinstance(error, UnknownPackageError):
        return
    fitting = [spec for spec in blamed if _fits_without(goal, [spec], trials)]
    for spec in fitting:
        yield f"leave out '{spec}'"
    if not fitting and new.difference(blamed) and _fits_without(goal, blamed, trials):
        yield "leave out " + ", ".join(f"'{spec}'" for spec in blamed)


def _fits_without(goal: Goal, specs: Sequence[str], trials: Trials) -> bool:
    install = tuple(each for each in goal.install if each not in specs)
    dropped = {trials.paths[spec] for spec in specs if spec in trials.paths}
    local = tuple(path for path in goal.local if path.absolute() not in dropped)
    if not install and not local:
        return False
    fewer = replace(goal, install=install, local=local)
    return trials.attempt(fewer) is not None


def _newer_base(error: SolverError, goal: Goal, trials: Trials) -> Iterator[str]:
    """Yields what a base would have to have, where it would only have to be newer."""
    if not isinstance(error, BaseMovedError) or goal.upgrade:
        return
    moves = trials.moves_for(goal)
    better = [move.replacement for move in moves if move.replacement and _is_newer(move)]
    if better and len(better) == len(moves):
        needed = sorted({str(nevra) for nevra in better})
        more = f" and {len(needed) - 1} more" if len(needed) > 1 else ""
        yield f"a base with {needed[0]}{more} would do: see 'overlay upgrade --check'"


def _told(error: SolverError, goal: Goal, trials: Trials) -> Iterator[str]:
    """Yields what the error has been given, overrides if they do for all other requests, too."""
    if error.removing or error.replacing:
        overridden = replace(
            goal,
            remove=(*goal.remove, *error.removing),
            replace=(*goal.replace, *error.replacing),
        )
        if trials.attempt(overridden) is None:
            return
    yield from getattr(error, "__notes__", ())


def _is_newer(move: BaseMove) -> bool:
    new = move.replacement
    if new is None or new.name != move.base.name:
        return False
    return compare_evr(new.evr, move.base.evr) > 0
