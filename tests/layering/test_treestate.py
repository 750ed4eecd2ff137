# SPDX-License-Identifier: LGPL-2.1-or-later
"""The state of a patched tree is that of the same tree, stored: libostree's own checksums judge."""

from pathlib import Path

import pytest

from layering.dirtree import DirNode, FileNode
from layering.repo import Repo
from layering.treestate import Directory, Patch, Stored, TreeState
from tests.trees import commit_tree


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    return Repo.create(tmp_path / "repo", mode="bare-user-only")


def state(repo: Repo, *lines: str) -> TreeState:
    made = repo.commit_of(commit_tree(repo, *lines))
    return TreeState(stored=Stored(repo), root=DirNode(tree=made.root_tree, meta=made.root_meta))


def checksum(one: TreeState, path: str = "") -> str:
    entry = one.at(path)
    assert isinstance(entry, DirNode | Directory)
    return one.stored.checksum(entry)


def file(one: TreeState, path: str) -> FileNode:
    entry = one.at(path)
    assert isinstance(entry, FileNode)
    return entry


def test_a_patched_tree_has_the_checksum_of_the_same_tree_stored(repo: Repo) -> None:
    before = state(repo, "f usr/a 0644 old", "f usr/b", "f usr/c/d", "f etc/kept")
    wanted = state(repo, "f usr/a 0644 new", "f usr/c/d", "f usr/c/ü", "d usr/e 0700", "f etc/kept")
    patch = Patch()
    patch.put("usr/a", file(wanted, "usr/a"))
    patch.put("usr/b", None)
    patch.put("usr/c/ü", file(wanted, "usr/c/ü"))
    made = wanted.at("usr/e")
    assert isinstance(made, DirNode)
    patch.below("usr/e").meta = made.meta
    assert checksum(before.patched(patch)) == checksum(wanted)
    assert checksum(before) != checksum(wanted)  # it is not changed itself


def test_a_directory_made_anew_holds_nothing_from_before(repo: Repo) -> None:
    before = state(repo, "f usr/d/old", "f usr/d/e/old")
    wanted = state(repo, "f usr/d/new")
    patch = Patch()
    patch.below("usr/d").fresh = True
    patch.put("usr/d/new", file(wanted, "usr/d/new"))
    assert checksum(before.patched(patch)) == checksum(wanted)


def test_a_file_gives_way_to_a_directory_and_a_directory_to_a_file(repo: Repo) -> None:
    before, wanted = state(repo, "f a", "f b/c"), state(repo, "f a/c", "f b")
    directory = wanted.at("a")
    assert isinstance(directory, DirNode)
    patch = Patch()
    patch.put("a/c", file(wanted, "a/c"))
    patch.below("a").fallback = directory.meta
    patch.put("b", file(wanted, "b"))
    assert checksum(before.patched(patch)) == checksum(wanted)


def test_what_is_below_a_file_is_nothing(repo: Repo) -> None:
    assert state(repo, "f a").at("a/b") is None


@pytest.mark.parametrize("count", [1, 40, 3000])
def test_directories_of_any_size_have_libostrees_checksum(repo: Repo, count: int) -> None:
    lines = [f"f d/file-{number}" for number in range(count)]
    wanted = state(repo, *lines, "f d/last")
    patch = Patch()
    patch.put("d/last", file(wanted, "d/last"))
    assert checksum(state(repo, *lines).patched(patch)) == checksum(wanted)
