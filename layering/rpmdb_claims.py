# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the packages of an rpmdb say of single paths.

Which packages have a file of some name is one look into an index; only their records are decoded,
and each of them once.
"""

import os
import sqlite3
from collections.abc import Collection, Iterable, Mapping
from contextlib import closing
from pathlib import Path

from layering.claims import Claim
from layering.fileentries import FileEntry, file_entries
from layering.headerindex import TagValue
from layering.package_errors import FormatError
from layering.rpmdb_blob import with_bytes
from layering.rpmdb_query import (
    DATABASE,
    IDENTITY_TAGS,
    decoded,
    nevra_of,
    opened,
    owning,
    paths_of,
)
from layering.rpmtags import Tag
from layering.spellings import spellings
from layering.sysroot_errors import RpmdbError
from layering.tagvalues import Values
from solver import Nevra

# What a claim is made from.
WANTED = frozenset(
    {
        *IDENTITY_TAGS,
        Tag.BASENAMES,
        Tag.DIRINDEXES,
        Tag.DIRNAMES,
        Tag.OLDFILENAMES,
        Tag.FILESIZES,
        Tag.LONGFILESIZES,
        Tag.FILESTATES,
        Tag.FILEMODES,
        Tag.FILEFLAGS,
        Tag.FILEUSERNAME,
        Tag.FILEGROUPNAME,
        Tag.FILEDIGESTS,
        Tag.FILEDIGESTALGO,
        Tag.FILELINKTOS,
        Tag.FILECAPS,
        Tag.FILECOLORS,
    }
)
# RPMFILE_STATE_NOTINSTALLED: left out, as documentation may be; and RPMFILE_STATE_WRONGCOLOR.
_NOT_INSTALLED, _WRONG_COLOUR = 2, 4

_Claims = Mapping[bytes, Claim]


class InstalledFiles:
    """The files of the packages of one rpmdb, which does not change meanwhile."""

    def __init__(self, directory: Path, links: Mapping[str, str]) -> None:
        self._directory = directory
        self._links = links
        self._known: dict[bytes, _Claims] = {}  # by record

    def at(self, paths: Iterable[str]) -> tuple[Claim, ...]:
        """Returns the claims to any of the paths, which name one file, by package.

        Raises:
            RpmdbError: the database cannot be read.
        """
        found: dict[str, Claim] = {}
        spelled = {name for path in paths for name in spellings(path, self._links)}
        with opened(self._directory) as database:
            for name in sorted({path.rpartition("/")[2] for path in spelled}):
                for record in owning(database, name):
                    claims = self._claims(record)
                    for path in sorted(spelled):
                        claim = claims.get(os.fsencode(path))
                        if claim is not None:
                            found.setdefault(claim.package, claim)
        return tuple(found[package] for package in sorted(found))

    def _claims(self, record: bytes) -> _Claims:
        if record not in self._known:
            self._known[record] = _claims(decoded(record, WANTED, self._directory))
        return self._known[record]


def _claims(tags: Mapping[int, TagValue]) -> _Claims:
    package = str(nevra_of(tags))
    values = Values(tags)
    try:
        entries: tuple[FileEntry, ...] = file_entries(values)
        algorithm = values.algorithm(Tag.FILEDIGESTALGO, "md5")
        states = values.numbers(Tag.FILESTATES) or (0,) * len(entries)
    except FormatError:  # rpm took it; what we cannot read is still owned by somebody
        return {path: Claim(package=package) for path in paths_of(tags)}
    return {
        entry.path: Claim(
            package=package,
            entry=entry,
            algorithm=algorithm,
            installed=state != _NOT_INSTALLED,
        )
        for entry, state in zip(entries, states, strict=False)
    }


def mark_wrong_colour(directory: Path, files: Mapping[str, Collection[bytes]]) -> None:
    """Notes in an rpmdb which files of packages are not there for their colour.

    Args:
        directory: holds the database, the caller's own.
        files: paths as the header spells them, by NEVRA.

    Raises:
        RpmdbError: the database cannot be read or written.
    """
    try:
        with closing(sqlite3.connect(directory / DATABASE)) as database, database:
            database.execute("PRAGMA synchronous = OFF")
            for nevra in sorted(files):
                _mark(database, Nevra.parse(nevra), frozenset(files[nevra]), directory)
    except (sqlite3.Error, ValueError) as error:
        raise RpmdbError(
            f"cannot note which files are of the wrong colour: {error}", directory
        ) from error


def _mark(
    database: sqlite3.Connection, nevra: Nevra, paths: frozenset[bytes], directory: Path
) -> None:
    query = "SELECT hnum, blob FROM Packages WHERE hnum IN (SELECT hnum FROM Name WHERE key = ?)"
    for number, blob in database.execute(query, (nevra.name,)).fetchall():
        tags = decoded(blob, WANTED, directory)
        if nevra_of(tags) == nevra:
            states = {at: _WRONG_COLOUR for at, path in enumerate(paths_of(tags)) if path in paths}
            marked = with_bytes(blob, Tag.FILESTATES, states)
            database.execute("UPDATE Packages SET blob = ? WHERE hnum = ?", (marked, number))
