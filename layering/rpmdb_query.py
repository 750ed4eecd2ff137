# SPDX-License-Identifier: LGPL-2.1-or-later
"""Questions to the rpmdb of a tree, wherever it is checked out, without leaving a trace there.

librpm opens a database with sqlite's write-ahead log, which makes files beside it, or writes
through a hard link into the repository. Here the file is read as immutable, and records are decoded
by `layering.rpmdb_blob`; the schema is rpm's (lib/backend/sqlite.cc): a table of records and one
table per index.
"""

import json
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Collection, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from layering.headerindex import TagValue
from layering.leased import leased, sweep
from layering.rpmdb_blob import decode_tags
from layering.rpmtags import Tag
from layering.spellings import spellings
from layering.sysroot_errors import RpmdbError
from solver import Nevra

DATABASE = "rpmdb.sqlite"
_SUMMARY, _SOURCE = 1004, 1044
IDENTITY_TAGS = (Tag.NAME, Tag.EPOCH, Tag.VERSION, Tag.RELEASE, Tag.ARCH)
_PACKAGE = frozenset((*IDENTITY_TAGS, Tag.SIZE, Tag.LONGSIZE, Tag.BUILDTIME, _SUMMARY, _SOURCE))
_PATHS = frozenset((*IDENTITY_TAGS, Tag.BASENAMES, Tag.DIRINDEXES, Tag.DIRNAMES))
_KEYS = b"gpg-pubkey"  # how rpm stores a key: no package, and without an architecture
_CACHE_FORMAT = 2
_COPY = "overlay-rpmdb-"


@dataclass(frozen=True, slots=True, kw_only=True)
class InstalledPackage:
    """What an rpmdb says of one package."""

    nevra: Nevra
    size: int  # bytes, installed
    build_time: int  # seconds since 1970
    summary: str
    source: str  # file name of the source package, "" if there is none


@dataclass(frozen=True, slots=True, kw_only=True)
class TaggedPackage:
    """A package with some tags of its header, as `layering.header` would decode them."""

    nevra: Nevra
    tags: Mapping[int, TagValue]


def packages(directory: Path) -> tuple[InstalledPackage, ...]:
    """Returns the packages of the rpmdb in `directory`, sorted by NEVRA; or RpmdbError."""
    found = [_package(tags) for tags in _records(directory, _PACKAGE)]
    return tuple(sorted(found, key=lambda package: str(package.nevra)))


def owners_of(
    directory: Path, path: str, links: Mapping[str, str] | None = None
) -> tuple[Nevra, ...]:
    """Returns the packages that own an absolute path, sorted.

    `links` are the tree's directories that are symbolic links ("/bin": "usr/bin"): headers may
    spell a path through any of them, and `path` may, too.
    """
    spelled = {name.encode() for name in spellings(path, links or {})}
    owners: set[Nevra] = set()
    with opened(directory) as database:
        for blob in owning(database, path.rpartition("/")[2]):
            tags = decoded(blob, _PATHS, directory)
            if not spelled.isdisjoint(paths_of(tags)):
                owners.add(nevra_of(tags))
    return tuple(sorted(owners, key=str))


def tagged(
    directory: Path, wanted: frozenset[int], cache: Path | None
) -> tuple[TaggedPackage, ...]:
    """Returns the packages that have any of the wanted tags, in the order of their installation.

    `cache` is a file that holds the answer for this very database, and is made if it is absent or
    unreadable: the questions that a base is asked at every operation cost a few milliseconds.
    Without one nothing is kept.
    """
    key = [_CACHE_FORMAT, sorted(wanted)]
    try:
        form, stored = json.loads(cache.read_bytes()) if cache else ((), ())
        if form == key:
            return tuple(_unpacked(entry) for entry in stored)
    except (OSError, ValueError, TypeError, AttributeError, KeyError):
        pass  # another version's, or cut off: made anew below
    found = list[TaggedPackage]()
    for tags in _records(directory, wanted | frozenset(IDENTITY_TAGS)):
        kept = {tag: value for tag, value in tags.items() if tag in wanted}
        if kept:
            found.append(TaggedPackage(nevra=nevra_of(tags), tags=kept))
    if cache is None:
        return tuple(found)
    text = json.dumps([key, [_packed(package) for package in found]], separators=(",", ":"))
    with tempfile.NamedTemporaryFile("w", dir=cache.parent, delete=False) as stream:
        stream.write(text)
    Path(stream.name).replace(cache)
    return tuple(found)


def _packed(package: TaggedPackage) -> list[object]:
    tags = [[tag, _json_of(value)] for tag, value in sorted(package.tags.items())]
    return [str(package.nevra), tags]


def _json_of(value: TagValue) -> object:
    """Bytes become the characters of their numbers: JSON has no bytes."""
    if isinstance(value, bytes):
        return value.decode("latin-1")
    return [item if isinstance(item, int) else item.decode("latin-1") for item in value]


def _unpacked(entry: list[object]) -> TaggedPackage:
    nevra, tags = entry
    assert isinstance(nevra, str) and isinstance(tags, list)
    return TaggedPackage(
        nevra=Nevra.parse(nevra), tags={tag: _value_of(value) for tag, value in tags}
    )


def _value_of(value: str | list[str] | list[int]) -> TagValue:
    if isinstance(value, str):
        return value.encode("latin-1")
    strings = tuple(item.encode("latin-1") for item in value if isinstance(item, str))
    return strings or tuple(item for item in value if isinstance(item, int))


@contextmanager
def opened(directory: Path) -> Iterator[sqlite3.Connection]:
    """Opens the database so that nothing is written beside it."""
    path = directory / DATABASE
    if not path.is_file():
        raise RpmdbError(f"no {DATABASE}", directory)
    try:
        if not _has_log(path):
            with closing(_connected(path)) as database:
                yield database
            return
        # What the log holds is part of the database, but reading it needs files beside it.
        scratches = Path(tempfile.gettempdir())
        sweep(scratches, _COPY)
        with leased(scratches, _COPY) as scratch:
            for name in (DATABASE, f"{DATABASE}-wal"):
                shutil.copyfile(directory / name, scratch / name)
            with closing(sqlite3.connect(scratch / DATABASE)) as database:
                yield database
    except sqlite3.Error as error:
        raise RpmdbError(f"cannot read: {error}", directory) from error


def _connected(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro&immutable=1", uri=True)


def _has_log(path: Path) -> bool:
    log = path.with_name(f"{path.name}-wal")
    return log.is_file() and log.stat().st_size > 0


def _records(directory: Path, wanted: frozenset[int]) -> Iterator[dict[int, TagValue]]:
    with opened(directory) as database:
        for (blob,) in database.execute("SELECT blob FROM Packages ORDER BY hnum"):
            tags = decoded(blob, wanted, directory)
            if tags.get(Tag.NAME) != _KEYS:
                yield tags


def owning(database: sqlite3.Connection, basename: str) -> Iterator[bytes]:
    """Yields the records of packages that have a file of this name, oldest first."""
    query = "SELECT blob FROM Packages WHERE hnum IN"
    query += " (SELECT hnum FROM Basenames WHERE key = CAST(? AS TEXT)) ORDER BY hnum"
    # An index of strings holds text, but file names need not be UTF-8.
    for (blob,) in database.execute(query, (os.fsencode(basename),)):
        yield blob


def decoded(blob: bytes, wanted: Collection[int], directory: Path) -> dict[int, TagValue]:
    """Returns tags of a record; RpmdbError, with the database's place, if it is a broken one."""
    try:
        return decode_tags(blob, wanted)
    except ValueError as error:
        raise RpmdbError(str(error), directory) from error


def paths_of(tags: Mapping[int, TagValue]) -> Iterator[bytes]:
    """Yields the paths of a package's files, as its header spells them."""
    directories = _strings(tags, Tag.DIRNAMES)
    names = _strings(tags, Tag.BASENAMES)
    for index, name in zip(_numbers(tags, Tag.DIRINDEXES), names, strict=True):
        yield directories[index] + name


def _package(tags: Mapping[int, TagValue]) -> InstalledPackage:
    return InstalledPackage(
        nevra=nevra_of(tags),
        size=(*_numbers(tags, Tag.LONGSIZE), *_numbers(tags, Tag.SIZE), 0)[0],
        build_time=(*_numbers(tags, Tag.BUILDTIME), 0)[0],
        summary=_text(tags, _SUMMARY),
        source=_text(tags, _SOURCE),
    )


def nevra_of(tags: Mapping[int, TagValue]) -> Nevra:
    """Returns which package a record is of."""
    return Nevra(
        name=_text(tags, Tag.NAME),
        epoch=(*_numbers(tags, Tag.EPOCH), 0)[0],
        version=_text(tags, Tag.VERSION),
        release=_text(tags, Tag.RELEASE),
        arch=_text(tags, Tag.ARCH),
    )


def _text(tags: Mapping[int, TagValue], tag: int) -> str:
    value = tags.get(tag, b"")
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else ""


def _numbers(tags: Mapping[int, TagValue], tag: int) -> tuple[int, ...]:
    value = tags.get(tag, ())
    return (
        tuple(item for item in value if isinstance(item, int)) if isinstance(value, tuple) else ()
    )


def _strings(tags: Mapping[int, TagValue], tag: int) -> tuple[bytes, ...]:
    value = tags.get(tag, ())
    return () if isinstance(value, bytes) else tuple(x for x in value if isinstance(x, bytes))
