# SPDX-License-Identifier: LGPL-2.1-or-later
"""Compressed payloads as the compressors themselves write them, in bounded memory."""

import bz2
import gzip
import io
import lzma
import random
import tracemalloc
from collections.abc import Callable, Mapping

import pytest
import zstandard

from layering.decompress import Source, decompressed
from layering.package_errors import FormatError

COMPRESS: Mapping[str, Callable[[bytes], bytes]] = {
    "none": bytes,
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "lzma": lambda data: lzma.compress(data, format=lzma.FORMAT_ALONE),
    "zstd": zstandard.ZstdCompressor().compress,
}
SAMPLE = random.Random(1).randbytes(100_000) + b"text " * 100_000


def whole(source: Source, step: int = 1 << 16) -> bytes:
    pieces = []
    while piece := source.read(step):
        assert len(piece) <= step
        pieces.append(piece)
    return b"".join(pieces)


@pytest.mark.parametrize("step", [7777, 1 << 20])
@pytest.mark.parametrize("compressor", COMPRESS)
def test_what_was_compressed_comes_back(compressor: str, step: int) -> None:
    stored = io.BytesIO(COMPRESS[compressor](SAMPLE))
    assert whole(decompressed(stored, compressor), step) == SAMPLE


@pytest.mark.parametrize("compressor", ["gzip", "bzip2", "xz", "zstd"])
def test_streams_one_after_another_are_one(compressor: str) -> None:
    stored = COMPRESS[compressor](SAMPLE) + COMPRESS[compressor](b"and more")
    assert whole(decompressed(io.BytesIO(stored), compressor)) == SAMPLE + b"and more"


@pytest.mark.parametrize("compressor", ["gzip", "bzip2", "xz"])
def test_padding_behind_a_stream_is_no_data(compressor: str) -> None:
    stored = COMPRESS[compressor](SAMPLE) + bytes(1000)
    assert whole(decompressed(io.BytesIO(stored), compressor)) == SAMPLE


def test_without_a_name_it_is_gzip_or_nothing() -> None:
    assert whole(decompressed(io.BytesIO(gzip.compress(SAMPLE)), "")) == SAMPLE
    assert whole(decompressed(io.BytesIO(b"070701"), "")) == b"070701"
    assert whole(decompressed(io.BytesIO(b""), "")) == b""


def test_an_unknown_compressor_is_named() -> None:
    with pytest.raises(FormatError) as caught:
        decompressed(io.BytesIO(b""), "brotli")
    assert str(caught.value) == "payload is compressed with brotli, which is unknown"


@pytest.mark.parametrize("compressor", ["gzip", "bzip2", "xz", "lzma"])
def test_a_stream_cut_off_is_refused(compressor: str) -> None:
    stored = COMPRESS[compressor](SAMPLE)
    if compressor == "lzma":
        stored = stored[:-10]  # the last bytes of this format only say that it ends
    with pytest.raises(FormatError) as caught:
        whole(decompressed(io.BytesIO(stored[:-5]), compressor))
    assert str(caught.value) == "truncated: payload's compressed stream does not end"


def test_a_zstd_stream_cut_off_gives_no_more_than_it_has() -> None:
    stored = COMPRESS["zstd"](SAMPLE)[:-5]
    assert len(whole(decompressed(io.BytesIO(stored), "zstd"))) < len(SAMPLE)


@pytest.mark.parametrize("compressor", [name for name in COMPRESS if name != "none"])
def test_what_was_never_compressed_is_refused(compressor: str) -> None:
    with pytest.raises(FormatError, match=r"^payload cannot be decompressed: "):
        whole(decompressed(io.BytesIO(b"\xff" * 100), compressor))


@pytest.mark.parametrize("compressor", [name for name in COMPRESS if name != "none"])
def test_a_bomb_takes_no_more_memory_than_is_asked_for(compressor: str) -> None:
    stored = io.BytesIO(COMPRESS[compressor](bytes(64 << 20)))
    source = decompressed(stored, compressor)
    tracemalloc.start()
    try:
        length = sum(len(piece) for piece in iter(lambda: source.read(1 << 18), b""))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert length == 64 << 20
    assert peak < 16 << 20  # of which the dictionary of xz is eight


def test_a_dictionary_that_would_fill_the_memory_is_refused() -> None:
    stored = bytearray(COMPRESS["lzma"](SAMPLE))
    stored[1:5] = (1 << 30).to_bytes(4, "little")  # the size of the dictionary
    with pytest.raises(FormatError) as caught:
        whole(decompressed(io.BytesIO(bytes(stored)), "lzma"))
    message = "payload cannot be decompressed: Memory usage limit exceeded"
    assert str(caught.value) == message


def test_an_error_of_the_disk_is_not_the_packages() -> None:
    class Broken:
        def read(self, size: int, /) -> bytes:
            raise OSError(5, "Input/output error")

    for compressor in ("gzip", "bzip2", "xz", "zstd", ""):
        with pytest.raises(OSError, match="Input/output error"):
            whole(decompressed(Broken(), compressor))
