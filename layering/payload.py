# SPDX-License-Identifier: LGPL-2.1-or-later
"""The files of an RPM, streamed in the order of its payload and held against its header.

The header drives: it says which files there are, of what type and size, and with what digest; an
archive that says otherwise is broken. Memory is bounded by a few buffers, the amount of data by the
sizes that the header gives.

In a set of hard links one entry carries the content for all: in newc archives whichever has a size,
in the stripped form the one that is last in the header (`lib/rpmfi.cc` in
https://github.com/rpm-software-management/rpm).
"""

import hashlib
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from layering.cpio import CpioReader, Indexed, Member, Named
from layering.decompress import Source, decompressed
from layering.errors import BrokenPackageError
from layering.fileentries import FileEntry
from layering.header import Digest, PackageHeader
from layering.inorder import InOrder
from layering.package_errors import FormatError, shown

_CHUNK = 1 << 18
_LARGE = 1 << 16  # bytes; below, a thread costs more than the digest
_BEHIND = 4  # pieces
_LINK_MAX = 4096


class Content:
    """The content of one regular file: exactly its size, its digest checked with the last byte."""

    def __init__(self, archive: CpioReader, entry: FileEntry, algorithm: str, path: Path) -> None:
        self.size = entry.size
        self._archive = archive
        self._entry = entry
        self._path = path
        self._left = entry.size
        self._hash = hashlib.new(algorithm, usedforsecurity=False) if entry.digest else None
        if not self._left:
            self._check()

    def read(self) -> bytes:
        """Returns what is left of the file.

        Raises:
            BrokenPackageError: the payload ends early, or the content is not what the header says.
        """
        first = self.some(self._left)
        if not self._left:
            return first
        pieces = [first]
        while self._left:
            pieces.append(self.some(self._left))
        return b"".join(pieces)

    def some(self, size: int) -> bytes:
        """Returns between one and `size` bytes, and none only at the end; raises as `read`."""
        if not self._left:
            return b""
        try:
            piece = self._archive.read(min(size, self._left))
        except FormatError as error:
            raise BrokenPackageError(self._path, str(error)) from None
        self._left -= len(piece)
        if self._hash:
            self._hash.update(piece)
        if not self._left:
            self._check()
        return piece

    def drain(self) -> None:
        """Reads what nobody has read."""
        while self._left:
            self.some(_CHUNK)

    def _check(self) -> None:
        if self._hash and self._hash.hexdigest() != self._entry.digest:
            what = f"{shown(self._entry.path)} does not match its {self._hash.name} digest"
            raise BrokenPackageError(self._path, what)


@dataclass(frozen=True, slots=True, kw_only=True)
class PayloadItem:
    """One file, or a set of hard links; regular files have content, which cannot wait."""

    entries: tuple[FileEntry, ...]
    content: Content | None


def read_payload(path: Path, header: PackageHeader, *, digest: str = "") -> Iterator[PayloadItem]:
    """Yields every file that the header lists but ghosts; what is not read of one is read over.

    `digest` ("sha256:…") is that of the whole file, for a caller who knows it.

    Raises:
        BrokenPackageError: header and payload disagree, or a digest does not match. Digests of the
            payload and of the file show after the last item.
    """
    with path.open("rb", buffering=0) as stream, InOrder("import-hash", behind=_BEHIND) as thread:
        stream.seek(header.payload_offset)
        try:
            stored = _Hashing(stream, _stored_checks(header, digest), thread)
            opened = decompressed(stored, header.payload_compressor)
            plain = _Hashing(opened, _plain_checks(header), thread)
            archive = CpioReader(plain)
            yield from _items(archive, header, path)
            archive.finish()
            plain.finish()
            stored.finish()
        except FormatError as error:
            raise BrokenPackageError(path, str(error)) from None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Check:
    """A digest over bytes still to come, which may have begun with others."""

    what: str
    digest: Digest
    begin: bytes = b""


def _stored_checks(header: PackageHeader, digest: str) -> list[_Check]:
    checks = []
    if digest:
        algorithm, _colon, value = digest.partition(":")
        whole = Digest(algorithm=algorithm, value=value)
        checks.append(_Check(what="file", digest=whole, begin=header.prefix))
    checks += [_Check(what="payload", digest=each) for each in header.payload_digests]
    if header.package_md5 and not (header.payload_digests or header.payload_digests_alt):
        md5 = Digest(algorithm="md5", value=header.package_md5)
        checks.append(_Check(what="header and payload", digest=md5, begin=header.signed))
    return checks


def _plain_checks(header: PackageHeader) -> list[_Check]:
    """Returns the digests of the decompressed payload where it has no others."""
    if header.payload_digests:
        return []
    return [_Check(what="payload", digest=each) for each in header.payload_digests_alt]


class _Hashing:
    """A source whose bytes are digested on their way through, large pieces by another thread."""

    def __init__(self, source: Source, checks: list[_Check], thread: InOrder) -> None:
        self._source = source
        self._thread = thread
        self._hashes = [
            (check, hashlib.new(check.digest.algorithm, check.begin, usedforsecurity=False))
            for check in checks
        ]

    def read(self, size: int, /) -> bytes:
        data = self._source.read(size)
        if len(data) < _LARGE:
            self._thread.finish()
            self._update(data)
        elif self._hashes:
            self._thread.give(partial(self._update, data))
        return data

    def _update(self, data: bytes) -> None:
        for _check, running in self._hashes:
            running.update(data)

    def finish(self) -> None:
        while self.read(_CHUNK):
            pass
        self._thread.finish()
        for check, running in self._hashes:
            if running.hexdigest() != check.digest.value:
                raise FormatError(f"{check.what} does not match its {running.name} digest")


def _items(archive: CpioReader, header: PackageHeader, path: Path) -> Iterator[PayloadItem]:
    roll = _Roll(header.files)
    while (member := archive.next()) is not None:
        at = roll.index_of(member)
        entry = header.files[at]
        size = roll.size_of(member, at)
        roll.tick(at)
        if entry.ghost:
            _skip(archive, entry, size)  # rpm before 4.11 put some into payloads
            continue
        if stat.S_ISREG(entry.mode):
            if (links := roll.links_complete(at, size)) is None:
                continue
            content = Content(archive, entry, header.digest_algorithm, path)
            yield PayloadItem(entries=tuple(header.files[link] for link in links), content=content)
            content.drain()
            continue
        if stat.S_ISLNK(entry.mode):
            _check_target(archive, entry, size)
        elif size:
            raise FormatError(f"{shown(entry.path)} has content, but is no regular file")
        yield PayloadItem(entries=(entry,), content=None)
    roll.check_complete()


def _skip(archive: CpioReader, entry: FileEntry, size: int) -> None:
    if size not in (0, entry.size):
        raise _other_size(entry, size)
    while size:
        size -= len(archive.read(min(size, _CHUNK)))


def _check_target(archive: CpioReader, entry: FileEntry, size: int) -> None:
    target = bytearray()
    while size > len(target) and size <= _LINK_MAX:
        target += archive.read(size - len(target))
    if bytes(target) != entry.link_target:
        raise FormatError(f"symbolic link {shown(entry.path)} does not lead where the header says")


def _other_size(entry: FileEntry, size: int) -> FormatError:
    name = shown(entry.path)
    return FormatError(f"{name} has {size} bytes in the payload, {entry.size} in the header")


class _Roll:
    """Which files the payload must hold, and which of them have come."""

    def __init__(self, files: tuple[FileEntry, ...]) -> None:
        self._files = files
        self._missing = {at for at, file in enumerate(files) if not file.ghost}
        self._ghosts = {at for at, file in enumerate(files) if file.ghost}
        self._by_name: dict[bytes, int] = {}
        self._links = _link_sets(files)
        self._given: set[int] = set()  # the first of each set whose content has come

    def index_of(self, member: Member) -> int:
        """Returns the header's index of the file that an entry is about."""
        if isinstance(member, Indexed):
            if member.index < len(self._files):
                return member.index
            raise FormatError(f"payload holds file {member.index} of {len(self._files)}")
        if not self._by_name:
            self._by_name = {file.path: at for at, file in enumerate(self._files)}
        at = self._by_name.get(_absolute(member.name))
        if at is None:
            raise FormatError(f"payload holds {shown(member.name)}, which the header does not list")
        if stat.S_IFMT(member.mode) != stat.S_IFMT(self._files[at].mode):
            raise FormatError(f"{shown(member.name)} is of another type than the header says")
        return at

    def size_of(self, member: Member, at: int) -> int:
        """Returns how many bytes of content follow the entry."""
        if isinstance(member, Named):
            return member.size
        entry = self._files[at]
        if entry.ghost:
            what = f"payload holds {shown(entry.path)}, which the package does not bring"
            raise FormatError(what)
        carries = stat.S_ISREG(entry.mode) and self._links.get(at, (at,))[-1] == at
        return entry.size if carries or stat.S_ISLNK(entry.mode) else 0

    def tick(self, at: int) -> None:
        """Notes that a file has come."""
        expected = self._ghosts if self._files[at].ghost else self._missing
        if at not in expected:
            raise FormatError(f"payload holds {shown(self._files[at].path)} twice")
        expected.discard(at)

    def links_complete(self, at: int, size: int) -> tuple[int, ...] | None:
        """Returns the whole set of links whose content follows, or None if it doesn't here."""
        entry = self._files[at]
        links = self._links.get(at, (at,))
        last = self._missing.isdisjoint(links)
        given = links[0] in self._given
        if size != entry.size and (size or (last and not given)):
            raise _other_size(entry, size)
        if size and given:
            raise FormatError(f"{shown(entry.path)} has its content twice")
        if not size and (given or not last):
            return None
        self._given.add(links[0])
        return links

    def check_complete(self) -> None:
        """Raises FormatError if the archive is over and a file has not come."""
        if self._missing:
            first = shown(self._files[min(self._missing)].path)
            more = f" and {len(self._missing) - 1} more" if len(self._missing) > 1 else ""
            raise FormatError(f"payload lacks {first}{more}")


def _link_sets(files: tuple[FileEntry, ...]) -> dict[int, tuple[int, ...]]:
    """Returns the indexes of a set of hard links, by each index of the set."""
    inodes: dict[tuple[int, int], list[int]] = {}
    for at, file in enumerate(files):
        if file.nlink > 1 and stat.S_ISREG(file.mode) and not file.ghost:
            links = inodes.setdefault((file.device, file.inode), [])
            links.append(at)
            if _inode(files[links[0]]) != _inode(file):
                what = f"{shown(files[links[0]].path)} and {shown(file.path)}"
                raise FormatError(f"{what} are one file with different contents or owners")
    return {at: tuple(links) for links in inodes.values() for at in links}


def _inode(file: FileEntry) -> tuple[object, ...]:
    """Returns what hard links have in common."""
    return (file.mode, file.user, file.group, file.size, file.digest, file.capabilities)


def _absolute(name: bytes) -> bytes:
    """Returns a name of an archive ("./usr/x", "usr/x" or "/usr/x") as headers spell it."""
    # Any other spelling librpm does not find either.
    return b"/" + name.removeprefix(b"./").removeprefix(b"/")
