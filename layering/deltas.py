# SPDX-License-Identifier: LGPL-2.1-or-later
"""Deltas of scripts: kept as trees of the repository, and brought into trees.

What is brought in is exactly what sealing makes of the same files where the script runs: so the
label of a file that the tree had before stays its own (`layering.upperobjects`).
"""

import stat
from dataclasses import replace

from layering import mtree
from layering.dirtree import FileNode, walk
from layering.labels import Labels, label_of, with_label
from layering.mtree import MutableTree
from layering.objects import FileInfo, Xattrs
from layering.repo import Repo
from layering.treestate import Entry, Patch, TreeState
from layering.upperdelta import Delta


def written(repo: Repo, delta: Delta) -> tuple[tuple[str, str], bytes]:
    """Writes what a delta adds as a tree; returns its checksums, and what a tree cannot say."""
    tree = repo.new_tree()
    for path, meta in sorted({**delta.above, **delta.directories}.items()):
        mtree.set_meta(_directory(tree, path), meta)
    for path, checksum in delta.files.items():
        above, _, name = path.rpartition("/")
        mtree.put_file(_directory(tree, above), name, checksum)
    rest = [("removed", path) for path in delta.removed]
    rest += [("fresh" if path in delta.fresh else "made", path) for path in delta.directories]
    text = "\0".join(f"{what} {path}" for what, path in sorted(rest))
    return repo.write_tree(tree), text.encode()


def read_delta(repo: Repo, tree: str, rest: bytes) -> Delta:
    """Returns the delta that was written; ValueError if it is none, or not all of it is there."""
    said: dict[str, set[str]] = {"removed": set(), "fresh": set(), "made": set()}
    for line in rest.decode().split("\0") if rest else ():
        what, _, path = line.partition(" ")
        if what not in said or {"", ".", ".."} & {*path.split("/")}:
            raise ValueError(f"not a line of a delta: {line!r}")
        if what == "removed" and "/" not in path:
            raise ValueError(f"no script can remove a top level: {line!r}")
        said[what].add(path)
    files, directories, above = {}, {}, {}
    for place, node in walk(repo.dirtree, tree):
        path = place.lstrip("/")
        if isinstance(node, FileNode):
            if not repo.has_file(node.checksum):
                raise ValueError(f"no object of {path}")
            files[path] = node.checksum
        elif path in said["fresh"] or path in said["made"]:
            directories[path] = node.meta
        else:
            above[path] = node.meta
    return Delta(
        files=files,
        directories=directories,
        fresh=frozenset(said["fresh"]),
        removed=frozenset(said["removed"]),
        above=above,
    )


def fitted(repo: Repo, delta: Delta, united: TreeState, labels: Labels) -> Delta:
    """Returns a delta as it is where the tree was `united` before any script; in a transaction."""
    if not labels.key:
        return delta
    there = _There(united, delta.fresh)
    files = {p: _file(repo, p, checksum, there.file(p)) for p, checksum in delta.files.items()}
    directories = {}
    for path, checksum in delta.directories.items():
        meta, before = repo.dirmeta(checksum), there.directory(path)
        label = (
            label_of(repo.dirmeta(before).xattrs)
            if before
            else labels.xattrs(f"/{path}".encode(), stat.S_IFDIR | meta.mode)
        )
        fitting = replace(meta, xattrs=with_label(meta.xattrs, label))
        directories[path] = checksum if fitting == meta else repo.write_dirmeta(fitting)
    return replace(delta, files=files, directories=directories)


class _There:
    """What was at a path before any script, unless the delta has made its directory anew."""

    def __init__(self, united: TreeState, fresh: frozenset[str]) -> None:
        self._united = united
        self._fresh = fresh

    def file(self, path: str) -> str | None:
        """Returns the object of a file."""
        entry = self._entry(path.rpartition("/")[0], path)
        return entry.checksum if isinstance(entry, FileNode) else None

    def directory(self, path: str) -> str | None:
        """Returns the dirmeta of a directory."""
        entry = self._entry(path, path)
        return None if entry is None or isinstance(entry, FileNode) else entry.meta

    def _entry(self, above: str, path: str) -> Entry | None:
        while above:
            if above in self._fresh:
                return None
            above = above.rpartition("/")[0]
        return self._united.at(path)


def _file(repo: Repo, path: str, checksum: str, before: str | None) -> str:
    """Returns the object that sealing would give: `before`, if only their labels differ."""
    if before is None or before == checksum:
        return checksum
    old, new = repo.file_info(before), repo.file_info(checksum)
    label = label_of(old.xattrs)
    if label == label_of(new.xattrs) or _plain(old) != _plain(new):
        return checksum
    xattrs = with_label(new.xattrs, label)
    return before if _relabelled(repo, checksum, new, xattrs) == before else checksum


def _plain(info: FileInfo) -> FileInfo:
    return replace(info, xattrs=with_label(info.xattrs, ()))


def _relabelled(repo: Repo, checksum: str, info: FileInfo, xattrs: Xattrs) -> str:
    owner = {"uid": info.uid, "gid": info.gid}
    if info.target is not None:
        return repo.write_symlink(info.target, **owner, xattrs=xattrs)
    content = b"".join(repo.file_chunks(checksum))
    return repo.write_regular(content, length=len(content), **owner, mode=info.mode, xattrs=xattrs)


def patch_of(delta: Delta) -> Patch:
    """Returns a delta as a patch of a tree's state."""
    patch = Patch()
    for path in delta.removed:
        patch.put(path, None)
    for path, meta in delta.above.items():
        patch.below(path).fallback = meta
    for path, meta in delta.directories.items():
        below = patch.below(path)
        below.meta, below.fresh = meta, path in delta.fresh
    for path, checksum in delta.files.items():
        patch.put(path, FileNode(checksum=checksum))
    return patch


def bring(repo: Repo, tree: MutableTree, patch: Patch) -> None:
    """Does to a tree in memory what a patch says."""
    for name, change in sorted(patch.names.items()):
        if change is None:
            mtree.remove(tree, name)
        elif isinstance(change, FileNode):
            mtree.put_file(tree, name, change.checksum)
        else:
            if change.fresh:
                mtree.remove(tree, name)
            below = mtree.enter(tree, name)
            meta = change.meta or (below.get_metadata_checksum() or change.fallback)
            mtree.set_meta(below, meta)
            bring(repo, below, change)


def _directory(tree: MutableTree, path: str) -> MutableTree:
    for name in filter(None, path.split("/")):
        tree = mtree.enter(tree, name)
    return tree
