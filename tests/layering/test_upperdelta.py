# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a script changed, taken from a real overlay and brought into another tree.

A delta is right if a tree that it is brought into is the one that sealing makes where the script
runs, and if the mounted tree that it is put on is the one that the script left.
"""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from layering import deltas, mounteddelta, seal
from layering.dirtree import DirNode
from layering.labels import UNLABELLED
from layering.repo import Repo
from layering.treestate import Stored, TreeState
from layering.upperdelta import Delta, Scan, Upper, delta_of
from layering.upperobjects import UpperObjects
from layering.workspace import Workspace, open_workspace
from tests.trees import commit_tree, describe, manifest

pytestmark = pytest.mark.root

TREE = (
    "d usr/share 0755",
    "f usr/share/a 0644 old",
    "f usr/share/b 0644 old",
    "f usr/share/d/one 0644 old",
    "f usr/share/d/two 0644 old",
    "l usr/share/link a",
)
UNRELATED = "f usr/share/d/more 0644 more"


@pytest.fixture
def repo(scratch: Path) -> Repo:
    return Repo.create(scratch / "repo")


def upper_of(repo: Repo, commit: str, workspace: Workspace) -> Upper:
    made = repo.commit_of(commit)
    root = DirNode(tree=made.root_tree, meta=made.root_meta)
    return Upper(
        repo=repo,
        directory=workspace.upper,
        tops=("usr",),
        united=TreeState(stored=Stored(repo), root=root),
        objects=UpperObjects(repo=repo, labels=UNLABELLED),
    )


def change_file(share: Path) -> None:
    (share / "a").write_text("new")


def change_in_place_to_the_same_length(share: Path) -> None:
    with (share / "a").open("r+") as file:
        file.write("wen")


def write_what_was_there(share: Path) -> None:
    (share / "a").write_text("old")


def replace_by_rename(share: Path) -> None:
    (share / "new").write_text("new")
    (share / "new").rename(share / "a")


def remove_file(share: Path) -> None:
    (share / "b").unlink()


def remove_tree(share: Path) -> None:
    shutil.rmtree(share / "d")


def make_directory_anew(share: Path) -> None:
    shutil.rmtree(share / "d")
    (share / "d").mkdir(mode=0o700)
    (share / "d/one").write_text("new")


def directory_to_file(share: Path) -> None:
    shutil.rmtree(share / "d")
    (share / "d").write_text("a file")


def file_to_directory(share: Path) -> None:
    (share / "a").unlink()
    (share / "a/b").mkdir(parents=True)
    (share / "a/b/c").symlink_to("../../b")


def modes_and_owners(share: Path) -> None:
    (share / "a").chmod(0o4755)
    os.chown(share / "b", 5, 6)
    (share / "d").chmod(0o1777)
    os.setxattr(share / "a", "trusted.kept", b"value")
    os.lchown(share / "link", 5, 6)


def nothing(_: Path) -> None:
    pass


CHANGES = (
    change_file,
    change_in_place_to_the_same_length,
    write_what_was_there,
    replace_by_rename,
    remove_file,
    remove_tree,
    make_directory_anew,
    directory_to_file,
    file_to_directory,
    modes_and_owners,
    nothing,
)


def run(
    repo: Repo, commit: str, change: Callable[[Path], None], earlier: Callable[[Path], None]
) -> tuple[Delta, list[str], dict[str, tuple[object, ...]]]:
    """Returns the change's delta, the sealed tree, and the mounted one."""
    made = repo.commit_of(commit)
    with (
        open_workspace(repo, tree=made.root_tree, meta=made.root_meta) as workspace,
        repo.transaction(),
    ):
        upper = upper_of(repo, commit, workspace)
        share = workspace.root / "usr/share"
        earlier(share)
        before = upper.scan()
        change(share)
        delta = delta_of(before, upper.scan())
        tree = repo.tree_of(commit)
        seal.patch_from_upper(repo, tree, workspace.upper, objects=upper.objects)
        fresh = repo.tree_of(commit)
        seal.patch_from_upper(repo, fresh, workspace.upper)
        assert repo.write_tree(tree) == repo.write_tree(fresh)  # what is known changes nothing
        return delta, describe(repo, repo.write_tree(tree)[0]), manifest(workspace.root)


@pytest.mark.parametrize("earlier", [nothing, change_file, remove_file, make_directory_anew])
@pytest.mark.parametrize("change", CHANGES)
def test_a_delta_gives_what_the_script_gave(
    repo: Repo, change: Callable[[Path], None], earlier: Callable[[Path], None]
) -> None:
    if earlier is not nothing and change in (remove_file, modes_and_owners, file_to_directory):
        earlier = change_file
    commit = commit_tree(repo, *TREE)
    delta, sealed, mounted = run(repo, commit, change, earlier)
    made = repo.commit_of(commit)
    with (
        open_workspace(repo, tree=made.root_tree, meta=made.root_meta) as workspace,
        repo.transaction(),
    ):
        (root, _meta), rest = deltas.written(repo, delta)
        delta = deltas.read_delta(repo, root, rest)
        earlier(workspace.root / "usr/share")
        tree = repo.tree_of(commit)
        seal.patch_from_upper(repo, tree, workspace.upper)
        deltas.bring(repo, tree, deltas.patch_of(delta))
        assert describe(repo, repo.write_tree(tree)[0]) == sealed
        put = mounteddelta.put(repo, workspace.root, deltas.patch_of(delta))
        known = mounteddelta.stamps(workspace.upper, put)
        assert manifest(workspace.root) == mounted
        objects = UpperObjects(repo=repo, labels=UNLABELLED, known=known)
        again = repo.tree_of(commit)
        seal.patch_from_upper(repo, again, workspace.upper, objects=objects)
        assert describe(repo, repo.write_tree(again)[0]) == sealed


def test_what_the_script_did_not_touch_stays_as_the_other_tree_has_it(repo: Repo) -> None:
    delta, _sealed, _mounted = run(repo, commit_tree(repo, *TREE), change_file, nothing)
    other = (*TREE[2:], "d usr/share 0711", "f usr/share/a 0600 else", UNRELATED)
    with repo.transaction():
        tree = repo.tree_of(commit_tree(repo, *other))
        deltas.bring(repo, tree, deltas.patch_of(delta))
        wanted = ("f usr/share/a 0644 new", *(line for line in other if "/a 0600" not in line))
        assert repo.write_tree(tree) == repo.write_tree(repo.tree_of(commit_tree(repo, *wanted)))


def test_what_was_written_as_it_was_is_in_the_delta(repo: Repo) -> None:
    delta, _sealed, _mounted = run(repo, commit_tree(repo, *TREE), write_what_was_there, nothing)
    assert list(delta.paths) == ["usr/share/a"]
    assert not run(repo, commit_tree(repo, *TREE), nothing, change_file)[0]


def test_a_delta_that_removes_a_top_level_is_none(repo: Repo) -> None:
    with repo.transaction():
        for removed in ("usr/share", "usr"):
            delta = Delta(files={}, directories={}, removed=frozenset({removed}))
            (root, _meta), rest = deltas.written(repo, delta)
            if removed == "usr/share":
                assert deltas.read_delta(repo, root, rest) == delta
    with pytest.raises(ValueError, match=r"^no script can remove a top level: 'removed usr'$"):
        deltas.read_delta(repo, root, rest)


def test_an_attribute_of_a_directory_written_to_before_is_in_the_delta(repo: Repo) -> None:
    def make(share: Path) -> None:
        (share / "made").mkdir()

    def mark(share: Path) -> None:
        os.setxattr(share / "made", "trusted.mark", b"1")

    delta, sealed, _mounted = run(repo, commit_tree(repo, *TREE), mark, make)
    assert list(delta.directories) == ["usr/share/made"]
    other = run(repo, commit_tree(repo, *TREE), make, nothing)[1]
    assert sealed != other


def test_a_pipe_and_a_hard_link_are_told(repo: Repo, scratch: Path) -> None:
    commit = commit_tree(repo, *TREE)
    made = repo.commit_of(commit)
    with (
        open_workspace(repo, tree=made.root_tree, meta=made.root_meta) as workspace,
        repo.transaction(),
    ):
        os.mkfifo(workspace.root / "usr/share/pipe")
        (workspace.root / "usr/share/b").unlink()
        (workspace.root / "usr/share/linked").hardlink_to(workspace.root / "usr/share/a")
        scan: Scan = upper_of(repo, commit, workspace).scan()
        assert scan.special == {"usr/share/pipe", "usr/share/a", "usr/share/linked"}
