# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a boot loader does: finds the newest entry on the disk and takes kernel and initrd.

Entries are those of the Boot Loader Specification
(https://uapi-group.org/specifications/specs/boot_loader_specification/), as libostree writes
them: the highest `version` comes first. `/boot` is a directory of the one file system here, and
an entry's paths are relative to it.
"""

from dataclasses import dataclass
from pathlib import Path

from tests.vm import image

ENTRIES = "/boot/loader/entries"


class FirmwareError(Exception):
    """The disk holds nothing that boots; the message says what is missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One boot loader entry."""

    title: str
    version: int
    linux: str
    initrd: str
    options: str


def parse_entry(text: str) -> Entry:
    """Returns the entry that a file's text describes.

    Raises:
        FirmwareError: if a key is missing that booting takes.
    """
    keys: dict[str, str] = {}
    for line in text.splitlines():
        key, _, value = line.strip().partition(" ")
        if key and not key.startswith("#"):
            keys[key] = value.strip()
    try:
        return Entry(
            title=keys.get("title", ""),
            version=int(keys["version"]),
            linux=keys["linux"],
            initrd=keys["initrd"],
            options=keys["options"],
        )
    except (KeyError, ValueError) as error:
        raise FirmwareError(f"boot loader entry without a usable {error}: {text!r}") from error


def entries(disk: Path) -> list[Entry]:
    """Returns the disk's entries, in the order of the boot menu.

    The disk must be recovered: an entry may have been written right before the power went.

    Raises:
        FirmwareError: if there is none.
    """
    found = [
        parse_entry(image.read(disk, f"{ENTRIES}/{name}"))
        for name in image.names(disk, ENTRIES)
        if name.endswith(".conf")
    ]
    if not found:
        raise FirmwareError(f"{disk} has no boot loader entry in {ENTRIES}")
    return sorted(found, key=lambda entry: entry.version, reverse=True)


def load(disk: Path, entry: Entry, directory: Path) -> tuple[Path, Path]:
    """Copies an entry's kernel and initrd into `directory` and returns where they are."""
    kernel, initrd = directory / "vmlinuz", directory / "initramfs.img"
    for path, target in ((entry.linux, kernel), (entry.initrd, initrd)):
        whole = path if path.startswith("/boot/") else f"/boot{path}"
        image.extract(disk, whole, target)
    return kernel, initrd
