# SPDX-License-Identifier: LGPL-2.1-or-later
"""A goal solved: requests in, the complete layered set out, the base as it was.

Layers of the pending tree are tried three ways: alone where they have a name, then as the better
choice, then as one choice among all. An upgrade begins with the last of these, and where the newest
of everything does not fit takes the newest that does, as `dnf5 upgrade` skips what does not. Within
a way everything is dnf's own choice. Where there are no layers it is what dnf does without the lock
if that moves nothing: which of many is taken depends on all that there is to choose from. A request
that the base provides takes part only where a package can be had for it, alone beside the base. The
solution is judged again afterwards, see `solver.transaction`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import libdnf5

from solver.candidates import Candidates
from solver.errors import BaseMovedError, SolverError, UnsatisfiableError
from solver.identity import nevra_of
from solver.model import BaseMove, Goal, Reason, Replaced, Transaction
from solver.nevra import Nevra
from solver.overrides import Overrides, choose, joined
from solver.overrideways import override_command, override_error, overriding
from solver.problems import (
    moved_error,
    problem_chain,
    problem_lines,
    unknown_error,
    unknown_groups,
    unsatisfiable_error,
)
from solver.request import Request, sort_requests
from solver.roots import is_met, roots_of, with_groups
from solver.solution import incoming, needs_of, package_values, steps_of, twins_to_avoid
from solver.transaction import attribute, base_moves, check_base_stays, check_overridden

# Choosing the best twin can bring in packages that have twins themselves; it settles at once.
_MAX_ROUNDS = 10
_FITS = libdnf5.base.GoalProblem_NO_PROBLEM


@dataclass(frozen=True, slots=True, kw_only=True)
class _Way:
    """One way to treat layers, and versions that do not fit."""

    only_layers: bool = False
    prefer_files: bool = False
    lock_base: bool = True  # else the base might move, and only what moves nothing counts
    any_version: bool = False  # an older one where the newest does not fit


_DNF = _Way(lock_base=False)
_INSTALLING = (_Way(),)
_KEEPING = (_Way(only_layers=True, prefer_files=True), _Way(prefer_files=True), *_INSTALLING)
_UPGRADING = (_Way(), _Way(any_version=True))


class Resolver:
    """Solves goals over one Base, one after another."""

    def __init__(self, candidates: Candidates, known: Any, *, complete: bool) -> None:
        self._candidates = candidates
        self._base = candidates.base
        self._known = known
        self._complete = complete  # whether there are repositories, and all loaded
        option = self._base.get_config().get_install_weak_deps_option()
        self._weak_deps_configured = bool(option.get_value())
        self._option = option
        self._overrides = Overrides()
        self._explains = True

    def resolve(self, goal: Goal) -> Transaction:
        """Returns the complete layered set for a goal.

        Raises:
            UnknownPackageError, UnsatisfiableError, BaseMovedError, UnreadableRpmError
        """
        weak = goal.weak_deps and self._weak_deps_configured
        self._option.set(libdnf5.conf.Option.Priority_RUNTIME, weak)
        self._candidates.prepare(goal)
        self._overrides = overrides = choose(self._candidates, goal)
        self._candidates.give_up(overrides.going, (each.package for each in overrides.chosen))
        try:
            requests = sort_requests(self._candidates, goal, self._known, complete=self._complete)
        except BaseMovedError as error:
            others = {spec for move in error.moves if not move.updates for spec in move.requests}
            asked = [Request(label=spec) for spec in sorted(others)]
            self._offer_override(error, error.moves, asked)
            raise
        resting = self._unobtainable(requests.active)
        active = [request for request in requests.active if request.label not in resting]
        resting.update(requests.inactive)
        if not (active or overrides):
            inactive = tuple(sorted(resting))
            return Transaction(packages=(), inactive=inactive, resting=overrides.resting)
        solved, held_back = self._try_all(active, _ways(goal, active))
        packages = incoming(solved)
        bare = [package for package, _ in packages]
        steps = steps_of(solved)
        brought = [step.nevra for step in steps if step.inbound]
        roots = roots_of(self._candidates, active, solved)
        for request in active:
            idle = roots[request.label].isdisjoint(brought)
            if idle and is_met(self._candidates, request, solved):
                resting.add(request.label)
                del roots[request.label]
        packages = with_groups(packages, active, roots)
        roots |= {label: {nevra} for label, nevra in overrides.labels.items()}
        needs = needs_of(self._candidates, bare, weak=weak)
        attributed = attribute(roots, needs, brought)
        everything = [*(request.label for request in active), *overrides.labels]
        base = self._candidates.base_nevras
        check_base_stays(steps, base - overrides.going, attributed, everything)
        check_overridden(steps, overrides.going)
        instead = set(overrides.labels.values())
        reasons = [(p, Reason.OVERRIDE if nevra_of(p) in instead else why) for p, why in packages]
        return Transaction(
            packages=package_values(self._candidates, reasons, attributed),
            inactive=tuple(sorted(resting)),
            held_back=held_back,
            removed=tuple(sorted(map(nevra_of, overrides.removed), key=str)),
            replaced=tuple(
                Replaced(old=each.old, new=each.new, replacing=each.replacing)
                for each in overrides.chosen
            ),
            resting=overrides.resting,
        )

    def attempt(self, goal: Goal) -> Transaction | None:
        """Returns the same, and None where there is none, without looking for the reason."""
        self._explains = False
        try:
            return self.resolve(goal)
        except SolverError:
            return None
        finally:
            self._explains = True

    def older(self, goal: Goal, spec: str) -> Nevra | None:
        """Returns the version of a request that would be taken if it need not be the newest."""
        free = self._solve_freely(goal, lock_base=True, any_version=True)
        if free.get_problems() != _FITS:
            return None
        found = roots_of(self._candidates, [Request(label=spec)], free)[spec]
        return next(iter(found)) if len(found) == 1 else None

    def moves_for(self, goal: Goal) -> tuple[BaseMove, ...]:
        """Returns what of the base a goal would replace if it could; nothing if it has no set."""
        free = self._solve_freely(goal, lock_base=False, any_version=goal.upgrade)
        if free.get_problems() != _FITS:
            return ()
        base = self._candidates.base_nevras - self._overrides.going
        return base_moves(steps_of(free), base, {})

    def _solve_freely(self, goal: Goal, *, lock_base: bool, any_version: bool) -> Any:
        self._candidates.prepare(goal)
        self._candidates.give_up(
            self._overrides.going, (each.package for each in self._overrides.chosen)
        )
        requests = [Request(label=spec) for spec in sorted(set(goal.install))]
        requests += [Request(label="", package=package) for package in self._candidates.local]
        self._limit_to_base(lock_base=lock_base)
        return self._solve(requests, any_version=any_version)

    def _unobtainable(self, requests: Sequence[Request]) -> set[str]:
        """Returns the requests that the base provides, and nothing can be layered for."""
        provided = [request for request in requests if request.provided]
        if provided:
            self._limit_to_base(lock_base=True)
        return {
            request.label
            for request in provided
            if self._solve([request], any_version=True, overriding=False).get_problems() != _FITS
        }

    def _try_all(
        self, requests: Sequence[Request], ways: Sequence[_Way]
    ) -> tuple[Any, tuple[str, ...]]:
        """Returns the first solution, and what a way that takes any version holds back for.

        Raises for the last way where none has a solution.
        """
        newest: tuple[str, ...] = ()
        solved: Any = None
        for way in ways:
            solved = self._settle(requests, way)
            if solved.get_problems() == _FITS and (way.lock_base or not self._moves(solved)):
                return solved, newest if way.any_version else ()
            newest = problem_lines(self._candidates, solved)
        if not self._explains:
            raise UnsatisfiableError([request.label for request in requests], "tried in vain", ())
        raise self._explain(requests, solved, any_version=ways[-1].any_version)

    def _moves(self, solved: Any) -> bool:
        base = self._candidates.base_nevras - self._overrides.going
        return bool(base_moves(steps_of(solved), base, {}))

    def _settle(self, requests: Sequence[Request], way: _Way) -> Any:
        """Solves until no chosen package has a twin that is to be preferred, and fits."""
        twins = libdnf5.rpm.PackageSet(self._base)
        settled: Any = None
        for _ in range(_MAX_ROUNDS):
            self._candidates.limit(
                lock_base=way.lock_base,
                only_layers=way.only_layers,
                prefer_files=way.prefer_files,
                twins=twins,
            )
            solved = self._solve(requests, any_version=way.any_version)
            if settled is not None and solved.get_problems() != _FITS:
                break
            settled = solved
            chosen = [package for package, _ in incoming(solved)]
            more = twins_to_avoid(self._candidates, chosen)
            if not more.size():
                break
            twins.update(more)
        return settled

    def _solve(
        self,
        requests: Sequence[Request],
        *,
        any_version: bool,
        allow_erasing: bool = False,
        overriding: bool = True,
    ) -> Any:
        goal = libdnf5.base.Goal(self._base)
        goal.set_allow_erasing(allow_erasing)
        if overriding:
            self._override(goal)
        for request in requests:
            settings = libdnf5.base.GoalJobSettings()
            settings.set_skip_broken(libdnf5.base.GoalSetting_SET_FALSE)
            settings.set_skip_unavailable(libdnf5.base.GoalSetting_SET_FALSE)
            if any_version:
                settings.set_best(libdnf5.base.GoalSetting_SET_FALSE)
            for member in request.members:
                goal.add_rpm_install(member, settings)
            if request.members:
                continue
            if request.package is None:
                goal.add_install(request.label, settings)
            else:
                goal.add_rpm_install(request.package, settings)
        return goal.resolve()

    def _override(self, goal: Any) -> None:
        settings = libdnf5.base.GoalJobSettings()
        settings.set_clean_requirements_on_remove(libdnf5.base.GoalSetting_SET_FALSE)
        for package in self._overrides.removed:
            goal.add_rpm_remove(package, settings)
        for each in self._overrides.chosen:
            settings = libdnf5.base.GoalJobSettings()
            settings.set_skip_broken(libdnf5.base.GoalSetting_SET_FALSE)
            goal.add_rpm_install(each.package, settings)

    def _offer_override(
        self, error: SolverError, moves: Sequence[BaseMove], requests: Sequence[Request]
    ) -> None:
        """Adds the command that would move the base so, if it would do."""
        more = overriding(self._candidates, moves) if self._explains else None
        if more is None:
            return
        before, self._overrides = self._overrides, joined(self._overrides, more)
        overrides = self._overrides
        self._candidates.give_up(overrides.going, (each.package for each in overrides.chosen))
        self._limit_to_base(lock_base=True)
        solved = self._solve(requests, any_version=True)
        base = self._candidates.base_nevras - overrides.going
        if solved.get_problems() == _FITS and not base_moves(steps_of(solved), base, {}):
            error.add_note(f"to change the base: {override_command(more, requests)}")
            error.removing = tuple(nevra_of(package).name for package in more.removed)
            error.replacing = tuple(each.replacing for each in more.chosen)
        self._overrides = before

    def _explain_overrides(self, requests: Sequence[Request]) -> SolverError | None:
        """Returns the error for overrides that do not fit by themselves, None if they do."""
        if not self._overrides:
            return None
        self._limit_to_base(lock_base=True)
        alone = self._solve((), any_version=True)
        if alone.get_problems() == _FITS:
            return None
        lines = problem_lines(self._candidates, alone)
        tries = [(False, False)] if self._overrides.chosen else []
        tries += [(True, True), (False, True)]
        for (lock, erase), some in product(tries, (requests, ())):
            self._limit_to_base(lock_base=lock)
            free = self._solve(some, any_version=True, allow_erasing=erase)
            if free.get_problems() == _FITS:
                base = self._candidates.base_nevras - self._overrides.going
                moves = base_moves(steps_of(free), base, {})
                if moves:
                    return override_error(self._candidates, self._overrides, moves, lines)
        return override_error(self._candidates, self._overrides, (), lines)

    def _explain(
        self, requests: Sequence[Request], failed: Any, *, any_version: bool
    ) -> SolverError:
        """Returns the error for a failed solve, after some more solving to find the reason."""
        groups = unknown_groups(failed)
        if groups:
            return unknown_error(self._candidates, groups, {})
        misfit = self._explain_overrides(requests)
        if misfit is not None:
            return misfit
        culprits = self._culprits(requests, any_version=any_version)
        labels = tuple(request.label for request in culprits)
        if len(culprits) < len(requests):  # else it is what failed
            self._limit_to_base(lock_base=True)
            failed = self._solve(culprits, any_version=any_version)
        chain = problem_chain(self._candidates, failed)
        self._limit_to_base(lock_base=False)
        for allow_erasing in (False, True):
            free = self._solve(culprits, any_version=any_version, allow_erasing=allow_erasing)
            if free.get_problems() == _FITS:
                steps = steps_of(free)
                asked = {step.nevra: labels for step in steps if step.inbound}
                base = self._candidates.base_nevras - self._overrides.going
                moves = base_moves(steps, base, asked, labels)
                if moves:
                    error = moved_error(moves, chain)
                    self._offer_override(error, moves, culprits)
                    return error
        return unsatisfiable_error(labels, chain)

    def _culprits(self, requests: Sequence[Request], *, any_version: bool) -> Sequence[Request]:
        """Returns the requests that fail alone, or else a smallest set that fails together."""
        if len(requests) == 1:
            return requests

        def fails(some: Sequence[Request]) -> bool:
            problems = self._solve(some, any_version=any_version).get_problems()
            return bool(problems != _FITS)

        self._limit_to_base(lock_base=True)
        alone = [request for request in requests if fails([request])]
        if alone:
            return alone
        needed = list(requests)
        for request in requests:
            fewer = [other for other in needed if other is not request]
            if fails(fewer):
                needed = fewer
        return needed

    def _limit_to_base(self, *, lock_base: bool) -> None:
        nothing = libdnf5.rpm.PackageSet(self._base)
        self._candidates.limit(
            lock_base=lock_base, only_layers=False, prefer_files=False, twins=nothing
        )


def _ways(goal: Goal, requests: Sequence[Request]) -> tuple[_Way, ...]:
    if goal.upgrade:
        return _UPGRADING
    if goal.layers:
        return _KEEPING
    # Of a rich request dnf would have the newest part, and not the one that the base has.
    rich = any(request.label.startswith("(") for request in requests)
    return _INSTALLING if rich else (_DNF, *_INSTALLING)
