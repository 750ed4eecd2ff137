# SPDX-License-Identifier: LGPL-2.1-or-later
"""A goal that failed, tried again with a little changed, in memory.

Another configuration needs a sack of its own: over what is cached, so that no network is asked.
Repositories of sources and of debugging symbols have nothing to layer.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import libdnf5

from solver.candidates import Candidates
from solver.errors import SolverError
from solver.goal import Resolver
from solver.identity import nevra_of
from solver.model import BaseMove, Goal, SackConfig, Transaction
from solver.nevra import Nevra
from solver.repositories import available_repositories

if TYPE_CHECKING:
    from solver.sack import Sack

_NOTHING_TO_LAYER = ("-source", "-debuginfo", "-debug")


class SackTrials:
    """Trials over one sack; see `solver.hints.Trials`."""

    def __init__(
        self,
        base: Any,
        candidates: Candidates,
        resolver: Resolver,
        config: SackConfig,
        opener: "type[Sack]",
    ) -> None:
        self._base = base
        self._candidates = candidates
        self._resolver = resolver
        self._config = config
        self._opener = opener
        self.paths: Mapping[str, Path] = {
            str(nevra_of(package)): candidates.files.path_of(package)
            for package in candidates.local
        }

    def attempt(self, goal: Goal) -> Transaction | None:
        """Returns the solution of a goal, None if it has none."""
        return self._resolver.attempt(goal)

    def attempt_without_excludes(self, goal: Goal) -> Transaction | None:
        """Returns the same as if the configuration excluded nothing."""
        return self._elsewhere(goal, setopts=(*self._config.setopts, ("disable_excludes", "*")))

    def repositories_for(self, goal: Goal) -> tuple[str, ...]:
        """Returns the disabled repositories, sorted, with which a goal has a solution."""
        cached = [
            str(repo.get_id())
            for repo in available_repositories(self._base, enabled=False)
            if not repo.is_enabled() and _is_cached(repo)
        ]
        cached = [each for each in cached if not each.endswith(_NOTHING_TO_LAYER)]
        solved = self._with(cached, goal)
        if not cached or solved is None:
            return ()
        used = sorted({package.repo_id for package in solved.packages}.intersection(cached))
        return tuple(used) if used and self._with(used, goal) is not None else ()

    def moves_for(self, goal: Goal) -> tuple[BaseMove, ...]:
        """Returns what of the base would change if it could; nothing if that does not help."""
        return self._resolver.moves_for(goal)

    def older(self, goal: Goal, spec: str) -> Nevra | None:
        """Returns the version of a request that would be taken if it need not be the newest."""
        return self._resolver.older(goal, spec)

    @cached_property
    def _names(self) -> Sequence[str]:
        query = libdnf5.rpm.PackageQuery(self._candidates.visible)
        return sorted({str(package.get_name()) for package in query})

    def names(self) -> Sequence[str]:
        """Returns the names of all packages that may be asked for."""
        return self._names

    def _with(self, repo_ids: Sequence[str], goal: Goal) -> Transaction | None:
        if not repo_ids:
            return None
        return self._elsewhere(goal, enable_repos=(*self._config.enable_repos, *repo_ids))

    def _elsewhere(self, goal: Goal, **changes: Any) -> Transaction | None:
        """Solves over the packages that another configuration gives, as far as they are cached."""
        config = replace(self._config, cache_only=True, refresh=False, **changes)
        try:
            with self._opener.open(config) as sack:
                return sack.attempt(goal)
        except SolverError:
            return None


def _is_cached(repo: Any) -> bool:
    return (Path(str(repo.get_cachedir())) / "repodata" / "repomd.xml").is_file()
