# SPDX-License-Identifier: LGPL-2.1-or-later
"""What libostree's merge of `/etc` will do with files that both the host and the new tree changed.

The merge takes the new tree's defaults and puts on top every path that differs here from the
defaults of the tree that runs; where both changed a path, this host's side stays. It looks at
content, mode, owner and type, not at extended attributes, and it refuses, at shutdown and with the
whole deployment, where a directory would have to take the place of a file or a file that of a
directory with changes below it (`merge_configuration_from` in
https://github.com/ostreedev/ostree/blob/main/src/libostree/ostree-sysroot-deploy.c). Mode and owner
of directories are not reported: the merge takes them from either side, by what else is changed.

Only what differs between the two trees is looked at on disk, and every directory of the new one.
"""

import os
import posixpath
import stat
from collections.abc import Iterator
from enum import Enum, auto
from pathlib import Path

from layering.dirtree import ChangeKind, DirNode, DirTree, FileNode, Node, find
from layering.etcconflicts import EtcClash, EtcConflict, EtcMergeError, Side
from layering.repo import Repo

_CHUNK = 1 << 20
_NOTHING = DirTree()


def compare_etc(repo: Repo, before: str, after: str, etc: Path) -> tuple[EtcConflict, ...]:
    """Returns what changed in `etc` and from one commit to another, and how it will be settled.

    Raises:
        EtcMergeError: the merge would refuse; every clash is named.
    """
    comparison = _Comparison(repo, etc, _defaults(repo, after))
    comparison.below("", _defaults(repo, before), comparison.after)
    if comparison.clashes:
        raise EtcMergeError(tuple(comparison.clashes))
    return tuple(comparison.conflicts)


def _defaults(repo: Repo, commit: str) -> str | None:
    root = repo.commit_of(commit).root_tree
    for path in ("/usr/etc", "/etc"):  # libostree moves the second to the first
        node = find(repo.dirtree, root, path)
        if isinstance(node, DirNode):
            return node.tree
    return None


class _Way(Enum):
    DIRECTORY = auto()  # the merge goes on in it
    NOWHERE = auto()  # nothing can be written, but what is to be removed there is gone
    BLOCKED = auto()


class _Comparison:
    """Goes through three directories at once; paths are relative to `/etc`."""

    def __init__(self, repo: Repo, etc: Path, after: str | None) -> None:
        self.after = after
        self.conflicts: list[EtcConflict] = []
        self.clashes: list[EtcClash] = []
        self._repo = repo
        self._etc = os.fspath(etc)

    def below(self, path: str, old: str | None, new: str | None) -> None:
        """Compares what is in a directory that the host has; None is the tree of an absent one."""
        olds = self._nodes(old)
        if old == new:  # a directory that became a file here still stands in the way
            names = sorted(name for name, node in olds.items() if isinstance(node, DirNode))
            news = olds
        else:
            news = self._nodes(new)
            names = sorted(olds.keys() | news.keys())
        for name in names:
            self._entry(f"{path}/{name}" if path else name, olds.get(name), news.get(name))

    def _entry(self, path: str, old: Node | None, new: Node | None) -> None:
        if old == new and not isinstance(new, DirNode):
            return
        try:
            status = os.lstat(f"{self._etc}/{path}")
        except FileNotFoundError:
            if old is not None and new is not None and old != new:
                self._conflict(path, ChangeKind.REMOVED, ChangeKind.MODIFIED)
            return
        if isinstance(new, DirNode):
            self._directory(path, old, new, status)
        elif not stat.S_ISDIR(status.st_mode):
            self._file(path, old, new, status)
        elif not isinstance(old, DirNode):
            self._both(path, old, new)
        elif new is None and _owned(status) != self._owned(old):
            self._both(path, old, new)  # the merge copies it as a whole
        elif new is None:
            self.below(path, old.tree, None)
        else:
            self._instead_of_directory(path, old, new, status)

    def _directory(self, path: str, old: Node | None, new: DirNode, status: os.stat_result) -> None:
        is_directory = stat.S_ISDIR(status.st_mode)
        if not isinstance(old, FileNode):
            if is_directory:
                self.below(path, old.tree if old else None, new.tree)
                return
        elif is_directory:
            if os.listdir(f"{self._etc}/{path}"):  # noqa: PTH208 no need for a Path of each
                self._both(path, old, new, Side.TREE)
            return
        elif not self._differs(old, path, status):
            return
        self._clash(path, _kind(status), "a directory")

    def _file(
        self, path: str, old: Node | None, new: FileNode | None, status: os.stat_result
    ) -> None:
        if isinstance(old, FileNode) and not self._differs(old, path, status):
            return
        if new is None or self._differs(new, path, status):
            self._both(path, old, new)

    def _instead_of_directory(
        self, path: str, old: DirNode, new: FileNode, status: os.stat_result
    ) -> None:
        """A directory of the host, as of the old tree, that is a file or link in the new one."""
        own = _owned(status) != self._owned(old)
        changes = set(self._changes(path, old))
        way = self._way(path, new)
        # With its own mode changed the directory goes on as a whole, but removals come before that.
        kept = bool(changes - {ChangeKind.REMOVED}) and not own and way is not _Way.DIRECTORY
        if kept or (ChangeKind.REMOVED in changes and way is _Way.BLOCKED):
            is_link = self._repo.file_info(new.checksum).target is not None
            tree = "a symbolic link" if is_link else "a file"
            self._clash(path, "a directory with changes of yours", tree)
        elif own:
            self._both(path, old, new)

    def _changes(self, path: str, old: DirNode) -> Iterator[ChangeKind]:
        """Yields what the host changed below a directory."""
        nodes = self._nodes(old.tree)
        found = set(os.listdir(f"{self._etc}/{path}"))  # noqa: PTH208
        for name in sorted(found | nodes.keys()):
            inner, node = f"{path}/{name}", nodes.get(name)
            if name not in found:
                yield ChangeKind.REMOVED
            elif node is None:
                yield ChangeKind.ADDED
            else:
                status = os.lstat(f"{self._etc}/{inner}")
                if isinstance(node, FileNode):
                    differs = self._differs(node, inner, status)
                else:
                    differs = _owned(status) != self._owned(node)
                if differs:
                    yield ChangeKind.MODIFIED
                if isinstance(node, DirNode) and stat.S_ISDIR(status.st_mode):
                    yield from self._changes(inner, node)

    def _way(self, path: str, node: FileNode) -> _Way:
        """Returns where a path below a file or link of the new tree leads.

        A link that leads out of `/etc` is none: the merge would change the running system.
        """
        target = self._repo.file_info(node.checksum).target
        if target is None or target.startswith("/") or self.after is None:
            return _Way.BLOCKED
        inside = posixpath.normpath(posixpath.join(posixpath.dirname(path), target))
        if inside.split("/")[0] in ("..", "."):
            return _Way.BLOCKED
        found = find(self._repo.dirtree, self.after, inside)
        if found is None:
            return _Way.NOWHERE
        return _Way.DIRECTORY if isinstance(found, DirNode) else _Way.BLOCKED

    def _differs(self, node: FileNode, path: str, status: os.stat_result) -> bool:
        info = self._repo.file_info(node.checksum)
        if (status.st_uid, status.st_gid) != (info.uid, info.gid):
            return True
        full = f"{self._etc}/{path}"
        if info.target is not None:
            return not stat.S_ISLNK(status.st_mode) or os.readlink(full) != info.target  # noqa: PTH115
        if not stat.S_ISREG(status.st_mode) or stat.S_IMODE(status.st_mode) != info.mode:
            return True
        return status.st_size != info.size or not self._same_content(node, full)

    def _same_content(self, node: FileNode, full: str) -> bool:
        with Path(full).open("rb") as stream:
            same = all(
                stream.read(len(chunk)) == chunk for chunk in self._repo.file_chunks(node.checksum)
            )
            return same and not stream.read(1)

    def _owned(self, node: DirNode) -> tuple[int, int, int]:
        meta = self._repo.dirmeta(node.meta)
        return meta.uid, meta.gid, stat.S_IFDIR | meta.mode

    def _nodes(self, tree: str | None) -> dict[str, Node]:
        directory = _NOTHING if tree is None else self._repo.dirtree(tree)
        nodes: dict[str, Node] = {name: FileNode(checksum=sum_) for name, sum_ in directory.files}
        nodes.update((name, DirNode(tree=below, meta=meta)) for name, below, meta in directory.dirs)
        return nodes

    def _both(self, path: str, old: Node | None, new: Node | None, stays: Side = Side.HOST) -> None:
        host = ChangeKind.ADDED if old is None else ChangeKind.MODIFIED
        self._conflict(path, host, ChangeKind.REMOVED if new is None else host, stays)

    def _conflict(
        self, path: str, host: ChangeKind, tree: ChangeKind, stays: Side = Side.HOST
    ) -> None:
        self.conflicts.append(EtcConflict(path=f"/etc/{path}", host=host, tree=tree, stays=stays))

    def _clash(self, path: str, host: str, tree: str) -> None:
        self.clashes.append(EtcClash(path=f"/etc/{path}", host=host, tree=tree))


def _kind(status: os.stat_result) -> str:
    return "a symbolic link" if stat.S_ISLNK(status.st_mode) else "a file"


def _owned(status: os.stat_result) -> tuple[int, int, int]:
    return status.st_uid, status.st_gid, status.st_mode
