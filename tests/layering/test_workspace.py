# SPDX-License-Identifier: LGPL-2.1-or-later
import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from layering import mounts
from layering.delta import place_file
from layering.errors import MountError, WorkspaceError
from layering.repo import Repo
from layering.union import LayerTree, union
from layering.workspace import Checkout, Workspace, clean_leftovers, open_workspace
from tests import needs
from tests.trees import commit_tree, layer, manifest

pytestmark = pytest.mark.root

BASE = [
    "f usr/bin/bash 0755 shell",
    "f usr/bin/su 04755 setuid",
    "f usr/bin/ping 0755 xattr:user.a=1 ping",
    "f usr/bin/empty 0600 uid=3 gid=4",
    "d usr/share/private 0700 uid=12 gid=13 xattr:user.b=2",
    "f usr/share/private/key 0600 uid=12 gid=13 key",
    "f usr/etc/passwd 0644 root",
    "f usr/lib/deep/er/than/one 0644 text",
    "l usr/sbin bin",
    "l bin usr/bin",
]


@pytest.fixture
def repo(scratch: Path) -> Repo:
    return Repo.create(scratch / "repo")


@contextmanager
def workspace(repo: Repo, base: str, new: str, *, checkout: bool = True) -> Iterator[Workspace]:
    """The workspace that shows `new` over a checkout of `base` (or over nothing)."""
    path = repo.path.parent / "checkout"
    if checkout and not path.exists():
        repo.checkout(base, path)
    tree = repo.commit_of(new)
    lower = Checkout(path=path, commit=base) if checkout else None
    with open_workspace(repo, tree=tree.root_tree, meta=tree.root_meta, checkout=lower) as opened:
        yield opened


def same(one: Path, other: Path) -> bool:
    """Compares with diff(1) first, which shares no code with us, then what diff doesn't see."""
    command = ["diff", "-r", "--no-dereference", str(one), str(other)]
    compared = subprocess.run(command, capture_output=True, text=True, check=False)
    assert compared.stdout + compared.stderr == ""
    return manifest(one) == manifest(other)


def changed(remove: list[str], add: list[str]) -> list[str]:
    """BASE without the lines of some paths, and with other lines."""
    return [line for line in BASE if line.split()[1] not in remove] + add


@pytest.mark.parametrize("checkout", [True, False], ids=["over a checkout", "over nothing"])
@pytest.mark.parametrize(
    "lines",
    [
        pytest.param(BASE, id="nothing changed"),
        pytest.param(changed([], ["f usr/bin/new 0711 uid=1 xattr:user.c=3 new"]), id="a new file"),
        pytest.param(
            changed([], ["d usr/new/dir 01777 uid=5", "f usr/new/dir/a/b", "l usr/new/l ./x//y"]),
            id="a new directory",
        ),
        pytest.param(changed(["usr/bin/su", "usr/sbin"], []), id="a file and a link removed"),
        pytest.param(changed(["usr/lib/deep/er/than/one"], []), id="a whole directory removed"),
        pytest.param(changed([], ["f usr/bin/bash 0755 another"]), id="another content"),
        pytest.param(changed([], ["f usr/bin/bash 0700 uid=1 shell"]), id="another mode, owner"),
        pytest.param(changed([], ["l usr/bin/bash dash"]), id="a file becomes a link"),
        pytest.param(changed(["usr/sbin"], ["f usr/sbin/x"]), id="a link becomes a directory"),
        pytest.param(
            changed(["usr/bin/bash"], ["f usr/bin/bash/x"]), id="a file becomes a directory"
        ),
        pytest.param(
            changed(["usr/lib/deep/er/than/one"], ["f usr/lib/deep 0600 flat"]),
            id="a directory becomes a file",
        ),
        pytest.param(
            changed(["usr/share/private"], ["d usr/share/private 0755 xattr:user.b=3"]),
            id="a directory's metadata",
        ),
        pytest.param(changed([], ["d usr 0711 uid=1"]), id="the metadata of a shared parent"),
        pytest.param(changed([], ["d / 0711 uid=1 xattr:user.d=4"]), id="the root's metadata"),
        pytest.param(["f usr/only/this"], id="nearly everything removed"),
        pytest.param([], id="everything removed"),
    ],
)
def test_the_mount_shows_what_a_checkout_would_be(
    repo: Repo, scratch: Path, lines: list[str], checkout: bool
) -> None:
    base, new = commit_tree(repo, *BASE), commit_tree(repo, *lines)
    repo.checkout(new, scratch / "oracle")
    with workspace(repo, base, new, checkout=checkout) as opened:
        assert same(opened.root, scratch / "oracle")


def test_the_mount_shows_the_union_of_base_and_layers(repo: Repo, scratch: Path) -> None:
    base = commit_tree(repo, *BASE)
    layers = [
        layer(repo, "a-1-1", "f usr/bin/a 0755 a", "d usr/share/private 0711", "f usr/lib/deep/a"),
        layer(repo, "b-1-1", "f usr/sbin/b 0755 b", "f usr/share/doc/b/c/d 0644 d"),
    ]
    result = union(repo, base, layers)
    with repo.transaction():
        merged = repo.write_commit(tree=(result.root_tree, result.root_meta), timestamp=1)
    repo.checkout(merged, scratch / "oracle")
    with workspace(repo, base, merged) as opened:
        assert same(opened.root, scratch / "oracle")
        assert (opened.root / "usr/bin/b").read_text() == "b"


def test_what_a_layer_brings_is_not_mixed_with_strays_of_the_checkout(
    repo: Repo, scratch: Path
) -> None:
    base = commit_tree(repo, *BASE)
    new = commit_tree(repo, *BASE, "f usr/lib/mine/file 0644 text")
    repo.checkout(base, scratch / "checkout")
    (scratch / "checkout/usr/lib/mine").mkdir()
    (scratch / "checkout/usr/lib/mine/stray").write_text("somebody wrote into the deployment")
    with workspace(repo, base, new) as opened:
        assert sorted(path.name for path in (opened.root / "usr/lib/mine").iterdir()) == ["file"]


def mess_about(root: Path) -> None:
    """Everything that a careless scriptlet does to files of the base."""
    with (root / "usr/bin/bash").open("a") as file:
        file.write("appended")
    (root / "usr/bin/su").chmod(0o777)
    (root / "usr/bin/ping").rename(root / "usr/bin/pong")
    (root / "usr/etc/passwd").unlink()
    os.truncate(root / "usr/share/private/key", 0)
    os.chown(root / "usr/lib/deep", 5, 5)
    os.setxattr(root / "usr/lib/deep/er/than/one", "user.new", b"1")
    os.utime(root / "usr/bin/empty", (1, 1))
    os.link(root / "usr/bin/bash", root / "usr/bin/sh")
    shutil.rmtree(root / "usr/share")
    (root / "usr/share").write_text("a file now")
    (root / "usr/sbin").unlink()
    (root / "usr/sbin").mkdir()
    with (root / "usr/bin/added").open("r+b") as file:
        file.write(b"written through a link of the layer's object?")


def test_nothing_done_in_the_mount_reaches_the_checkout_or_the_repository(repo: Repo) -> None:
    base = commit_tree(repo, *BASE)
    new = commit_tree(repo, *BASE, "f usr/bin/added 0755 added")
    checkout = repo.path.parent / "checkout"
    repo.checkout(base, checkout)
    objects = repo.path / "objects"
    before, objects_before = manifest(checkout), manifest(objects)
    with workspace(repo, base, new) as opened:
        mess_about(opened.root)
        assert (opened.root / "usr/bin/bash").read_text() == "shellappended"
    assert manifest(checkout) == before
    assert manifest(objects) == objects_before
    subprocess.run(["ostree", f"--repo={repo.path}", "fsck", "-q"], check=True)


def test_nothing_is_left_and_nothing_is_seen_outside(repo: Repo) -> None:
    base = commit_tree(repo, *BASE)
    before = manifest(repo.path / "tmp")
    with workspace(repo, base, base) as opened:
        assert str(opened.root) in Path("/proc/self/mounts").read_text()
        # Another process has the mount namespace that this one started in.
        outside = Path(f"/proc/{os.getppid()}/mounts").read_text()
        assert str(opened.root) not in outside
    assert str(opened.root) not in Path("/proc/self/mounts").read_text()
    assert manifest(repo.path / "tmp") == before


def test_a_file_left_open_does_not_keep_the_workspace(repo: Repo) -> None:
    base = commit_tree(repo, *BASE)
    with workspace(repo, base, base) as opened:
        handle = (opened.root / "usr/bin/bash").open()
    assert not opened.root.exists()
    assert handle.read() == "shell"
    handle.close()


def test_an_exception_inside_takes_everything_away(repo: Repo) -> None:
    base = commit_tree(repo, *BASE)
    with pytest.raises(KeyboardInterrupt), workspace(repo, base, base) as opened:
        raise KeyboardInterrupt
    assert not opened.root.parent.exists()


KILLED = """
import sys, time
from pathlib import Path
from layering.repo import Repo
from layering.workspace import Checkout, open_workspace
repo = Repo.open(Path(sys.argv[1]))
base = repo.commit_of(sys.argv[2])
checkout = Checkout(path=Path(sys.argv[3]), commit=base.checksum)
with open_workspace(repo, tree=base.root_tree, meta=base.root_meta, checkout=checkout) as opened:
    (opened.root / "usr/bin/bash").unlink()
    print("mounted", flush=True)
    time.sleep(600)
"""


def test_a_killed_run_is_cleaned_up_and_a_living_one_is_not(repo: Repo, scratch: Path) -> None:
    base = commit_tree(repo, *BASE)
    repo.checkout(base, scratch / "checkout")
    arguments = [str(repo.path), base, str(scratch / "checkout")]
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, *arguments], stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        try:
            assert child.stdout.readline() == "mounted\n"
            (alive,) = (repo.path / "tmp").glob("overlay-work-*")
            assert clean_leftovers(repo) == ()
        finally:
            child.kill()
    assert alive.exists()
    time.sleep(0.1)  # the kernel takes the namespace and its mounts down behind our back
    assert clean_leftovers(repo) == (alive,)
    assert not alive.exists()
    with workspace(repo, base, base) as opened:
        assert (opened.root / "usr/bin/bash").exists()


def test_without_a_checkout_a_workspace_needs_no_deployment_and_no_object(
    repo: Repo, scratch: Path
) -> None:
    tree = repo.commit_of(commit_tree(repo, *BASE))
    repo.checkout(tree.checksum, scratch / "oracle")
    with open_workspace(repo, tree=tree.root_tree, meta=tree.root_meta) as opened:
        for path in (repo.path / "objects").glob("*/*"):
            path.unlink()
        assert same(opened.root, scratch / "oracle")


def test_two_check_out_one_tree_and_neither_writes_to_the_repository(repo: Repo) -> None:
    tree = repo.commit_of(commit_tree(repo, *BASE))
    objects = repo.path / "objects"
    before = {path: path.stat().st_mtime_ns for path in [objects, *objects.glob("*")]}
    with (
        open_workspace(repo, tree=tree.root_tree, meta=tree.root_meta) as one,
        open_workspace(repo, tree=tree.root_tree, meta=tree.root_meta) as other,
    ):
        assert same(one.root, other.root)
    assert {path: path.stat().st_mtime_ns for path in [objects, *objects.glob("*")]} == before


def test_libostree_does_not_take_a_workspace_for_a_leftover(scratch: Path) -> None:
    made = Repo.create(scratch / "repo")
    base = commit_tree(made, *BASE)
    setting = [f"--repo={made.path}", "set", "core.tmp-expiry-secs", "1"]
    subprocess.run(["ostree", "config", *setting], check=True)
    repo = Repo.open(made.path)
    old = repo.path / "tmp/somebodys"
    old.mkdir()
    with workspace(repo, base, base) as opened:
        time.sleep(2.1)
        commit_tree(repo, "f another")
        assert not old.exists()  # it has looked
        assert (opened.root / "usr/bin/bash").read_text() == "shell"
        (opened.root / "usr/bin/mine").write_text("mine")
        assert (opened.upper / "usr/bin/mine").exists()


def test_a_repository_that_cannot_be_linked_from_is_refused(scratch: Path) -> None:
    repo = Repo.create(scratch / "archive", "archive")
    tree = repo.commit_of(commit_tree(repo, "f a"))
    with (
        pytest.raises(WorkspaceError) as raised,
        open_workspace(repo, tree=tree.root_tree, meta=tree.root_meta),
    ):
        raise AssertionError("opened")
    assert str(raised.value) == (
        f"cannot work in a repository that is not of mode bare: {scratch}/archive"
    )


def test_paths_with_the_separators_of_mount_options_work(scratch: Path) -> None:
    (scratch / "a:b,c\\d").mkdir()
    repo = Repo.create(scratch / "a:b,c\\d" / "repo")
    base = commit_tree(repo, *BASE)
    with workspace(repo, base, base) as opened:
        assert (opened.root / "usr/bin/bash").read_text() == "shell"


def test_a_refused_mount_says_what_where_and_why(scratch: Path) -> None:
    mounts.enter_own_namespace()
    with pytest.raises(MountError) as raised:
        mounts.mount_overlay(
            scratch, lowers=[scratch / "none"], upper=scratch / "u", work=scratch / "w"
        )
    reason = os.strerror(2)
    assert str(raised.value) == f"cannot mount an overlay at {scratch}: {reason}"


def no_more_links(*_arguments: object, **_options: object) -> None:
    raise OSError(31, "Too many links")


@pytest.mark.parametrize(
    "line",
    [
        "f x 0755 uid=3 gid=4 xattr:user.a=1 text",
        "f x 06711 uid=3 gid=4 text",
        "f x 0644 uid=3 xattr:user.a=1",
        "l x uid=3 gid=4 ./target//as/is",
    ],
)
def test_a_copy_is_exact_where_a_file_has_all_its_links(
    repo: Repo, scratch: Path, monkeypatch: pytest.MonkeyPatch, line: str
) -> None:
    tree = repo.dirtree(repo.commit_of(commit_tree(repo, line)).root_tree)
    ((_name, checksum),) = tree.files
    monkeypatch.setattr(os, "link", no_more_links)
    place_file(repo, checksum, scratch / "copy")
    source = repo.object_path(checksum)
    assert (scratch / "copy").lstat().st_ino != source.lstat().st_ino
    assert manifest_of(scratch / "copy") == manifest_of(source)


def test_a_capability_survives_a_copy(
    repo: Repo, scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (scratch / "ping").write_text("ping")
    subprocess.run(["setcap", "cap_net_raw=ep", str(scratch / "ping")], check=True)
    capability = os.getxattr(scratch / "ping", "security.capability")
    with repo.transaction():
        checksum = repo.write_regular(
            b"ping",
            length=4,
            uid=3,
            gid=4,
            mode=0o755,
            xattrs=((b"security.capability", capability),),
        )
    monkeypatch.setattr(os, "link", no_more_links)
    place_file(repo, checksum, scratch / "copy")
    assert os.getxattr(scratch / "copy", "security.capability") == capability
    assert ((scratch / "copy").stat().st_uid, (scratch / "copy").stat().st_gid) == (3, 4)


def manifest_of(path: Path) -> tuple[object, ...]:
    holder = path.parent
    return manifest(holder)[path.name]


def test_empty_files_are_copies_so_that_their_one_object_never_runs_out_of_links(
    repo: Repo,
) -> None:
    base = commit_tree(repo, *BASE)
    new = commit_tree(repo, *BASE, "f usr/none", "f usr/some 0644 some")
    with workspace(repo, base, new) as opened:
        lower = opened.root.parent / "lower"
        assert (lower / "usr/none").stat().st_nlink == 1
        assert (lower / "usr/some").stat().st_nlink == 2


def test_what_a_delta_holds_is_what_differs(repo: Repo) -> None:
    base = commit_tree(repo, *BASE)
    new = commit_tree(repo, *changed(["usr/bin/su"], ["f usr/bin/new 0644 new"]))
    with workspace(repo, base, new) as opened:
        lower = opened.root.parent / "lower"
        assert sorted(manifest(lower)) == [".", "usr", "usr/bin", "usr/bin/new", "usr/bin/su"]
        whiteout = (lower / "usr/bin/su").lstat()
        assert stat.S_ISCHR(whiteout.st_mode)
        assert whiteout.st_rdev == 0


def calls_of(call: Callable[[], object], scratch: Path) -> int:
    """Counts the file system's calls that `call` makes, with strace on this very process."""
    log = scratch / "strace.log"
    command = ["strace", "-f", "-qq", "-e", "trace=%file,getdents64", "-o", str(log), "-p"]
    with subprocess.Popen([*command, str(os.getpid())]) as tracer:
        while "TracerPid:\t0\n" in Path("/proc/self/status").read_text():
            time.sleep(0.01)
            assert tracer.poll() is None
        call()
        tracer.send_signal(signal.SIGINT)
    return len(log.read_text().splitlines())


def test_union_and_workspace_make_the_same_calls_whatever_the_size_of_the_base(
    repo: Repo, scratch: Path
) -> None:
    needs.program("strace")
    counts = []
    for size in (20, 400):
        padding = [f"f usr/share/pad/{at % 20}/{at}" for at in range(size)]
        base = commit_tree(repo, *BASE, *padding)
        checkout = Checkout(path=scratch / f"checkout-{size}", commit=base)
        repo.checkout(base, checkout.path)
        one = layer(repo, "a-1-1", "f usr/bin/a 0755 a", "f usr/share/doc/a 0644 text")

        def run(base: str = base, checkout: Checkout = checkout, one: LayerTree = one) -> None:
            result = union(repo, base, [one])
            with open_workspace(
                repo, tree=result.root_tree, meta=result.root_meta, checkout=checkout
            ) as opened:
                (opened.root / "usr/bin/bash").chmod(0o700)

        counts.append(calls_of(run, scratch))
    assert 0 < counts[0] < 400
    assert abs(counts[1] - counts[0]) <= 4
