# SPDX-License-Identifier: LGPL-2.1-or-later
"""rpm's own order of the scripts of one transaction, replayed over a list of packages.

rpm installs packages one by one; a trigger sees the packages that are there by then. The replay
keeps that, with one difference: all of `%pretrans` and `%pre` come first, over the final set of
files, because owners are resolved once after them. Order and arguments: "EXECUTION ORDER" in
rpm-scriptlets(7), and rpm's lib/psm.cc, lib/rpmtriggers.cc and lib/transaction.cc.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from triggers.change import PackageScripts, TreeChange, evr_of, name_of
from triggers.filetrigger import (
    FileTrigger,
    PathList,
    matches_in_database,
    matches_in_package,
    watched,
)
from triggers.packagetrigger import PackageTrigger, first_set_off
from triggers.phase import Phase
from triggers.scriptlet import Scriptlet

Source = Scriptlet | FileTrigger | PackageTrigger

EARLY_PRIORITY = 10000  # TRIGGER_PRIORITY_BOUND: from here on a %filetriggerin precedes %post


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One script at its place in the order."""

    source: Source
    args: tuple[int, ...]
    lines: tuple[str, ...] | None = None  # what a file trigger reads
    why: str


class _Installed:
    """What rpm's database would hold at one moment of the transaction."""

    def __init__(self, change: TreeChange) -> None:
        self._change = change
        self._new: list[PackageScripts] = []
        self._paths: list[PathList] = []
        self._versions = dict(change.base_versions)

    def add(self, package: PackageScripts) -> PathList:
        name = name_of(package.package)
        self._versions[name] = (*self.versions(name), evr_of(package.package))
        self._new.append(package)
        self._paths.append(PathList(package.files))
        return self._paths[-1]

    def versions(self, name: str) -> tuple[str, ...]:
        """Versions of the instances of a package, the base's first."""
        return tuple(self._versions.get(name, ()))

    def count(self, package: str) -> int:
        """Instances of the package that has this NEVRA, itself included even if nobody said so."""
        return max(1, len(self.versions(name_of(package))))

    def file_triggers(self, phase: Phase) -> list[FileTrigger]:
        """File triggers of one slot by priority; equal ones in the order of installation."""
        every = list(self._change.base_file_triggers)
        every += [trigger for package in self._new for trigger in package.file_triggers]
        return by_priority(trigger for trigger in every if trigger.phase is phase)

    def package_triggers(self) -> list[tuple[PackageTrigger, ...]]:
        """Package triggers, grouped by the package that brings them."""
        groups: dict[str, list[PackageTrigger]] = {}
        for trigger in self._change.base_package_triggers:
            groups.setdefault(trigger.package, []).append(trigger)
        found = [tuple(group) for group in groups.values()]
        return found + [each.package_triggers for each in self._new if each.package_triggers]

    def database(self, trigger: FileTrigger, new: Sequence[PathList]) -> list[PathList]:
        """Installed paths that can matter to a trigger: the base's, then those of new packages."""
        base = {path for prefix in watched(trigger) for path in self._change.base_paths(prefix)}
        return [PathList(base), *new]

    @property
    def new_paths(self) -> list[PathList]:
        return self._paths


def by_priority(triggers: Iterable[FileTrigger]) -> list[FileTrigger]:
    """Returns triggers as rpm runs them: the largest priority first, ties as they came."""
    return sorted(triggers, key=lambda trigger: -trigger.priority)


def before(change: TreeChange) -> Iterator[Step]:
    """Yields `%pretrans` of all packages, then `%triggerprein` and `%pre` package by package."""
    installed = _Installed(change)
    for package in change.added:
        count = len(installed.versions(name_of(package.package))) + 1
        yield from _scriptlets(package, Phase.PRETRANS, count)
    for package in change.added:
        count = len(installed.versions(name_of(package.package))) + 1
        yield from _package_triggers(change, installed, package, Phase.TRIGGERPREIN)
        yield from _scriptlets(package, Phase.PRE, count)
        installed.add(package)


def after(change: TreeChange) -> Iterator[Step]:
    """Yields what follows the unpacking of each package, then what ends the transaction."""
    installed = _Installed(change)
    for package in change.added:
        files = installed.add(package)
        count = installed.count(package.package)
        yield from _file_triggers(installed, package, files, early=True)
        yield from _scriptlets(package, Phase.POST, count)
        yield from _package_triggers(change, installed, package, Phase.TRIGGERIN)
        yield from _file_triggers(installed, package, files, early=False)
    yield from _after_removal(change, installed)
    for package in change.added:
        yield from _scriptlets(package, Phase.POSTTRANS, installed.count(package.package))
    yield from _transaction_triggers(change, installed)


def _scriptlets(package: PackageScripts, phase: Phase, count: int) -> Iterator[Step]:
    for scriptlet in package.scriptlets:
        if scriptlet.phase is phase:
            yield Step(source=scriptlet, args=(count,), why=f"{package.package} is new")


def _package_triggers(
    change: TreeChange, installed: _Installed, package: PackageScripts, phase: Phase
) -> Iterator[Step]:
    """What a package sets off in those that are there, then what those set off in it."""
    name, evr = name_of(package.package), evr_of(package.package)
    count = len(installed.versions(name))
    for triggers in installed.package_triggers():
        trigger = first_set_off(triggers, phase, name, evr, change.compare_evr)
        if trigger:
            args = (installed.count(trigger.package), count)
            yield Step(source=trigger, args=args, why=f"{package.package} is new")
    ran: list[PackageTrigger] = []
    for trigger in package.package_triggers:
        for condition in trigger.conditions:
            versions = installed.versions(condition.name)
            for evr in versions if trigger not in ran else ():
                found = first_set_off(
                    package.package_triggers, phase, condition.name, evr, change.compare_evr
                )
                if found and found not in ran:
                    ran.append(found)
                    why = f"{condition.name}-{evr} is installed"
                    yield Step(source=found, args=(count, len(versions)), why=why)


def _file_triggers(
    installed: _Installed, package: PackageScripts, files: PathList, *, early: bool
) -> Iterator[Step]:
    """What a package's files set off, its own triggers included; then its own over everything."""
    count = installed.count(package.package)
    for trigger in _of_class(installed.file_triggers(Phase.FILETRIGGERIN), early=early):
        lines = matches_in_package(trigger, files)
        if lines:
            args = (installed.count(trigger.package), count)
            yield Step(source=trigger, args=args, lines=lines, why=_because(lines, "new"))
    earlier = installed.new_paths[:-1]  # rpm leaves the package's own files out of this one
    for trigger in _of_class(_own(package, Phase.FILETRIGGERIN), early=early):
        lines = matches_in_database(trigger, installed.database(trigger, earlier))
        if lines:
            # $2 counts the package of the first line, and one package has one instance: those
            # that may have more (kernels) are not told apart here.
            yield Step(
                source=trigger, args=(count, 1), lines=lines, why=_because(lines, "installed")
            )


def _after_removal(change: TreeChange, installed: _Installed) -> Iterator[Step]:
    removed = PathList(change.removed_paths)
    for trigger in installed.file_triggers(Phase.FILETRIGGERPOSTUN):
        lines = matches_in_package(trigger, removed)
        if lines:
            args = (installed.count(trigger.package), 0)
            yield Step(source=trigger, args=args, lines=lines, why=_because(lines, "removed"))


def _transaction_triggers(change: TreeChange, installed: _Installed) -> Iterator[Step]:
    """The base's triggers over the new files, repairs after removals, new packages' own."""
    base = (each for each in change.base_file_triggers if each.phase is Phase.TRANSFILETRIGGERIN)
    for trigger in by_priority(base):
        lines = matches_in_database(trigger, installed.new_paths)
        if lines:
            args = (installed.count(trigger.package),)
            yield Step(source=trigger, args=args, lines=lines, why=_because(lines, "new"))
    removed = PathList(change.removed_paths)
    for trigger in installed.file_triggers(Phase.TRANSFILETRIGGERPOSTUN):
        lines = matches_in_package(trigger, removed)
        if lines:  # rpm gives these no list to read
            args = (installed.count(trigger.package),)
            yield Step(source=trigger, args=args, why=_because(lines, "removed"))
    for package in change.added:
        for trigger in _own(package, Phase.TRANSFILETRIGGERIN):
            lines = matches_in_database(trigger, installed.database(trigger, installed.new_paths))
            if lines:
                args = (installed.count(package.package),)
                yield Step(source=trigger, args=args, lines=lines, why=_because(lines, "installed"))


def _own(package: PackageScripts, phase: Phase) -> list[FileTrigger]:
    return by_priority(trigger for trigger in package.file_triggers if trigger.phase is phase)


def _of_class(triggers: Iterable[FileTrigger], *, early: bool) -> Iterator[FileTrigger]:
    return (each for each in triggers if (each.priority >= EARLY_PRIORITY) is early)


def _because(lines: Sequence[str], how: str) -> str:
    more = f" and {len(lines) - 1} more" if len(lines) > 1 else ""
    return f"{how}: {lines[0]}{more}"
