# SPDX-License-Identifier: LGPL-2.1-or-later
"""Whether there is room for another deployment: in /boot for its kernel, beside the repository.

libostree copies kernel and initramfs to /boot when a staged deployment is finalized, at shutdown.
If that has no room for both the old ones and the new, it first drops the deployments that are to go
(`auto_early_prune_old_deployments` in
https://github.com/ostreedev/ostree/blob/main/src/libostree/ostree-sysroot-deploy.c); what is asked
for here is what it needs then. On the file system of the repository they are hard links.

Of the deployment itself a lower bound is asked for: files are hard links, but nobody counts the
directories beforehand. The space that the repository keeps free (`min-free-space-percent`) is for
objects alone, a deployment may use it.
"""

import os
from collections.abc import Sequence
from pathlib import Path

from layering.deployments import Deployment, Place, dropped_next
from layering.dirtree import DirNode, FileNode, Node, find, walk
from layering.errors import SysrootError
from layering.repo import Repo
from layering.sysroot import Sysroot

_MARGIN = 1 << 20  # for boot entries: libostree's own
_FLOOR = 4 << 20  # directories, /etc: what even a small tree takes
_IMAGE = ".ostree.cfs"  # composefs's, which libostree may write for every deployment
_IN_MODULES = ("initramfs.img", "initramfs", "devicetree", "dtb", ".vmlinuz.hmac", "aboot.img")
_OLD_NAMES = ("vmlinuz-", "initramfs-", "devicetree-")

Boot = dict[str, Node]  # what goes to /boot, by name


def check_boot(sysroot: Sysroot, stateroot: str, commit: str) -> None:
    """Checks that the kernel of a commit will find room in /boot.

    Raises:
        SysrootError: it won't.
    """
    repo, boot = sysroot.repo, sysroot.path / "boot"
    if not boot.is_dir() or boot.stat().st_dev == repo.path.stat().st_dev:
        return
    files = boot_files(repo, commit)
    present = [each for each in sysroot.deployments if not each.staged]
    same = (boot_files(repo, each.checksum) for each in present if each.stateroot == stateroot)
    if any(files == other for other in same):  # their directory is there, and is used again
        return
    status = os.statvfs(boot)
    needed = _size(repo, files, status.f_frsize) + _MARGIN
    free = status.f_bfree * status.f_frsize
    if sysroot.is_booted:
        free += _freed(boot, present, stateroot, status.f_frsize)
    if needed > free:
        what = f"not enough space in {boot} for the kernel of {commit[:12]}"
        error = SysrootError(f"{what}: needs {_shown(needed)}, {_shown(free)} can be had")
        error.add_note("drop a deployment with 'overlay cleanup --rollback', or unpin one")
        raise error


def check_root(sysroot: Sysroot, like: Deployment | None) -> None:
    """Checks that there is as much room as a deployment takes at least.

    Raises:
        SysrootError: there isn't.
    """
    image = like.path / _IMAGE if like else None
    needed = _FLOOR + (image.stat().st_size if image and image.is_file() else 0)
    status = os.statvfs(sysroot.repo.path)
    free = status.f_bfree * status.f_frsize
    if needed > free:
        what = f"not enough space for another deployment: sysroot {sysroot.path}"
        error = SysrootError(f"{what} needs {_shown(needed)} at least, has {_shown(free)}")
        error.add_note("free some space, or remove deployments and layers with 'overlay cleanup'")
        raise error


def boot_files(repo: Repo, commit: str) -> Boot:
    """Returns what libostree copies to /boot of a commit; nothing for one without a kernel."""
    root = repo.commit_of(commit).root_tree
    found: Boot = {}
    for version in sorted(_listed(repo, root, "/usr/lib/modules")):
        files = _listed(repo, root, f"/usr/lib/modules/{version}")
        if isinstance(files.get("vmlinuz"), FileNode):
            names = [name for name in ("vmlinuz", *_IN_MODULES) if name in files]
            found = {name: files[name] for name in names}
            break
    if not any(name.startswith("initramfs") for name in found):
        old = _listed(repo, root, "/usr/lib/ostree-boot") or _listed(repo, root, "/boot")
        named = {name: node for name, node in old.items() if name.startswith(_OLD_NAMES)}
        found = named if any(name.startswith("vmlinuz-") for name in named) else found
    return found


def _listed(repo: Repo, root: str, path: str) -> Boot:
    node = find(repo.dirtree, root, path)
    if not isinstance(node, DirNode):
        return {}
    tree = repo.dirtree(node.tree)
    below: Boot = {name: DirNode(tree=inner, meta=meta) for name, inner, meta in tree.dirs}
    return below | {name: FileNode(checksum=checksum) for name, checksum in tree.files}


def _size(repo: Repo, files: Boot, block: int) -> int:
    nodes = list(files.values())
    for node in files.values():
        if isinstance(node, DirNode):
            nodes += [inner for _path, inner in walk(repo.dirtree, node.tree)]
    sizes = (repo.file_info(node.checksum).size for node in nodes if isinstance(node, FileNode))
    return sum(_blocks(size, block) for size in sizes)


def _freed(boot: Path, present: Sequence[Deployment], stateroot: str, block: int) -> int:
    """Returns the size of the kernels that no deployment has any more once the new one is there."""
    places = [Place(stateroot=stateroot, staged=True)]
    places += [
        Place(stateroot=each.stateroot, booted=each.booted, pinned=each.pinned) for each in present
    ]
    dropped = {at - 1 for at in dropped_next(places)}
    kept = {each.boot_checksum for at, each in enumerate(present) if at not in dropped}
    return sum(
        _blocks(path.lstat().st_size, block)
        for directory in boot.glob("ostree/*-*")
        if directory.name.rpartition("-")[2] not in kept
        for path in directory.rglob("*")
        if path.is_file()
    )


def _blocks(size: int, block: int) -> int:
    return -(-size // block) * block


def _shown(size: int) -> str:
    return f"{size / (1 << 20):.1f} MiB"
