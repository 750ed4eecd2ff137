# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the solver may choose from for one goal, and what it may not because the base stays.

libdnf5's version lock is used as a set of packages that would move the base: another version of a
base package, or what obsoletes one. Requests that match nothing else are then told apart from
unknown ones. Our excludes never touch installed packages.
"""

from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Any

import libdnf5

from solver.errors import UnknownPackageError
from solver.filepackages import FilePackages
from solver.identity import nevra_of
from solver.matching import of_name
from solver.model import COMMANDLINE_REPO, Goal, LayerStub, Link
from solver.nevra import Nevra
from solver.rivals import obsoleted_by, obsoleters_of, rivals_of
from solver.rules import RuleKind
from solver.transaction import replaces

PREFERRED_PRIORITY = 1  # better than any repository's default of 99
_DEFAULT_PRIORITY = 99


class Candidates:
    """The packages of one Base as one goal sees them; the goal's files are added to it."""

    def __init__(self, base: Any, installed: Any, known: Any, links: Path) -> None:
        self.base = base
        self.sonames: dict[str, tuple[str, ...]] = {}  # what the base has of libraries, in words
        self.installed = installed  # a query: every base package, whatever excludes say
        self.files = FilePackages(base, links)  # of all goals
        self.base_nevras = frozenset(nevra_of(package) for package in installed)
        self.met = self.base_nevras  # of them, those that stay, and what stands for others
        self.stubs: dict[int, LayerStub] = {}  # by libdnf5's package id
        self.local: list[Any] = []  # packages of Goal.local, in the order of their NEVRAs
        self.given: list[Any] = []  # of these, and of what replaces base packages as a file
        self.staying: Any = None  # a query: base packages but those that are overridden
        self.twins: Any = None  # what would be visible, were it not the same as a file of the goal
        self.visible: Any = None  # a query: what may be chosen, were it not for the base
        self.locked: Any = None  # a set: what would move the base
        self.upgrade = False  # whether a layer is one choice among all
        self._known = known  # a query: every package of base and repositories, excluded or not
        self._excluded: Any = None
        self._chosen: Any = None  # a set: what stands in the place of base packages
        self._files_priority = _DEFAULT_PRIORITY

    def prepare(self, goal: Goal) -> None:
        """Adds the goal's files and works out what is visible and what is locked.

        Raises:
            UnreadableRpmError: a file of the goal is not a whole RPM.
            UnknownPackageError: the configuration excludes a local file's package.
        """
        sack = self.base.get_rpm_package_sack()
        sack.clear_user_excludes()
        sack.clear_versionlock_excludes()
        given = [each.path for each in goal.replace if each.path is not None]
        self.files.add([*goal.local, *given, *(stub.path for stub in goal.layers)])
        self.stubs = {
            int(self.files[stub.path].get_id().id): stub
            for stub in goal.layers
            if stub.path in self.files
        }
        local = dict.fromkeys(path.absolute() for path in goal.local)
        replacing = dict.fromkeys(path.absolute() for path in given)
        hidden = [str(path) for path in (*local, *replacing) if path not in self.files]
        if hidden:
            raise _excluded_files(hidden)
        self.local = sorted(
            (self.files[path] for path in local),
            key=lambda package: (str(nevra_of(package)), str(package.get_package_path())),
        )
        self.given = [*self.local, *(self.files[path] for path in replacing)]
        self._excluded = self._excludes(goal)
        sack.set_user_excludes(self._excluded)
        self.visible = libdnf5.rpm.PackageQuery(self.base)
        self.visible.update(self.installed)
        self.staying = libdnf5.rpm.PackageQuery(self.installed)
        self.met = self.base_nevras
        self._chosen = libdnf5.rpm.PackageSet(self.base)
        self._lock_obsoleters()
        self.upgrade = goal.upgrade
        self._files_priority = self._priority_for_upgrade() if goal.upgrade else _DEFAULT_PRIORITY

    def give_up(self, going: Collection[Nevra], chosen: Iterable[Any]) -> None:
        """Lets base packages go, and the chosen ones, and only these, come in their place."""
        self.met = self.base_nevras.difference(going)
        for package in [each for each in self.installed if nevra_of(each) in going]:
            self.staying.remove(package)
        self._lock_obsoleters()
        for package in chosen:
            self._chosen.add(package)
            self.met |= {nevra_of(package)}
        self.locked.difference(self._chosen)

    @property
    def there(self) -> Any:
        """What a request finds there: base packages that stay, and what stands for others."""
        found = libdnf5.rpm.PackageQuery(self.staying)
        found.update(self._chosen)
        return found

    @property
    def gone(self) -> Any:
        """Base packages that are overridden."""
        found = libdnf5.rpm.PackageQuery(self.installed)
        found.difference(self.staying)
        return found

    def _lock_obsoleters(self) -> None:
        self.locked = rivals_of(self.installed, self._available())
        self.locked.update(obsoleters_of(self.staying, self._available()))

    def limit(self, *, lock_base: bool, only_layers: bool, prefer_files: bool, twins: Any) -> None:
        """Sets what the next solve may choose from.

        `only_layers` takes the repositories' packages away where a layer has the name;
        `prefer_files` lets layers win ties against repositories; `twins` are taken away too.
        """
        sack = self.base.get_rpm_package_sack()
        excluded = libdnf5.rpm.PackageSet(self._excluded)
        excluded.update(twins)
        if only_layers:
            excluded.update(self._rivals_of_layers())
            excluded.difference(self._chosen)
        sack.set_user_excludes(excluded)
        if lock_base:
            sack.set_versionlock_excludes(self.locked)
        else:
            sack.clear_versionlock_excludes()
        repos = libdnf5.repo.RepoQuery(self.base)
        repos.filter_id(COMMANDLINE_REPO)
        for repo in repos:
            repo.set_priority(PREFERRED_PRIORITY if prefer_files else self._files_priority)

    def replaced_by(self, package: Any) -> tuple[Nevra, ...]:
        """Returns the base packages that would have to go for a package."""
        new = nevra_of(package)
        mates = (old for old in self.base_nevras if replaces(new, old))
        obsoleted = obsoleted_by(self.base, package, self.installed)
        return tuple(sorted({*mates, *obsoleted}, key=str))

    @property
    def everything(self) -> Any:
        """A query of every package that there is, excluded ones as well."""
        query = libdnf5.rpm.PackageQuery(self.base)  # has room for the files, which came later
        query.update(self._known)
        for package in self.files:
            query.add(package)
        return query

    def hides(self, package: Any) -> bool:
        """Tells whether it is the goal that excludes a package."""
        return bool(self._excluded.contains(package))

    def _available(self) -> Any:
        query = libdnf5.rpm.PackageQuery(self.base)
        query.filter_available()
        return query

    def _excludes(self, goal: Goal) -> Any:
        """Returns what the goal excludes, files of earlier goals, and what else a file could be.

        Where a name asks for a package and a file for the same, libdnf5 would take one for each.
        """
        local = {int(package.get_id().id) for package in self.given}
        wanted = {*self.stubs, *local}
        excluded = libdnf5.rpm.PackageSet(self.base)
        files = self._available()
        files.filter_repo_id([COMMANDLINE_REPO])
        for package in files:
            if int(package.get_id().id) not in wanted:
                excluded.add(package)
        twins = self._available()
        twins.filter_nevra([str(package.get_nevra()) for package in self.given])
        self.twins = libdnf5.rpm.PackageSet(self.base)
        for package in twins:
            if int(package.get_id().id) not in local:
                excluded.add(package)
                self.twins.add(package)
        for spec in goal.exclude:
            excluded.update(of_name(self._available(), spec))
        return excluded

    def _priority_for_upgrade(self) -> int:
        """Returns a priority at which no layer hides a newer version of a repository's.

        A priority counts before a version, and a layer does not know its repository's.
        """
        offered = self._available()
        offered.filter_name(self.layers())
        offered.filter_repo_id([COMMANDLINE_REPO], libdnf5.common.QueryCmp_NEQ)
        priorities = {int(package.get_repo().get_priority()) for package in offered}
        return max(priorities | {_DEFAULT_PRIORITY})

    def layers(self) -> Any:
        """Returns the set of the goal's layers."""
        layers = libdnf5.rpm.PackageSet(self.base)
        for package in self.files:
            if int(package.get_id().id) in self.stubs:
                layers.add(package)
        return layers

    def _rivals_of_layers(self) -> Any:
        """Returns what the repositories have in place of a layer, or obsolete it with."""
        layers = self.layers()
        offered = libdnf5.rpm.PackageQuery(self.visible)
        offered.filter_available()
        offered.filter_repo_id([COMMANDLINE_REPO], libdnf5.common.QueryCmp_NEQ)
        rivals = rivals_of(layers, offered)
        rivals.update(obsoleters_of(layers, offered))
        return rivals


def _excluded_files(paths: Sequence[str]) -> UnknownPackageError:
    error = UnknownPackageError(paths, paths)
    text = "the packages in these files are excluded by the configuration"
    error.chain = (Link(kind=RuleKind.HIDDEN, text=text),)
    error.details = (text,)
    return error
