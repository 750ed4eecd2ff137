# SPDX-License-Identifier: LGPL-2.1-or-later
"""Why a goal has no set: whose requests fail, and what the base would have to do for them.

libsolv tells which rules contradict each other ("The Problem Class" in
https://github.com/openSUSE/libsolv/blob/master/doc/libsolv-bindings.txt), not which requests could
be left out, and the base's lock is an exclude to it as any other. So both are found by solving with
fewer requests and without the lock; what a way has solved so already is not solved again.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from solver.errors import SolverError
from solver.overrideways import misfit, offer_override
from solver.problems import (
    moved_error,
    problem_chain,
    unknown_error,
    unknown_groups,
    unsatisfiable_error,
)
from solver.request import Request
from solver.solution import steps_of
from solver.solving import Solving, fits
from solver.ways import Tried


def explain(solving: Solving, requests: Sequence[Request], tried: Sequence[Tried]) -> SolverError:
    """Returns the error for requests that no way has a set for."""
    candidates = solving.candidates
    failed, any_version = tried[-1].solved, tried[-1].way.any_version
    groups = unknown_groups(failed)
    if groups:
        return unknown_error(candidates, groups, {})
    error = misfit(solving, requests)
    if error is not None:
        return error
    culprits = _culprits(solving, requests, any_version=any_version)
    labels = tuple(request.label for request in culprits)
    unlocked = [each.solved for each in tried if not each.way.lock_base]
    if len(culprits) < len(requests):  # else it is what failed
        solving.limit_to_base(lock_base=True)
        failed, unlocked = solving.solve(culprits, any_version=any_version), []
    chain = problem_chain(candidates, failed)
    for free in _unlocked(solving, culprits, unlocked, any_version=any_version):
        if fits(free):
            asked = {step.nevra: labels for step in steps_of(free) if step.inbound}
            moves = solving.moves(free, asked, labels)
            if moves:
                moved = moved_error(moves, chain)
                offer_override(solving, moved, moves, culprits)
                return moved
    return unsatisfiable_error(labels, chain)


def _culprits(
    solving: Solving, requests: Sequence[Request], *, any_version: bool
) -> Sequence[Request]:
    """Returns the requests that fail alone, or else a smallest set that fails together."""
    if len(requests) == 1:
        return requests

    def fails(some: Sequence[Request]) -> bool:
        return not fits(solving.solve(some, any_version=any_version))

    solving.limit_to_base(lock_base=True)
    alone = [request for request in requests if fails([request])]
    if alone:
        return alone
    needed = list(requests)
    for request in requests:
        fewer = [other for other in needed if other is not request]
        if fails(fewer):
            needed = fewer
    return needed


def _unlocked(
    solving: Solving, requests: Sequence[Request], solved: Sequence[Any], *, any_version: bool
) -> Iterator[Any]:
    """Yields what comes of requests if the base may be replaced, then if it may also shrink.

    `solved` is the first of these, where it was solved already.
    """
    yield from solved
    solving.limit_to_base(lock_base=False)
    for allow_erasing in (True,) if solved else (False, True):
        yield solving.solve(requests, any_version=any_version, allow_erasing=allow_erasing)
