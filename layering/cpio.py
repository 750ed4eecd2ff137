# SPDX-License-Identifier: LGPL-2.1-or-later
"""The archive inside an RPM: cpio "newc", and the form that rpm made of it.

rpm 6, and rpm 4 for files over 4 GiB, write entries of magic `07070X` and the file's index in the
header, and nothing else: neither name nor size. Each entry begins at a multiple of four bytes.
(`lib/cpio.cc` in https://github.com/rpm-software-management/rpm.)
"""

from dataclasses import dataclass

from layering.decompress import Source
from layering.package_errors import FormatError

_TRAILER = b"TRAILER!!!"
_STRIPPED = b"07070X"
_NEWC = frozenset({b"070701", b"070702"})
_INDEX_OF_TRAILER = 0xFFFFFFFF
_NAME_MAX = 4096
_CHUNK = 1 << 18
_REST_MAX = 1 << 16  # bytes that may follow the trailer: cpio pads its archives to a block


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """An entry of a newc archive."""

    name: bytes
    mode: int
    size: int  # bytes of content that follow


@dataclass(frozen=True, slots=True, kw_only=True)
class Indexed:
    """An entry of the stripped form: what the header's file of that index says."""

    index: int


Member = Named | Indexed


class CpioReader:
    """Reads entries in order; between two of them the caller reads the content, all of it."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._data = b""  # what was read ahead, of which the first `_at` bytes are used up
        self._at = 0
        self._offset = 0

    def next(self) -> Member | None:
        """Returns the next entry, or None at the trailer; FormatError if there is neither."""
        self._take(-self._offset % 4)
        magic = self._take(6)
        if magic == _STRIPPED:
            index = _number(self._take(8))
            self._take(-self._offset % 4)
            return None if index == _INDEX_OF_TRAILER else Indexed(index=index)
        if magic not in _NEWC:
            raise FormatError(f"payload has no cpio entry at byte {self._offset - 6}")
        fields = self._take(104)
        mode, size, length = (_number(fields[at : at + 8]) for at in (8, 48, 88))
        if not 0 < length <= _NAME_MAX:
            raise FormatError(f"payload has a name of {length} bytes at byte {self._offset}")
        name = self._take(length)
        self._take(-self._offset % 4)
        if name[-1]:
            raise FormatError(f"payload has a name without an end at byte {self._offset}")
        name = name[:-1]
        return None if name == _TRAILER else Named(name=name, mode=mode, size=size)

    def read(self, size: int) -> bytes:
        """Returns between one and `size` bytes of content; FormatError at the archive's end."""
        if self._at == len(self._data):
            self._data, self._at = self._source.read(_CHUNK), 0
            if not self._data:
                raise FormatError(f"truncated: payload ends at byte {self._offset}")
        piece = self._data[self._at : self._at + size]  # no copy where that is all of it
        self._at += len(piece)
        self._offset += len(piece)
        return piece

    def finish(self) -> None:
        """Reads what follows the trailer; FormatError if that is more than padding."""
        left = _REST_MAX - (len(self._data) - self._at)
        while left >= 0 and (rest := self._source.read(_REST_MAX)):
            left -= len(rest)
        if left < 0:
            raise FormatError("payload goes on behind its trailer")

    def _take(self, size: int) -> bytes:
        start = self._at
        if start + size <= len(self._data):
            self._at += size
            self._offset += size
            return self._data[start : self._at]
        pieces = []
        while size:
            pieces.append(self.read(size))
            size -= len(pieces[-1])
        return b"".join(pieces)


def _number(digits: bytes) -> int:
    # int() alone would take signs, underscores and blanks too.
    if not digits.isalnum():
        raise FormatError(f"payload has {digits!r} where a number belongs")
    try:
        return int(digits, 16)
    except ValueError:
        raise FormatError(f"payload has {digits!r} where a number belongs") from None
