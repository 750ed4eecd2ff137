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

from layering import mtree
from layering._ostree import GLib
from layering.dirtree import FileNode
from layering.errors import UnsupportedNameError
from layering.labels import UNLABELLED, Labels, label_of, with_label
from layering.mtree import MutableTree
from layering.objects import DirMeta, Xattrs
from layering.repo import Repo

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
        UnsupportedNameError: a file name, or a link's target, is not UTF-8.
    """
    patch = _Patch(repo, labels)
    with repo.transaction():
        for entry in sorted(os.scandir(upper), key=lambda entry: entry.name):
            if entry.name in tops:
                patch.entry(tree, entry, f"/{entry.name}")
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
    """A walk over an upper directory."""

    def __init__(self, repo: Repo, labels: Labels) -> None:
        self.repo = repo
        self.labels = labels
        self.dropped: list[str] = []

    def entry(self, tree: MutableTree, entry: os.DirEntry[str], path: str) -> None:
        """Does to the tree what one entry of the upper directory says."""
        name = _utf8(entry.name, path)
        status = entry.stat(follow_symlinks=False)
        if stat.S_ISDIR(status.st_mode):
            self._directory(tree, name, entry, status, path)
        elif stat.S_ISREG(status.st_mode) or stat.S_ISLNK(status.st_mode):
            mtree.put_file(tree, name, self._file(tree, name, entry, status, path))
        else:
            mtree.remove(tree, name)
            if not (stat.S_ISCHR(status.st_mode) and status.st_rdev == 0):
                self.dropped.append(path)

    def _directory(
        self,
        tree: MutableTree,
        name: str,
        entry: os.DirEntry[str],
        status: os.stat_result,
        path: str,
    ) -> None:
        if _OPAQUE in os.listxattr(entry.path) and os.getxattr(entry.path, _OPAQUE) == b"y":
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
            xattrs=with_label(_xattrs(entry.path), label),
        )
        mtree.set_meta(below, self.repo.write_dirmeta(meta))
        for each in sorted(os.scandir(entry.path), key=lambda each: each.name):
            self.entry(below, each, f"{path}/{each.name}")

    def _file(
        self,
        tree: MutableTree,
        name: str,
        entry: os.DirEntry[str],
        status: os.stat_result,
        path: str,
    ) -> str:
        """Writes a file and returns the object: the one that is there, if only labels differ."""
        write = self._regular if stat.S_ISREG(status.st_mode) else self._symlink
        xattrs, label = _xattrs(entry.path), self.labels.xattrs(path.encode(), status.st_mode)
        before = mtree.child(tree, name)
        if isinstance(before, FileNode):
            old = label_of(self.repo.file_info(before.checksum).xattrs)
            if old != label:
                checksum = write(entry, status, path, with_label(xattrs, old))
                if checksum == before.checksum:
                    return checksum
        return write(entry, status, path, with_label(xattrs, label))

    def _regular(
        self, entry: os.DirEntry[str], status: os.stat_result, path: str, xattrs: Xattrs
    ) -> str:
        with Path(entry.path).open("rb") as content:
            return self.repo.write_regular(
                content,
                length=status.st_size,
                uid=status.st_uid,
                gid=status.st_gid,
                mode=stat.S_IMODE(status.st_mode),
                xattrs=xattrs,
            )

    def _symlink(
        self, entry: os.DirEntry[str], status: os.stat_result, path: str, xattrs: Xattrs
    ) -> str:
        # Path.readlink would tidy the target up: "./a" is not "a".
        target = _utf8(os.readlink(entry.path), path, _TARGET)  # noqa: PTH115
        return self.repo.write_symlink(target, uid=status.st_uid, gid=status.st_gid, xattrs=xattrs)


def _utf8(text: str, path: str, what: str = "file name") -> str:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise UnsupportedNameError(os.fsencode(path), _WRITER, what) from error
    return text


def _xattrs(path: str) -> Xattrs:
    names = os.listxattr(path, follow_symlinks=False)
    return tuple(
        (os.fsencode(name), os.getxattr(path, name, follow_symlinks=False))
        for name in sorted(names)
        if not name.startswith(_OVERLAY_XATTRS)
    )
