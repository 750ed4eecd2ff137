# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the harness reads from a disk as firmware, without mounting it."""

from pathlib import Path

import pytest

from tests.vm import firmware, image
from tests.vm.firmware import Entry, FirmwareError

ENTRY = """\
title Overlay World 1 (ostree:{n})
version {version}
options root=LABEL=root rw ostree=/ostree/boot.1/demo/abc/{n}
linux /ostree/demo-abc/vmlinuz-7.2
initrd /ostree/demo-abc/initramfs-7.2.img
"""


def disk(directory: Path, versions: dict[str, int]) -> Path:
    """Returns a disk whose entries, by file name, have these versions."""
    boot = directory / "content/boot"
    (boot / "loader.1/entries").mkdir(parents=True)
    (boot / "loader").symlink_to("loader.1")
    for n, (name, version) in enumerate(versions.items()):
        (boot / "loader.1/entries" / name).write_text(ENTRY.format(n=n, version=version))
    files = boot / "ostree/demo-abc"
    files.mkdir(parents=True)
    (files / "vmlinuz-7.2").write_bytes(b"kernel" * 1000)
    (files / "initramfs-7.2.img").write_bytes(b"initrd" * 1000)
    image.pack(directory / "content", directory / "disk.img", label="root")
    return directory / "disk.img"


def test_entry_is_read_key_by_key() -> None:
    assert firmware.parse_entry(ENTRY.format(n=0, version=2)) == Entry(
        title="Overlay World 1 (ostree:0)",
        version=2,
        linux="/ostree/demo-abc/vmlinuz-7.2",
        initrd="/ostree/demo-abc/initramfs-7.2.img",
        options="root=LABEL=root rw ostree=/ostree/boot.1/demo/abc/0",
    )


def test_entry_without_a_kernel_does_not_boot() -> None:
    with pytest.raises(FirmwareError, match="without a usable 'linux'"):
        firmware.parse_entry("title x\nversion 1\ninitrd /i\noptions o\n")


def test_highest_version_comes_first(tmp_path: Path) -> None:
    there = disk(tmp_path, {"ostree-1.conf": 9, "ostree-2.conf": 10, "README": 11})
    assert [entry.version for entry in firmware.entries(there)] == [10, 9]


def test_disk_without_entries_does_not_boot(tmp_path: Path) -> None:
    with pytest.raises(FirmwareError, match="has no boot loader entry in /boot/loader/entries"):
        firmware.entries(disk(tmp_path, {}))


def test_kernel_and_initrd_are_copied_whole(tmp_path: Path) -> None:
    there = disk(tmp_path, {"ostree-1.conf": 1})
    (entry,) = firmware.entries(there)
    kernel, initrd = firmware.load(there, entry, tmp_path)
    assert kernel.read_bytes() == b"kernel" * 1000
    assert initrd.read_bytes() == b"initrd" * 1000


def test_missing_file_is_named(tmp_path: Path) -> None:
    there = disk(tmp_path, {"ostree-1.conf": 1})
    with pytest.raises(image.ImageError, match=r"has no /boot/none, or it is empty"):
        image.extract(there, "/boot/none", tmp_path / "out")


def test_sound_disk_needs_no_recovery(tmp_path: Path) -> None:
    image.recover(disk(tmp_path, {"ostree-1.conf": 1}))


def test_damage_that_no_journal_mends_is_told(tmp_path: Path) -> None:
    there = disk(tmp_path, {"ostree-1.conf": 1})
    with there.open("r+b") as stream:
        stream.write(bytes(4096))
    with pytest.raises(image.ImageError, match=r"^e2fsck -p .* ended with "):
        image.recover(there)
