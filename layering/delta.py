# SPDX-License-Identifier: LGPL-2.1-or-later
"""The difference between a checkout's tree and another tree, as a directory for overlayfs.

Mounted over the checkout it shows the other tree: files are hard links to the repository's objects,
which overlayfs never writes to; removed paths are whiteouts, and what is new as a whole is opaque
(https://docs.kernel.org/filesystems/overlayfs.html). Directories take their metadata from the
topmost side, so each one on the way to a change carries the new tree's.
"""

import errno
import os
import shutil
import stat
from pathlib import Path

from layering.dirtree import ChangeKind, DirNode, FileNode, diff, find
from layering.objects import DirMeta, Xattrs
from layering.repo import Repo

_OPAQUE = "trusted.overlay.opaque"


def make_delta(repo: Repo, directory: Path, *, before: DirNode, after: DirNode) -> None:
    """Makes a directory that, mounted over a checkout of `before`, shows `after`.

    Costs what the difference costs; directories that both trees share are neither read nor made.
    """
    _Delta(repo, directory, after).fill(before)


def make_directory(path: Path, meta: DirMeta) -> None:
    """Makes a directory with exactly that owner, mode and extended attributes."""
    path.mkdir()
    _set_metadata(path, meta.uid, meta.gid, meta.xattrs)
    path.chmod(meta.mode)


def place_file(repo: Repo, checksum: str, path: Path) -> None:
    """Puts a file of the repository at `path`: a hard link to the object, or an exact copy.

    Empty files are copied, as libostree does it when it checks out: many paths have that content,
    and a file system has a limit of links per file.
    """
    source = repo.object_path(checksum)
    status = source.lstat()
    if status.st_size or stat.S_ISLNK(status.st_mode):
        try:
            os.link(source, path, follow_symlinks=False)
        except OSError as error:
            if error.errno != errno.EMLINK:
                raise
        else:
            return
    _copy(repo, checksum, source, path)


class _Delta:
    """A delta directory being filled."""

    def __init__(self, repo: Repo, directory: Path, after: DirNode) -> None:
        self.repo = repo
        self.directory = directory
        self.after = after
        self.made: set[str] = set()

    def fill(self, before: DirNode) -> None:
        self._ensure("")
        for change in diff(self.repo.dirtree, before.tree, self.after.tree):
            if change.kind is ChangeKind.METADATA:
                self._ensure(change.path)
                continue
            self._ensure(change.path.rpartition("/")[0])
            target = self._at(change.path)
            if change.after is None:
                os.mknod(target, stat.S_IFCHR, os.makedev(0, 0))
            elif isinstance(change.after, FileNode):
                place_file(self.repo, change.after.checksum, target)
            else:
                self._add(target, change.after)
                os.setxattr(target, _OPAQUE, b"y")

    def _at(self, path: str) -> Path:
        return self.directory / path.lstrip("/")

    def _ensure(self, path: str) -> None:
        """Makes a directory that both trees have, and those above it, if they aren't made yet."""
        if path in self.made:
            return
        node = find(self.repo.dirtree, self.after.tree, path) if path else self.after
        assert isinstance(node, DirNode)
        if path:
            self._ensure(path.rpartition("/")[0])
        make_directory(self._at(path), self.repo.dirmeta(node.meta))
        self.made.add(path)

    def _add(self, target: Path, node: DirNode) -> None:
        make_directory(target, self.repo.dirmeta(node.meta))
        tree = self.repo.dirtree(node.tree)
        for name, checksum in tree.files:
            place_file(self.repo, checksum, target / name)
        for name, below, meta in tree.dirs:
            self._add(target / name, DirNode(tree=below, meta=meta))


def _copy(repo: Repo, checksum: str, source: Path, path: Path) -> None:
    info = repo.file_info(checksum)
    if info.target is not None:
        path.symlink_to(info.target)
        _set_metadata(path, info.uid, info.gid, info.xattrs)
        return
    shutil.copyfile(source, path)
    _set_metadata(path, info.uid, info.gid, info.xattrs)
    path.chmod(info.mode)


def _set_metadata(path: Path, uid: int, gid: int, xattrs: Xattrs) -> None:
    # Owner first: the kernel clears capabilities and setuid when it changes. The mode comes last.
    os.chown(path, uid, gid, follow_symlinks=False)
    for name, value in xattrs:
        os.setxattr(path, name, value, follow_symlinks=False)
