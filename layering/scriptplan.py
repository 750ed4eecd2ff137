# SPDX-License-Identifier: LGPL-2.1-or-later
"""Which scripts run over a united tree: those of the layers, and the triggers that the base brings.

Only metadata is read for it: the layers' headers, and the base's rpmdb (its answer is kept beside
it), once more where a new package's trigger asks for what the base's packages have below a path.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from layering import rpmdb, rpmdb_query
from layering.account_ids import POOL_CONFIG_PATH
from layering.base import Base
from layering.dirtree import find
from layering.hosttriggers import HostFile
from layering.importer import LayerInfo
from layering.layerscripts import departed_scripts, install_sequence, scripts_of
from layering.links import directory_at
from layering.repo import Repo
from layering.rpmdb_files import files_below
from layering.triggerfiles import THE_BASE, triggers_of
from layering.union import Union
from solver import Nevra, compare_evr
from triggers import (
    TRIGGER_TAGS,
    FileTrigger,
    KernelChange,
    PackageScripts,
    PackageTrigger,
    PathList,
    Plan,
    SkipRule,
    TreeChange,
    file_triggers_of,
    package_triggers_of,
    plan,
)

# Every package has a name: with it the kept answer tells all of the base's packages.
_NAME_TAG = 1000

_Installed = tuple[Nevra, tuple[FileTrigger, ...], tuple[PackageTrigger, ...]]


def plan_of(
    repo: Repo,
    base: Base,
    layers: Sequence[LayerInfo],
    united: Union,
    *,
    noscripts: frozenset[str] = frozenset(),
    skip: Sequence[SkipRule] = (),
    kernel: KernelChange | None = None,
    host: Sequence[HostFile] = (),
) -> Plan:
    """Returns what runs over the united tree, and what is skipped.

    `kernel` is the tree's, if its initramfs can be made anew; `host` are the host's own triggers.

    Raises:
        DropInError: the host has one that cannot be used in this tree.
    """
    installed = _installed(base)
    versions: dict[str, tuple[str, ...]] = {}
    for nevra, _files, _packages in installed:
        versions[nevra.name] = (*versions.get(nevra.name, ()), nevra.evr)
    added = tuple(scripts_of(layer, base.layout) for layer in install_sequence(layers, base.layout))
    table = triggers_of(repo, united.root_tree, host, owners_of(added))
    change = TreeChange(
        added=added,
        removed=departed_scripts(united.departed, base.layout),
        base_file_triggers=tuple(trigger for _, files, _ in installed for trigger in files),
        base_package_triggers=tuple(trigger for _, _, found in installed for trigger in found),
        tools=tools_of(repo, united),
        base_files=_base_files(base),
        base_versions=versions,
        compare_evr=compare_evr,
        sysusers_config=(POOL_CONFIG_PATH,) if base.commit is not None else (),
        kernel=kernel,
        declared=table.triggers,
        anew=table.anew,
    )
    warnings = tuple(f"trigger left out: {each}" for each in table.problems)
    return replace(plan(change, noscripts=noscripts, skip=skip), warnings=warnings)


def owners_of(packages: Sequence[PackageScripts]) -> Callable[[str], str]:
    """Returns the question whose a path is: a layer's, by its NEVRA, or the base's."""
    owners: dict[str, str] = {}

    def owner(path: str) -> str:
        if not owners:
            owners.update((each, package.package) for package in packages for each in package.files)
        return owners.get(path, THE_BASE)

    return owner


def tools_of(repo: Repo, united: Union) -> Callable[[str], bool]:
    """Returns the test whether the united tree has a program."""
    return tools_in_tree(repo, united.root_tree)


def tools_in_tree(repo: Repo, root_tree: str) -> Callable[[str], bool]:
    """Returns the test whether a tree, by the checksum of its root directory, has a program."""

    def exists(tool: str) -> bool:
        if tool.startswith("/"):  # perhaps through a link, as /bin is one
            above, _slash, name = tool.rpartition("/")
            directory = directory_at(repo, root_tree, above)
            places = [] if directory is None else [f"{directory}/{name}"]
        else:
            places = [f"/usr/bin/{tool}", f"/usr/sbin/{tool}"]
        return any(find(repo.dirtree, root_tree, place) for place in places)

    return exists


def _installed(base: Base) -> list[_Installed]:
    if base.commit is None:
        return []
    cache = base.installroot.with_name(f"{base.installroot.name}.scripts.json")
    database = rpmdb.database_in(base.installroot)
    return [
        (
            package.nevra,
            file_triggers_of(str(package.nevra), package.tags),
            package_triggers_of(str(package.nevra), package.tags),
        )
        for package in rpmdb_query.tagged(database, TRIGGER_TAGS | {_NAME_TAG}, cache)
    ]


def _base_files(base: Base) -> Callable[[Sequence[str]], Iterable[PathList]]:
    if base.commit is None:
        return lambda _prefixes: ()
    return files_below(rpmdb.database_in(base.installroot), base.layout, base.links)
