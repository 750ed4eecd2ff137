# SPDX-License-Identifier: LGPL-2.1-or-later
"""What happened to a tree, as far as scripts care: the input of a plan.

Nothing here knows how trees are stored. Paths are absolute and those of the merged tree
(`/usr/lib/x` for what an RPM calls `/lib/x`), with `/etc` as `/etc`.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from triggers.filetrigger import FileTrigger
from triggers.packagetrigger import CompareEvr, PackageTrigger
from triggers.scriptlet import Scriptlet


def name_of(nevra: str) -> str:
    """Returns the name in a NEVRA such as "foo-1:2.0-3.noarch"."""
    return nevra.rsplit("-", 2)[0]


def evr_of(nevra: str) -> str:
    """Returns the "1:2.0-3" in a NEVRA such as "foo-1:2.0-3.noarch"."""
    _, version, release = nevra.rsplit("-", 2)
    return f"{version}-{release.rpartition('.')[0]}"


def _no_base_paths(prefix: str) -> Iterable[str]:
    return ()


def _no_comparison(a: str, b: str) -> int:
    raise ValueError(f"a trigger asks whether {a} is {b}, and no comparison of versions was given")


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageScripts:
    """What one package brings: its files in the tree, and everything it wants to run."""

    package: str  # NEVRA
    files: tuple[str, ...] = ()
    scriptlets: tuple[Scriptlet, ...] = ()
    file_triggers: tuple[FileTrigger, ...] = ()
    package_triggers: tuple[PackageTrigger, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeChange:
    """Packages that came to a base, and paths of the base that went."""

    added: tuple[PackageScripts, ...]  # in install order
    base_file_triggers: tuple[FileTrigger, ...] = ()  # of base packages that stay, in rpmdb order
    base_package_triggers: tuple[PackageTrigger, ...] = ()  # likewise
    removed_paths: tuple[str, ...] = ()
    # Whether a program is in the merged tree: a bare name is looked up in /usr/bin and /usr/sbin,
    # an absolute path is taken as it is.
    tools: Callable[[str], bool]
    # Paths of base packages that begin with a prefix: a trigger that a new package brings also gets
    # the files that were there before it.
    base_paths: Callable[[str], Iterable[str]] = _no_base_paths
    # Versions of the base's packages by name, replaced ones included: `$1` counts instances.
    base_versions: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    compare_evr: CompareEvr = _no_comparison  # asked only by package triggers with a version range
    sysusers_config: tuple[str, ...] = ()  # more files for the step that makes users, by their path
