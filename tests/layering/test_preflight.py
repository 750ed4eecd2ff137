# SPDX-License-Identifier: LGPL-2.1-or-later
"""What is found out before a deployment is finalized, on file systems of their own."""

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from layering import preflight
from layering.accounts import RECORD
from layering.bootspace import boot_files
from layering.errors import SysrootError
from layering.etcconflicts import EtcMergeError
from layering.origin import Origin
from layering.preflight import Preflight
from layering.progress import Event, Kind, silent
from layering.repo import Repo
from layering.sysroot import Sysroot
from tests.sysroots import (
    KVER,
    REF,
    STATEROOT,
    TestSysroot,
    commit_tree,
    make_sysroot,
    make_tree,
    run,
)

pytestmark = pytest.mark.root

MIB = 1 << 20
KERNEL = f"usr/lib/modules/{KVER}"


@pytest.fixture
def made(ground: Path) -> TestSysroot:
    return make_sysroot(Path(tempfile.mkdtemp(prefix="preflight-", dir=ground)) / "sysroot")


@contextmanager
def mounted(path: Path, size: int) -> Iterator[None]:
    """Gives a directory a file system of its own, with what it held."""
    subprocess.run(["cp", "-a", f"{path}/.", f"{path}.kept"], check=True)
    options = f"size={size},mode=0755"
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(path)], check=True)
    try:
        subprocess.run(["cp", "-a", f"{path}.kept/.", str(path)], check=True)
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(path)], check=True)


def commit(made: TestSysroot, name: str, files: dict[str, bytes]) -> str:
    tree = made.path.with_name(f"tree-{name}")
    make_tree(tree, files=files)
    return commit_tree(made.repo, tree, ref=f"test/{name}")


def checked(made: TestSysroot, new: str) -> Preflight:
    sysroot = Sysroot.open(made.path)
    return preflight.check(sysroot, sysroot.deployments[0], STATEROOT, new, silent)


def refused(made: TestSysroot, new: str) -> SysrootError:
    with pytest.raises(SysrootError) as caught:
        checked(made, new)
    return caught.value


def deploys(made: TestSysroot, new: str) -> bool:
    """The oracle: whether libostree has the room."""
    sysroot = Sysroot.open(made.path, writable=True)
    try:
        with sysroot.lock():
            sysroot.deploy(STATEROOT, new, Origin.for_refspec(REF))
    except SysrootError as error:
        assert "No space left on device" in str(error)
        return False
    return True


def test_nothing_is_told_where_all_is_well(made: TestSysroot) -> None:
    new = commit(made, "new", {"usr/etc/new": b"1"})
    assert checked(made, new).warnings() == ()


def test_the_time_is_told_as_a_phase(made: TestSysroot) -> None:
    events: list[Event] = []
    sysroot = Sysroot.open(made.path)
    preflight.check(sysroot, None, STATEROOT, made.commit, events.append)
    assert [(event.kind, event.phase) for event in events] == [
        (Kind.START, "preflight"),
        (Kind.END, "preflight"),
    ]


def test_conflicts_of_etc_and_accounts_are_warnings(made: TestSysroot) -> None:
    (checkout,) = (each.path for each in Sysroot.open(made.path).deployments)
    (checkout / "etc/os-release").write_text("mine\n")
    with (checkout / "etc/passwd").open("a") as passwd:
        passwd.write("alice:x:970:100::/home/alice:/bin/sh\n")
    record = b'g daemon-x 970\nu daemon-x 970:970 "" / /usr/sbin/nologin\n'
    new = commit(made, "new", {"usr/etc/os-release": b"ID=new\n", RECORD: record})
    etc, account = checked(made, new).warnings()
    assert etc == "/etc/os-release was changed here and in the new tree: yours stays"
    assert account.startswith(
        "the uid 970 of user daemon-x in the new tree is that of user alice on this host"
    )


def test_a_merge_that_would_be_refused_is_an_error(made: TestSysroot) -> None:
    (checkout,) = (each.path for each in Sysroot.open(made.path).deployments)
    (checkout / "etc/x").write_text("mine\n")
    assert isinstance(refused(made, commit(made, "new", {"usr/etc/x/y": b"1"})), EtcMergeError)


def test_a_kernel_that_has_no_room_in_boot_is_refused_as_libostree_would(
    made: TestSysroot,
) -> None:
    new = commit(made, "new", {f"{KERNEL}/vmlinuz": os.urandom(3 * MIB)})
    with mounted(made.path / "boot", 2 * MIB):
        error = refused(made, new)
        free = os.statvfs(made.path / "boot")
        has = f"{free.f_bfree * free.f_frsize / MIB:.1f} MiB"
        assert str(error) == (
            f"not enough space in {made.path}/boot for the kernel of {new[:12]}: "
            f"needs 4.0 MiB, {has} can be had"
        )
        assert error.__notes__ == [
            "drop a deployment with 'overlay cleanup --rollback', or unpin one"
        ]
        assert not deploys(made, new)


def test_a_kernel_that_fits_is_let_through(made: TestSysroot) -> None:
    new = commit(made, "new", {f"{KERNEL}/vmlinuz": os.urandom(3 * MIB)})
    with mounted(made.path / "boot", 6 * MIB):
        checked(made, new)
        assert deploys(made, new)


def test_a_kernel_that_is_there_already_needs_no_room(made: TestSysroot) -> None:
    new = commit(made, "new", {"usr/share/new": b"1"})
    with mounted(made.path / "boot", MIB // 4):
        checked(made, new)
        assert deploys(made, new)


def test_a_boot_on_the_repositorys_file_system_needs_no_room(made: TestSysroot) -> None:
    """libostree makes hard links there."""
    new = commit(made, "new", {f"{KERNEL}/vmlinuz": os.urandom(MIB)})
    checked(made, new)
    assert deploys(made, new)
    copies = (made.path / "boot/ostree").glob(f"*/vmlinuz-{KVER}")
    (copy,) = (path for path in copies if path.stat().st_size == MIB)
    assert copy.stat().st_nlink > 2


def test_a_full_disk_is_told(made: TestSysroot) -> None:
    with mounted(made.path, 3 * MIB):
        error = refused(made, made.commit)
    assert str(error).startswith(
        f"not enough space for another deployment: sysroot {made.path} needs 4.0 MiB at least, has"
    )
    assert error.__notes__ == [
        "free some space, or remove deployments and layers with 'overlay cleanup'"
    ]


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, {"vmlinuz", "initramfs.img"}),
        (
            {f"{KERNEL}/dtb/a.dtb": b"a", f"{KERNEL}/.vmlinuz.hmac": b"h", f"{KERNEL}/x": b"x"},
            {"vmlinuz", "initramfs.img", "dtb", ".vmlinuz.hmac"},
        ),
    ],
)
def test_what_goes_to_boot_is_what_libostree_takes(
    made: TestSysroot, files: dict[str, bytes], expected: set[str]
) -> None:
    new = commit(made, "new", files)
    assert set(boot_files(Repo.open(made.repo), new)) == expected
    assert deploys(made, new)
    checksum = Sysroot.open(made.path).deployments[0].boot_checksum
    copied = {path.name for path in (made.path / f"boot/ostree/{STATEROOT}-{checksum}").iterdir()}
    assert len(copied) == len(expected)


ROTATED = f"""
from pathlib import Path
from layering import preflight
from layering.errors import SysrootError
from layering.origin import Origin
from layering.progress import silent
from layering.sysroot import Sysroot
import subprocess, sys

sysroot = Sysroot.open(Path("/"), writable=True)
config = sysroot.merge_deployment("{STATEROOT}")
try:
    preflight.check(sysroot, config, "{STATEROOT}", new, silent)
except SysrootError as error:
    print(error)
with sysroot.lock():
    sysroot.deploy("{STATEROOT}", new, Origin.for_refspec("{REF}"))
shutdown = ["ostree", "admin", "finalize-staged"]
print("finalized", subprocess.run(shutdown, capture_output=True).returncode == 0)
"""


@pytest.mark.bwrap
@pytest.mark.parametrize("pinned", [False, True])
def test_a_kernel_may_take_the_place_of_one_that_is_dropped(
    made: TestSysroot, pinned: bool
) -> None:
    """On a running system libostree drops the rollback first, if it must: never a pinned one."""
    old = commit(made, "old", {f"{KERNEL}/vmlinuz": os.urandom(3 * MIB)})
    new = commit(made, "new", {f"{KERNEL}/vmlinuz": os.urandom(3 * MIB)})
    with mounted(made.path / "boot", 5 * MIB):
        made.deploy(old, "--not-as-default")
        if pinned:
            run("ostree", "admin", "pin", f"--sysroot={made.path}", "1")
        told = made.booted(f"new = '{new}'\n{ROTATED}")
    if pinned:
        assert told.startswith(f"not enough space in /boot for the kernel of {new[:12]}: needs ")
        assert told.endswith("\nfinalized False\n")
    else:
        assert told == "finalized True\n"
