# SPDX-License-Identifier: LGPL-2.1-or-later
"""What must hold for any bytes: our own errors only, and nothing taken that librpm refuses."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from layering.errors import BrokenPackageError
from layering.header import PackageHeader, read_header
from layering.payload import read_payload
from tests.fuzz import judge


@dataclass(slots=True)
class Count:
    """How many inputs were tried, and what came of them."""

    tried: int = 0
    taken: int = 0


HEADERS, PAYLOADS = Count(), Count()


def counted() -> str:
    """Returns a line of both counts."""
    return (
        f"{HEADERS.tried} headers ({HEADERS.taken} taken), "
        f"{PAYLOADS.tried} payloads ({PAYLOADS.taken} taken)"
    )


@contextmanager
def on_disk(data: bytes) -> Iterator[Path]:
    """Gives the bytes as a file."""
    with tempfile.TemporaryDirectory(prefix="overlay-fuzz-", dir="/dev/shm") as directory:
        path = Path(directory, "x.rpm")
        path.write_bytes(data)
        yield path
        assert sorted(Path(directory).iterdir()) == [path]


def check_header(path: Path) -> PackageHeader | None:
    """Reads a header with both readers; returns ours if it was taken."""
    HEADERS.tried += 1
    try:
        header = read_header(path)
    except BrokenPackageError as error:
        assert str(error).startswith(f"broken package {path}: ")
        assert "\n" not in str(error)
        return None
    HEADERS.taken += 1
    theirs = judge.told_by_librpm(path)
    assert theirs is not None, "librpm refuses what our reader takes"
    different = judge.difference(judge.told_by_us(header), theirs)
    assert not different, different
    return header


def check_payload(path: Path, header: PackageHeader) -> bool:
    """Reads a payload with both readers; returns whether ours took it."""
    PAYLOADS.tried += 1
    try:
        for item in read_payload(path, header):
            if item.content is not None:
                item.content.drain()
    except BrokenPackageError as error:
        assert str(error).startswith(f"broken package {path}: ")
        assert "\n" not in str(error)
        return False
    PAYLOADS.taken += 1
    assert judge.librpm_takes_payload(path), "librpm refuses the payload that our reader takes"
    return True
