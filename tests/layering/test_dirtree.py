# SPDX-License-Identifier: LGPL-2.1-or-later
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from layering._ostree import GLib
from layering.dirtree import (
    Change,
    ChangeKind,
    DirNode,
    DirTree,
    FileNode,
    decode,
    diff,
    find,
    walk,
)
from layering.repo import Repo
from tests.trees import commit_tree

NAMES = st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1).map(
    lambda name: name if name not in (".", "..") else "dots"
)
SUMS = st.binary(min_size=32, max_size=32)


def encode(files: dict[str, bytes], dirs: dict[str, tuple[bytes, bytes]]) -> bytes:
    """What GLib itself makes of a directory."""
    value = GLib.Variant(
        "(a(say)a(sayay))",
        (sorted(files.items()), [(name, *sums) for name, sums in sorted(dirs.items())]),
    )
    return value.get_data_as_bytes().get_data() or b""


@given(st.dictionaries(NAMES, SUMS), st.dictionaries(NAMES, st.tuples(SUMS, SUMS)))
def test_what_glib_serialised_decodes_to_what_was_put_in(
    files: dict[str, bytes], dirs: dict[str, tuple[bytes, bytes]]
) -> None:
    tree = decode(encode(files, dirs))
    assert tree.files == tuple((name, files[name].hex()) for name in sorted(files))
    assert tree.dirs == tuple(
        (name, dirs[name][0].hex(), dirs[name][1].hex()) for name in sorted(dirs)
    )


@pytest.mark.parametrize("count", [0, 1, 6, 7, 1000, 2000])
def test_every_width_of_offsets_decodes(count: int) -> None:
    # One file takes about 40 bytes: 6 fit offsets of one byte, 1,000 need two, 2,000 need four.
    files = {f"file-{at:05d}": bytes([at % 256]) * 32 for at in range(count)}
    dirs = {f"dir-{at:05d}": (bytes([at % 256]) * 32, b"m" * 32) for at in range(count)}
    tree = decode(encode(files, dirs))
    assert dict(tree.files) == {name: checksum.hex() for name, checksum in files.items()}
    assert [name for name, _tree, _meta in tree.dirs] == sorted(dirs)


@given(st.binary(max_size=400))
def test_arbitrary_bytes_decode_or_raise_value_error(data: bytes) -> None:
    try:
        decode(data)
    except ValueError:
        return


@given(
    st.dictionaries(NAMES, SUMS, min_size=1, max_size=4),
    st.dictionaries(NAMES, st.tuples(SUMS, SUMS), min_size=1, max_size=4),
    st.data(),
)
def test_a_damaged_directory_never_yields_a_name_that_leaves_it(
    files: dict[str, bytes], dirs: dict[str, tuple[bytes, bytes]], data: st.DataObject
) -> None:
    damaged = bytearray(encode(files, dirs))
    at = data.draw(st.integers(0, len(damaged) - 1))
    damaged[at] = data.draw(st.integers(0, 255))
    try:
        tree = decode(bytes(damaged))
    except ValueError:
        return
    names = [name for name, *_sums in (*tree.files, *tree.dirs)]
    assert not any(name in ("", ".", "..") or "/" in name or "\0" in name for name in names)


@pytest.mark.parametrize("name", ["..", ".", "", "a/b"])
def test_a_name_that_leaves_its_directory_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"not a file name|wrong length"):
        decode(encode({name: b"x" * 32}, {}))


def test_a_checksum_of_the_wrong_length_is_refused() -> None:
    with pytest.raises(ValueError, match="wrong length"):
        decode(encode({"a": b"x" * 31}, {}))
    with pytest.raises(ValueError, match="wrong length"):
        decode(encode({}, {"a": (b"x" * 31, b"y" * 33)}))


class CountingReader:
    """Directories in memory, and which of them were read."""

    def __init__(self, trees: dict[str, DirTree]) -> None:
        self.trees = trees
        self.read: list[str] = []

    def __call__(self, checksum: str) -> DirTree:
        self.read.append(checksum)
        return self.trees[checksum]


def test_identical_subtrees_and_one_sided_ones_are_never_read() -> None:
    reader = CountingReader(
        {
            "old": DirTree(dirs=(("gone", "g", "m"), ("same", "s", "m"), ("usr", "u1", "m"))),
            "new": DirTree(dirs=(("more", "n", "m"), ("same", "s", "m"), ("usr", "u2", "m2"))),
            "u1": DirTree(files=(("a", "1"), ("b", "2"), ("c", "3"))),
            "u2": DirTree(files=(("a", "1"), ("b", "9")), dirs=(("c", "d", "m"),)),
        }
    )
    assert list(diff(reader, "old", "new")) == [
        Change(
            path="/gone",
            kind=ChangeKind.REMOVED,
            before=DirNode(tree="g", meta="m"),
            after=None,
        ),
        Change(path="/more", kind=ChangeKind.ADDED, before=None, after=DirNode(tree="n", meta="m")),
        Change(
            path="/usr",
            kind=ChangeKind.METADATA,
            before=DirNode(tree="u1", meta="m"),
            after=DirNode(tree="u2", meta="m2"),
        ),
        Change(
            path="/usr/b",
            kind=ChangeKind.MODIFIED,
            before=FileNode(checksum="2"),
            after=FileNode(checksum="9"),
        ),
        Change(
            path="/usr/c",
            kind=ChangeKind.MODIFIED,
            before=FileNode(checksum="3"),
            after=DirNode(tree="d", meta="m"),
        ),
    ]
    assert sorted(reader.read) == ["new", "old", "u1", "u2"]


def test_find_does_not_follow_links_and_walk_sees_everything(scratch: Path) -> None:
    repo = Repo.create(scratch / "repo", "bare-user-only")
    tree = repo.commit_of(
        commit_tree(repo, "f usr/bin/bash 0755 content", "l bin usr/bin")
    ).root_tree
    assert isinstance(find(repo.dirtree, tree, "/usr/bin"), DirNode)
    assert isinstance(find(repo.dirtree, tree, "usr/bin/bash"), FileNode)
    assert find(repo.dirtree, tree, "/bin/bash") is None
    assert find(repo.dirtree, tree, "/usr/none") is None
    assert list(_paths(repo, tree)) == ["/bin", "/usr", "/usr/bin", "/usr/bin/bash"]


def _paths(repo: Repo, tree: str) -> Iterator[str]:
    return (path for path, _node in walk(repo.dirtree, tree))
