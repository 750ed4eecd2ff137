# SPDX-License-Identifier: LGPL-2.1-or-later
"""A goal solved: requests in, the complete layered set out, the base as it was.

Layers of the pending tree are tried three ways: alone where they have a name, then as the better
choice, then as one choice among all. Within a way everything is dnf's own choice. The solution is
judged again afterwards, see `solver.transaction`.
"""

from collections.abc import Sequence
from typing import Any

import libdnf5

from solver.candidates import Candidates
from solver.errors import SolverError
from solver.model import Goal, Transaction
from solver.problems import (
    moved_error,
    problem_lines,
    unknown_error,
    unknown_groups,
    unsatisfiable_error,
)
from solver.request import Request, roots_of, sort_requests
from solver.solution import incoming, needs_of, package_values, steps_of, twins_to_avoid
from solver.transaction import attribute, base_moves, check_base_stays

# Choosing the best twin can bring in packages that have twins themselves; it settles at once.
_MAX_ROUNDS = 10


class Resolver:
    """Solves goals over one Base, one after another."""

    def __init__(self, candidates: Candidates, known: Any) -> None:
        self._candidates = candidates
        self._base = candidates.base
        self._known = known
        option = self._base.get_config().get_install_weak_deps_option()
        self._weak_deps_configured = bool(option.get_value())
        self._option = option

    def resolve(self, goal: Goal) -> Transaction:
        """Returns the complete layered set for a goal.

        Raises:
            UnknownPackageError, UnsatisfiableError, BaseMovedError, UnreadableRpmError
        """
        weak = goal.weak_deps and self._weak_deps_configured
        self._option.set(libdnf5.conf.Option.Priority_RUNTIME, weak)
        self._candidates.prepare(goal)
        requests = sort_requests(self._candidates, goal, self._known)
        if not requests.active:
            return Transaction(packages=(), inactive=requests.inactive)
        solved = self._try_all(requests.active, with_layers=bool(goal.layers))
        packages = incoming(solved)
        bare = [package for package, _ in packages]
        steps = steps_of(solved)
        attributed = attribute(
            roots_of(self._candidates, requests.active, solved),
            needs_of(self._candidates, bare, weak=weak),
            [step.nevra for step in steps if step.inbound],
        )
        check_base_stays(steps, self._candidates.base_nevras, attributed)
        values = package_values(self._candidates, packages, attributed)
        return Transaction(packages=values, inactive=requests.inactive)

    def _try_all(self, requests: Sequence[Request], *, with_layers: bool) -> Any:
        """Returns the first solution of the ways to treat layers; raises for the last one."""
        ways = [(True, True), (False, True)] if with_layers else []
        solved: Any = None
        for only_layers, prefer_files in [*ways, (False, False)]:
            solved = self._settle(requests, only_layers=only_layers, prefer_files=prefer_files)
            if solved.get_problems() == libdnf5.base.GoalProblem_NO_PROBLEM:
                return solved
        raise self._explain(requests, solved)

    def _settle(self, requests: Sequence[Request], *, only_layers: bool, prefer_files: bool) -> Any:
        """Solves until no chosen package has a twin that is to be preferred."""
        twins = libdnf5.rpm.PackageSet(self._base)
        solved: Any = None
        for _ in range(_MAX_ROUNDS):
            self._candidates.limit(
                lock_base=True, only_layers=only_layers, prefer_files=prefer_files, twins=twins
            )
            solved = self._solve(requests)
            chosen = [package for package, _ in incoming(solved)]
            more = twins_to_avoid(self._candidates, chosen)
            if not more.size():
                break
            twins.update(more)
        return solved

    def _solve(self, requests: Sequence[Request], *, allow_erasing: bool = False) -> Any:
        goal = libdnf5.base.Goal(self._base)
        goal.set_allow_erasing(allow_erasing)
        for request in requests:
            settings = libdnf5.base.GoalJobSettings()
            settings.set_skip_broken(libdnf5.base.GoalSetting_SET_FALSE)
            settings.set_skip_unavailable(libdnf5.base.GoalSetting_SET_FALSE)
            if request.package is None:
                goal.add_install(request.label, settings)
            else:
                goal.add_rpm_install(request.package, settings)
        return goal.resolve()

    def _explain(self, requests: Sequence[Request], failed: Any) -> SolverError:
        """Returns the error for a failed solve, after some more solving to find the reason."""
        groups = unknown_groups(failed)
        if groups:
            return unknown_error(groups)
        culprits = self._culprits(requests)
        labels = tuple(request.label for request in culprits)
        self._limit_to_base(lock_base=True)
        lines = problem_lines(self._candidates, self._solve(culprits))
        self._limit_to_base(lock_base=False)
        for allow_erasing in (False, True):
            free = self._solve(culprits, allow_erasing=allow_erasing)
            if free.get_problems() == libdnf5.base.GoalProblem_NO_PROBLEM:
                steps = steps_of(free)
                asked = {step.nevra: labels for step in steps if step.inbound}
                moves = base_moves(steps, self._candidates.base_nevras, asked)
                if moves:
                    return moved_error(moves, lines)
        return unsatisfiable_error(self._candidates, labels, lines)

    def _culprits(self, requests: Sequence[Request]) -> Sequence[Request]:
        """Returns the requests that fail alone, or else a smallest set that fails together."""
        self._limit_to_base(lock_base=True)
        alone = [request for request in requests if self._fails([request])]
        if alone:
            return alone
        needed = list(requests)
        for request in requests:
            fewer = [other for other in needed if other is not request]
            if self._fails(fewer):
                needed = fewer
        return needed

    def _fails(self, requests: Sequence[Request]) -> bool:
        problems = self._solve(requests).get_problems()
        return bool(problems != libdnf5.base.GoalProblem_NO_PROBLEM)

    def _limit_to_base(self, *, lock_base: bool) -> None:
        nothing = libdnf5.rpm.PackageSet(self._base)
        self._candidates.limit(
            lock_base=lock_base, only_layers=False, prefer_files=False, twins=nothing
        )
