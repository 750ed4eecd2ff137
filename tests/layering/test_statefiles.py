# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a layer says of /var that the tree says already is taken out, and nothing else."""

from pathlib import Path

import pytest

from layering.dirtree import FileNode, find
from layering.errors import TooLargeError
from layering.repo import Repo
from layering.statefiles import STATE_FILE, drop_known_lines, known_paths, put_lines
from layering.tmpfiles import directory_line, made_paths, render
from tests.trees import commit_tree

pytestmark = pytest.mark.root

DIRECTORY = "usr/lib/tmpfiles.d"


def after_dropping(tmp_path: Path, files: dict[str, bytes], packages: list[str]) -> dict[str, str]:
    """Returns the directory's files, by name, once the packages' known lines were dropped."""
    repo = Repo.create(tmp_path / "repo")
    commit = commit_tree(repo, f"d {DIRECTORY} 0755")
    tree = repo.tree_of(commit)
    with repo.transaction():
        below = tree
        for part in DIRECTORY.split("/"):
            below = below.ensure_dir(part)[1]
        for name, content in files.items():
            checksum = repo.write_regular(content, length=len(content), mode=0o644)
            below.replace_file(name, checksum)
        drop_known_lines(repo, tree, packages)
        root, _meta = repo.write_tree(tree)
    found = {}
    for name in files:
        node = find(repo.dirtree, root, f"{DIRECTORY}/{name}")
        if isinstance(node, FileNode):
            found[name] = b"".join(repo.file_chunks(node.checksum)).decode()
    return found


def lines(package: str, *paths: str) -> bytes:
    return render([directory_line(path.encode(), 0o755, "root", "root") for path in paths], package)


def test_line_of_the_tree_wins_over_a_layers(tmp_path: Path) -> None:
    files = {
        "var.conf": b"d /var/tmp 1777 root root 30d\n",
        "overlay-foo.conf": lines("foo", "/var/lib/foo", "/var/tmp"),
    }
    found = after_dropping(tmp_path, files, ["foo"])
    assert found["var.conf"] == files["var.conf"].decode()
    assert found["overlay-foo.conf"] == lines("foo", "/var/lib/foo").decode()


def test_of_two_layers_the_first_keeps_the_line(tmp_path: Path) -> None:
    files = {
        "overlay-a.conf": lines("a", "/var/lib/shared"),
        "overlay-b.conf": lines("b", "/var/lib/b", "/var/lib/shared"),
    }
    found = after_dropping(tmp_path, files, ["b", "a"])
    assert found["overlay-a.conf"] == lines("a", "/var/lib/shared").decode()
    assert found["overlay-b.conf"] == lines("b", "/var/lib/b").decode()


def test_file_with_no_line_left_goes(tmp_path: Path) -> None:
    files = {"var.conf": b"d /var/lib 0755\n", "overlay-foo.conf": lines("foo", "/var/lib")}
    assert list(after_dropping(tmp_path, files, ["foo"])) == ["var.conf"]


def test_file_of_the_base_is_never_touched(tmp_path: Path) -> None:
    base = lines("base", "/var/lib/foo")
    files = {"overlay-base.conf": base, "overlay-foo.conf": lines("foo", "/var/lib/foo")}
    found = after_dropping(tmp_path, files, ["foo"])
    assert found == {"overlay-base.conf": base.decode()}


@pytest.mark.parametrize("separator", ["\u2028", "\x85"])
def test_a_name_with_what_unicode_takes_for_a_line_break_stays_in_its_line(
    tmp_path: Path, separator: str
) -> None:
    repo = Repo.create(tmp_path / "repo")
    tree = repo.tree_of(commit_tree(repo, f"d {DIRECTORY} 0755"))
    name = f"/var/lib/x{separator}d /evil 0777 root root - -"
    with repo.transaction():
        put_lines(repo, tree, [directory_line(name.encode(), 0o755, "root", "root")])
        put_lines(repo, tree, [directory_line(b"/var/lib/y", 0o755, "root", "root")])
        root, _meta = repo.write_tree(tree)
    node = find(repo.dirtree, root, f"{DIRECTORY}/{STATE_FILE}")
    assert isinstance(node, FileNode)
    content = b"".join(repo.file_chunks(node.checksum))
    assert made_paths(content) == {name.encode(), b"/var/lib/y"}
    assert content.count(b"\n") == 3


def test_a_file_of_holes_is_not_read_into_memory(tmp_path: Path) -> None:
    repo = Repo.create(tmp_path / "repo")
    tree = repo.tree_of(commit_tree(repo, f"d {DIRECTORY} 0755"))
    holes = tmp_path / "holes"
    with holes.open("wb") as file:
        file.truncate(17 << 20)
    with repo.transaction(), holes.open("rb") as content:
        below = tree
        for part in DIRECTORY.split("/"):
            below = below.ensure_dir(part)[1]
        below.replace_file("x.conf", repo.write_regular(content, length=17 << 20, mode=0o644))
        with pytest.raises(TooLargeError) as raised:
            known_paths(repo, tree, [])
    assert str(raised.value) == f"file too large: /{DIRECTORY}/x.conf has more than 16 MiB"
