# SPDX-License-Identifier: LGPL-2.1-or-later
"""The index of an RPM header structure, checked as librpm checks it: what it refuses is refused.

Each entry lies in the store behind the one before it, is aligned, has the type that its tag must
have, and room for its values; together they fill the store; and a region spans them, whose end
mirrors its beginning (`hdrblobVerifyRegion`, `hdrblobVerifyInfo` and `hdrblobImport` in
https://github.com/rpm-software-management/rpm/blob/master/lib/header.cc).
"""

import struct
from collections.abc import Iterable
from dataclasses import dataclass

from layering.package_errors import FormatError
from layering.rpmtags import Tag, TagType
from layering.rpmtagtypes import TYPES

ENTRY = struct.Struct(">IIiI")  # tag, type, offset, count
_ARRAY_MAX = 0xFFFFF  # values of one tag, by rpm; binary data apart
_FIRST_TAG = 100  # what is below are regions
_WIDTHS = {
    TagType.CHAR: 1,
    TagType.INT8: 1,
    TagType.INT16: 2,
    TagType.INT32: 4,
    TagType.INT64: 8,
    TagType.BIN: 1,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """What tells the two structures of a package apart."""

    what: str  # in errors
    region: int  # the tag of the entry that spans the others
    mirrors: frozenset[int]  # the tags that the end of the region may have
    entries_max: int  # by rpm
    whole: bool  # there is a region, and nothing behind it
    typed: bool  # known tags have their own types


HEADER = Kind(
    what="header",
    region=63,
    mirrors=frozenset({63}),
    entries_max=0xFFFF,
    whole=True,
    typed=True,
)
SIGNATURE = Kind(
    what="signature",
    region=62,
    mirrors=frozenset({61, 62}),  # 61 in packages of old
    entries_max=32,
    whole=False,
    typed=False,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One tag's place in a store; `end` is where the next one may begin."""

    tag: int
    kind: TagType
    offset: int
    end: int
    count: int


def checked_entries(data: bytes, count: int, kind: Kind) -> list[Entry]:
    """Returns the entries of a structure: `data` is its index of `count` rows, and its store.

    Raises:
        FormatError: the index contradicts itself, or librpm would refuse it.
    """
    store = data[count * ENTRY.size :]
    index = list(ENTRY.iter_unpack(memoryview(data)[: count * ENTRY.size]))
    region = index.pop(0) if index[0][0] == kind.region else None
    end = _region_end(region, count, store, kind) if region else 0
    entries = _checked(index, store, kind)
    if region is None and kind.whole:
        raise FormatError(f"{kind.what} has no region: a package of rpm 3")
    _check_filled(entries, end, store, kind)
    return entries


def _region_end(region: tuple[int, ...], count: int, store: bytes, kind: Kind) -> int:
    """Returns where the region ends in the store: behind a mirror of its entry in the index."""
    tag, number, offset, length = region
    where = f"{kind.what}: region {tag}"
    if number != TagType.BIN or length != ENTRY.size or not 0 <= offset <= len(store) - ENTRY.size:
        raise FormatError(f"{where} lies outside")
    mirror, *same, back, mirror_length = ENTRY.unpack_from(store, offset)
    inside = -back // ENTRY.size
    sound = mirror in kind.mirrors and (*same, mirror_length) == (number, length)
    if not sound or back % ENTRY.size or not 0 <= inside <= count:
        raise FormatError(f"{where} does not end as it begins")
    end = int(offset) + ENTRY.size
    if kind.whole and (inside, end) != (count, len(store)):
        raise FormatError(f"{where} is not all of it")
    return end


def _check_filled(entries: Iterable[Entry], end: int, store: bytes, kind: Kind) -> None:
    """Checks that the values fill the store, and that none lies over the end of the region."""
    filled, trailer = 0, end - ENTRY.size
    for entry in entries:
        size = _size(entry, store)
        if entry.offset < end and entry.offset + size > trailer:
            raise FormatError(f"{kind.what}: tag {entry.tag} lies over the region's end")
        filled += -filled % _WIDTHS.get(entry.kind, 1) + size
    filled += ENTRY.size if end else 0
    if filled != len(store):
        raise FormatError(f"{kind.what} has {filled} bytes of values in {len(store)}")


def _size(entry: Entry, store: bytes) -> int:
    """Returns how many bytes the values of an entry take."""
    if width := _WIDTHS.get(entry.kind):
        return width * entry.count
    # Mostly the next value follows at once.
    ends_there = entry.end > entry.offset and not store[entry.end - 1]
    if ends_there and store.count(b"\0", entry.offset, entry.end) == entry.count:
        return entry.end - entry.offset
    at = entry.offset
    for _ in range(entry.count):
        at = store.index(b"\0", at) + 1
    return at - entry.offset


def _checked(index: list[tuple[int, ...]], store: bytes, kind: Kind) -> list[Entry]:
    """Returns the entries if each lies in the store, behind the one before it, and fits."""
    ends = [row[2] for row in index[1:]] + [len(store)]
    entries = [_entry(row, end, store, kind) for row, end in zip(index, ends, strict=True)]
    tags = {entry.tag for entry in entries}
    if len(tags) != len(entries):
        raise FormatError(f"{kind.what} holds a tag twice")
    return entries


def _entry(row: tuple[int, ...], end: int, store: bytes, kind: Kind) -> Entry:
    tag, number, offset, count = row
    what = f"{kind.what}: tag {tag}"
    if tag < _FIRST_TAG:
        raise FormatError(f"{what} is none that a package may have")
    try:
        of_type = TagType(number)
    except ValueError:
        raise FormatError(f"{what} has the unknown type {number}") from None
    if not 0 <= offset <= end <= len(store):
        raise FormatError(f"{what} at {offset} lies outside or over another")
    width = _WIDTHS.get(of_type)
    if offset % (width or 1):
        raise FormatError(f"{what} at {offset} is not aligned")
    fits = (
        count <= (end - offset) // width
        if width
        else count <= store.count(b"\0", offset, end)
        and (of_type is not TagType.STRING or count == 1)
    )
    if not count or not fits:
        raise FormatError(f"{what} has no room for {count} values")
    if count > _ARRAY_MAX and of_type is not TagType.BIN:
        raise FormatError(f"{what} has {count} values, more than any package")
    if kind.typed and of_type not in TYPES.get(tag, (of_type,)):
        raise FormatError(f"{_named(tag)} is of the wrong type")
    return Entry(tag=tag, kind=of_type, offset=offset, end=end, count=count)


def _named(tag: int) -> str:
    return Tag(tag).name if tag in frozenset(Tag) else f"tag {tag}"
