# SPDX-License-Identifier: LGPL-2.1-or-later
"""Ways to damage bytes, drawn by Hypothesis so that what fails is made small."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from hypothesis import strategies as st

_EXTREMES = (
    0,
    1,
    2,
    16,
    0xFF,
    0xFFFF,
    0x10000,
    0x7FFFFFFF,
    0x80000000,
    0xFFFFFFF0,
    0xFFFFFFFE,
    0xFFFFFFFF,
)
_INTRO = 16  # of a header structure: magic and two counts
_ENTRY = 16
_FAR = 1 << 20


class Way(StrEnum):
    """What is done at a place."""

    BIT = "bit"
    BYTE = "byte"
    NUMBER = "number"  # four bytes become an extreme number
    DIGITS = "digits"  # eight become one in hexadecimal, as cpio has it
    CUT = "cut"  # all behind goes
    DELETE = "delete"
    REPEAT = "repeat"  # some bytes come twice
    SPLICE = "splice"  # bytes of another place


@dataclass(frozen=True, slots=True, kw_only=True)
class Damage:
    """One thing that is done to bytes."""

    way: Way
    at: int
    value: int
    size: int

    def applied(self, data: bytes) -> bytes:
        """Returns damaged bytes."""
        if not data:
            return data
        at = self.at % len(data)
        head, rest = data[:at], data[at:]
        match self.way:
            case Way.BIT:
                return head + bytes([rest[0] ^ 1 << self.value % 8]) + rest[1:]
            case Way.BYTE:
                return head + bytes([self.value % 256]) + rest[1:]
            case Way.NUMBER:
                return head + struct.pack(">I", self._extreme) + rest[4:]
            case Way.DIGITS:
                return head + b"%08x" % self._extreme + rest[8:]
            case Way.CUT:
                return head
            case Way.DELETE:
                return head + rest[self.size :]
            case Way.REPEAT:
                return head + rest[: self.size] + rest
            case Way.SPLICE:
                other = self.value % len(data)
                return head + data[other : other + self.size] + rest[self.size :]

    @property
    def _extreme(self) -> int:
        return _EXTREMES[self.value % len(_EXTREMES)]


DAMAGES: st.SearchStrategy[Sequence[Damage]] = st.lists(
    st.builds(
        Damage,
        way=st.sampled_from(Way),
        at=st.integers(0, _FAR),
        value=st.integers(0, _FAR),
        size=st.integers(1, 64),
    ),
    min_size=1,
    max_size=4,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexDamage:
    """One field of a header's index that is given another value."""

    entry: int
    field: int  # tag, type, offset, count
    value: int
    relative: bool  # added to what is there

    def applied(self, header: bytes) -> bytes:
        """Returns a header structure with a damaged index."""
        count = struct.unpack_from(">I", header, 8)[0]
        if not count or len(header) < _INTRO + _ENTRY * count:
            return header
        at = _INTRO + _ENTRY * (self.entry % count) + 4 * (self.field % 4)
        old = struct.unpack_from(">I", header, at)[0]
        new = (old + self.value if self.relative else self.value) % (1 << 32)
        return header[:at] + struct.pack(">I", new) + header[at + 4 :]


INDEX_DAMAGES: st.SearchStrategy[Sequence[IndexDamage]] = st.lists(
    st.one_of(
        st.builds(
            IndexDamage,
            entry=st.integers(0, 200),
            field=st.integers(0, 3),
            value=st.integers(-40, 40),
            relative=st.just(True),
        ),
        st.builds(
            IndexDamage,
            entry=st.integers(0, 200),
            field=st.integers(0, 3),
            value=st.one_of(st.sampled_from(_EXTREMES), st.integers(0, 12)),
            relative=st.just(False),
        ),
    ),
    min_size=1,
    max_size=3,
)


def damaged(data: bytes, damages: Sequence[Damage | IndexDamage]) -> bytes:
    """Returns the bytes after all of it."""
    for damage in damages:
        data = damage.applied(data)
    return data
