# SPDX-License-Identifier: LGPL-2.1-or-later
"""A small package cut at every byte, with every byte changed; payloads that grow without end."""

import bz2
import gzip
import json
import lzma
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import zstandard

from layering.rpmtags import FileFlag, Tag
from tests.fuzz.judge import librpm_takes_payload
from tests.fuzz.properties import check_header, check_payload, on_disk
from tests.layering.rpmbytes import Member, Rpm, Stored, newc, newc_entry, stripped, text

A = Member(path=b"/usr/a", content=b"abc")
B = Member(path=b"/usr/b", mode=0o120777, target=b"a")
FORMS = {"newc": newc, "stripped": stripped}
COMPRESSORS: Mapping[str, Callable[[bytes], bytes]] = {
    "zstd": zstandard.ZstdCompressor(level=3).compress,
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "xz": lambda data: lzma.compress(data, preset=1),
}


@pytest.mark.parametrize("form", FORMS)
def test_cut_at_any_byte_it_is_refused(form: str) -> None:
    package = Rpm(members=[A, B], payload=FORMS[form]([A, B]))
    data = package.prefix + package.stored_payload
    taken = []
    for cut in range(len(data)):
        with on_disk(data[:cut]) as path:
            if header := check_header(path):
                assert cut >= header.payload_offset
                if check_payload(path, header):
                    taken.append(cut)
    assert taken == []


def test_with_any_byte_changed_it_is_refused_or_what_librpm_reads() -> None:
    package = Rpm(members=[A, B])
    data = package.prefix + package.stored_payload
    taken = []
    for at in range(len(data)):
        for bits in (0x01, 0x80, 0xFF):
            changed = data[:at] + bytes([data[at] ^ bits]) + data[at + 1 :]
            with on_disk(changed) as path:
                header = check_header(path)
                if header is not None and check_payload(path, header):
                    taken.append(at)
    # The lead but for its magic and type means nothing any more, and padding never did.
    begin = data.index(b"\x8e\xad\xe8", 96 + 8)
    assert {at for at in taken if at >= 96} <= set(range(begin - 8, begin))


# What a reader may take beyond what it has at its start, in bytes of address space.
ROOM = 48 << 20
READ = """
import json, resource, sys
from pathlib import Path
from layering.errors import BrokenPackageError
from layering.header import read_header
from layering.payload import read_payload
size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (size + int(sys.argv[2]),) * 2)
path, count = Path(sys.argv[1]), 0
try:
    for item in read_payload(path, read_header(path)):
        count += 1
        if item.content is not None:
            item.content.drain()
except BrokenPackageError as error:
    print(json.dumps(str(error)))
else:
    print(json.dumps(count))
"""


def read_in_little_memory(path: Path) -> object:
    """Returns the error's message, or how many files there were."""
    command = [sys.executable, "-c", READ, str(path), str(ROOM)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


ZEROS = bytes(64 << 20)
GHOST = Member(path=b"/usr/g", flags=FileFlag.GHOST)
BOMBS: Mapping[str, tuple[tuple[Member, ...], bytes, str]] = {
    "a file that goes on": (
        (A,),
        newc_entry(b"./usr/a", 0o100644, b"", size=0xFFFFFFF0) + ZEROS,
        "/usr/a has 4294967280 bytes in the payload, 3 in the header",
    ),
    "a link that goes on": (
        (B,),
        newc_entry(b"./usr/b", 0o120777, b"", size=0xFFFFFFF0) + ZEROS,
        "symbolic link /usr/b does not lead where the header says",
    ),
    "an end that goes on": ((A,), newc([A]) + ZEROS, "payload goes on behind its trailer"),
    "nothing but zeros": ((A,), ZEROS, "payload has no cpio entry at byte 0"),
}


@pytest.mark.parametrize("compressor", COMPRESSORS)
@pytest.mark.parametrize("bomb", BOMBS)
def test_a_payload_that_grows_without_end_is_refused_in_little_memory(
    tmp_path: Path, bomb: str, compressor: str
) -> None:
    members, plain, message = BOMBS[bomb]
    payload = COMPRESSORS[compressor](plain)
    assert len(plain) > 500 * len(payload)
    tags: dict[int, Stored | None] = {Tag.PAYLOADCOMPRESSOR: text(compressor.encode())}
    path = Rpm(members=members, tags=tags, payload=payload).write(tmp_path / "x.rpm")
    assert read_in_little_memory(path) == f"broken package {path}: {message}"


@pytest.mark.parametrize("times", [1, 2])
def test_a_ghost_in_the_payload_is_no_way_around_the_headers_sizes(
    tmp_path: Path, times: int
) -> None:
    size = 0xFFFFFFF0 if times == 1 else 0
    payload = newc_entry(b"./usr/g", 0o100644, b"", size=size) * times + newc([A])
    path = Rpm(members=(GHOST, A), payload=payload).write(tmp_path / "x.rpm")
    what = (
        "/usr/g has 4294967280 bytes in the payload, 0 in the header"
        if times == 1
        else "payload holds /usr/g twice"
    )
    assert read_in_little_memory(path) == f"broken package {path}: {what}"


def test_a_ghost_in_an_archive_that_says_no_more_than_its_index_is_refused(tmp_path: Path) -> None:
    path = Rpm(members=(GHOST, A), payload=stripped([GHOST, A])).write(tmp_path / "x.rpm")
    what = "payload holds /usr/g, which the package does not bring"
    assert read_in_little_memory(path) == f"broken package {path}: {what}"
    assert not librpm_takes_payload(path)


def test_a_large_file_that_is_what_the_header_says_is_read_in_little_memory(
    tmp_path: Path,
) -> None:
    large = Member(path=b"/usr/large", content=ZEROS)
    tags: dict[int, Stored | None] = {Tag.PAYLOADCOMPRESSOR: text(b"zstd")}
    payload = COMPRESSORS["zstd"](stripped([large]))
    path = Rpm(members=[large], tags=tags, payload=payload).write(tmp_path / "x.rpm")
    assert read_in_little_memory(path) == 1
