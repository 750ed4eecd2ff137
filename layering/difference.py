# SPDX-License-Identifier: LGPL-2.1-or-later
"""What differs between two trees: packages by their commits' lists, files by their dirtrees.

Only directories that differ are read. Packages come from `rpmostree.rpmdb.pkglist`; a commit
without that list, from an older composer, has its rpmdb read.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from layering.dirtree import ChangeKind, DirNode, FileNode, Node, diff, walk
from layering.packagediff import PackageDifference, compare_packages
from layering.packagelist import packages_of
from layering.repo import Repo


@dataclass(frozen=True, slots=True, kw_only=True)
class FileDifference:
    """One path that differs; sizes in bytes, 0 for what is no regular file."""

    path: str
    kind: ChangeKind
    size_before: int
    size_after: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeDifference:
    """The difference of two commits."""

    before: str
    after: str
    packages: PackageDifference
    files: tuple[FileDifference, ...]


def difference(repo: Repo, before: str, after: str, cache_dir: Path) -> TreeDifference:
    """Returns what differs from one commit to another.

    Raises:
        UnknownRevisionError: one of them is none.
        RpmdbError: one has neither a list of packages nor an rpmdb.
    """
    old, new = repo.commit_of(before), repo.commit_of(after)
    return TreeDifference(
        before=old.checksum,
        after=new.checksum,
        packages=compare_packages(
            packages_of(repo, old.checksum, cache_dir), packages_of(repo, new.checksum, cache_dir)
        ),
        files=tuple(_files(repo, old.root_tree, new.root_tree)),
    )


def _files(repo: Repo, before: str, after: str) -> list[FileDifference]:
    found: list[FileDifference] = []

    def add(path: str, kind: ChangeKind, old: Node | None, new: Node | None) -> None:
        found.append(
            FileDifference(
                path=path, kind=kind, size_before=_size(repo, old), size_after=_size(repo, new)
            )
        )

    for change in diff(repo.dirtree, before, after):
        add(change.path, change.kind, change.before, change.after)
        _below(repo, change.path, change.before, change.after, add)
    return found


def _below(
    repo: Repo,
    path: str,
    before: Node | None,
    after: Node | None,
    add: Callable[[str, ChangeKind, Node | None, Node | None], None],
) -> None:
    """Adds what is in a directory that only one side has."""
    if isinstance(before, DirNode) and not isinstance(after, DirNode):
        for inner, node in walk(repo.dirtree, before.tree, path):
            add(inner, ChangeKind.REMOVED, node, None)
    if isinstance(after, DirNode) and not isinstance(before, DirNode):
        for inner, node in walk(repo.dirtree, after.tree, path):
            add(inner, ChangeKind.ADDED, None, node)


def _size(repo: Repo, node: Node | None) -> int:
    return repo.file_info(node.checksum).size if isinstance(node, FileNode) else 0
