# SPDX-License-Identifier: LGPL-2.1-or-later
"""From what scriptlets wrote to a commit: the upper directory of the overlay patches the tree.

Only the upper is walked, so the cost follows what changed. Its own terms are overlayfs'
(https://docs.kernel.org/filesystems/overlayfs.html): a character device 0:0 is a removed path, the
attribute `trusted.overlay.opaque` on a directory hides all that was below. libostree's own import
of directories knows neither and stops at the first whiteout.

What is new is labelled by the policy: the label that a file has in the upper came from the kernel
that the script ran under, or from the file's former place. What was there before and was not
changed keeps the label that it has in the tree, be it the policy's or not.
"""

import os
import stat
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from layering import mtree, treewalk
from layering._ostree import GLib
from layering.dirtree import FileNode
from layering.errors import UnsupportedNameError
from layering.labels import UNLABELLED, Labels, label_of, with_label
from layering.mtree import MutableTree
from layering.objects import DirMeta, Xattrs
from layering.repo import Repo
from layering.sealroom import check_room
from layering.treewalk import Found

_OVERLAY_XATTRS = ("trusted.overlay.", "user.overlay.")
_OPAQUE = "trusted.overlay.opaque"
_WRITER = "a scriptlet"
_TARGET = "symbolic link's target"


@dataclass(frozen=True, slots=True, kw_only=True)
class Patched:
    """What sealing left out: paths in the tree, sorted."""

    dropped: tuple[str, ...]  # sockets, pipes and device nodes: a commit cannot hold them


def patch_from_upper(
    repo: Repo,
    tree: MutableTree,
    upper: Path,
    *,
    tops: Collection[str] = ("usr",),
    labels: Labels = UNLABELLED,
) -> Patched:
    """Brings what an overlay's upper directory holds below the given top-level names into `tree`.

    Everything else at the top (`etc`, `var`, `run`, …) is not part of an image and is ignored. A
    file that was copied up and not changed becomes the very object that it was.

    Raises:
        NoRoomError: it would fill the disk, or its holes would; nothing is written then.
        TooDeepError: something is too deep, or its path is too long; nothing is written then.
        UnsupportedNameError: a file name, or a link's target, is not UTF-8.
    """
    names = frozenset(map(os.fsencode, tops))
    check_room(upper, names, _free(repo))
    patch = _Patch(repo, tree, labels)
    with repo.transaction():
        for found in treewalk.walk(upper, only=names):
            patch.apply(found)
    return Patched(dropped=tuple(patch.dropped))


def commit(
    repo: Repo,
    tree: MutableTree,
    *,
    parent: str | None,
    subject: str,
    timestamp: int,
    metadata: Mapping[str, GLib.Variant],
    refs: Collection[str] = (),
) -> str:
    """Commits the tree, points `refs` at it in the same transaction, and returns the checksum."""
    with repo.transaction():
        checksum = repo.write_commit(
            tree=repo.write_tree(tree),
            parent=parent,
            subject=subject,
            timestamp=timestamp,
            metadata=metadata,
        )
        for ref in refs:
            repo.set_ref(ref, checksum)
    return checksum


class _Patch:
    """What a walk over an upper directory does to a tree."""

    def __init__(self, repo: Repo, tree: MutableTree, labels: Labels) -> None:
        self.repo = repo
        self.labels = labels
        self.dropped: list[str] = []
        self._trees = [tree]  # down to where the walk is

    def apply(self, found: Found) -> None:
        """Does to the tree what one entry of the upper directory says."""
        del self._trees[found.level + 1 :]
        tree, path = self._trees[-1], "/" + os.fsdecode(found.path)
        name = _utf8(found.name, found)
        mode = found.status.st_mode
        if stat.S_ISDIR(mode):
            self._trees.append(self._directory(tree, name, found, path))
        elif stat.S_ISREG(mode) or stat.S_ISLNK(mode):
            mtree.put_file(tree, name, self._file(tree, name, found, path))
        else:
            mtree.remove(tree, name)
            if not (stat.S_ISCHR(mode) and found.status.st_rdev == 0):
                self.dropped.append(path)

    def _directory(self, tree: MutableTree, name: str, found: Found, path: str) -> MutableTree:
        status = found.status
        if found.xattr(_OPAQUE) == b"y":
            mtree.remove(tree, name)
        below = mtree.enter(tree, name)
        before = below.get_metadata_checksum()
        label = (
            label_of(self.repo.dirmeta(before).xattrs)
            if before
            else self.labels.xattrs(path.encode(), status.st_mode)
        )
        meta = DirMeta(
            uid=status.st_uid,
            gid=status.st_gid,
            mode=stat.S_IMODE(status.st_mode),
            xattrs=with_label(_xattrs(found), label),
        )
        mtree.set_meta(below, self.repo.write_dirmeta(meta))
        return below

    def _file(self, tree: MutableTree, name: str, found: Found, path: str) -> str:
        """Writes a file and returns the object: the one that is there, if only labels differ."""
        mode = found.status.st_mode
        write = self._regular if stat.S_ISREG(mode) else self._symlink
        xattrs, label = _xattrs(found), self.labels.xattrs(path.encode(), mode)
        before = mtree.child(tree, name)
        if isinstance(before, FileNode):
            old = label_of(self.repo.file_info(before.checksum).xattrs)
            if old != label:
                checksum = write(found, with_label(xattrs, old))
                if checksum == before.checksum:
                    return checksum
        return write(found, with_label(xattrs, label))

    def _regular(self, found: Found, xattrs: Xattrs) -> str:
        status = found.status
        with os.fdopen(found.opened(), "rb") as content:
            return self.repo.write_regular(
                content,
                length=status.st_size,
                uid=status.st_uid,
                gid=status.st_gid,
                mode=stat.S_IMODE(status.st_mode),
                xattrs=xattrs,
            )

    def _symlink(self, found: Found, xattrs: Xattrs) -> str:
        status, target = found.status, _utf8(found.target(), found, _TARGET)
        return self.repo.write_symlink(target, uid=status.st_uid, gid=status.st_gid, xattrs=xattrs)


def _free(repo: Repo) -> int:
    now = os.statvfs(repo.path)
    return now.f_bavail * now.f_frsize


def _utf8(text: bytes, found: Found, what: str = "file name") -> str:
    try:
        return text.decode("utf-8")
    except UnicodeDecodeError as error:
        raise UnsupportedNameError(b"/" + found.path, _WRITER, what) from error


def _xattrs(found: Found) -> Xattrs:
    return tuple(
        (os.fsencode(name), value)
        for name, value in found.xattrs().items()
        if not name.startswith(_OVERLAY_XATTRS)
    )
