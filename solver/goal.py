# SPDX-License-Identifier: LGPL-2.1-or-later
"""A goal solved: requests in, the complete layered set out, the base as it was.

Requests are sorted first, then what is left is solved, one way after another, and the solution is
judged again: `solver.request`, `solver.ways`, `solver.outcome`. A request that the base provides
takes part only where a package can be had for it, alone beside the base: dnf would have the name
before what merely provides it, https://dnf5.readthedocs.io/en/latest/misc/specs.7.html
"""

from collections.abc import Sequence
from typing import Any

import libdnf5

from solver.blame import explain
from solver.candidates import Candidates
from solver.errors import BaseMovedError, SolverError, UnsatisfiableError
from solver.model import BaseMove, Goal, Transaction
from solver.nevra import Nevra
from solver.outcome import outcome
from solver.overrides import choose
from solver.overrideways import offer_override
from solver.problems import problem_lines
from solver.request import Request, SortedRequests, sort_requests
from solver.roots import roots_of
from solver.solving import Solving, fits
from solver.ways import try_ways, ways_for


class Resolver:
    """Solves goals over one Base, one after another."""

    def __init__(self, candidates: Candidates, known: Any, *, complete: bool) -> None:
        self._candidates = candidates
        self._solving = Solving(candidates)
        self._known = known
        self._complete = complete  # whether there are repositories, and all loaded
        self._option = candidates.base.get_config().get_install_weak_deps_option()
        self._weak_deps_configured = bool(self._option.get_value())

    def resolve(self, goal: Goal) -> Transaction:
        """Returns the complete layered set for a goal.

        Raises:
            UnknownPackageError, UnsatisfiableError, BaseMovedError, UnreadableRpmError
        """
        return self._resolve(goal, explains=True)

    def attempt(self, goal: Goal) -> Transaction | None:
        """Returns the same, and None where there is none, without looking for the reason."""
        try:
            return self._resolve(goal, explains=False)
        except SolverError:
            return None

    def older(self, goal: Goal, spec: str) -> Nevra | None:
        """Returns the version of a request that would be taken if it need not be the newest.

        Overrides are those of the goal that was resolved last, here and in `moves_for`.
        """
        free = self._solve_freely(goal, lock_base=True, any_version=True)
        if not fits(free):
            return None
        found = roots_of(self._candidates, [Request(label=spec)], free)[spec]
        return next(iter(found)) if len(found) == 1 else None

    def moves_for(self, goal: Goal) -> tuple[BaseMove, ...]:
        """Returns what of the base a goal would replace if it could; nothing if it has no set."""
        free = self._solve_freely(goal, lock_base=False, any_version=goal.upgrade)
        return self._solving.moves(free) if fits(free) else ()

    def _resolve(self, goal: Goal, *, explains: bool) -> Transaction:
        weak = goal.weak_deps and self._weak_deps_configured
        self._option.set(libdnf5.conf.Option.Priority_RUNTIME, weak)
        self._candidates.prepare(goal)
        overrides = choose(self._candidates, goal)
        self._solving.override(overrides)
        requests = self._sorted(goal, explains=explains)
        idle = self._unobtainable(requests.active)
        active = [request for request in requests.active if request.label not in idle]
        inactive = idle.union(requests.inactive)
        if not (active or overrides):
            resting = overrides.resting
            return Transaction(packages=(), inactive=tuple(sorted(inactive)), resting=resting)
        tried = try_ways(self._solving, active, ways_for(goal, active))
        last = tried[-1]
        if not last.found:
            if explains:
                raise explain(self._solving, active, tried)
            raise UnsatisfiableError([request.label for request in active], "tried in vain", ())
        older = last.way.any_version  # because the way before, with the newest, failed
        return outcome(
            self._solving,
            active,
            last.solved,
            weak=weak,
            inactive=inactive,
            held_back=problem_lines(self._candidates, tried[-2].solved) if older else (),
        )

    def _sorted(self, goal: Goal, *, explains: bool) -> SortedRequests:
        try:
            return sort_requests(self._candidates, goal, self._known, complete=self._complete)
        except BaseMovedError as error:
            if explains:
                others = {
                    spec for move in error.moves if not move.updates for spec in move.requests
                }
                asked = [Request(label=spec) for spec in sorted(others)]
                offer_override(self._solving, error, error.moves, asked)
            raise

    def _unobtainable(self, requests: Sequence[Request]) -> set[str]:
        """Returns the requests that the base provides, and nothing can be layered for."""
        provided = [request for request in requests if request.provided]
        if provided:
            self._solving.limit_to_base(lock_base=True)
        return {
            request.label
            for request in provided
            if not fits(self._solving.solve([request], any_version=True, overriding=False))
        }

    def _solve_freely(self, goal: Goal, *, lock_base: bool, any_version: bool) -> Any:
        self._candidates.prepare(goal)
        self._solving.override(self._solving.overrides)
        requests = [Request(label=spec) for spec in sorted(set(goal.install))]
        requests += [Request(label="", package=package) for package in self._candidates.local]
        self._solving.limit_to_base(lock_base=lock_base)
        return self._solving.solve(requests, any_version=any_version)
