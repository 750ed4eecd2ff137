# SPDX-License-Identifier: LGPL-2.1-or-later
"""rpm's own order of the scripts of one transaction, replayed over a list of packages.

rpm installs packages one by one; a trigger sees the packages that are there by then. The replay
keeps that, with one difference: all of `%pretrans` and `%pre` come first, over the final set of
files, because owners are resolved once after them. Order and arguments: "EXECUTION ORDER" in
rpm-scriptlets(7), and rpm's lib/psm.cc, lib/rpmtriggers.cc and lib/transaction.cc.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from triggers.change import PackageScripts, TreeChange, evr_of, name_of
from triggers.filetrigger import FileTrigger, PathList, matches_in_database, matches_in_package
from triggers.installed import Installed, by_priority
from triggers.packagetrigger import PackageTrigger, first_set_off, names_asked_for
from triggers.phase import Phase
from triggers.scriptlet import Scriptlet

Source = Scriptlet | FileTrigger | PackageTrigger

_ON_REMOVAL = frozenset({Phase.PREUN, Phase.POSTUN, Phase.PREUNTRANS, Phase.POSTUNTRANS})

EARLY_PRIORITY = 10000  # TRIGGER_PRIORITY_BOUND: from here on a %filetriggerin precedes %post


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One script at its place in the order."""

    source: Source
    args: tuple[int, ...]
    lines: tuple[str, ...] | None = None  # what a file trigger reads
    why: str


def before(change: TreeChange) -> Iterator[Step]:
    """Yields `%pretrans` of all packages, then `%triggerprein` and `%pre` package by package."""
    installed = Installed(change)
    for package in change.added:
        count = len(installed.versions(name_of(package.package))) + 1
        yield from _scriptlets(package, Phase.PRETRANS, count)
    for package in change.added:
        count = len(installed.versions(name_of(package.package))) + 1
        yield from _package_triggers(change, installed, package, Phase.TRIGGERPREIN)
        yield from _scriptlets(package, Phase.PRE, count)
        installed.add(package)


def after(change: TreeChange) -> Iterator[Step]:
    """Yields what follows the unpacking of each package, then what ends the transaction.

    What rpm runs while the files of a package that goes are still there is among it, too, for the
    plan to say that it does not run.
    """
    installed = Installed(change)
    for package in change.added:
        files = installed.add(package)
        count = installed.count(package.package)
        yield from _file_triggers(installed, package, files, early=True)
        yield from _scriptlets(package, Phase.POST, count)
        yield from _package_triggers(change, installed, package, Phase.TRIGGERIN)
        yield from _file_triggers(installed, package, files, early=False)
    for package in change.removed:
        yield from _erasure(change, installed, package)
        installed.remove(package)
    updates = {package.replaced_by for package in change.removed}
    counts = {
        each.package: installed.count(each.package) + (each.package in updates)
        for each in change.added
    }
    for package in change.added:
        yield from _scriptlets(package, Phase.POSTTRANS, counts[package.package])
    for package in change.removed:
        left = len(installed.versions(name_of(package.package)))
        yield from _scriptlets(package, Phase.POSTUNTRANS, left)
    yield from _transaction_triggers(change, installed, counts)


def _scriptlets(package: PackageScripts, phase: Phase, count: int) -> Iterator[Step]:
    for scriptlet in package.scriptlets:
        if scriptlet.phase is phase:
            why = f"{package.package} {'goes' if phase in _ON_REMOVAL else 'is new'}"
            yield Step(source=scriptlet, args=(count,), why=why)


def _package_triggers(
    change: TreeChange, installed: Installed, package: PackageScripts, phase: Phase
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
    for other in names_asked_for(package.package_triggers):
        versions = installed.versions(other)
        for version in versions:
            found = first_set_off(
                package.package_triggers, phase, other, version, change.compare_evr
            )
            if found and found not in ran:
                ran.append(found)
                args = (count, len(versions))
                yield Step(source=found, args=args, why=f"{other}-{version} is installed")


def _file_triggers(
    installed: Installed, package: PackageScripts, files: PathList, *, early: bool
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
        found, first = matches_in_database(trigger, installed.database(trigger, earlier))
        # To rpm, packages that go are still there; the tree has no more of them than stays.
        lines = tuple(path for path in found if path not in installed.vanished)
        if lines:
            args = (count, installed.count(first))
            yield Step(source=trigger, args=args, lines=lines, why=_because(lines, "installed"))


def _erasure(change: TreeChange, installed: Installed, package: PackageScripts) -> Iterator[Step]:
    """What the removal of a base package sets off; its own triggers do not outlive it."""
    name, evr = name_of(package.package), evr_of(package.package)
    before, left = len(installed.versions(name)), max(0, len(installed.versions(name)) - 1)
    for phase in (Phase.PREUNTRANS, Phase.PREUN):
        yield from _scriptlets(package, phase, left)
    for phase in (Phase.TRANSFILETRIGGERUN, Phase.FILETRIGGERUN):
        yield from _after_files(installed, package, phase, left)
    yield from _set_off_by_removal(change, installed, (name, evr), Phase.TRIGGERUN, left)
    yield from _after_files(installed, package, Phase.FILETRIGGERPOSTUN, left, early=True)
    yield from _scriptlets(package, Phase.POSTUN, left)
    if before:
        yield from _set_off_by_removal(change, installed, (name, evr), Phase.TRIGGERPOSTUN, left)
    yield from _after_files(installed, package, Phase.FILETRIGGERPOSTUN, left, early=False)


def _set_off_by_removal(
    change: TreeChange, installed: Installed, gone: tuple[str, str], phase: Phase, left: int
) -> Iterator[Step]:
    for triggers in installed.package_triggers():
        trigger = first_set_off(triggers, phase, *gone, change.compare_evr)
        if trigger:
            args = (installed.count(trigger.package), left)
            yield Step(source=trigger, args=args, why=f"{gone[0]}-{gone[1]} goes")


def _after_files(
    installed: Installed,
    package: PackageScripts,
    phase: Phase,
    left: int,
    *,
    early: bool | None = None,
) -> Iterator[Step]:
    files = PathList(package.vanished)
    for trigger in installed.file_triggers(phase):
        if early is not None and (trigger.priority >= EARLY_PRIORITY) is not early:
            continue
        lines = matches_in_package(trigger, files)
        if lines:
            args = (installed.count(trigger.package), left)
            yield Step(source=trigger, args=args, lines=lines, why=_because(lines, "removed"))


def _transaction_triggers(
    change: TreeChange, installed: Installed, counts: Mapping[str, int]
) -> Iterator[Step]:
    """The base's triggers over the new files, repairs after removals, new packages' own."""
    going = {package.package for package in change.removed}
    base = (each for each in change.base_file_triggers if each.phase is Phase.TRANSFILETRIGGERIN)
    for trigger in by_priority(each for each in base if each.package not in going):
        lines, _first = matches_in_database(trigger, installed.new_paths)
        if lines:
            args = (installed.count(trigger.package),)
            yield Step(source=trigger, args=args, lines=lines, why=_because(lines, "new"))
    removed = PathList({path for each in change.removed for path in each.files})
    for trigger in installed.file_triggers(Phase.TRANSFILETRIGGERPOSTUN):
        lines = matches_in_package(trigger, removed)
        if lines:  # rpm gives these no list to read
            args = (installed.count(trigger.package),)
            yield Step(source=trigger, args=args, why=_because(lines, "removed"))
    for package in change.added:
        for trigger in _own(package, Phase.TRANSFILETRIGGERIN):
            database = installed.database(trigger, installed.new_paths)
            lines, _first = matches_in_database(trigger, database)
            if lines:
                args = (counts[package.package],)
                yield Step(source=trigger, args=args, lines=lines, why=_because(lines, "installed"))


def _own(package: PackageScripts, phase: Phase) -> list[FileTrigger]:
    return by_priority(trigger for trigger in package.file_triggers if trigger.phase is phase)


def _of_class(triggers: Iterable[FileTrigger], *, early: bool) -> Iterator[FileTrigger]:
    return (each for each in triggers if (each.priority >= EARLY_PRIORITY) is early)


def _because(lines: Sequence[str], how: str) -> str:
    more = f" and {len(lines) - 1} more" if len(lines) > 1 else ""
    return f"{how}: {lines[0]}{more}"
