# SPDX-License-Identifier: LGPL-2.1-or-later
"""Which packages of the base a goal takes away, and which stand in their place.

The lock on the base is lifted for exactly the packages that are chosen here. A removal is by name;
a replacement is a file, or the newest that its spec matches, in one repository or in all. One that
is layered already is kept, unless it is chosen anew; what is asked for just now comes back from a
removal, too. An override of what the base does not have
rests, and so does one that would replace a package with itself.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cmp_to_key
from typing import Any

import libdnf5

from solver.candidates import Candidates
from solver.errors import ConfigurationError, UnknownPackageError
from solver.identity import nevra_of
from solver.matching import of_name
from solver.model import COMMANDLINE_REPO, Goal, Replacing
from solver.nevra import Nevra, compare_evr
from solver.repositories import available_repositories
from solver.solution import preferred
from solver.transaction import replaces


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """A package that stands for one of the base."""

    old: Nevra
    package: Any
    replacing: Replacing

    @property
    def new(self) -> Nevra:
        """What replaces it."""
        return nevra_of(self.package)


@dataclass(frozen=True, slots=True, kw_only=True)
class Overrides:
    """What a goal changes about the base."""

    removed: tuple[Any, ...] = ()  # installed packages
    chosen: tuple[Chosen, ...] = ()
    resting: tuple[str, ...] = ()  # names and NEVRAs that mean nothing to this base; sorted
    going: frozenset[Nevra] = field(default=frozenset())

    def __bool__(self) -> bool:
        return bool(self.going)

    @property
    def labels(self) -> dict[str, Nevra]:
        """Returns the packages that stand for others, by the words that a layer is known by."""
        return {str(each.new): each.new for each in self.chosen}


def choose(candidates: Candidates, goal: Goal) -> Overrides:
    """Returns what a goal's overrides come to; its files are among the candidates already.

    Raises:
        UnknownPackageError: what is to replace packages that the base has is nowhere.
    """
    names = set(goal.remove)
    has = {nevra.name for nevra in candidates.base_nevras}
    resting = names - has
    chosen: dict[Nevra, Chosen] = {}
    unknown: list[str] = []
    for replacing in goal.replace:
        if replacing.renewed and replacing.repo_id:
            _check_repository(candidates, replacing.repo_id)
        found = list(_chosen(candidates, goal, replacing))
        for each in found:
            chosen[each.old] = each
        if not found:
            idle = _resting(candidates, replacing)
            if idle is None:
                unknown.append(replacing.spec)
            else:
                resting.add(idle)
    if unknown:
        raise _nowhere(unknown, goal)
    names -= {old.name for old, each in chosen.items() if each.replacing.renewed}
    removed = [package for package in candidates.installed if str(package.get_name()) in names]
    kept = tuple(chosen[old] for old in sorted(chosen, key=str) if old.name not in names)
    going = {*(nevra_of(package) for package in removed), *(each.old for each in kept)}
    return Overrides(
        removed=tuple(removed),
        chosen=kept,
        resting=tuple(sorted(resting)),
        going=frozenset(going),
    )


def _chosen(candidates: Candidates, goal: Goal, replacing: Replacing) -> Iterator[Chosen]:
    """Yields a package for each of the base that is replaced."""
    matches = list(_matches(candidates, goal, replacing))
    for old in sorted(candidates.base_nevras, key=str):
        mates = [package for package in matches if nevra_of(package).name == old.name]
        exact = [package for package in mates if nevra_of(package).arch == old.arch]
        others = [package for package in mates if replaces(nevra_of(package), old)]
        fitting = exact or others
        if not fitting:
            continue
        newest = nevra_of(max(fitting, key=cmp_to_key(_by_version)))
        twins = [package for package in fitting if nevra_of(package) == newest]
        if newest != old:
            package = preferred(candidates, twins)
            yield Chosen(old=old, package=package, replacing=replacing)


def _matches(candidates: Candidates, goal: Goal, replacing: Replacing) -> Iterable[Any]:
    if replacing.path is not None:
        return [candidates.files[replacing.path]]
    offered = libdnf5.rpm.PackageQuery(candidates.visible)
    offered.filter_available()
    query = of_name(offered, replacing.spec)
    layered = [package for package in query if _is_layer(candidates, package)]
    held = libdnf5.rpm.PackageQuery(candidates.twins)  # what a repository has, and a file hides
    if layered and not (replacing.renewed or goal.upgrade):
        return layered
    if replacing.repo_id:
        query.filter_repo_id([replacing.repo_id])
        held.filter_repo_id([replacing.repo_id])
        # The same package as a layer serves as well: which of both is settled among twins.
        nevras = {nevra_of(package) for package in (*query, *held)}
        same = [package for package in layered if nevra_of(package) in nevras]
        return [*query, *same] or ([] if replacing.renewed else layered)
    layers = {int(package.get_id().id) for package in layered}
    offered = [package for package in query if int(package.get_id().id) not in layers]
    nevras = {nevra_of(package) for package in (*offered, *held)}
    return [*offered, *(package for package in layered if nevra_of(package) in nevras)] or layered


def _check_repository(candidates: Candidates, repo_id: str) -> None:
    enabled = available_repositories(candidates.base, enabled=True)
    if repo_id not in {str(repo.get_id()) for repo in enabled}:
        error = ConfigurationError(f"repo={repo_id}", "no repository of this id is enabled")
        known = available_repositories(candidates.base, enabled=False)
        if repo_id in {str(repo.get_id()) for repo in known}:
            error.add_note(f"'--enablerepo {repo_id}' enables it for this command")
        raise error


def _is_layer(candidates: Candidates, package: Any) -> bool:
    return str(package.get_repo_id()) == COMMANDLINE_REPO and (
        int(package.get_id().id) in candidates.stubs
    )


def _resting(candidates: Candidates, replacing: Replacing) -> str | None:
    """Returns what a replacement without effect is called; None where one is only missing."""
    if replacing.path is not None:
        return str(nevra_of(candidates.files[replacing.path]))
    query = of_name(candidates.visible, replacing.spec)
    in_base = libdnf5.rpm.PackageQuery(query)
    in_base.filter_installed()
    names = {nevra.name for nevra in candidates.base_nevras}
    offered = any(str(package.get_name()) in names for package in query)
    met = in_base.size() and query.size() > in_base.size()
    if replacing.renewed:
        return replacing.spec if met or (query.size() and not offered) else None
    return None if in_base.size() and not met else replacing.spec


def _by_version(a: Any, b: Any) -> int:
    return compare_evr(nevra_of(a).evr, nevra_of(b).evr)


def _nowhere(specs: list[str], goal: Goal) -> UnknownPackageError:
    error = UnknownPackageError(specs)
    error.requests = ()
    known = [each.spec for each in goal.replace if each.spec in specs and not each.renewed]
    if known:
        error.add_note(f"'overlay override reset {' '.join(known)}' takes the base's again")
    return error


def joined(one: Overrides, more: Overrides) -> Overrides:
    """Returns both, the second where they are of one package."""
    kept = tuple(each for each in one.chosen if each.old not in more.going)
    removed = (each for each in one.removed if nevra_of(each) not in more.going)
    return Overrides(
        removed=(*removed, *more.removed),
        chosen=(*kept, *more.chosen),
        resting=one.resting,
        going=one.going | more.going,
    )
