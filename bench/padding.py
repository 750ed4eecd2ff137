# SPDX-License-Identifier: LGPL-2.1-or-later
"""A base tree padded with the shape of a large one, written straight into a repository.

No tree is checked out for it: objects are written, and their names put into the base's own tree.
Contents are short and distinct (the original's size stands in them): nothing that `overlay` does
may read them, and libostree's deploy, which does, is the quicker for it. Files are renamed, so that
no trigger of the tree takes one for a library, a unit or an icon.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from bench import shape as shapes
from bench.measure import BenchError
from bench.shape import Entry, Shape
from layering import mtree
from layering._ostree import GLib
from layering.dirtree import FileNode
from layering.mtree import MutableTree
from layering.objects import Commit, DirMeta
from layering.repo import Repo

REF = "bench/padded"
CONTENT = "short and distinct: a line each with the original's name and size, no bulk"


@dataclass(frozen=True, slots=True, kw_only=True)
class Padded:
    """A padded tree."""

    commit: str
    files: int  # and symbolic links
    directories: int


def pad(repo: Repo, base: str, shape: Shape, files: int) -> Padded:
    """Commits the base with the shape laid over it, `files` files in all, at the ref `REF`.

    Raises:
        BenchError: the base alone has more.
    """
    before = repo.commit_of(base)
    own, _directories = count(repo, before.root_tree)
    if own > files:
        raise BenchError(f"the base has {own} files, more than the {files} asked for")
    with repo.transaction():
        tree = repo.tree_of(base)
        _Padding(repo, shape, tree).add(shapes.scaled(shape, files - own))
        root = repo.write_tree(tree)
        commit = repo.write_commit(
            tree=root, subject=REF, timestamp=before.timestamp, metadata=_metadata(before)
        )
        repo.set_ref(REF, commit)
    total, directories = count(repo, root[0])
    return Padded(commit=commit, files=total, directories=directories)


def count(repo: Repo, root_tree: str) -> tuple[int, int]:
    """Returns how many files and links, and how many directories, a written tree has."""
    known: dict[str, tuple[int, int]] = {}

    def below(checksum: str) -> tuple[int, int]:
        if checksum not in known:
            tree = repo.dirtree(checksum)
            inner = [below(subtree) for _name, subtree, _meta in tree.dirs]
            files = len(tree.files) + sum(each[0] for each in inner)
            known[checksum] = files, 1 + sum(each[1] for each in inner)
        return known[checksum]

    return below(root_tree)


def _metadata(commit: Commit) -> dict[str, GLib.Variant]:
    found = {}
    for at in range(commit.metadata.n_children()):
        pair = commit.metadata.get_child_value(at)
        found[pair.get_child_value(0).get_string()] = pair.get_child_value(1).get_variant()
    return found


class _Padding:
    """One tree being padded."""

    def __init__(self, repo: Repo, shape: Shape, root: MutableTree) -> None:
        self._repo = repo
        self._shape = shape
        self._directories = {"": root}
        self._metas: dict[int, str] = {}
        self._objects: dict[tuple[str, int], str] = {}

    def add(self, entries: Iterator[Entry]) -> None:
        """Writes the entries' objects and puts them into the tree."""
        for entry in entries:
            parent, _slash, name = entry.path.rpartition("/")
            mtree.put_file(self._directory(parent), f"pad-{name}~", self._object(entry))

    def _object(self, entry: Entry) -> str:
        if entry.target is not None:
            return self._repo.write_symlink(entry.target)
        key = (entry.content, entry.mode)
        if key not in self._objects:
            content = f"{entry.size} {entry.content}\n".encode() if entry.size else b""
            self._objects[key] = self._repo.write_regular(
                content, length=len(content), mode=entry.mode
            )
        return self._objects[key]

    def _directory(self, path: str) -> MutableTree:
        known = self._directories.get(path)
        if known is not None:
            return known
        parent, _slash, name = path.rpartition("/")
        above = self._directory(parent)
        there = mtree.child(above, name)
        if isinstance(there, FileNode):
            # A link of the base (/usr/lib64): a directory of another name has the same effect.
            made = self._directory(f"{path}.pad")
        else:
            made = mtree.enter(above, name)
            if there is None:
                mode = self._shape.directories.get(shapes.original(path), 0o755)
                mtree.set_meta(made, self._meta(mode))
        self._directories[path] = made
        return made

    def _meta(self, mode: int) -> str:
        if mode not in self._metas:
            self._metas[mode] = self._repo.write_dirmeta(DirMeta(mode=mode))
        return self._metas[mode]
