# SPDX-License-Identifier: LGPL-2.1-or-later
import os
import stat
from pathlib import Path

import pytest

from layering.account_ids import Renumbering
from layering.capabilities import XATTR, capability_xattr
from layering.errors import TooDeepError, UnknownOwnerError, WorkspaceError
from layering.owners import OwnedPath
from layering.ownership import OwnedPackage, apply, renumber, tree_users
from layering.treewalk import LEVELS_MAX
from tests.deep import make_deep, remove_deep

USERS = "root:x:0:0::/:\ndaemon:x:7:8::/:\n"
GROUPS = "root:x:0:\ndaemon:x:8:\n"


@pytest.fixture
def root(scratch: Path) -> Path:
    (scratch / "usr/etc").mkdir(parents=True)
    (scratch / "usr/lib").mkdir()
    (scratch / "usr/etc/passwd").write_text(USERS)
    (scratch / "usr/etc/group").write_text(GROUPS)
    (scratch / "usr/lib/passwd").write_text("daemon:x:70:80::/:\nalt:x:9:9::/:\n")
    (scratch / "usr/lib/group").write_text("alt:x:10:\n")
    (scratch / "usr/file").write_text("content")
    return scratch


def owned(
    path: str, *, mode: int = 0o644, capabilities: str = "", user: str = "daemon"
) -> OwnedPath:
    return OwnedPath(
        path=path.encode(), user=user, group="daemon", mode=mode, capabilities=capabilities
    )


def package(*paths: OwnedPath) -> list[OwnedPackage]:
    return [OwnedPackage(package="d-1-1.noarch", paths=paths)]


def test_users_are_the_trees_own_those_of_etc_before_those_of_usr(root: Path) -> None:
    users = tree_users(root)
    assert users.users == {"root": 0, "daemon": 7, "alt": 9}
    assert users.groups == {"root": 0, "daemon": 8, "alt": 10}


def test_a_user_database_that_leads_out_of_the_tree_is_not_read(root: Path, tmp_path: Path) -> None:
    (tmp_path / "passwd").write_text("host:x:1:1::/:\n")
    (root / "usr/etc/passwd").unlink()
    (root / "usr/etc/passwd").symlink_to(tmp_path / "passwd")
    assert "host" not in tree_users(root).users


@pytest.mark.root
def test_owner_capabilities_and_setuid_bit_are_all_there_at_the_end(root: Path) -> None:
    ping = owned("/usr/file", mode=0o4755, capabilities="cap_net_raw=ep")
    apply(root, package(ping), tree_users(root))
    status = (root / "usr/file").stat()
    assert (status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode)) == (7, 8, 0o4755)
    assert os.getxattr(root / "usr/file", XATTR.decode()) == capability_xattr("cap_net_raw=ep")


@pytest.mark.root
def test_a_link_is_given_away_and_not_what_it_leads_to(root: Path) -> None:
    (root / "usr/link").symlink_to("file")
    apply(root, package(owned("/usr/link", mode=0o777)), tree_users(root))
    assert (root / "usr/link").lstat().st_uid == 7
    assert ((root / "usr/file").stat().st_uid, (root / "usr/file").stat().st_mode & 0o777) == (
        0,
        0o644,
    )


@pytest.mark.root
def test_directories_and_pipes_get_their_owner(root: Path) -> None:
    (root / "usr/dir").mkdir()
    os.mkfifo(root / "usr/pipe")
    paths = [owned("/usr/dir", mode=0o2770), owned("/usr/pipe", mode=0o600)]
    apply(root, package(*paths), tree_users(root))
    found = [(root / path).stat() for path in ("usr/dir", "usr/pipe")]
    assert [(each.st_uid, stat.S_IMODE(each.st_mode)) for each in found] == [
        (7, 0o2770),
        (7, 0o600),
    ]


@pytest.mark.root
def test_what_a_script_removed_is_left_out(root: Path) -> None:
    apply(root, package(owned("/usr/none"), owned("/usr/file")), tree_users(root))
    assert (root / "usr/file").stat().st_uid == 7


def test_an_unknown_owner_is_told_before_anything_is_changed(root: Path) -> None:
    paths = [owned("/usr/file"), owned("/usr/file", user="ghost")]
    with pytest.raises(UnknownOwnerError) as caught:
        apply(root, package(*paths), tree_users(root))
    assert str(caught.value) == "unknown user ghost: owner of /usr/file of d-1-1.noarch"
    assert (root / "usr/file").stat().st_uid == os.getuid()


def test_a_directory_that_a_script_turned_into_a_link_is_not_followed(
    root: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("host")
    (root / "usr/dir").symlink_to(tmp_path)
    with pytest.raises(WorkspaceError) as caught:
        apply(root, package(owned("/usr/dir/file", mode=0o4755)), tree_users(root))
    assert str(caught.value) == (
        "cannot set the owner of /usr/dir/file of d-1-1.noarch: Not a directory"
    )
    assert (tmp_path / "file").stat().st_mode & 0o7777 == 0o644


@pytest.mark.root
def test_other_ids_leave_capabilities_modes_and_other_peoples_files_alone(root: Path) -> None:
    (root / "usr/dir").mkdir()
    for name, uid in (("usr/file", 60999), ("usr/dir", 60999), ("usr/lib/group", 7)):
        os.chown(root / name, uid, 60998)
    (root / "usr/file").chmod(0o6755)
    os.setxattr(root / "usr/file", XATTR, capability_xattr("cap_net_raw=ep"))
    os.link(root / "usr/file", root / "usr/linked")
    renumber(root, root, Renumbering(users={60999: 301}, groups={60998: 302}))
    names = ("usr/file", "usr/dir", "usr/lib/group", "usr/lib/passwd")
    found = [(root / name).stat() for name in names]
    assert [(each.st_uid, each.st_gid) for each in found] == [(301, 302)] * 2 + [(7, 302), (0, 0)]
    assert stat.S_IMODE(found[0].st_mode) == 0o6755
    assert os.getxattr(root / "usr/file", XATTR) == capability_xattr("cap_net_raw=ep")


@pytest.mark.root
def test_a_socket_that_a_script_left_is_renumbered_like_the_rest(scratch: Path) -> None:
    os.mknod(scratch / "socket", 0o600 | stat.S_IFSOCK)
    os.chown(scratch / "socket", 60999, 0)
    renumber(scratch, scratch, Renumbering(users={60999: 301}, groups={}))
    assert (scratch / "socket").stat().st_uid == 301


@pytest.mark.root
def test_of_an_overlay_only_what_was_written_is_looked_at_and_changed_through_it(
    scratch: Path,
) -> None:
    upper, mounted = scratch / "upper", scratch / "mounted"
    for directory in (upper, mounted):
        directory.mkdir()
        (directory / "new").write_text("")
        os.chown(directory / "new", 60999, 0)
    (mounted / "old").write_text("")
    os.chown(mounted / "old", 60999, 0)
    renumber(upper, mounted, Renumbering(users={60999: 301}, groups={}))
    assert [(mounted / name).stat().st_uid for name in ("new", "old")] == [301, 60999]
    assert (upper / "new").stat().st_uid == 60999


@pytest.mark.root
def test_a_tree_too_deep_is_refused_or_passed_over_and_the_rest_renumbered(scratch: Path) -> None:
    numbers = Renumbering(users={60999: 301}, groups={60999: 301})
    with remove_deep(scratch):
        make_deep(scratch, 30, "n" * 200, owner=60999)
        make_deep(scratch, 700, owner=60999)
        make_deep(scratch, LEVELS_MAX, "e", owner=60999)
        with pytest.raises(TooDeepError):
            renumber(scratch, scratch, numbers)
        renumber(scratch, scratch, numbers, whole=False)
        assert scratch.joinpath(*"e" * LEVELS_MAX).stat().st_uid == 301
