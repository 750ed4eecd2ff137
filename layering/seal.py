# SPDX-License-Identifier: LGPL-2.1-or-later
"""From what scriptlets wrote to a commit: the upper directory of the overlay patches the tree.

Only the upper is walked, so the cost follows what changed. Its own terms are overlayfs'
(https://docs.kernel.org/filesystems/overlayfs.html): a character device 0:0 is a removed path, the
attribute `trusted.overlay.opaque` on a directory hides all that was below. libostree's own import
of directories knows neither and stops at the first whiteout. What becomes of single files, labels
included, is in `layering.upperobjects`.
"""

import os
import stat
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from layering import mtree, treewalk
from layering._ostree import GLib
from layering.dirtree import FileNode
from layering.labels import UNLABELLED, Labels
from layering.mtree import MutableTree
from layering.repo import Repo
from layering.sealroom import check_room
from layering.treewalk import Found
from layering.upperobjects import OPAQUE, UpperObjects, is_whiteout, utf8


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
    objects: UpperObjects | None = None,
) -> Patched:
    """Brings what an overlay's upper directory holds below the given top-level names into `tree`.

    Everything else at the top (`etc`, `var`, `run`, …) is not part of an image and is ignored. A
    file that was copied up and not changed becomes the very object that it was. `objects` may know
    some of the files, and then has the labels.

    Raises:
        NoRoomError: it would fill the disk, or its holes would; nothing is written then.
        TooDeepError: something is too deep, or its path is too long; nothing is written then.
        UnsupportedNameError: a file name, or a link's target, is not UTF-8.
    """
    names = frozenset(map(os.fsencode, tops))
    check_room(upper, names, _free(repo))
    patch = _Patch(tree, objects or UpperObjects(repo=repo, labels=labels))
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

    def __init__(self, tree: MutableTree, objects: UpperObjects) -> None:
        self._objects = objects
        self.dropped: list[str] = []
        self._trees = [tree]  # down to where the walk is

    def apply(self, found: Found) -> None:
        """Does to the tree what one entry of the upper directory says."""
        del self._trees[found.level + 1 :]
        tree, name, mode = self._trees[-1], utf8(found.name, found), found.status.st_mode
        if stat.S_ISDIR(mode):
            self._trees.append(self._directory(tree, name, found))
        elif stat.S_ISREG(mode) or stat.S_ISLNK(mode):
            before = mtree.child(tree, name)
            old = before.checksum if isinstance(before, FileNode) else None
            mtree.put_file(tree, name, self._objects.file(found, old))
        else:
            mtree.remove(tree, name)
            if not is_whiteout(found.status):
                self.dropped.append("/" + os.fsdecode(found.path))

    def _directory(self, tree: MutableTree, name: str, found: Found) -> MutableTree:
        if found.xattr(OPAQUE) == b"y":
            mtree.remove(tree, name)
        below = mtree.enter(tree, name)
        mtree.set_meta(below, self._objects.directory(found, below.get_metadata_checksum()))
        return below


def _free(repo: Repo) -> int:
    now = os.statvfs(repo.path)
    return now.f_bavail * now.f_frsize
