# SPDX-License-Identifier: LGPL-2.1-or-later
"""libdnf5's solver asked once: requests and overrides in, its own transaction out.

Nothing is skipped: a set without what was asked for would pass for a solution. Whether the newest
alone counts is said with every request, whatever the configuration has for `best`:
https://dnf5.readthedocs.io/en/latest/dnf5.conf.5.html
"""

from collections.abc import Mapping, Sequence
from typing import Any

import libdnf5

from solver.candidates import Candidates
from solver.model import BaseMove
from solver.nevra import Nevra
from solver.overrides import Overrides
from solver.request import Request
from solver.solution import steps_of
from solver.transaction import base_moves


def fits(transaction: Any) -> bool:
    """Tells whether libdnf5 found a solution."""
    return bool(transaction.get_problems() == libdnf5.base.GoalProblem_NO_PROBLEM)


class Solving:
    """Solves over the candidates of one Base, with the overrides of one goal at a time."""

    def __init__(self, candidates: Candidates) -> None:
        self.candidates = candidates
        self.overrides = Overrides()

    def override(self, overrides: Overrides) -> None:
        """Lets base packages go as the overrides say, in every solve from here on."""
        self.overrides = overrides
        self.candidates.give_up(overrides.going, (each.package for each in overrides.chosen))

    def limit_to_base(self, *, lock_base: bool) -> None:
        """Lets the next solve choose from everything, or from all that leaves the base alone."""
        nothing = libdnf5.rpm.PackageSet(self.candidates.base)
        self.candidates.limit(
            lock_base=lock_base, only_layers=False, prefer_files=False, twins=nothing
        )

    def solve(
        self,
        requests: Sequence[Request],
        *,
        any_version: bool,
        allow_erasing: bool = False,
        overriding: bool = True,
    ) -> Any:
        """Returns the transaction for some requests; whether it is a solution, `fits` tells."""
        goal = libdnf5.base.Goal(self.candidates.base)
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

    def moves(
        self,
        solved: Any,
        requests: Mapping[Nevra, Sequence[str]] | None = None,
        everything: Sequence[str] = (),
    ) -> tuple[BaseMove, ...]:
        """Returns what a transaction does to base packages that are not overridden.

        `requests` and `everything` say for whom, see `solver.transaction.base_moves`.
        """
        base = self.candidates.base_nevras - self.overrides.going
        return base_moves(steps_of(solved), base, requests or {}, everything)

    def _override(self, goal: Any) -> None:
        settings = libdnf5.base.GoalJobSettings()
        settings.set_clean_requirements_on_remove(libdnf5.base.GoalSetting_SET_FALSE)
        for package in self.overrides.removed:
            goal.add_rpm_remove(package, settings)
        for each in self.overrides.chosen:
            settings = libdnf5.base.GoalJobSettings()
            settings.set_skip_broken(libdnf5.base.GoalSetting_SET_FALSE)
            goal.add_rpm_install(each.package, settings)
