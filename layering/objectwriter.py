# SPDX-License-Identifier: LGPL-2.1-or-later
"""Objects of regular files, written with less work than libostree does by itself.

libostree digests what it writes with GLib, at a fraction of OpenSSL's speed. The name of an object
is nothing but that digest, over a head with mode and attributes and the content
(https://ostreedev.github.io/ostree/repo/#content-objects): here the head is made by libostree, the
digest by hashlib, and libostree is told the name. What memory should not hold is kept meanwhile in
a nameless file beside the objects; what should not be there twice, libostree digests itself.
"""

import hashlib
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import IO, cast

from layering._ostree import Gio, GLib, OSTree, reported
from layering.errors import RepoError
from layering.objects import Xattrs, pack_xattrs
from layering.repo import Repo

_SMALL = 1 << 15  # bytes; below, telling libostree the name costs more than it spares
_REGULAR = 0o100000


class ObjectWriter:
    """Writes objects of root's files into a repository, inside its transaction."""

    def __init__(self, repo: Repo) -> None:
        self._repo = repo
        self._heads: dict[tuple[int, Xattrs], bytes] = {}

    def write(self, content: bytes, *, mode: int, xattrs: Xattrs) -> str:
        """Writes a file and returns its checksum; RepoError if that cannot be."""
        if len(content) < _SMALL:
            length = len(content)
            return self._repo.write_regular(content, length=length, mode=mode, xattrs=xattrs)
        whole = self._head(mode, xattrs) + content
        checksum = hashlib.sha256(whole).hexdigest()
        stream = Gio.MemoryInputStream.new_from_bytes(GLib.Bytes.new(whole))
        _write_as(self._repo, checksum, stream, len(whole))
        return checksum

    def stream(self, pieces: Iterator[bytes], *, length: int, mode: int, xattrs: Xattrs) -> str:
        """Writes a file of which libostree has each piece as it comes; returns its checksum."""
        # What the repository wants of a stream is `read`.
        reader = cast("IO[bytes]", _Reader(pieces))
        return self._repo.write_regular(reader, length=length, mode=mode, xattrs=xattrs)

    def copy(self, checksum: str, *, length: int, mode: int, xattrs: Xattrs) -> str:
        """Writes a file with the content of another one; returns its checksum."""
        pieces = self._repo.file_chunks(checksum)
        return self.stream(pieces, length=length, mode=mode, xattrs=xattrs)

    @contextmanager
    def spool(self, *, mode: int, xattrs: Xattrs) -> Iterator["Spool"]:
        """Gives what takes the content of one file piece by piece."""
        with ExitStack() as stack:
            with _on_disk(self._repo):
                beside = self._repo.path / "tmp"
                file = stack.enter_context(tempfile.TemporaryFile(dir=beside, buffering=0))
            yield Spool(self._repo, file, self._head(mode, xattrs))

    def _head(self, mode: int, xattrs: Xattrs) -> bytes:
        """Returns what libostree puts before the content of such a file to digest it."""
        head = self._heads.get((mode, xattrs))
        if head is None:
            info = Gio.FileInfo.new()
            info.set_file_type(Gio.FileType.REGULAR)
            info.set_size(0)
            for name, value in (("uid", 0), ("gid", 0), ("mode", _REGULAR | mode)):
                info.set_attribute_uint32(f"unix::{name}", value)
            nothing, packed = Gio.MemoryInputStream.new(), pack_xattrs(xattrs)
            _ok, stream, length = OSTree.raw_file_to_content_stream(nothing, info, packed, None)
            head = bytes(stream.read_bytes(length, None).get_data())
            self._heads[mode, xattrs] = head
        return head


class Spool:
    """One file's content on its way, in a nameless file."""

    def __init__(self, repo: Repo, file: IO[bytes], head: bytes) -> None:
        self._repo = repo
        self._file = file
        self._length = 0
        self._hash = hashlib.sha256()
        self.write(head)

    def write(self, piece: bytes) -> None:
        """Adds to the content; RepoError if there is no room."""
        self._hash.update(piece)
        self._length += len(piece)
        rest = memoryview(piece)
        with _on_disk(self._repo):
            while rest:
                rest = rest[self._file.write(rest) :]

    def finish(self) -> str:
        """Writes the object and returns its checksum."""
        self._file.seek(0)
        checksum = self._hash.hexdigest()
        # A stream that is a file descriptor libostree copies inside the kernel.
        stream = Gio.File.new_for_path(f"/proc/self/fd/{self._file.fileno()}").read(None)
        _write_as(self._repo, checksum, stream, self._length)
        return checksum


@contextmanager
def _on_disk(repo: Repo) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        ours = RepoError(repo.path, f"cannot write: {error.strerror}")
        ours.add_note("free some space, or remove old deployments with 'overlay cleanup'")
        raise ours from error


def _write_as(repo: Repo, checksum: str, stream: Gio.InputStream, length: int) -> None:
    with reported(repo.path, "cannot write"):
        repo.handle.write_content_trusted(checksum, stream, length, None)


class _Reader:
    """What comes in pieces of any size, read in pieces of at most so many bytes."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._rest = b""

    def read(self, size: int, /) -> bytes:
        rest = self._rest or next(self._pieces, b"")
        self._rest = rest[size:]
        return rest[:size]
