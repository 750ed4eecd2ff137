# SPDX-License-Identifier: LGPL-2.1-or-later
"""What rpm's database would hold at one moment of a transaction: which packages, files, triggers.

Packages that go are in it until they are erased, after all others were installed. But their
triggers do not run: they would speak for a package that the tree does not have.
"""

from collections.abc import Iterable, Sequence

from triggers.change import PackageScripts, TreeChange, evr_of, name_of
from triggers.filetrigger import FileTrigger, PathList, watched
from triggers.packagetrigger import PackageTrigger
from triggers.phase import Phase


class Installed:
    """The database, while packages come and go."""

    def __init__(self, change: TreeChange) -> None:
        self._change = change
        self._new: list[PackageScripts] = []
        self._paths: list[PathList] = []
        self._versions = dict(change.base_versions)
        self._going = {each.package for each in change.removed}
        self._gone: set[str] = set()
        self.vanished = frozenset(change.removed_paths)

    def add(self, package: PackageScripts) -> PathList:
        """Records a new package and returns its files."""
        name = name_of(package.package)
        self._versions[name] = (*self.versions(name), evr_of(package.package))
        self._new.append(package)
        self._paths.append(PathList(package.files, package.package))
        return self._paths[-1]

    def remove(self, package: PackageScripts) -> None:
        """Records that a package of the base is gone."""
        name, left = name_of(package.package), list(self.versions(name_of(package.package)))
        if evr_of(package.package) in left:
            left.remove(evr_of(package.package))
        self._versions[name] = tuple(left)
        self._gone.add(package.package)

    def versions(self, name: str) -> tuple[str, ...]:
        """Versions of the instances of a package, the base's first."""
        return tuple(self._versions.get(name, ()))

    def count(self, package: str) -> int:
        """Instances of the package that has this NEVRA, itself included even if nobody said so."""
        return max(1, len(self.versions(name_of(package))))

    def file_triggers(self, phase: Phase) -> list[FileTrigger]:
        """File triggers of one slot by priority; equal ones in the order of installation."""
        every = [
            each for each in self._change.base_file_triggers if each.package not in self._going
        ]
        every += [trigger for package in self._new for trigger in package.file_triggers]
        return by_priority(trigger for trigger in every if trigger.phase is phase)

    def package_triggers(self) -> list[tuple[PackageTrigger, ...]]:
        """Package triggers, grouped by the package that brings them."""
        groups: dict[str, list[PackageTrigger]] = {}
        for trigger in self._change.base_package_triggers:
            if trigger.package not in self._going:
                groups.setdefault(trigger.package, []).append(trigger)
        found = [tuple(group) for group in groups.values()]
        return found + [each.package_triggers for each in self._new if each.package_triggers]

    def database(self, trigger: FileTrigger, new: Sequence[PathList]) -> list[PathList]:
        """Installed packages that can matter to a trigger: the base's, then new ones."""
        base = self._change.base_files(watched(trigger))
        return [*(each for each in base if each.package not in self._gone), *new]

    @property
    def new_paths(self) -> list[PathList]:
        """Files of the packages that are new."""
        return self._paths


def by_priority(triggers: Iterable[FileTrigger]) -> list[FileTrigger]:
    """Returns triggers as rpm runs them: the largest priority first, ties as they came."""
    return sorted(triggers, key=lambda trigger: -trigger.priority)
