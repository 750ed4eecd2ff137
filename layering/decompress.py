# SPDX-License-Identifier: LGPL-2.1-or-later
"""Payloads decompressed a piece at a time, in memory that does not grow with what they hold.

A few bytes may decompress to gigabytes, so each step is told how much it may give, and how much
memory its dictionary may take. rpmfile's own reader decompresses a zstd payload at once, hence this
module. What cannot be decompressed is a `FormatError`; an error of the disk stays an OSError.
"""

import bz2
import lzma
import zlib
from collections.abc import Callable
from typing import IO, Protocol, cast

import zstandard

from layering.package_errors import FormatError

_INPUT = 1 << 17
_XZ_MEMORY = 128 << 20  # bytes; `xz -9` needs 65 MiB
_ZSTD_WINDOW = 128 << 20  # bytes; what `zstd --ultra -22` writes
_GZIP_MAGIC = b"\x1f\x8b"


class Source(Protocol):
    """Bytes to read in order."""

    def read(self, size: int, /) -> bytes:
        """Returns at most `size` bytes, and none only at the end."""


class _Decompressor(Protocol):
    """What bz2 and lzma have in common."""

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...


def decompressed(source: Source, compressor: str) -> Source:
    """Returns a source of what `source` holds in compressed form.

    `compressor` is the header's name for it. Without one it is gzip or, as rpm's gzip reader passes
    through what is none, nothing.

    Raises:
        FormatError: nobody knows this compressor.
    """
    if compressor == "":
        head = source.read(len(_GZIP_MAGIC))
        source = _Prefixed(head, source)
        compressor = "gzip" if head == _GZIP_MAGIC else "none"
    match compressor:
        case "none" | "ufdio":
            return source
        case "zstd":
            return _Zstd(source)
        case _ if compressor in _OPENERS:
            return _Streams(source, _OPENERS[compressor])
    raise FormatError(f"payload is compressed with {compressor}, which is unknown")


class _Prefixed:
    """A source with a few bytes put back at its front."""

    def __init__(self, head: bytes, source: Source) -> None:
        self._head = head
        self._source = source

    def read(self, size: int, /) -> bytes:
        if self._head:
            head, self._head = self._head[:size], self._head[size:]
            return head
        return self._source.read(size)


class _Streams:
    """One compressed stream after another, as gzip and xz files may be put together."""

    def __init__(self, source: Source, opener: Callable[[], _Decompressor]) -> None:
        self._source = source
        self._opener = opener
        self._stream = opener()

    def read(self, size: int, /) -> bytes:
        while True:
            if self._stream.eof and not self._next_stream():
                return b""
            data = self._source.read(_INPUT) if self._stream.needs_input else b""
            if not data and self._stream.needs_input:
                raise FormatError("truncated: payload's compressed stream does not end")
            if out := self._decompress(data, size):
                return out

    def _next_stream(self) -> bool:
        """Starts on what follows the end of a stream, padding of NULs apart."""
        rest = self._stream.unused_data.lstrip(b"\0")
        while not rest:
            if not (rest := self._source.read(_INPUT)):
                return False
            rest = rest.lstrip(b"\0")
        self._stream = self._opener()
        self._source = _Prefixed(rest, self._source)
        return True

    def _decompress(self, data: bytes, size: int) -> bytes:
        try:
            return self._stream.decompress(data, size)
        except (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError) as error:
            raise FormatError(f"payload cannot be decompressed: {error}") from None


class _Gzip:
    """zlib under the interface of bz2 and lzma."""

    def __init__(self) -> None:
        self._zlib = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
        self._full = False

    @property
    def eof(self) -> bool:
        return self._zlib.eof

    @property
    def needs_input(self) -> bool:
        return not self._full

    @property
    def unused_data(self) -> bytes:
        return self._zlib.unused_data

    def decompress(self, data: bytes, max_length: int, /) -> bytes:
        out = self._zlib.decompress(self._zlib.unconsumed_tail + data, max_length)
        # Output that fills its room may have more behind it, even with all input taken.
        self._full = len(out) == max_length or bool(self._zlib.unconsumed_tail)
        return out


class _Zstd:
    """zstandard's reader; it takes a cut stream for the end, which the archive then shows."""

    def __init__(self, source: Source) -> None:
        decompressor = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW)
        self._reader = decompressor.stream_reader(
            cast("IO[bytes]", source),  # all it wants is `read`
            read_size=_INPUT,
            read_across_frames=True,
            closefd=False,
        )

    def read(self, size: int, /) -> bytes:
        try:
            return self._reader.read(size)
        except zstandard.ZstdError as error:
            raise FormatError(f"payload cannot be decompressed: {error}") from None


def _lzma(form: int) -> Callable[[], _Decompressor]:
    return lambda: lzma.LZMADecompressor(form, memlimit=_XZ_MEMORY)


_OPENERS: dict[str, Callable[[], _Decompressor]] = {
    "gzip": _Gzip,
    "bzip2": bz2.BZ2Decompressor,
    "xz": _lzma(lzma.FORMAT_XZ),
    "lzma": _lzma(lzma.FORMAT_ALONE),
}
