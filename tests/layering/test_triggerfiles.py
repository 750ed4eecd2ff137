# SPDX-License-Identifier: LGPL-2.1-or-later
"""Which drop-ins of a tree and of a host count, and what hostile ones can do."""

import os
from pathlib import Path

import pytest

from layering.hosttriggers import HostFile, found_files, host_files
from layering.repo import Repo
from layering.triggerfiles import triggers_of
from tests.sysroots import commit_tree
from triggers import CATALOG, DropInError, Table

TEXT = b"""[trigger]
paths = ["/usr/share/x/*"]
tools = ["x-update"]
reason = "x"
"""
USR, ETC = "usr/lib/overlay/triggers.d", "usr/etc/overlay/triggers.d"


@pytest.fixture
def repo(scratch: Path) -> Repo:
    return Repo.create(scratch / "repo", "bare-user-only")


def write(root: Path, path: str, content: bytes | str = TEXT) -> None:
    """Writes a file, or if it is text a link."""
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    if isinstance(content, str):
        (root / path).symlink_to(content)
    else:
        (root / path).write_bytes(content)


def table(repo: Repo, tree: Path, *host: HostFile) -> Table:
    write(tree, "usr/lib/modules/1/vmlinuz", b"kernel")
    root = repo.commit_of(commit_tree(repo.path, tree)).root_tree
    return triggers_of(repo, root, host)


def dropped_in(found: Table) -> list[str]:
    return [each.origin for each in found.triggers if each.origin != "built-in"]


def test_a_tree_without_drop_ins_has_the_catalog(repo: Repo, scratch: Path) -> None:
    assert table(repo, scratch / "tree") == Table(triggers=CATALOG)


def test_files_of_both_directories_count_and_no_others(repo: Repo, scratch: Path) -> None:
    tree = scratch / "tree"
    for path in (f"{USR}/a.toml", f"{ETC}/b.toml", f"{USR}/README", f"{USR}/dir.toml/c.toml"):
        write(tree, path)
    assert dropped_in(table(repo, tree)) == [
        "/usr/lib/overlay/triggers.d/a.toml",
        "/etc/overlay/triggers.d/b.toml",
    ]


def test_a_link_to_dev_null_turns_off_what_it_shadows(repo: Repo, scratch: Path) -> None:
    tree = scratch / "tree"
    write(tree, f"{USR}/a.toml")
    write(tree, f"{ETC}/a.toml", "/dev/null")
    found = table(repo, tree)
    assert (dropped_in(found), found.problems) == ([], ())
    assert [each.by for each in found.shadowed] == ["/etc/overlay/triggers.d/a.toml"]


def test_what_a_hostile_package_brings_is_left_out(repo: Repo, scratch: Path) -> None:
    tree = scratch / "tree"
    write(tree, f"{USR}/link.toml", "/etc/shadow")
    write(tree, f"{USR}/large.toml", TEXT + b"#" * 16384)
    write(tree, f"{USR}/bytes.toml", TEXT + b"\n# \xff")
    write(tree, f"{USR}/a b.toml")
    write(tree, f"{USR}/deep.toml", b"a = " + b"[" * 8000)
    write(tree, f"{USR}/good.toml")
    found = table(repo, tree)
    assert dropped_in(found) == ["/usr/lib/overlay/triggers.d/good.toml"]
    assert [str(each) for each in found.problems] == [
        "no name for a trigger: /usr/lib/overlay/triggers.d/a b.toml of the base",
        "not UTF-8 at line 6: /usr/lib/overlay/triggers.d/bytes.toml of the base",
        "larger than 16384 bytes: /usr/lib/overlay/triggers.d/large.toml of the base",
        "a symbolic link: /usr/lib/overlay/triggers.d/link.toml of the base",
        "not TOML: nested too deeply: /usr/lib/overlay/triggers.d/deep.toml of the base",
    ]


def test_no_more_files_are_read_than_anybody_has(repo: Repo, scratch: Path) -> None:
    for at in range(300):
        write(scratch / "tree", f"{USR}/{at:03}.toml")
    found = table(repo, scratch / "tree")
    assert len(dropped_in(found)) == 256
    assert [str(each) for each in found.problems] == [
        "only the first 256 drop-ins count: /usr/lib/overlay/triggers.d"
    ]


def test_a_directory_that_is_none_has_no_drop_ins(repo: Repo, scratch: Path) -> None:
    write(scratch / "tree", USR, "/etc")
    write(scratch / "tree", ETC, b"")
    assert table(repo, scratch / "tree") == Table(triggers=CATALOG)


def test_only_what_a_host_has_of_its_own_counts(scratch: Path) -> None:
    for name in ("same", "changed", "removed"):
        write(scratch, f"{ETC}/{name}.toml")
    write(scratch, "etc/overlay/triggers.d/same.toml")
    write(scratch, "etc/overlay/triggers.d/changed.toml", b"")
    write(scratch, "etc/overlay/triggers.d/new.toml", "/dev/null")
    write(scratch, "etc/overlay/triggers.d/README")
    assert host_files(scratch) == (
        HostFile(name="changed.toml", text=""),
        HostFile(name="new.toml", text=""),
        HostFile(name="removed.toml", text=None),
    )


def test_a_host_without_an_etc_has_nothing_of_its_own(scratch: Path) -> None:
    write(scratch, f"{ETC}/a.toml")
    assert host_files(scratch) == ()


def test_what_was_removed_here_is_removed_from_the_tree(repo: Repo, scratch: Path) -> None:
    tree = scratch / "tree"
    write(tree, f"{USR}/a.toml")
    write(tree, f"{ETC}/a.toml", b"")
    removed = HostFile(name="a.toml", text=None)
    assert dropped_in(table(repo, tree)) == []
    assert dropped_in(table(repo, tree, removed)) == ["/usr/lib/overlay/triggers.d/a.toml"]


def test_the_hosts_own_file_is_there_instead_of_the_trees(repo: Repo, scratch: Path) -> None:
    write(scratch / "tree", f"{ETC}/a.toml", b"nonsense")
    own = HostFile(name="a.toml", text=TEXT.decode())
    found = table(repo, scratch / "tree", own)
    assert (dropped_in(found), found.problems) == (["/etc/overlay/triggers.d/a.toml"], ())
    assert found.anew == {"a"}


def test_a_hosts_file_that_cannot_be_read_is_an_error(scratch: Path) -> None:
    directory = scratch / "etc/overlay/triggers.d"
    directory.mkdir(parents=True)
    os.mkfifo(directory / "pipe.toml")
    with pytest.raises(DropInError) as caught:
        host_files(scratch)
    assert str(caught.value) == "no regular file: /etc/overlay/triggers.d/pipe.toml of this host"
    (directory / "pipe.toml").unlink()
    write(scratch, "etc/overlay/triggers.d/link.toml", "other")
    with pytest.raises(DropInError) as caught:
        host_files(scratch)
    assert str(caught.value) == "a symbolic link: /etc/overlay/triggers.d/link.toml of this host"
    assert caught.value.__notes__ == [
        "one to /dev/null turns off what it shadows",
        "'overlay triggers --check' looks at all of them",
    ]


def test_a_hosts_file_that_is_no_trigger_is_told_before_anything_is_done(scratch: Path) -> None:
    write(scratch, "etc/overlay/triggers.d/a.toml", b"x = 1")
    with pytest.raises(DropInError) as caught:
        host_files(scratch)
    assert str(caught.value) == "unknown key 'x': /etc/overlay/triggers.d/a.toml of this host"
    assert caught.value.__notes__ == [
        "there is [trigger]",
        "'overlay triggers --check' looks at all of them",
    ]


def test_all_that_cannot_be_read_is_found_and_the_rest_as_well(scratch: Path) -> None:
    write(scratch, "etc/overlay/triggers.d/a.toml", "elsewhere")
    write(scratch, "etc/overlay/triggers.d/b.toml", b"")
    write(scratch, "etc/overlay/triggers.d/c.toml", b"\xff")
    files, problems = found_files(scratch)
    assert files == (HostFile(name="b.toml", text=""),)
    assert [str(each) for each in problems] == [
        "a symbolic link: /etc/overlay/triggers.d/a.toml of this host",
        "not UTF-8 at line 1: /etc/overlay/triggers.d/c.toml of this host",
    ]
