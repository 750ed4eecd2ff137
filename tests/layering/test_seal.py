# SPDX-License-Identifier: LGPL-2.1-or-later
import os
import re
import shutil
import socket
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from layering import mtree
from layering._ostree import GLib
from layering.errors import NoRoomError, TooDeepError, UnsupportedNameError
from layering.labels import UNLABELLED, Labels
from layering.mtree import MutableTree
from layering.objects import DirMeta, Xattrs
from layering.relabel import relabelled
from layering.repo import Repo
from layering.seal import Patched, commit, patch_from_upper
from layering.treewalk import LEVELS_MAX
from layering.union import union
from layering.workspace import Checkout, open_workspace
from tests.deep import make_deep, remove_deep
from tests.sysroots import run
from tests.trees import commit_tree, describe, layer, make_tree, manifest

BASE = [
    "f usr/bin/bash 0755 shell",
    "f usr/bin/su 04755 setuid",
    "f usr/lib/deep/er/than/one 0644 text",
    "f usr/lib/deep/er/two 0644 text",
    "d usr/share/private 0700 uid=12 gid=13 xattr:user.b=2",
    "f usr/share/private/key 0600 uid=12 gid=13 key",
    "f usr/share/mime/cache 0644 one",
    "l usr/sbin bin",
    "l bin usr/bin",
    "d var 0755",
]


@pytest.fixture
def repo(scratch: Path) -> Repo:
    return Repo.create(scratch / "repo")


def append(root: Path) -> None:
    with (root / "usr/bin/bash").open("a") as file:
        file.write("appended")


def touch_only(root: Path) -> None:
    for path in ("usr/bin/bash", "usr/bin/su", "usr/share/private/key", "usr/share/private"):
        os.utime(root / path, (1, 1))
    for path in ("usr/bin/bash", "usr/lib/deep/er/two"):
        with (root / path).open("r+b"):
            pass


def change_modes_and_owners(root: Path) -> None:
    (root / "usr/bin/su").chmod(0o755)
    (root / "usr/share/private").chmod(0o3770)
    os.chown(root / "usr/share/private/key", 7, 8)
    os.chown(root / "usr/sbin", 7, 8, follow_symlinks=False)
    os.chown(root / "usr/lib", 9, 9)


def remove(root: Path) -> None:
    (root / "usr/bin/bash").unlink()
    (root / "usr/sbin").unlink()
    shutil.rmtree(root / "usr/lib/deep")


def replace_types(root: Path) -> None:
    shutil.rmtree(root / "usr/share/private")
    (root / "usr/share/private").write_text("a file now")
    (root / "usr/bin/su").unlink()
    (root / "usr/bin/su").mkdir(mode=0o711)
    (root / "usr/bin/su/inside").write_text("text")
    (root / "usr/sbin").unlink()
    (root / "usr/sbin").mkdir()
    (root / "usr/bin/bash").unlink()
    (root / "usr/bin/bash").symlink_to("./su//inside")


def remake_directories(root: Path) -> None:
    shutil.rmtree(root / "usr/lib/deep")
    (root / "usr/lib/deep/er").mkdir(parents=True)
    (root / "usr/lib/deep/er/three").write_text("3")
    subprocess.run(["mv", root / "usr/share/private", root / "usr/share/moved"], check=True)


def add(root: Path) -> None:
    (root / "usr/new/a/b").mkdir(parents=True)
    (root / "usr/new/a").chmod(0o1777)
    (root / "usr/new/a/b/file").write_bytes(os.urandom(3 << 20))
    (root / "usr/new/empty").touch(mode=0o600)
    os.link(root / "usr/new/empty", root / "usr/new/linked")
    (root / "usr/new/ünicode name").write_text("text")
    (root / "usr/share/mime/cache").rename(root / "usr/share/mime/old")
    (root / "usr/share/mime/cache").write_text("two")


def set_attributes(root: Path) -> None:
    (root / "usr/bin/ping").write_text("ping")
    subprocess.run(["setcap", "cap_net_raw=ep", root / "usr/bin/ping"], check=True)
    subprocess.run(["setcap", "cap_setuid=ep", root / "usr/bin/bash"], check=True)
    os.setxattr(root / "usr/share/mime", "user.new", b"\0binary")
    os.removexattr(root / "usr/share/private", "user.b")


@pytest.mark.root
@pytest.mark.parametrize(
    "act",
    [
        append,
        touch_only,
        change_modes_and_owners,
        remove,
        replace_types,
        remake_directories,
        add,
        set_attributes,
    ],
    ids=lambda act: act.__name__,
)
def test_the_sealed_commit_is_what_the_mount_showed(
    repo: Repo, scratch: Path, act: Callable[[Path], None]
) -> None:
    base = commit_tree(repo, *BASE)
    repo.checkout(base, scratch / "checkout")
    result = union(repo, base, [layer(repo, "a-1-1", "f usr/bin/a 0755 a", "f usr/lib/deep/a")])
    lower = Checkout(path=scratch / "checkout", commit=base)
    with open_workspace(
        repo, tree=result.root_tree, meta=result.root_meta, checkout=lower
    ) as opened:
        act(opened.root)
        subprocess.run(["cp", "-a", opened.root, scratch / "oracle"], check=True)
        assert patch_from_upper(repo, result.mtree, opened.upper) == Patched(dropped=())
    sealed = seal(repo, result.mtree, parent=base)
    repo.checkout(sealed, scratch / "sealed")
    command = ["diff", "-r", "--no-dereference", str(scratch / "sealed"), str(scratch / "oracle")]
    assert subprocess.run(command, capture_output=True, text=True, check=False).stdout == ""
    assert manifest(scratch / "sealed") == manifest(scratch / "oracle")
    subprocess.run(["ostree", f"--repo={repo.path}", "fsck", "-q"], check=True)


def seal(repo: Repo, tree: MutableTree, *, parent: str | None = None) -> str:
    return commit(
        repo, tree, parent=parent, subject="", timestamp=1, metadata={}, refs=["test/sealed"]
    )


@pytest.mark.root
def test_files_that_were_copied_up_unchanged_are_the_same_objects(
    repo: Repo, scratch: Path
) -> None:
    base = commit_tree(repo, *BASE)
    repo.checkout(base, scratch / "checkout")
    tree, read = repo.tree_of(base), repo.commit_of(base)
    lower = Checkout(path=scratch / "checkout", commit=base)
    objects = set((repo.path / "objects").rglob("*"))
    with open_workspace(repo, tree=read.root_tree, meta=read.root_meta, checkout=lower) as opened:
        touch_only(opened.root)
        patch_from_upper(repo, tree, opened.upper)
        assert (opened.upper / "usr/bin/bash").exists()
    with repo.transaction():
        assert repo.write_tree(tree) == (read.root_tree, read.root_meta)
    assert set((repo.path / "objects").rglob("*")) == objects


# The rest needs no mount: an upper directory is an ordinary one.


def patched(
    repo: Repo, upper: Path, *, tops: tuple[str, ...] = ("usr",)
) -> tuple[list[str], Patched]:
    tree = make_tree(repo, *BASE)
    result = patch_from_upper(repo, tree, upper, tops=tops)
    with repo.transaction():
        root_tree, _root_meta = repo.write_tree(tree)
    return describe(repo, root_tree), result


@pytest.fixture
def plain(scratch: Path) -> Repo:
    """A repository that anybody can write owners into."""
    return Repo.create(scratch / "plain", "bare-user")


def test_only_what_belongs_into_an_image_is_sealed(plain: Repo, scratch: Path) -> None:
    upper = scratch / "upper"
    tops = ("dev", "etc", "proc", "run", "sys", "tmp", "usr", "var")
    for name in tops:
        (upper / name).mkdir(parents=True)
        (upper / name).chmod(0o755)
        (upper / name / "new").write_text("text")
        (upper / name / "new").chmod(0o600)
    (upper / "opt").symlink_to("usr/opt")
    lines, _result = patched(plain, upper)
    assert [line.split()[1] for line in lines if "new" in line] == ["usr/new"]
    allowed, _result = patched(plain, upper, tops=("usr", "opt"))
    assert [line.split()[1] for line in allowed if line not in lines] == ["opt"]


def test_sockets_and_pipes_are_dropped_and_said_so(plain: Repo, scratch: Path) -> None:
    upper = scratch / "upper"
    (upper / "usr/bin").mkdir(parents=True)
    os.mkfifo(upper / "usr/bin/bash")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(os.fspath(upper / "usr/bin/socket"))
    lines, result = patched(plain, upper)
    assert result == Patched(dropped=("/usr/bin/bash", "/usr/bin/socket"))
    assert not any("bin/bash" in line or "socket" in line for line in lines)


@pytest.mark.root
def test_a_device_is_dropped_and_a_whiteout_is_not_a_device(plain: Repo, scratch: Path) -> None:
    upper = scratch / "upper"
    (upper / "usr/bin").mkdir(parents=True)
    os.mknod(upper / "usr/bin/null", stat.S_IFCHR | 0o666, os.makedev(1, 3))
    os.mknod(upper / "usr/bin/bash", stat.S_IFCHR, os.makedev(0, 0))
    lines, result = patched(plain, upper)
    assert result == Patched(dropped=("/usr/bin/null",))
    assert not any("bin/bash" in line or "null" in line for line in lines)


def test_a_name_that_is_not_utf8_is_refused(plain: Repo, scratch: Path) -> None:
    (scratch / "upper/usr").mkdir(parents=True)
    Path(os.fsdecode(os.fsencode(scratch) + b"/upper/usr/b\xff")).write_text("text")
    with pytest.raises(UnsupportedNameError) as raised:
        patched(plain, scratch / "upper")
    assert str(raised.value) == r"file name is not valid UTF-8: /usr/b\xff of a scriptlet"


def test_a_link_target_that_is_not_utf8_is_refused(plain: Repo, scratch: Path) -> None:
    (scratch / "upper/usr").mkdir(parents=True)
    (scratch / "upper/usr/link").symlink_to(os.fsdecode(b"\xff"))
    with pytest.raises(UnsupportedNameError) as raised:
        patched(plain, scratch / "upper")
    assert str(raised.value) == (
        r"symbolic link's target is not valid UTF-8: /usr/link of a scriptlet"
    )


def test_a_link_out_of_the_upper_directory_is_not_followed(plain: Repo, scratch: Path) -> None:
    (scratch / "secret").mkdir()
    (scratch / "secret/key").write_text("key")
    (scratch / "upper/usr").mkdir(parents=True)
    (scratch / "upper/usr/lib").symlink_to(scratch / "secret")
    lines, _result = patched(plain, scratch / "upper")
    assert [line for line in lines if "usr/lib" in line] == [
        line for line in lines if line.startswith("l usr/lib ") and line.endswith("/secret")
    ]
    assert len([line for line in lines if "usr/lib" in line]) == 1


def test_a_commit_and_its_refs_say_what_they_were_told(plain: Repo) -> None:
    base = commit_tree(plain, *BASE)
    tree = plain.tree_of(base)
    checksum = commit(
        plain,
        tree,
        parent=base,
        subject="a subject",
        timestamp=1234567890,
        metadata={"version": GLib.Variant("s", "1")},
        refs=["overlay/merged/one", "overlay/merged/two"],
    )
    read = plain.commit_of(checksum)
    assert (read.parent, read.subject, read.timestamp) == (base, "a subject", 1234567890)
    assert read.text("version") == "1"
    assert read.root_tree == plain.commit_of(base).root_tree
    assert plain.refs("overlay") == {
        "overlay/merged/one": checksum,
        "overlay/merged/two": checksum,
    }


# Labels: what a kernel wrote into the upper is one thing, what the policy says another.

LABELLED = [
    "d usr 0755 xattr:security.selinux=base_usr",
    "d usr/share 0755 xattr:security.selinux=base_share",
    "f usr/share/kept 0644 xattr:security.selinux=base_kept kept",
    "f usr/share/changed 0644 xattr:security.selinux=base_changed one",
    "l usr/share/link xattr:security.selinux=base_link kept",
]


class Painted:
    """A policy that labels each file with its own place and kind."""

    key = "painted"

    def xattrs(self, place: bytes, mode: int) -> Xattrs:
        kind = {stat.S_IFDIR: b"d", stat.S_IFREG: b"f", stat.S_IFLNK: b"l"}[stat.S_IFMT(mode)]
        return ((b"security.selinux", kind + place.replace(b"/", b".")),)


def sealed(repo: Repo, upper: Path, labels: Labels) -> dict[str, str]:
    """Seals the upper over the labelled tree, and returns each path's line less the path."""
    tree = make_tree(repo, *LABELLED)
    patch_from_upper(repo, tree, upper, labels=labels)
    with repo.transaction():
        root_tree, _root_meta = repo.write_tree(tree)
    lines = (line.split(" ", 2) for line in describe(repo, root_tree))
    return {path: f"{kind} {rest}" for kind, path, rest in lines}


def labelled(path: Path, value: bytes) -> Path:
    """Gives a file the label that a kernel with another policy gave it."""
    os.setxattr(path, "security.selinux", value, follow_symlinks=False)
    return path


@pytest.fixture
def upper(scratch: Path) -> Path:
    """Directories that were copied up, with the labels that the base has."""
    (scratch / "upper/usr/share").mkdir(parents=True)
    labelled(scratch / "upper/usr", b"base_usr")
    labelled(scratch / "upper/usr/share", b"base_share")
    return scratch / "upper"


@pytest.mark.root
def test_what_is_new_has_the_policys_label_and_no_kernels(plain: Repo, upper: Path) -> None:
    (upper / "usr/share/new").mkdir(mode=0o755)
    (upper / "usr/share/new/file").write_text("text")
    (upper / "usr/share/new/link").symlink_to("file")
    for name in ("new", "new/file", "new/link"):
        labelled(upper / "usr/share" / name, b"the_kernels")
    lines = sealed(plain, upper, Painted())
    assert lines["usr/share/new"] == "d 0755 xattr:security.selinux=d.usr.share.new"
    assert lines["usr/share/new/file"] == "f 0644 xattr:security.selinux=f.usr.share.new.file text"
    assert lines["usr/share/new/link"] == "l xattr:security.selinux=l.usr.share.new.link file"


@pytest.mark.root
def test_what_a_script_changed_has_the_policys_label(plain: Repo, upper: Path) -> None:
    (upper / "usr/share/changed").write_text("two")
    labelled(upper / "usr/share/changed", b"base_changed")
    lines = sealed(plain, upper, Painted())
    assert lines["usr/share/changed"] == "f 0644 xattr:security.selinux=f.usr.share.changed two"


@pytest.mark.root
def test_what_was_there_and_was_not_changed_keeps_the_label_that_it_had(
    plain: Repo, upper: Path
) -> None:
    (upper / "usr/share/kept").write_text("kept")
    labelled(upper / "usr/share/kept", b"base_kept")
    (upper / "usr/share/link").symlink_to("kept")
    lines = sealed(plain, upper, Painted())
    assert lines["usr"] == "d 0755 xattr:security.selinux=base_usr"
    assert lines["usr/share"] == "d 0755 xattr:security.selinux=base_share"
    assert lines["usr/share/kept"] == "f 0644 xattr:security.selinux=base_kept kept"
    assert lines["usr/share/link"] == "l xattr:security.selinux=base_link kept"


@pytest.mark.root
def test_a_directory_that_was_made_anew_is_new(plain: Repo, upper: Path) -> None:
    os.setxattr(upper / "usr/share", "trusted.overlay.opaque", b"y")
    lines = sealed(plain, upper, Painted())
    assert lines["usr/share"] == "d 0755 xattr:security.selinux=d.usr.share"


@pytest.mark.root
def test_without_a_policy_no_kernels_label_gets_into_a_tree(plain: Repo, upper: Path) -> None:
    (upper / "usr/share/file").write_text("text")
    labelled(upper / "usr/share/file", b"the_kernels")
    assert sealed(plain, upper, UNLABELLED)["usr/share/file"] == "f 0644 text"


# What a script can make the sealing take: room, time, and the stack.


def test_a_file_of_holes_is_refused_before_anything_is_written(plain: Repo, scratch: Path) -> None:
    (scratch / "upper/usr/lib").mkdir(parents=True)
    with (scratch / "upper/usr/lib/huge").open("wb") as file:
        file.truncate(1 << 40)
    tree = plain.new_tree()
    objects = set((plain.path / "objects").rglob("*"))
    with pytest.raises(NoRoomError) as raised:
        patch_from_upper(plain, tree, scratch / "upper")
    assert str(raised.value).startswith(
        "no room to seal what scriptlets wrote, /usr/lib/huge of 1048576 MiB above all: "
    )
    assert set((plain.path / "objects").rglob("*")) == objects


def test_a_file_with_holes_of_modest_size_is_sealed_as_it_reads(plain: Repo, scratch: Path) -> None:
    (scratch / "upper/usr/lib").mkdir(parents=True)
    with (scratch / "upper/usr/lib/sparse").open("wb") as file:
        file.truncate(20 << 20)
        file.write(b"x")
    tree = plain.new_tree()
    patch_from_upper(plain, tree, scratch / "upper")
    sealed = seal(plain, tree)
    run("ostree", f"--repo={plain.path}", "checkout", "-U", sealed, str(scratch / "sealed"))
    content = (scratch / "sealed/usr/lib/sparse").read_bytes()
    assert content == b"x" + b"\0" * ((20 << 20) - 1)


@pytest.mark.root
@pytest.mark.parametrize(("levels", "name"), [(700, "d"), (30, "0" * 200)])
def test_what_is_too_deep_is_refused_by_its_path_in_the_tree(
    plain: Repo, scratch: Path, levels: int, name: str
) -> None:
    upper = scratch / "upper"
    (upper / "usr/lib").mkdir(parents=True)
    with remove_deep(upper):
        make_deep(upper / "usr/lib", levels, name)
        with pytest.raises(TooDeepError) as raised:
            patch_from_upper(plain, plain.new_tree(), upper)
        assert re.fullmatch(
            r"too deep: /usr/lib/[0d/]{92}… of a scriptlet: \d+ levels, \d+ bytes",
            str(raised.value),
        )


@pytest.mark.root
def test_the_deepest_tree_that_is_sealed_stands_all_that_comes_after(
    plain: Repo, scratch: Path
) -> None:
    upper = scratch / "upper"
    (upper / "usr").mkdir(parents=True)
    make_deep(upper / "usr", LEVELS_MAX - 1)
    tree = plain.new_tree()
    patch_from_upper(plain, tree, upper)
    mtree.set_meta(tree, plain.write_dirmeta(DirMeta()))
    sealed = seal(plain, tree)
    run("ostree", f"--repo={plain.path}", "fsck", "-q")
    root = plain.commit_of(sealed)
    labelled, count = relabelled(plain, (root.root_tree, root.root_meta), None, Painted())
    assert count == LEVELS_MAX + 1
    with plain.transaction():
        lines = describe(plain, plain.write_tree(labelled)[0])
    assert len(lines) == LEVELS_MAX
