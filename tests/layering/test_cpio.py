# SPDX-License-Identifier: LGPL-2.1-or-later
"""The two archive forms, entry by entry, and what is neither."""

import io
import subprocess
from pathlib import Path

import pytest

from layering.cpio import CpioReader, Indexed, Member, Named
from layering.package_errors import FormatError
from tests.layering.rpmbytes import newc_entry

TRAILER = newc_entry(b"TRAILER!!!", 0, b"")


class Trickle:
    """A source that gives little at a time, so that every field is cut somewhere."""

    def __init__(self, data: bytes, step: int) -> None:
        self._stream = io.BytesIO(data)
        self._step = step

    def read(self, size: int, /) -> bytes:
        return self._stream.read(min(size, self._step))


def entries(
    data: bytes, sizes: dict[int, int] | None = None, *, step: int = 1 << 20
) -> list[object]:
    """Reads an archive to its end: members, and the content of each that has one."""
    reader = CpioReader(Trickle(data, step))
    found: list[object] = []
    while (member := reader.next()) is not None:
        size = member.size if isinstance(member, Named) else (sizes or {}).get(member.index, 0)
        content = b""
        while len(content) < size:
            content += reader.read(size - len(content))
        found += [member, content] if size else [member]
    reader.finish()
    return found


@pytest.mark.parametrize("step", [1, 3, 1 << 20])
def test_a_real_newc_archive_is_read_as_it_was_written(tmp_path: Path, step: int) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    (tmp_path / "b").mkdir()
    (tmp_path / "b/link").symlink_to("../a")
    names = ["a", "b", "b/link"]
    for path, mode in (("a", 0o640), ("b", 0o755)):
        (tmp_path / path).chmod(mode)
    command = ["cpio", "--quiet", "-o", "-H", "newc"]
    listing = "\n".join(names).encode()
    done = subprocess.run(command, cwd=tmp_path, input=listing, capture_output=True, check=True)
    assert entries(done.stdout, step=step) == [
        Named(name=b"a", mode=0o100640, size=3),
        b"abc",
        Named(name=b"b", mode=0o040755, size=0),
        Named(name=b"b/link", mode=0o120777, size=4),
        b"../a",
    ]


@pytest.mark.parametrize("step", [1, 5, 1 << 20])
def test_stripped_entries_have_an_index_and_nothing_else(step: int) -> None:
    # 14 bytes and two of padding; then the content, padded as well.
    data = b"07070X00000002\0\0" + b"abcde\0\0\0" + b"07070X0000000a\0\0" + TRAILER
    members: list[Member] = [Indexed(index=2), Indexed(index=10)]
    assert entries(data, {2: 5}, step=step) == [members[0], b"abcde", members[1]]


def test_a_stripped_trailer_ends_the_archive_too() -> None:
    assert entries(b"07070X00000000\0\0" + b"07070Xffffffff\0\0") == [Indexed(index=0)]


def test_padding_behind_the_trailer_is_read_over() -> None:
    assert entries(TRAILER + bytes(512)) == []


WRONG = {
    "nothing": (b"", "truncated: payload ends at byte 0"),
    "no archive": (b"PK\3\4PK\3\4", "payload has no cpio entry at byte 0"),
    "an entry cut off": (TRAILER[:50], "truncated: payload ends at byte 50"),
    "no trailer": (newc_entry(b"./a", 0, b"")[:-1], "truncated: payload ends at byte 115"),
    "a size that is no number": (
        newc_entry(b"./a", 0, b"").replace(b"00000001", b"+0000001", 1),
        "truncated: payload ends at byte 116",
    ),
    "a negative size": (
        b"070701" + b"00000000" * 6 + b"-0000001" + b"00000000" * 6,
        "payload has b'-0000001' where a number belongs",
    ),
    "a size with an underscore": (
        b"070701" + b"00000000" * 6 + b"0000_001" + b"00000000" * 6,
        "payload has b'0000_001' where a number belongs",
    ),
    "a size in another alphabet": (
        b"070701" + b"00000000" * 6 + b"0000000g" + b"00000000" * 6,
        "payload has b'0000000g' where a number belongs",
    ),
    "a name without end": (
        b"070701" + b"00000000" * 11 + b"00ffffff" + b"00000000",
        "payload has a name of 16777215 bytes at byte 110",
    ),
    "no name": (
        b"070701" + b"00000000" * 13,
        "payload has a name of 0 bytes at byte 110",
    ),
    "a name that is not closed": (
        b"070701" + b"00000000" * 11 + b"00000002" + b"00000000" + b"abcd",
        "payload has a name without an end at byte 112",
    ),
    "more archive behind the trailer": (
        TRAILER + bytes(1 << 17),
        "payload goes on behind its trailer",
    ),
}


@pytest.mark.parametrize("case", WRONG.values(), ids=WRONG)
def test_what_is_no_archive_is_refused(case: tuple[bytes, str]) -> None:
    data, message = case
    with pytest.raises(FormatError) as caught:
        entries(data)
    assert str(caught.value) == message
