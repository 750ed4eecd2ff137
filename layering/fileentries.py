# SPDX-License-Identifier: LGPL-2.1-or-later
"""The files of a package, put together from the parallel arrays of its header.

rpm stores directory names once and refers to them by index; older packages have one array of whole
paths. Either way a path must be absolute, in one piece, and there only once: the tree is built from
these paths, so one that climbs is refused here and cannot reach it.
"""

import hashlib
import stat
from collections import Counter
from dataclasses import dataclass
from typing import TypeVar

from layering.package_errors import FormatError, shown
from layering.rpmtags import FileFlag, SignatureTag, Tag
from layering.tagvalues import Values

__all__ = ["FileEntry", "file_entries", "shown"]

T = TypeVar("T")

_GHOST = int(FileFlag.GHOST)  # as a plain number: asked of every file, many times
_HEXADECIMAL = frozenset("0123456789abcdefABCDEF")
_NAME_MAX = 255
_SIZE_MAX = (1 << 63) - 1  # bytes; the kernel knows no larger file
_PATH_MAX = 4095


@dataclass(frozen=True, slots=True, kw_only=True)
class FileEntry:
    """One file as the header has it."""

    path: bytes  # absolute, as in the RPM
    mode: int  # the whole st_mode
    user: str
    group: str
    size: int  # bytes
    mtime: int  # seconds since 1970
    digest: str  # lower-case hexadecimal; "" if none
    link_target: bytes  # of a symbolic link
    flags: FileFlag
    inode: int
    device: int
    rdev: int
    nlink: int  # how many files of the package share the inode
    capabilities: str  # in the text form, e.g. "cap_net_raw=ep"; "" if none
    color: int
    signature: bytes = b""  # for the kernel's integrity measurement (IMA); empty if none

    @property
    def ghost(self) -> bool:
        """Whether the package owns the file without bringing it."""
        return bool(int(self.flags) & _GHOST)


def file_entries(values: Values, signed: Values | None = None) -> tuple[FileEntry, ...]:
    """Returns the files in the order of the header; `signed` is the signature header.

    Raises:
        FormatError: the arrays do not agree, or a path is none that a package may have.
    """
    paths = _paths(values)
    if not paths:
        return ()
    array = _Arrays(values, len(paths))
    _check_origins(values, array)
    modes, flags = array.numbers(Tag.FILEMODES), array.numbers(Tag.FILEFLAGS, 0)
    users, groups = array.names(Tag.FILEUSERNAME), array.names(Tag.FILEGROUPNAME)
    sizes = array.numbers(Tag.LONGFILESIZES if Tag.LONGFILESIZES in values else Tag.FILESIZES)
    mtimes, digests = array.numbers(Tag.FILEMTIMES, 0), array.names(Tag.FILEDIGESTS, b"")
    targets, capabilities = array.strings(Tag.FILELINKTOS, b""), array.names(Tag.FILECAPS, b"")
    devices, rdevs = array.numbers(Tag.FILEDEVICES, 0), array.numbers(Tag.FILERDEVS, 0)
    inodes = array.numbers(Tag.FILEINODES) if Tag.FILEINODES in values else range(len(paths))
    colors = array.numbers(Tag.FILECOLORS, 0)
    signatures = _signatures(values, signed, len(paths))
    if max(sizes) > _SIZE_MAX:
        raise FormatError(f"lists a file of {max(sizes)} bytes")
    _check_digests(digests, values.algorithm(Tag.FILEDIGESTALGO, "md5"))
    # librpm knows hard links by both numbers, or not at all.
    linked = Tag.FILEDEVICES in values and Tag.FILEINODES in values
    links = Counter(zip(devices, inodes, map(_can_be_linked, modes, flags), strict=True))
    return tuple(
        FileEntry(
            path=path,
            mode=modes[at],
            user=users[at],
            group=groups[at],
            size=sizes[at],
            mtime=mtimes[at],
            digest=digests[at].lower(),
            link_target=_link_target(path, modes[at], flags[at], targets[at]),
            flags=FileFlag(flags[at]),
            inode=inodes[at],
            device=devices[at],
            rdev=rdevs[at],
            nlink=(links[devices[at], inodes[at], True] or 1) if linked else 1,
            capabilities=capabilities[at],
            color=colors[at],
            signature=signatures[at],
        )
        for at, path in enumerate(paths)
    )


class _Arrays:
    """The per-file arrays of a header, each of which must have one value for every file."""

    def __init__(self, values: Values, count: int) -> None:
        self._values = values
        self._count = count

    def numbers(self, tag: Tag, default: int | None = None) -> tuple[int, ...]:
        if default is not None and tag not in self._values:
            return (default,) * self._count
        return self._whole(tag, self._values.numbers(tag))

    def strings(self, tag: Tag, default: bytes | None = None) -> tuple[bytes, ...]:
        if default is not None and tag not in self._values:
            return (default,) * self._count
        return self._whole(tag, self._values.strings(tag))

    def names(self, tag: Tag, default: bytes | None = None) -> tuple[str, ...]:
        try:
            return tuple(item.decode("utf-8") for item in self.strings(tag, default))
        except UnicodeDecodeError:
            raise FormatError(f"{tag.name} holds a name that is not UTF-8") from None

    def _whole(self, tag: Tag, values: tuple[T, ...]) -> tuple[T, ...]:
        if len(values) != self._count:
            raise FormatError(f"{self._count} files, but {len(values)} values of {tag.name}")
        return values


def _signatures(values: Values, signed: Values | None, count: int) -> tuple[bytes, ...]:
    """Returns the files' signatures, which rpmsign puts into the signature header."""
    if signed is not None and Tag.FILESIGNATURES not in values:
        texts = signed.strings(SignatureTag.FILESIGNATURES)
    else:
        texts = values.strings(Tag.FILESIGNATURES)
    if not texts:
        return (b"",) * count
    if len(texts) != count:
        raise FormatError(f"{count} files, but {len(texts)} values of FILESIGNATURES")
    try:
        return tuple(bytes.fromhex(text.decode("ascii")) for text in texts)
    except ValueError:
        raise FormatError("FILESIGNATURES holds what is not hexadecimal") from None


def _check_digests(digests: tuple[str, ...], algorithm: str) -> None:
    """Checks that there is nothing but digests: librpm takes what is none for no digest at all."""
    size = 2 * hashlib.new(algorithm, usedforsecurity=False).digest_size
    if {len(digest) for digest in digests} - {0, size}:
        raise FormatError(f"FILEDIGESTS holds what is no {algorithm} digest")
    if not _HEXADECIMAL.issuperset("".join(digests)):
        raise FormatError("FILEDIGESTS holds what is not hexadecimal")


def _can_be_linked(mode: int, flags: int) -> bool:
    # Ghosts share no inode with files that are there, whatever their numbers say.
    return stat.S_ISREG(mode) and not flags & _GHOST


def _link_target(path: bytes, mode: int, flags: int, target: bytes) -> bytes:
    if stat.S_ISLNK(mode) and not flags & _GHOST and not 0 < len(target) <= _PATH_MAX:
        raise FormatError(f"symbolic link {shown(path)} has a target of {len(target)} bytes")
    return target


def _paths(values: Values) -> tuple[bytes, ...]:
    names = values.strings(Tag.BASENAMES)
    if names:
        directories = [_directory(name) for name in values.strings(Tag.DIRNAMES)]
        indexes = _Arrays(values, len(names)).numbers(Tag.DIRINDEXES)
        if max(indexes) >= len(directories):
            raise FormatError(
                f"{len(directories)} directories, but a file in number {max(indexes)}"
            )
        paths = [_path(directories[at], name) for at, name in zip(indexes, names, strict=True)]
    else:
        split = [name.rpartition(b"/") for name in values.strings(Tag.OLDFILENAMES)]
        paths = [_path(_directory(directory + b"/"), name) for directory, _slash, name in split]
    if len(set(paths)) != len(paths):
        twice = next(path for path, count in Counter(paths).items() if count > 1)
        raise FormatError(f"lists {shown(twice)} twice")
    return tuple(paths)


def _check_origins(values: Values, array: _Arrays) -> None:
    """Checks what a relocated package says of its files' first places: librpm reads it as well."""
    if Tag.ORIGBASENAMES not in values:
        return
    array.strings(Tag.ORIGBASENAMES)
    known = len(values.strings(Tag.ORIGDIRNAMES))
    if max(array.numbers(Tag.ORIGDIRINDEXES)) >= known:
        raise FormatError(f"ORIGDIRINDEXES lead beyond the {known} directories of ORIGDIRNAMES")


def _directory(name: bytes) -> bytes:
    """Returns a directory's name with one slash at each joint and one at its end."""
    parts = name.split(b"/")
    if len(parts) < 2 or parts[0] or parts[-1]:
        raise FormatError(f"directory {shown(name[:256])} is not absolute")
    for part in parts:
        _check_name(part, name)
    return b"/".join([b"", *filter(None, parts), b""])


def _path(directory: bytes, name: bytes) -> bytes:
    path = directory + name
    if b"/" in name or not (name or directory == b"/"):
        what = f"{shown(name[:256])} in {shown(directory[:256])}"
        raise FormatError(f"{what} is no file name")
    _check_name(name, path)
    if len(path) > _PATH_MAX:
        raise FormatError(f"path of {len(path)} bytes: {shown(path[:64])}…")
    return path


def _check_name(name: bytes, path: bytes) -> None:
    if name in (b".", b"..") or len(name) > _NAME_MAX:
        raise FormatError(f"path {shown(path[:256])} holds a name that no file may have")
