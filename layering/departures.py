# SPDX-License-Identifier: LGPL-2.1-or-later
"""Packages of a base that go, as a person removes or replaces them: what its rpmdb has of them.

The base itself stays as it is, in the repository and in its rpmdb: a merged tree is made from it
less these packages, and with others in their place.
"""

import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from layering import rpmdb, rpmdb_query
from layering.base import Base
from layering.errors import LayeringError
from layering.fileentries import FileEntry, file_entries
from layering.headerindex import TagValue
from layering.package_errors import FormatError
from layering.paths import TreePath, tree_path
from layering.rpmdb_claims import WANTED
from layering.rpmtags import DEPENDENCY_TAGS, SCRIPT_TAGS, Tag
from layering.sysroot_errors import RpmdbError
from layering.tagvalues import Values
from solver import Nevra

_NORMAL = 0  # RPMFILE_STATE_NORMAL: the file that is there is the package's
_BUILT_BY = 1064  # RPMTAG_RPMVERSION, by which some scripts are run in another way
_TAGS = WANTED | SCRIPT_TAGS | DEPENDENCY_TAGS | {_BUILT_BY}
_OF_NAME = """
    SELECT blob FROM Packages WHERE hnum IN (SELECT hnum FROM Name WHERE key = ?) ORDER BY hnum
"""


class NotInBaseError(LayeringError):
    """A package is to go that the base does not have."""

    def __init__(self, nevra: Nevra) -> None:
        super().__init__(f"the base has no {nevra}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Departure:
    """That a package of the base goes."""

    package: Nevra
    replaced_by: str = ""  # NEVRA of what updates or obsoletes it; "" if a person removed it


@dataclass(frozen=True, slots=True, kw_only=True)
class DepartingFile:
    """A file of a package that goes, and where it is."""

    entry: FileEntry
    place: TreePath

    @property
    def directory(self) -> bool:
        """Whether the package has a directory there."""
        return stat.S_ISDIR(self.entry.mode)


@dataclass(frozen=True, slots=True, kw_only=True)
class Departing:
    """A package that goes, as the base's rpmdb has it."""

    nevra: Nevra
    replaced_by: str
    tags: Mapping[int, TagValue]  # of its scripts and dependencies
    algorithm: str  # of its files' digests, as hashlib calls it
    files: tuple[DepartingFile, ...]  # all of them, also those that are not there
    present: frozenset[bytes]  # live paths of those that are, as far as rpm knows


def departing(base: Base, departures: Sequence[Departure]) -> tuple[Departing, ...]:
    """Returns what the base's rpmdb has of the packages that go, in the order of their NEVRAs.

    Raises:
        NotInBaseError: it does not have one of them.
        RpmdbError: the rpmdb, or a record in it, cannot be read.
    """
    if not departures:
        return ()
    directory = rpmdb.database_in(base.installroot)
    found = []
    with rpmdb_query.opened(directory) as database:
        for each in sorted(departures, key=lambda departure: str(departure.package)):
            records = database.execute(_OF_NAME, (each.package.name,)).fetchall()
            decoded = (rpmdb_query.decoded(blob, _TAGS, directory) for (blob,) in records)
            tags = [tags for tags in decoded if rpmdb_query.nevra_of(tags) == each.package]
            if not tags:
                raise NotInBaseError(each.package)
            found.append(_departing(base, each, tags[0]))
    return tuple(found)


def instances(base: Base, names: Sequence[str]) -> tuple[Nevra, ...]:
    """Returns the packages of the base that have these names; RpmdbError if it cannot be read."""
    directory = rpmdb.database_in(base.installroot)
    with rpmdb_query.opened(directory) as database:
        return tuple(
            rpmdb_query.nevra_of(rpmdb_query.decoded(blob, rpmdb_query.IDENTITY_TAGS, directory))
            for name in sorted(set(names))
            for (blob,) in database.execute(_OF_NAME, (name,)).fetchall()
        )


def _departing(base: Base, departure: Departure, tags: Mapping[int, TagValue]) -> Departing:
    values = Values(tags)
    try:
        files = tuple(_placed(base, file_entries(values)))
        states = values.numbers(Tag.FILESTATES) or (_NORMAL,) * len(files)
        algorithm = values.algorithm(Tag.FILEDIGESTALGO, "md5")
    except FormatError as error:
        where = rpmdb.database_in(base.installroot)
        raise RpmdbError(f"{departure.package}: {error}", where) from error
    return Departing(
        nevra=departure.package,
        replaced_by=departure.replaced_by,
        tags=tags,
        algorithm=algorithm,
        files=files,
        present=frozenset(
            file.place.live for file, state in zip(files, states, strict=False) if state == _NORMAL
        ),
    )


def _placed(base: Base, entries: Iterable[FileEntry]) -> Iterator[DepartingFile]:
    for entry in entries:
        directory = stat.S_ISDIR(entry.mode)
        yield DepartingFile(
            entry=entry, place=tree_path(entry.path, base.layout, directory=directory)
        )
