# SPDX-License-Identifier: LGPL-2.1-or-later
"""The kernel of a tree: where it is, and the initramfs that is made for it inside the tree.

libostree boots `/usr/lib/modules/KVER/vmlinuz` with the `initramfs.img` beside it; exactly one
kernel may be there (https://ostreedev.github.io/ostree/deployment/). A base's initramfs is made
anew, with the arguments that its composer recorded, only where there is one and the tree has
dracut: it is the same for all hosts (`--no-hostonly`), as everything in a tree.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from layering import beneath
from layering.base import Base
from layering.dirtree import DirNode, find
from layering.errors import LayeringError
from layering.importer import LayerInfo
from layering.paths import tree_path
from layering.repo import Repo
from layering.union import Union
from triggers import (
    INITRAMFS,
    Invocation,
    KernelChange,
    Memory,
    Outcome,
    Phase,
    Sandbox,
    dracut,
    run,
)

INITRAMFS_ARGUMENTS = ("--no-hostonly", "--add", "ostree")
_MODULES = "usr/lib/modules"
_KERNEL, _IMAGE = "vmlinuz", "initramfs.img"
_ARGUMENTS_KEY = "rpmostree.initramfs-args"


class KernelError(LayeringError):
    """A tree has no kernel, or several, or no initramfs could be made for it."""


def kernel_version(root: Path) -> str:
    """Returns the version of the tree's one kernel, "" if it has none.

    Raises:
        KernelError: several are there.
    """
    found = [
        version
        for version in beneath.names(root, _MODULES)
        if beneath.exists(root, f"{_MODULES}/{version}/{_KERNEL}")
    ]
    if len(found) > 1:
        raise KernelError(f"several kernels in one tree: {', '.join(found)}")
    return found[0] if found else ""


def check_stays(repo: Repo, base: Base, united: Union) -> None:
    """Makes sure that no package of the base that goes leaves the tree without a kernel.

    Raises:
        KernelError: naming what goes.
    """
    if not united.departed or _kernels(repo, united.root_tree):
        return
    if base.commit is not None and _kernels(repo, repo.commit_of(base.commit).root_tree):
        going = ", ".join(sorted(str(each.nevra) for each in united.departed))
        error = KernelError(f"no kernel would be left in the tree without {going}")
        error.add_note("a kernel may be replaced: overlay override replace NAME-VERSION")
        raise error


def check_one(repo: Repo, base: Base, layers: Sequence[LayerInfo], united: Union) -> None:
    """Makes sure that layers bring no second kernel; to be called before any script runs.

    Raises:
        KernelError: naming both kernels, and the packages that bring those which are too many.
    """
    found = sorted(_kernels(repo, united.root_tree))
    if len(found) < 2:
        return
    bringing = {
        version: str(layer.layer.nevra)
        for layer in layers
        for version in found
        if _brings(layer, base, version)
    }
    named = ", ".join(f"{version} ({bringing.get(version, 'of the base')})" for version in found)
    error = KernelError(f"several kernels in one tree: {named}")
    error.add_note("a tree boots exactly one: the base's changes with the base, 'overlay upgrade'")
    raise error


def change_of(repo: Repo, base: Base, united: Union) -> KernelChange | None:
    """Returns the kernel whose initramfs scripts may have to make anew, None if there is none.

    dracut made the base's initramfs if its composer recorded dracut's arguments, or if dracut is
    all that the tree could have made it with.
    """
    if base.commit is None:
        return None  # a composer makes its own, at the very end
    commit = repo.commit_of(base.commit)
    made = [
        version for version, files in _kernels(repo, commit.root_tree).items() if _IMAGE in files
    ]
    kernels = sorted(_kernels(repo, united.root_tree))
    places = [f"/usr/{each}/{tool}" for tool in INITRAMFS.tools for each in ("bin", "sbin")]
    has_tool = any(find(repo.dirtree, united.root_tree, place) for place in places)
    if not made or len(kernels) != 1 or not has_tool:
        return None
    recorded = commit.metadata.lookup_value(_ARGUMENTS_KEY, None)
    arguments = tuple(map(str, recorded.unpack())) if recorded is not None else ()
    return KernelChange(version=kernels[0], arguments=arguments or INITRAMFS_ARGUMENTS)


def check_bootable(root: Path, change: KernelChange | None) -> str:
    """Makes sure that scripts left one kernel with its initramfs; returns its version, "" for none.

    Raises:
        KernelError: there are several, another, or no initramfs beside it.
    """
    version = kernel_version(root)
    if change is None:
        return version
    if version != change.version:
        raise KernelError(f"scripts exchanged kernel {change.version} for {version or 'none'}")
    if not beneath.exists(root, f"{_MODULES}/{version}/{_IMAGE}"):
        raise KernelError(f"no initramfs beside kernel {version} after scripts ran")
    return version


def make_initramfs(
    root: Path,
    sandbox: Sandbox,
    version: str,
    arguments: Sequence[str],
    *,
    time_limit: float,
    memory: Memory | None = None,
) -> Outcome:
    """Makes `initramfs.img` beside the kernel with the tree's own dracut, and returns its outcome.

    Raises:
        KernelError: dracut made nothing.
        ScriptletFailedError: with dracut's output and a line that runs it again.
    """
    invocation = Invocation(
        phase=Phase.BUILTIN,
        owner=INITRAMFS.name,
        label=f"{INITRAMFS.name} {version}",
        interpreter=dracut(version, arguments or INITRAMFS_ARGUMENTS),
        environment=(*INITRAMFS.environment, ("SOURCE_DATE_EPOCH", "0")),
        fatal=True,
        memo=True,
        why="the tree has a kernel",
    )
    (outcome,) = run([invocation], sandbox, time_limit=time_limit, memory=memory)
    made = outcome.remembered or beneath.exists(root, f"{_MODULES}/{version}/{_IMAGE}")
    if not made:
        what = f"dracut made no initramfs for kernel {version}"
        raise KernelError(f"{what}: {outcome.output[-500:].strip()}")
    return outcome


def _kernels(repo: Repo, root: str) -> Mapping[str, frozenset[str]]:
    """Returns what lies beside each kernel of a stored tree, by version."""
    node = find(repo.dirtree, root, f"/{_MODULES}")
    if not isinstance(node, DirNode):
        return {}
    found = {}
    for version, tree, _meta in repo.dirtree(node.tree).dirs:
        files = frozenset(name for name, _checksum in repo.dirtree(tree).files)
        if _KERNEL in files:
            found[version] = files
    return found


def _brings(layer: LayerInfo, base: Base, version: str) -> bool:
    place = f"/{_MODULES}/{version}/{_KERNEL}".encode("utf-8", "surrogateescape")
    return any(
        tree_path(entry.path, base.layout).tree == place
        for entry in layer.header.files
        if entry.path.rpartition(b"/")[2].startswith(_KERNEL.encode())
    )
