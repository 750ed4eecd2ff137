# SPDX-License-Identifier: LGPL-2.1-or-later
"""Python byte code, made to fit the times of an image-based tree.

A `.pyc` names the time and the size of the source that it was compiled from (PEP 552), and Python
compiles anew, at each start, what does not match. OSTree deploys every file with the time 0: where
rpm would have installed source and byte code that fit each other, the byte code is told that time.
What would not have been used under rpm is left alone, and so is a file with a signature, which it
would break. (https://peps.python.org/pep-0552/, `importlib._bootstrap_external`.)
"""

import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

from layering.fileentries import FileEntry

HEAD_SIZE = 16  # bytes: magic number, flags, time and size of the source
_HEAD = struct.Struct("<4sIII")
_BY_TIME = 0  # flags: neither checked by hash nor unchecked
_WORD = 0xFFFFFFFF
_CACHE = b"__pycache__"
_DEPLOYED_TIME = 0

Edit = Callable[[bytes], bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What byte code must say of a source file to be used."""

    mtime: int
    size: int


def edits(files: Iterable[FileEntry]) -> dict[bytes, Edit]:
    """Returns what is to be done to the first 16 bytes of files, by path, where it may be needed.

    Each function takes the head of the file's content and returns what is to stand there.
    """
    by_path = {file.path: file for file in files if file.path.endswith((b".py", b".pyc"))}
    found: dict[bytes, Edit] = {}
    for path, file in by_path.items():
        source = by_path.get(source_of(path) or b"")
        if source and source is not file and not file.signature and not source.ghost:
            meant = Source(mtime=source.mtime & _WORD, size=source.size & _WORD)
            found[path] = partial(fitted, source=meant)
    return found


def source_of(path: bytes) -> bytes | None:
    """Returns where Python looks for the source of byte code, or None if the name is none.

    "x/__pycache__/y.cpython-314.opt-1.pyc" is made of "x/y.py".
    """
    directory, _slash, name = path.rpartition(b"/")
    above, _slash, cache = directory.rpartition(b"/")
    parts = name.split(b".")
    if cache != _CACHE or parts[-1] != b"pyc" or len(parts) not in (3, 4) or not parts[0]:
        return None
    return b"%s/%s.py" % (above, parts[0])


def fitted(head: bytes, source: Source) -> bytes:
    """Returns the head of byte code that fits the source as it will be deployed.

    It is the head itself if it is none, or does not fit the source as it is.
    """
    if len(head) != HEAD_SIZE:
        return head
    magic, flags, mtime, size = _HEAD.unpack(head)
    if magic[2:] != b"\r\n" or flags != _BY_TIME or (mtime, size) != (source.mtime, source.size):
        return head
    return _HEAD.pack(magic, flags, _DEPLOYED_TIME, size)
