# SPDX-License-Identifier: LGPL-2.1-or-later
"""RPMs put together byte by byte: what rpmbuild never writes, a hostile package may hold.

The packages of other people are in `MATERIAL`, which not every copy of the project has beside it.
"""

import hashlib
import stat
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from layering.rpmtags import SignatureTag, Tag, TagType

MATERIAL = Path(__file__).parents[3] / "shared/material"
needs_material = pytest.mark.skipif(
    not MATERIAL.is_dir(), reason=f"the packages of others are not at {MATERIAL}"
)

MAGIC = b"\x8e\xad\xe8\x01\0\0\0\0"
LEAD = struct.pack(">4sBBHH66sHH16s", b"\xed\xab\xee\xdb", 3, 0, 0, 1, b"x-1-1", 1, 5, b"")
REGION_OF_HEADER = 63
REGION_OF_SIGNATURE = 62


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """A tag's value as it lies in a store."""

    kind: int
    count: int
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A file of a package."""

    path: bytes
    mode: int = stat.S_IFREG | 0o644
    content: bytes = b""
    target: bytes = b""
    flags: int = 0
    inode: int = 0  # 0: one of its own
    user: bytes = b"root"
    group: bytes = b"root"
    capabilities: bytes = b""

    @property
    def size(self) -> int:
        """What FILESIZES says."""
        return len(self.target or self.content)


def int16s(*values: int) -> Stored:
    return Stored(
        kind=TagType.INT16, count=len(values), data=struct.pack(f">{len(values)}H", *values)
    )


def int32s(*values: int) -> Stored:
    return Stored(
        kind=TagType.INT32, count=len(values), data=struct.pack(f">{len(values)}I", *values)
    )


def text(value: bytes) -> Stored:
    return Stored(kind=TagType.STRING, count=1, data=value + b"\0")


def texts(*values: bytes) -> Stored:
    return Stored(
        kind=TagType.STRING_ARRAY, count=len(values), data=b"".join(v + b"\0" for v in values)
    )


def binary(value: bytes) -> Stored:
    return Stored(kind=TagType.BIN, count=len(value), data=value)


def structure(tags: Mapping[int, Stored], region: int) -> bytes:
    """Returns a header structure as rpm writes it: region first, aligned, in the order of tags."""
    index, store = b"", b""
    for tag, value in sorted(tags.items()):
        width = {TagType.INT16: 2, TagType.INT32: 4, TagType.INT64: 8}.get(TagType(value.kind), 1)
        store += bytes(-len(store) % width)
        index += struct.pack(">IIiI", tag, value.kind, len(store), value.count)
        store += value.data
    first = struct.pack(">IIiI", region, TagType.BIN, len(store), 16)
    store += struct.pack(">IIiI", region, TagType.BIN, -16 * (len(tags) + 1), 16)
    counts = struct.pack(">II", len(tags) + 1, len(store))
    return MAGIC + counts + first + index + store


def tags_of(members: Sequence[Member], compressor: bytes = b"none") -> dict[int, Stored]:
    """Returns the tags of the package x-1-1.noarch with these files."""
    tags: dict[int, Stored] = {
        Tag.NAME: text(b"x"),
        Tag.VERSION: text(b"1"),
        Tag.RELEASE: text(b"1"),
        Tag.ARCH: text(b"noarch"),
        Tag.BUILDTIME: int32s(1_700_000_000),
        Tag.PAYLOADFORMAT: text(b"cpio"),
        Tag.PAYLOADCOMPRESSOR: text(compressor),
        Tag.FILEDIGESTALGO: int32s(8),
    }
    if members:
        tags |= _file_tags(members)
    return tags


def _file_tags(members: Sequence[Member]) -> dict[int, Stored]:
    digests = [
        hashlib.sha256(m.content).hexdigest().encode() if stat.S_ISREG(m.mode) else b""
        for m in members
    ]
    return {
        Tag.DIRNAMES: texts(*(m.path.rpartition(b"/")[0] + b"/" for m in members)),
        Tag.BASENAMES: texts(*(m.path.rpartition(b"/")[2] for m in members)),
        Tag.DIRINDEXES: int32s(*range(len(members))),
        Tag.FILEMODES: int16s(*(m.mode for m in members)),
        Tag.FILEUSERNAME: texts(*(m.user for m in members)),
        Tag.FILEGROUPNAME: texts(*(m.group for m in members)),
        Tag.FILESIZES: int32s(*(m.size for m in members)),
        Tag.FILEDIGESTS: texts(*digests),
        Tag.FILELINKTOS: texts(*(m.target for m in members)),
        Tag.FILEFLAGS: int32s(*(m.flags for m in members)),
        Tag.FILEINODES: int32s(*(m.inode or 1000 + at for at, m in enumerate(members))),
        Tag.FILEDEVICES: int32s(*(1 for _ in members)),
        Tag.FILECAPS: texts(*(m.capabilities for m in members)),
    }


def newc(members: Sequence[Member], *, trailer: bool = True) -> bytes:
    """Returns a newc archive in which the last of a set of hard links has the content."""
    out = b""
    for at, m in enumerate(members):
        later = any(m.inode and m.inode == other.inode for other in members[at + 1 :])
        content = b"" if later else m.target or m.content
        out += newc_entry(b"." + m.path, m.mode, content)
    return out + (newc_entry(b"TRAILER!!!", 0, b"") if trailer else b"")


def newc_entry(name: bytes, mode: int, content: bytes, *, size: int | None = None) -> bytes:
    size = len(content) if size is None else size
    fields = [0, mode, 0, 0, 1, 0, size, 0, 0, 0, 0, len(name) + 1, 0]
    head = b"070701" + b"".join(b"%08x" % number for number in fields) + name + b"\0"
    return head + bytes(-len(head) % 4) + content + bytes(-len(content) % 4)


def stripped(members: Sequence[Member]) -> bytes:
    """Returns the archive that rpm 6 writes, with newc's trailer."""
    out = b""
    for at, m in enumerate(members):
        later = any(m.inode and m.inode == other.inode for other in members[at + 1 :])
        content = b"" if later else m.target or m.content
        out += b"07070X%08x\0\0" % at + content + bytes(-len(content) % 4)
    return out + newc_entry(b"TRAILER!!!", 0, b"")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rpm:
    """An RPM to be; `tags` go over those that the members make, None takes one away."""

    members: Sequence[Member] = ()
    tags: Mapping[int, Stored | None] = field(default_factory=dict)
    payload: bytes | None = None  # of the members, if None
    digest: bool = True  # a payload digest, so that nothing is believed unseen

    @property
    def header(self) -> bytes:
        """The main header structure."""
        tags: dict[int, Stored | None] = {**tags_of(self.members)}
        if self.digest:
            value = hashlib.sha256(self.stored_payload).hexdigest().encode()
            tags |= {Tag.PAYLOADSHA256: texts(value), Tag.PAYLOADSHA256ALGO: int32s(8)}
        tags |= self.tags
        kept = {tag: value for tag, value in tags.items() if value is not None}
        return structure(kept, REGION_OF_HEADER)

    @property
    def stored_payload(self) -> bytes:
        """The bytes behind the header."""
        return newc(self.members) if self.payload is None else self.payload

    @property
    def prefix(self) -> bytes:
        """Everything before the payload."""
        return framed(self.header)

    def write(self, path: Path) -> Path:
        """Writes the RPM to a file."""
        path.write_bytes(self.prefix + self.stored_payload)
        return path


def framed(header: bytes) -> bytes:
    """Returns a main header behind a lead and a signature that knows its digest."""
    digest = text(hashlib.sha256(header).hexdigest().encode())
    signature = structure({SignatureTag.SHA256HEADER: digest}, REGION_OF_SIGNATURE)
    return LEAD + signature + bytes(-len(signature) % 8) + header
