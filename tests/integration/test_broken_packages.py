# SPDX-License-Identifier: LGPL-2.1-or-later
"""Packages that are not what they should be, and full disks: an error, and nothing is left."""

import os
import re
from pathlib import Path

import pytest

from tests.integration.conftest import MakeHost
from tests.integration.hosts import Ended, Host, command, untouched
from tests.rpms import File, Spec, build_rpm, make_repo

pytestmark = [pytest.mark.world, pytest.mark.root, pytest.mark.bwrap]


@pytest.fixture(scope="module")
def victim(ground: Path) -> bytes:
    """An RPM, whole."""
    directory = ground / "victim"
    directory.mkdir()
    spec = Spec(files={"/usr/share/victim/file": File(content=os.urandom(200_000))}, rpm_format=4)
    return build_rpm(directory, "victim-1-1.noarch", spec).read_bytes()


def truncated(data: bytes) -> bytes:
    return data[:-1000]


def flipped_in_payload(data: bytes) -> bytes:
    return data[:-2000] + bytes([data[-2000] ^ 0xFF]) + data[-1999:]


def flipped_in_header(data: bytes) -> bytes:
    at = data.index(b"The test package victim.")
    return data[:at] + b"X" + data[at + 1 :]


@pytest.mark.parametrize("damage", [truncated, flipped_in_payload, flipped_in_header])
def test_a_package_that_is_not_what_its_repository_says_is_refused(
    damage: object, victim: bytes, stable: Host, scratch: Path
) -> None:
    assert callable(damage)
    path = scratch / "repo/victim-1-1.noarch.rpm"
    path.parent.mkdir()
    path.write_bytes(victim)
    url = make_repo(path.parent)
    path.write_bytes(damage(victim))
    expected, found = (
        command("sha256sum", each).split()[0] for each in (_saved(scratch, victim), path)
    )
    ended = stable.overlay("-q", "install", "--repofrompath", f"mine,{url}", "victim")
    assert ended == Ended(
        status=1,
        stdout="",
        stderr=f"error: victim-1-1.noarch from repository 'mine' is broken: "
        f"expected digest sha256:{expected}, found sha256:{found}\n",
    )
    untouched(stable)


def _saved(scratch: Path, data: bytes) -> Path:
    path = scratch / "whole.rpm"
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    ("damage", "what"),
    [
        (truncated, "truncated: payload ends at byte N"),
        (flipped_in_payload, "/usr/share/victim/file does not match its sha256 digest"),
        (flipped_in_header, "header does not match its sha256 digest"),
        (lambda data: data[:5], "truncated: lead needs 91 bytes more"),
    ],
)
def test_a_broken_file_is_refused(
    damage: object, what: str, victim: bytes, stable: Host, scratch: Path
) -> None:
    assert callable(damage)
    path = scratch / "victim.rpm"
    path.write_bytes(damage(victim))
    ended = stable.overlay("-q", "install", str(path))
    # The number counts unpacked bytes, which nobody else counts.
    found = re.sub(r"(?<=ends at byte )\d+", "N", ended.stderr)
    assert found == f"error: broken package {path}: {what}\n"
    assert (ended.status, ended.stdout) == (1, "")
    untouched(stable)


def test_a_file_that_is_no_package_is_refused(stable: Host, scratch: Path) -> None:
    path = scratch / "page.rpm"
    path.write_bytes(b"<html>")
    ended = stable.overlay("-q", "install", str(path))
    assert (ended.status, ended.stdout) == (1, "")
    assert ended.stderr == f"error: not an RPM: {path}\n"
    untouched(stable)


def test_a_full_disk_is_an_error_that_passes(make_host: MakeHost, scratch: Path) -> None:
    disk = scratch / "disk"
    disk.mkdir()
    command("mount", "-t", "tmpfs", "-o", "size=1g,mode=0755", "tmpfs", disk)
    try:
        host = make_host(directory=disk / "host")
        # Otherwise libostree stops well before the disk is full.
        setting = ("set", "core.min-free-space-percent", "0")
        command("ostree", "config", f"--repo={host.repo}", *setting)
        failures = [_with_little_space(host, disk, left) for left in (0, 1, 5, 9, 13, 14, 15, 16)]
        assert failures[:4] == [1, 1, 1, 1]
        assert host.checksum() == host.base or 0 in failures
        host.fsck()
        host.change("install", *HEAVY)
        assert host.leftovers() == []
        host.fsck()
    finally:
        command("umount", "--lazy", disk)


HEAVY = ("case-many-files", "perl", "case-sizes")

# What the kernel says, and what is said before sealing begins what would not fit.
NO_SPACE = ("no space left on device", "no room to seal what scriptlets wrote")


def _with_little_space(host: Host, disk: Path, left: int) -> int:
    """Installs with so many mebibytes left, and returns the status."""
    free = os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize
    filling = disk / "filling"
    command("fallocate", "--length", str(free - left * 2**20), filling)
    ended = host.overlay("-q", "install", *HEAVY)
    filling.unlink()
    if ended.status:
        lines = ended.stderr.splitlines()
        assert lines[0].startswith("error: "), ended.stderr
        assert any(each in lines[0].lower() for each in NO_SPACE), ended.stderr
        assert lines[-1].startswith("hint: free some space"), ended.stderr
    return ended.status
