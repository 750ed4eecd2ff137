# SPDX-License-Identifier: LGPL-2.1-or-later
"""The ways to look for a goal's set, tried one after another until one has it.

Layers of the pending tree are tried three ways: alone where they have a name, then as the better
choice, then as one choice among all. An upgrade begins with the last of these, and where the newest
of everything does not fit takes the newest that does, as `dnf5 upgrade` skips what does not:
https://dnf5.readthedocs.io/en/latest/commands/upgrade.8.html
Within a way everything is dnf's own choice. Where there are no layers it is what dnf does without
the lock if that moves nothing: which of many is taken depends on all that there is to choose from.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import libdnf5

from solver.model import Goal
from solver.request import Request
from solver.solution import incoming, twins_to_avoid
from solver.solving import Solving, fits

# Choosing the best twin can bring in packages that have twins themselves; it settles at once.
_MAX_ROUNDS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One way to treat layers, and versions that do not fit."""

    only_layers: bool = False
    prefer_files: bool = False
    lock_base: bool = True  # else the base might move, and only what moves nothing counts
    any_version: bool = False  # an older one where the newest does not fit


_DNF = Way(lock_base=False)
_INSTALLING = (Way(),)
_KEEPING = (Way(only_layers=True, prefer_files=True), Way(prefer_files=True), *_INSTALLING)
_UPGRADING = (Way(), Way(any_version=True))


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """What a way came to."""

    way: Way
    solved: Any  # libdnf5's transaction, with a solution or without
    found: bool  # whether it has one, and that leaves the base alone


def ways_for(goal: Goal, requests: Sequence[Request]) -> tuple[Way, ...]:
    """Returns the ways that a goal is to be tried, in order."""
    if goal.upgrade:
        return _UPGRADING
    if goal.layers:
        return _KEEPING
    # Of a rich request dnf would have the newest part, and not the one that the base has.
    rich = any(request.label.startswith("(") for request in requests)
    return _INSTALLING if rich else (_DNF, *_INSTALLING)


def try_ways(
    solving: Solving, requests: Sequence[Request], ways: Sequence[Way]
) -> tuple[Tried, ...]:
    """Returns what the ways came to, up to the first that finds a set: it is the last if any is."""
    tried: list[Tried] = []
    for way in ways:
        solved = _settle(solving, requests, way)
        found = fits(solved) and (way.lock_base or not solving.moves(solved))
        tried.append(Tried(way=way, solved=solved, found=found))
        if found:
            break
    return tuple(tried)


def _settle(solving: Solving, requests: Sequence[Request], way: Way) -> Any:
    """Solves until no chosen package has a twin that is to be preferred, and fits."""
    twins = libdnf5.rpm.PackageSet(solving.candidates.base)
    settled: Any = None
    for _ in range(_MAX_ROUNDS):
        solving.candidates.limit(
            lock_base=way.lock_base,
            only_layers=way.only_layers,
            prefer_files=way.prefer_files,
            twins=twins,
        )
        solved = solving.solve(requests, any_version=way.any_version)
        if settled is not None and not fits(solved):
            break
        settled = solved
        chosen = [package for package, _ in incoming(solved)]
        more = twins_to_avoid(solving.candidates, chosen)
        if not more.size():
            break
        twins.update(more)
    return settled
