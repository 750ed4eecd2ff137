# SPDX-License-Identifier: LGPL-2.1-or-later
"""Headers as an rpmdb stores them, of which a few tags are wanted from many.

A record is a header structure without its magic: two counts, an index of (tag, type, offset, count)
and the store (https://rpm-software-management.github.io/rpm/manual/format_header.html). Behind the
region of the package's own tags stand those that the installation added, such as INSTALLTIME and
FILESTATES. The base's database was written by librpm, so values are decoded where they stand; what
comes out of bounds is told, not repaired.
"""

import struct
from collections.abc import Collection, Mapping

from layering.headerindex import TagValue

_COUNTS = struct.Struct(">II")
_ENTRY = struct.Struct(">IIII")
_CODES = {1: "B", 2: "B", 3: "H", 4: "I", 5: "Q"}  # integers, by the number of their type
_STRING, _BINARY, _STRINGS, _TRANSLATED = 6, 7, 8, 9


def decode_tags(blob: bytes, wanted: Collection[int]) -> dict[int, TagValue]:
    """Returns the wanted tags that a record has, in the forms of `headerindex.Structure.decode`.

    Raises:
        ValueError: the record is cut off, or an entry lies outside it.
    """
    try:
        entries, size = _COUNTS.unpack_from(blob)
        begin = _COUNTS.size + entries * _ENTRY.size
        index = memoryview(blob)[_COUNTS.size : begin]
        found = [entry for entry in _ENTRY.iter_unpack(index) if entry[0] in wanted]
    except struct.error:
        raise ValueError("record is cut off") from None
    if len(blob) < begin + size:
        raise ValueError("record is cut off")
    values: dict[int, TagValue] = {}
    for tag, kind, offset, count in found:
        try:
            values[tag] = _value(blob, kind, begin + offset, count)
        except (struct.error, ValueError) as error:
            raise ValueError(f"tag {tag} of a record: {error}") from None
    return values


def with_bytes(blob: bytes, tag: int, values: Mapping[int, int]) -> bytes:
    """Returns a record in which single bytes of one tag, by their index, have other values.

    Raises:
        ValueError: the record has no such tag, or none of single bytes that long.
    """
    changed = bytearray(blob)
    entries, _size = _COUNTS.unpack_from(blob)
    begin = _COUNTS.size + entries * _ENTRY.size
    for found, kind, offset, count in _ENTRY.iter_unpack(blob[_COUNTS.size : begin]):
        if found == tag and _CODES.get(kind) == "B" and all(at < count for at in values):
            for at, value in values.items():
                changed[begin + offset + at] = value
            return bytes(changed)
    raise ValueError(f"tag {int(tag)} of a record is not as it should be")


def _value(blob: bytes, kind: int, at: int, count: int) -> TagValue:
    if code := _CODES.get(kind):
        return struct.unpack_from(f">{count}{code}", blob, at)
    if kind == _BINARY:
        return blob[at : at + count]
    if kind in (_STRING, _TRANSLATED):  # of a translated string, the first locale: C
        return blob[at : blob.index(b"\0", at)]
    if kind != _STRINGS:
        raise ValueError(f"unknown type {kind}")
    strings: list[bytes] = []
    for _ in range(count):
        end = blob.index(b"\0", at)
        strings.append(blob[at:end])
        at = end + 1
    return tuple(strings)
