# SPDX-License-Identifier: LGPL-2.1-or-later
"""An RPM header structure: cut out of a file, bounds-checked, decoded.

rpmfile decodes the values. It trusts what it reads, though: counts, offsets and lengths may make it
raise anything, or read far too much. So a structure is checked first (`headerchecks`), and rpmfile
is handed a new one that holds only wanted entries. What rpmfile has no decoder for (64-bit and
8-bit integers) is decoded here.
"""

import struct
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import IO, cast

from rpmfile.headers import get_headers, rtags

from layering.headerchecks import ENTRY as _ENTRY
from layering.headerchecks import Entry, Kind, checked_entries
from layering.package_errors import FormatError
from layering.rpmtags import TagType

TagValue = bytes | tuple[int, ...] | tuple[bytes, ...]

_MAGIC = b"\x8e\xad\xe8\x01\0\0\0\0"
_COUNTS = struct.Struct(">II")
_LEAD_SIZE = 96
_STORE_MAX = 64 << 20  # rpm allows 256 MiB; an OSTree commit, which keeps the header, 128 MiB
_ELEMENTS_MAX = 8 << 20  # values of one structure, so that many tiny ones cannot fill the memory


@dataclass(frozen=True, slots=True, kw_only=True)
class Structure:
    """A header or a signature header: all its bytes, and its checked index."""

    raw: bytes
    entries: Mapping[int, Entry]

    @property
    def blob(self) -> bytes:
        """The structure without its magic: two counts, index, store. `rpm.hdr(blob)` takes it."""
        return self.raw[len(_MAGIC) :]

    @property
    def digested(self) -> bytes:
        """What a signature's digests of the header are over: rpm puts its own magic first."""
        return _MAGIC + self.blob

    def decode(self, wanted: Collection[int]) -> dict[int, TagValue]:
        """Returns the values of the wanted tags that are there.

        Integers are always tuples. A string, the first locale of a translated one, and binary data
        are bytes; an array of strings is a tuple of bytes, even of one.

        Raises:
            FormatError: there are more values than any package has.
        """
        entries = [entry for tag, entry in self.entries.items() if tag in wanted]
        if sum(e.count for e in entries if e.kind is not TagType.BIN) > _ELEMENTS_MAX:
            raise FormatError("header holds more values than any package has")
        store = self.raw[len(_MAGIC) + _COUNTS.size + _ENTRY.size * self._count :]
        values = _decode_with_rpmfile([e for e in entries if e.kind not in _OWN], store)
        values |= {e.tag: _OWN[e.kind](store, e) for e in entries if e.kind in _OWN}
        return values

    @property
    def _count(self) -> int:
        return int(_COUNTS.unpack_from(self.raw, len(_MAGIC))[0])


def read_structure(stream: IO[bytes], kind: Kind) -> Structure:
    """Reads and checks the structure at the stream's position.

    Raises:
        FormatError: it is cut off, too large, or its index contradicts itself.
    """
    what = kind.what
    intro = read_exactly(stream, len(_MAGIC) + _COUNTS.size, what)
    if intro[: len(_MAGIC)] != _MAGIC:
        raise FormatError(f"{what} does not begin with rpm's magic")
    count, size = _COUNTS.unpack_from(intro, len(_MAGIC))
    if not 0 < count <= kind.entries_max or size > _STORE_MAX:
        raise FormatError(f"{what} claims {count} entries in {size} bytes")
    rest = read_exactly(stream, count * _ENTRY.size + size, what)
    entries = checked_entries(rest, count, kind)
    return Structure(raw=intro + rest, entries={entry.tag: entry for entry in entries})


def read_exactly(stream: IO[bytes], size: int, what: str) -> bytes:
    """Returns the next `size` bytes; FormatError if there are fewer."""
    data = stream.read(size)
    if len(data) != size:
        raise FormatError(f"truncated: {what} needs {size - len(data)} bytes more")
    return data


def _decode_with_rpmfile(entries: Collection[Entry], store: bytes) -> dict[int, TagValue]:
    if not entries:
        return {}
    index = b"".join(_ENTRY.pack(e.tag, e.kind, e.offset, e.count) for e in entries)
    # rpmfile merges the signature's tags into the header's, so it is given an empty signature.
    frame = bytes(_LEAD_SIZE) + _MAGIC + _COUNTS.pack(0, 0)
    frame += _MAGIC + _COUNTS.pack(len(entries), len(store)) + index + store
    _range, named = get_headers(BytesIO(frame))
    return {e.tag: _normal(named[rtags.get(e.tag, e.tag)]) for e in entries}


def _normal(value: object) -> TagValue:
    match value:
        case int():
            return (value,)
        case list():
            return tuple(value)
    return cast("TagValue", value)  # bytes, or a tuple of numbers


def _integers(store: bytes, entry: Entry) -> TagValue:
    code = "Q" if entry.kind is TagType.INT64 else "B"
    return struct.unpack_from(f">{entry.count}{code}", store, entry.offset)


_OWN = {TagType.CHAR: _integers, TagType.INT8: _integers, TagType.INT64: _integers}
