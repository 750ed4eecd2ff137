# SPDX-License-Identifier: LGPL-2.1-or-later
"""What of the linker's cache a program depends on: the entries of the libraries it asked for.

Every program reads /etc/ld.so.cache, and every new library changes it: were that a change of all
that a program reads, a single library would have each trigger run again. The loader takes nothing
from the cache but the entries of one name (glibc's elf/dl-cache.c), and names every library that it
looks for: it opens what the cache says, and the places where it looks else if that says nothing.
Whether anything else has read the file is seen by where in memory it was opened.
"""

import hashlib
import re
import struct
from collections.abc import Collection, Iterator

PLACE = "/etc/ld.so.cache"
_MAGIC = b"glibc-ld.so.cache1.1"
_HEADER = 48
_ENTRY = struct.Struct("<iIIIQ")  # flags, key, value, osversion, hwcap


def names_of(data: bytes, looked: Collection[str]) -> frozenset[str] | None:
    """Returns the names that somebody who looked at these paths may have asked the cache for.

    None where it is not a cache of this format.
    """
    try:
        entries = list(_entries(data))
    except ValueError:
        return None
    # Whatever was looked for beside a library: not every name of one has `.so` in it.
    beside = {path.rpartition("/")[0] for path in looked if ".so" in path}
    split = (path.rpartition("/") for path in looked)
    names = {name for above, _, name in split if above in beside}
    names |= {key for key, value, _rest in entries if value in looked}
    return frozenset(map(_as_numbered, names))


def digest(data: bytes, names: Collection[str]) -> str | None:
    """Returns what stands for the entries of some names; None if that cannot be said of them."""
    try:
        found = [entry for entry in _entries(data) if _as_numbered(entry[0]) in names]
    except ValueError:
        return None
    if any(rest[2] for _key, _value, rest in found):
        return None  # chosen by what the processor can do: a table at the cache's end says more
    return hashlib.sha256(repr(found).encode()).hexdigest()


def _entries(data: bytes) -> Iterator[tuple[str, str, tuple[int, int, int]]]:
    """Yields name, path, and (flags, osversion, hwcap); ValueError if it is no such cache."""
    if not data.startswith(_MAGIC) or len(data) < _HEADER:
        raise ValueError("not a linker's cache")
    count = int.from_bytes(data[20:24], "little")
    if count > (len(data) - _HEADER) // _ENTRY.size:
        raise ValueError("shorter than its entries")
    for number in range(count):
        at = _HEADER + number * _ENTRY.size
        flags, key, value, version, features = _ENTRY.unpack_from(data, at)
        yield _text(data, key), _text(data, value), (flags, version, features)


def _text(data: bytes, at: int) -> str:
    return data[at : data.index(b"\0", at)].decode("utf-8", "surrogateescape")


def _as_numbered(name: str) -> str:
    """Returns a name as glibc compares it: `libx.so.01` is `libx.so.1`."""
    return re.sub(r"[0-9]+", lambda match: str(int(match[0])), name)
