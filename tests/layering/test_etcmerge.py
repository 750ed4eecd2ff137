# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the merge of `/etc` is said to do, against what `ostree admin deploy` does.

The oracle tests go through every combination of three sides (the running tree's default, the host,
the new tree's default) of one path, each side one of `SIDES`.
"""

import os
import shutil
import tempfile
from itertools import product
from pathlib import Path

import pytest

from layering.etcconflicts import EtcConflict, EtcMergeError, Side
from layering.etcmerge import compare_etc
from layering.objects import FileInfo
from layering.repo import Repo
from tests.sysroots import REF, STATEROOT, commit_tree, make_sysroot, make_tree

pytestmark = pytest.mark.root

NEW = "test/new"

# What a path may be: None is absent, text a file, `-> x` a link, a dictionary a directory, in which
# the key "" is its mode.
Shape = None | str | dict[str, str]
SIDES: dict[str, Shape] = {
    "absent": None,
    "one": "1",
    "two": "2",
    "link": "-> nowhere",
    "in-link": "-> ../../aim",
    "empty": {},
    "with-one": {"inner": "1"},
    "with-two": {"inner": "2"},
    "private": {"": "700", "inner": "1"},
}


def put(path: Path, shape: Shape) -> None:
    """Makes a path be what is wanted, in place of whatever it is."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
    if isinstance(shape, dict):
        path.mkdir(parents=True)
        path.chmod(int(shape.get("", "755"), 8))
        for name in filter(None, shape):
            put(path / name, shape[name])
    elif shape is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        if shape.startswith("-> "):
            path.symlink_to(shape[3:])
        else:
            path.write_text(shape)


def shape_of(path: Path) -> object:
    """Returns what there is at a path, to be compared."""
    if path.is_symlink():
        return f"-> {path.readlink()}"
    if path.is_dir():
        return {each.name: shape_of(each) for each in path.iterdir()}
    return path.read_text() if path.exists() else None


class World:
    """A sysroot with one tree deployed and another one to come."""

    def __init__(self, directory: Path, old: dict[str, Shape], new: dict[str, Shape]) -> None:
        self.sysroot = make_sysroot(directory / "sysroot", deploy=False)
        self.before = self._commit(directory / "old", old, REF)
        self.after = self._commit(directory / "new", new, NEW)
        self.sysroot.deploy(REF)
        self.etc = self._deployed(self.before) / "etc"

    def said(self) -> tuple[EtcConflict, ...]:
        """Returns what we say."""
        return compare_etc(Repo.open(self.sysroot.repo), self.before, self.after, self.etc)

    def merged(self) -> Path:
        """Lets ostree deploy the new tree and returns its `/etc`; RuntimeError if it refuses."""
        self.sysroot.deploy(NEW)
        return self._deployed(self.after) / "etc"

    def _commit(self, tree: Path, etc: dict[str, Shape], ref: str) -> str:
        make_tree(tree)
        put(tree / "usr/etc/aim", {"kept": "x"})
        for name, shape in etc.items():
            (tree / "usr/etc" / name).parent.mkdir(parents=True, exist_ok=True)
            put(tree / "usr/etc" / name, shape)
        return commit_tree(self.sysroot.repo, tree, ref=ref)

    def _deployed(self, commit: str) -> Path:
        return self.sysroot.path / f"ostree/deploy/{STATEROOT}/deploy/{commit}.0"


def told(world: World) -> list[str]:
    return [str(conflict) for conflict in world.said()]


def case(old: str, host: str, new: str) -> str:
    return f"cases/{old}.{host}.{new}/it"


OLD = ("absent", "one", "link", "with-one", "private")
HOST = tuple(name for name in SIDES if name != "in-link")
COMBINATIONS = tuple(product(OLD, HOST, SIDES))


@pytest.fixture
def every_case(ground: Path) -> World:
    """Each combination as a path of its own; the host has changed nothing yet."""
    old = {case(*names): SIDES[names[0]] for names in COMBINATIONS}
    new = {case(*names): SIDES[names[2]] for names in COMBINATIONS}
    return World(Path(tempfile.mkdtemp(prefix="etc-", dir=ground)), old, new)


def test_what_stays_is_what_ostree_leaves_and_what_clashes_it_refuses(every_case: World) -> None:
    world = every_case
    for old, host, new in COMBINATIONS:
        put(world.etc / case(old, host, new), SIDES[host])
    with pytest.raises(EtcMergeError) as caught:
        world.said()
    clashing = {clash.path.removeprefix("/etc/") for clash in caught.value.clashes}
    clashes = [names for names in COMBINATIONS if case(*names) in clashing]
    assert len(clashes) == len(clashing) > 30
    for old, host, new in clashes:
        put(world.etc / case(old, host, new), SIDES[old])
    for old, host, new in clashes:
        put(world.etc / case(old, host, new), SIDES[host])
        with pytest.raises(RuntimeError, match="During /etc merge"):
            world.merged()
        put(world.etc / case(old, host, new), SIDES[old])
    conflicts = {each.path.removeprefix("/etc/"): each for each in world.said()}
    merged = world.merged()
    for names in COMBINATIONS:
        settled = [path for path in conflicts if f"{path}/".startswith(f"{case(*names)}/")]
        for path in settled:
            stays = world.etc if conflicts[path].stays is Side.HOST else merged.parent / "usr/etc"
            assert shape_of(merged / path) == shape_of(stays / path), conflicts[path]
        if not settled and case(*names) not in clashing:
            assert shape_of(merged / case(*names)) in agreed(*(SIDES[name] for name in names))


def agreed(old: Shape, host: Shape, new: Shape) -> list[object]:
    """Returns what a merge without a conflict can come to: who changed something has it."""
    sides = [without_mode(side) for side in (old, host, new)]
    if sides[0] == sides[1]:
        return [sides[2]]
    if sides[0] == sides[2] or sides[1] == sides[2]:
        return [sides[1]]
    both = [side for side in sides[1:] if isinstance(side, dict)]
    if len(both) == 2:  # nothing of one is contradicted by the other
        return [{**both[0], **both[1]}]
    return [sides[2]]  # a link, through which the merge went


def without_mode(shape: Shape) -> object:
    return {name: shape[name] for name in shape if name} if isinstance(shape, dict) else shape


@pytest.fixture
def world(scratch: Path) -> World:
    old: dict[str, Shape] = {"kept": "1", "both": "1", "gone": "1", "dropped": "1", "d/x": "1"}
    new: dict[str, Shape] = {"kept": "2", "both": "2", "dropped": "2", "added": "2", "d": "2"}
    return World(scratch, old, new)


def test_nothing_is_told_where_the_host_changed_nothing(world: World) -> None:
    assert world.said() == ()


def test_each_conflict_says_what_happened_on_both_sides(world: World) -> None:
    (world.etc / "both").write_text("mine")
    (world.etc / "gone").write_text("mine")
    (world.etc / "added").write_text("mine")
    (world.etc / "dropped").unlink()
    assert told(world) == [
        "/etc/added was added here and in the new tree: yours stays",
        "/etc/both was changed here and in the new tree: yours stays",
        "/etc/dropped was removed here and changed in the new tree: it stays removed",
        "/etc/gone was changed here and removed from the new tree: yours stays",
    ]


def test_what_is_the_same_on_both_sides_is_no_conflict(world: World) -> None:
    (world.etc / "both").write_text("2")
    (world.etc / "added").write_text("2")
    (world.etc / "gone").unlink()
    assert world.said() == ()


def test_mode_and_owner_are_changes_too(world: World) -> None:
    (world.etc / "both").chmod(0o600)
    os.chown(world.etc / "kept", 1, 1)
    assert [conflict.path for conflict in world.said()] == ["/etc/both", "/etc/kept"]


def test_files_of_which_the_host_alone_knows_are_no_conflict(world: World) -> None:
    (world.etc / "mine").write_text("mine")
    put(world.etc / "mine.d", {"x": "mine"})
    assert world.said() == ()


def test_a_clash_is_an_error_that_names_the_path_and_what_to_do(world: World) -> None:
    (world.etc / "d/x").write_text("mine")
    with pytest.raises(EtcMergeError) as caught:
        world.said()
    assert str(caught.value) == (
        "/etc cannot be merged: /etc/d is a directory with changes of yours here "
        "and a file in the new tree"
    )
    assert caught.value.__notes__ == [
        "put back what /usr/etc has there, or move it away if that has nothing, and try again"
    ]


def test_a_directory_that_the_host_replaced_clashes_with_every_new_tree(world: World) -> None:
    """Though the two trees do not differ there: libostree refuses it all the same."""
    put(world.etc / "aim", "-> elsewhere")
    with pytest.raises(EtcMergeError) as caught:
        world.said()
    assert str(caught.value) == (
        "/etc cannot be merged: /etc/aim is a symbolic link here and a directory in the new tree"
    )
    with pytest.raises(RuntimeError, match="newly defaults to directory 'aim', cannot merge"):
        world.merged()


def test_all_clashes_are_named_at_once(world: World) -> None:
    put(world.etc / "aim", "mine")
    (world.etc / "d/x").write_text("mine")
    with pytest.raises(EtcMergeError) as caught:
        world.said()
    assert str(caught.value) == (
        "/etc cannot be merged:\n"
        "  /etc/aim is a file here and a directory in the new tree\n"
        "  /etc/d is a directory with changes of yours here and a file in the new tree"
    )


def test_a_link_that_leads_out_of_etc_is_never_merged_through(scratch: Path) -> None:
    """libostree would write to where it leads on the machine that runs."""
    outside = scratch / "outside"
    outside.mkdir()
    world = World(scratch, {"d/x": "1"}, {"d": f"-> {outside}"})
    (world.etc / "d/x").write_text("mine")
    with pytest.raises(EtcMergeError):
        world.said()
    world.merged()
    assert (outside / "x").read_text() == "mine"


class CountingRepo(Repo):
    """Remembers which file objects were looked at."""

    looked_at: list[str]

    def file_info(self, checksum: str) -> FileInfo:
        self.looked_at.append(checksum)
        return super().file_info(checksum)


def test_only_what_differs_between_the_trees_is_looked_at(scratch: Path) -> None:
    same: dict[str, Shape] = {f"same.d/{number}": str(number) for number in range(200)}
    world = World(scratch, {**same, "x": "1", "d/y": "1"}, {**same, "x": "2", "d/y": "1"})
    (world.etc / "same.d/7").write_text("mine")
    repo = CountingRepo.open(world.sysroot.repo)
    repo.looked_at = []
    assert compare_etc(repo, world.before, world.after, world.etc) == ()
    assert len(repo.looked_at) == 1
