# SPDX-License-Identifier: LGPL-2.1-or-later
"""What happened to a tree, as far as scripts care: the input of a plan.

Nothing here knows how trees are stored. Paths are absolute and those of the merged tree
(`/usr/lib/x` for what an RPM calls `/lib/x`), with `/etc` as `/etc`.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from triggers.catalog import CATALOG
from triggers.declared import DeclaredTrigger
from triggers.filetrigger import FileTrigger, PathList
from triggers.packagetrigger import CompareEvr, PackageTrigger
from triggers.scriptlet import Scriptlet


def name_of(nevra: str) -> str:
    """Returns the name in a NEVRA such as "foo-1:2.0-3.noarch"."""
    return nevra.rsplit("-", 2)[0]


def evr_of(nevra: str) -> str:
    """Returns the "1:2.0-3" in a NEVRA such as "foo-1:2.0-3.noarch"."""
    _, version, release = nevra.rsplit("-", 2)
    return f"{version}-{release.rpartition('.')[0]}"


def _no_base_files(prefixes: Sequence[str]) -> Iterable[PathList]:
    return ()


def _no_comparison(a: str, b: str) -> int:
    raise ValueError(f"a trigger asks whether {a} is {b}, and no comparison of versions was given")


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageScripts:
    """What one package brings: its files in the tree, and everything it wants to run."""

    package: str  # NEVRA
    files: tuple[str, ...] = ()
    # Those of its files that it does not bring: to rpm, they set off triggers like all others.
    ghosts: frozenset[str] = frozenset()
    scriptlets: tuple[Scriptlet, ...] = ()
    file_triggers: tuple[FileTrigger, ...] = ()
    package_triggers: tuple[PackageTrigger, ...] = ()
    accounts: tuple[str, ...] = ()  # lines of sysusers.d among what it provides
    # Of one that goes: those of its files that stay, as others have them as well, and the NEVRA of
    # what updates or obsoletes it, "" if a person removed it.
    kept: frozenset[str] = frozenset()
    replaced_by: str = ""

    @property
    def vanished(self) -> tuple[str, ...]:
        """Files that go with the package."""
        return tuple(path for path in self.files if path not in self.kept)


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelChange:
    """The kernel of a tree whose initramfs can be made anew."""

    version: str  # the directory in /usr/lib/modules
    arguments: tuple[str, ...]  # for dracut: those that the base's was made with


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeChange:
    """Packages that came to a base, and packages of the base that went."""

    added: tuple[PackageScripts, ...]  # in install order
    removed: tuple[PackageScripts, ...] = ()  # of the base, in the order in which rpm erases them
    base_file_triggers: tuple[FileTrigger, ...] = ()  # of base packages that stay, in rpmdb order
    base_package_triggers: tuple[PackageTrigger, ...] = ()  # likewise
    # Whether a program is in the merged tree: a bare name is looked up in /usr/bin and /usr/sbin,
    # an absolute path is taken as it is.
    tools: Callable[[str], bool]
    # Base packages, in rpmdb order, with their files that begin with one of some prefixes: a
    # trigger that a new package brings also gets the files that were there before it.
    base_files: Callable[[Sequence[str]], Iterable[PathList]] = _no_base_files
    # Versions of the base's packages by name, replaced ones included: `$1` counts instances.
    base_versions: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    compare_evr: CompareEvr = _no_comparison  # asked only by package triggers with a version range
    sysusers_config: tuple[str, ...] = ()  # more files for the step that makes users, by their path
    kernel: KernelChange | None = None  # None: there is no initramfs to make anew
    # Triggers that no package brings, in the order of the table; `anew` names those that the base
    # does not know: what they watch of the base's files counts as well.
    declared: tuple[DeclaredTrigger, ...] = CATALOG
    anew: frozenset[str] = frozenset()

    @property
    def removed_paths(self) -> tuple[str, ...]:
        """Paths of the base that went."""
        return tuple(path for each in self.removed for path in each.vanished)
