# SPDX-License-Identifier: LGPL-2.1-or-later
"""The user database of a tree around its scripts, which are played by the test."""

import os
from pathlib import Path

import pytest

from layering.account_ids import POOL, POOL_LOGIN_DEFS, candidates
from layering.account_steps import Before, finish, prepare, settle
from layering.accounts import RECORD
from layering.errors import TooLargeError, WorkspaceError
from layering.workspace import Workspace

PASSWD = "root:x:0:0::/root:/bin/sh\n"
GROUP = "root:x:0:\nvideo:x:44:\n"
SHADOW = "root:*:20000::::::\n"
LOGIN_DEFS = "UMASK 022\nSYS_UID_MIN 201\n UID_MIN\t1000"
REDIS = next(candidates("redis"))


@pytest.fixture
def workspace(scratch: Path) -> Workspace:
    """A tree that is its own upper directory."""
    root = scratch / "root"
    for name in ("usr/etc", "usr/lib", "usr/share"):
        (root / name).mkdir(parents=True)
    texts = {"passwd": PASSWD, "group": GROUP, "shadow": SHADOW, "login.defs": LOGIN_DEFS}
    for name, text in texts.items():
        (root / "usr/etc" / name).write_text(text)
    (scratch / "scratch/var").mkdir(parents=True)
    return Workspace(root=root, upper=root, scratch=scratch / "scratch")


def add_user(root: Path, name: str, number: int) -> None:
    """What useradd does."""
    for file, line in (
        ("passwd", f"{name}:x:{number}:{number}::/:/bin/false\n"),
        ("group", f"{name}:x:{number}:\n"),
        ("shadow", f"{name}:!:20454::::::\n"),
    ):
        with (root / "usr/etc" / file).open("a") as database:
            database.write(line)


def ended(workspace: Workspace, before: Before) -> dict[str, str]:
    """Does the last steps; returns the files of the user database."""
    settle(workspace, before)
    finish(workspace.root, before)
    files = sorted((workspace.root / "usr").glob("*/*"))
    return {f"{path.parent.name}/{path.name}": path.read_text() for path in files if path.is_file()}


def test_without_new_accounts_everything_is_as_before(workspace: Workspace) -> None:
    before = prepare(workspace.root)
    assert ended(workspace, before) == {
        "etc/group": GROUP,
        "etc/login.defs": LOGIN_DEFS,
        "etc/passwd": PASSWD,
        "etc/shadow": SHADOW,
    }


def test_scripts_find_the_pool_in_login_defs_and_may_change_the_rest(workspace: Workspace) -> None:
    before = prepare(workspace.root)
    login_defs = workspace.root / "usr/etc/login.defs"
    assert login_defs.read_text() == (
        "UMASK 022\n# put aside: SYS_UID_MIN 201\n# put aside:  UID_MIN\t1000" + POOL_LOGIN_DEFS
    )
    login_defs.write_text(login_defs.read_text().replace("022", "077") + "MORE yes\n")
    assert ended(workspace, before)["etc/login.defs"] == (
        LOGIN_DEFS.replace("022", "077") + "MORE yes\n"
    )


def test_a_base_without_login_defs_gets_none(workspace: Workspace) -> None:
    (workspace.root / "usr/etc/login.defs").unlink()
    before = prepare(workspace.root)
    assert "etc/login.defs" not in ended(workspace, before)


def test_login_defs_that_is_a_link_is_left_alone(workspace: Workspace, tmp_path: Path) -> None:
    (tmp_path / "login.defs").write_text("host's")
    (workspace.root / "usr/etc/login.defs").unlink()
    (workspace.root / "usr/etc/login.defs").symlink_to(tmp_path / "login.defs")
    finish(workspace.root, prepare(workspace.root))
    assert (tmp_path / "login.defs").read_text() == "host's"


@pytest.mark.root
def test_a_new_account_and_all_that_is_its_own_get_the_stable_id(workspace: Workspace) -> None:
    root = workspace.root
    before = prepare(root)
    add_user(root, "redis", POOL[5])
    (root / "usr/share/file").write_text("")
    (root / "usr/share/link").symlink_to("nowhere")
    (workspace.scratch / "var/lib").mkdir()
    owned = (root / "usr/share/file", root / "usr/share/link", workspace.scratch / "var/lib")
    for path in owned:
        os.lchown(path, POOL[5], POOL[5])
    (root / "usr/share/file").chmod(0o4755)
    os.setxattr(root / "usr/share/file", "user.kept", b"yes")
    files = ended(workspace, before)
    found = [path.lstat() for path in owned]
    assert [(each.st_uid, each.st_gid) for each in found] == [(REDIS, REDIS)] * 3
    assert found[0].st_mode & 0o7777 == 0o4755
    assert files["etc/passwd"] == f"{PASSWD}redis:x:{REDIS}:{REDIS}::/:/bin/false\n"
    assert files["etc/group"] == f"{GROUP}redis:x:{REDIS}:\n"
    assert files["etc/shadow"] == f"{SHADOW}redis:!:::::::\n"
    assert (root / RECORD).read_text().splitlines()[1:] == [
        f"g redis {REDIS}",
        f"u redis {REDIS}:{REDIS} - / /bin/false",
    ]


def test_accounts_of_later_scripts_do_not_move_those_that_were_settled(
    workspace: Workspace,
) -> None:
    before = prepare(workspace.root)
    add_user(workspace.root, "redis", POOL[5])
    settle(workspace, before)
    add_user(workspace.root, "late", POOL[5])
    late = next(candidates("late"))
    text = ended(workspace, before)["etc/passwd"]
    lines = [f"late:x:{late}:{late}::/:/bin/false", f"redis:x:{REDIS}:{REDIS}::/:/bin/false"]
    assert text.splitlines()[1:] == lines


def altfiles(root: Path, nsswitch: str) -> None:
    (root / "usr/lib/passwd").write_text("bin:x:1:1::/:\n")
    (root / "usr/lib/group").write_text("bin:x:1:\n")
    (root / "usr/etc/nsswitch.conf").write_text(nsswitch)


def test_with_altfiles_scripts_see_all_users_in_etc_and_new_ones_end_in_lib(
    workspace: Workspace,
) -> None:
    altfiles(workspace.root, "passwd: files altfiles systemd\n")
    before = prepare(workspace.root)
    assert (workspace.root / "usr/etc/passwd").read_text() == f"{PASSWD}bin:x:1:1::/:\n"
    add_user(workspace.root, "redis", POOL[5])
    files = ended(workspace, before)
    assert (files["etc/passwd"], files["etc/group"], files["etc/shadow"]) == (PASSWD, GROUP, SHADOW)
    assert files["lib/passwd"] == (f"bin:x:1:1::/:\nredis:x:{REDIS}:{REDIS}::/:/bin/false\n")
    assert files["lib/group"] == f"bin:x:1:\nredis:x:{REDIS}:\n"
    assert (workspace.root / RECORD).exists()


def test_users_in_lib_that_nobody_looks_up_are_no_reason_to_put_others_there(
    workspace: Workspace,
) -> None:
    altfiles(workspace.root, "passwd: files systemd\n")
    before = prepare(workspace.root)
    add_user(workspace.root, "redis", POOL[5])
    files = ended(workspace, before)
    assert "redis" in files["etc/passwd"]
    assert files["lib/passwd"] == "bin:x:1:1::/:\n"


def test_authselects_link_is_followed_by_its_known_place(workspace: Workspace) -> None:
    altfiles(workspace.root, "")
    etc = workspace.root / "usr/etc"
    (etc / "authselect").mkdir()
    (etc / "nsswitch.conf").unlink()
    (etc / "nsswitch.conf").symlink_to("/etc/authselect/nsswitch.conf")
    (etc / "authselect/nsswitch.conf").write_text("passwd: files\n")
    assert prepare(workspace.root).lib is None


def test_bytes_that_are_no_utf8_stay_what_they_are(workspace: Workspace) -> None:
    passwd = workspace.root / "usr/etc/passwd"
    passwd.write_bytes(PASSWD.encode() + b"old:x:5:5:J\xf6rg:/:\n")
    login_defs = workspace.root / "usr/etc/login.defs"
    login_defs.write_bytes(b"# J\xf6rg\n")
    before = prepare(workspace.root)
    add_user(workspace.root, "redis", POOL[5])
    settle(workspace, before)
    finish(workspace.root, before)
    assert login_defs.read_bytes() == b"# J\xf6rg\n"
    assert b"old:x:5:5:J\xf6rg:/:\n" in passwd.read_bytes()


def test_a_database_that_a_script_made_a_link_is_an_error(
    workspace: Workspace, tmp_path: Path
) -> None:
    before = prepare(workspace.root)
    (workspace.root / "usr/etc/passwd").unlink()
    (workspace.root / "usr/etc/passwd").symlink_to(tmp_path)
    with pytest.raises(WorkspaceError) as caught:
        settle(workspace, before)
    reason = "Too many levels of symbolic links"
    assert str(caught.value) == f"cannot read the tree's /usr/etc/passwd: {reason}"


def test_a_place_for_the_record_that_a_script_took_is_an_error(workspace: Workspace) -> None:
    before = prepare(workspace.root)
    add_user(workspace.root, "redis", POOL[5])
    (workspace.root / "usr/lib/sysusers.d").write_text("")
    settle(workspace, before)
    with pytest.raises(WorkspaceError) as caught:
        finish(workspace.root, before)
    path = "/usr/lib/sysusers.d/00-overlay.conf"
    assert str(caught.value) == f"cannot read the tree's {path}: Not a directory"


def test_a_tree_without_etc_is_left_alone(workspace: Workspace) -> None:
    (workspace.root / "usr/etc").rename(workspace.root / "usr/other")
    before = prepare(workspace.root)
    settle(workspace, before)
    finish(workspace.root, before)
    assert sorted(path.name for path in (workspace.root / "usr").iterdir()) == [
        "lib",
        "other",
        "share",
    ]


@pytest.mark.parametrize("name", ["passwd", "group", "shadow", "login.defs"])
def test_a_file_of_holes_in_the_place_of_one_is_an_error(workspace: Workspace, name: str) -> None:
    before = prepare(workspace.root)
    with (workspace.root / "usr/etc" / name).open("r+b") as file:
        file.truncate(1 << 42)
    with pytest.raises(TooLargeError) as raised:
        ended(workspace, before)
    assert str(raised.value) == f"file too large: /usr/etc/{name} has more than 16 MiB"


@pytest.mark.parametrize("reader", [False, True], ids=["nobody reads", "somebody reads"])
def test_a_pipe_in_the_place_of_a_file_that_is_written_is_an_error(
    workspace: Workspace, reader: bool
) -> None:
    pipe = workspace.root / "usr/lib/passwd"
    pipe.write_text("alt:x:9:9::/:\n")
    (workspace.root / "usr/lib/group").write_text("")
    before = prepare(workspace.root)
    add_user(workspace.root, "redis", POOL[-1])
    pipe.unlink()
    os.mkfifo(pipe)
    handle = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK) if reader else None
    try:
        with pytest.raises(WorkspaceError) as raised:
            ended(workspace, before)
    finally:
        if handle is not None:
            os.close(handle)
    assert str(raised.value) == "cannot write the tree's /usr/lib/passwd: Not a regular file"
