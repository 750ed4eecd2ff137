# SPDX-License-Identifier: LGPL-2.1-or-later
"""Which files of packages that go belong to packages that stay as well, by the base's rpmdb.

rpm leaves a file alone that another installed package has, too, unless that one's is not there
(`handleRmvdInstalledFiles` in
https://github.com/rpm-software-management/rpm/blob/master/lib/transaction.cc). A record is decoded
only if it has a file of that name and a directory of that path: few have.
"""

import os
import sqlite3
import stat
from collections.abc import Iterator, Mapping, Sequence

from layering import rpmdb, rpmdb_query
from layering.base import Base
from layering.departures import Departing, DepartingFile
from layering.headerindex import TagValue
from layering.paths import tree_path
from layering.rpmdb_query import IDENTITY_TAGS
from layering.rpmtags import Tag
from layering.spellings import spellings

_WANTED = frozenset(
    {
        *IDENTITY_TAGS,
        *(Tag.BASENAMES, Tag.DIRINDEXES, Tag.DIRNAMES, Tag.OLDFILENAMES),
        *(Tag.FILEMODES, Tag.FILESTATES),
    }
)
_NORMAL = 0  # RPMFILE_STATE_NORMAL
_BY_PLACE = """
    SELECT DISTINCT b.hnum FROM Basenames b JOIN Dirnames d ON d.hnum = b.hnum
    WHERE b.key = CAST(? AS TEXT) AND d.key IN ({places})
"""


def shared_files(base: Base, packages: Sequence[Departing]) -> frozenset[bytes]:
    """Returns the live paths of files that packages which stay have, too.

    Raises:
        RpmdbError: the rpmdb cannot be read.
    """
    if not packages:
        return frozenset()
    with rpmdb_query.opened(rpmdb.database_in(base.installroot)) as database:
        owners = _Owners(database, base, {str(package.nevra) for package in packages})
        return frozenset(
            file.place.live for package in packages for file in package.files if owners.have(file)
        )


class _Owners:
    """The packages that stay."""

    def __init__(self, database: sqlite3.Connection, base: Base, going: set[str]) -> None:
        self._database = database
        self._base = base
        self._going = going
        self._known: dict[int, frozenset[bytes]] = {}

    def have(self, file: DepartingFile) -> bool:
        """Tells whether one of them has a file."""
        return any(file.place.live in self._paths(number) for number in self._candidates(file))

    def _candidates(self, file: DepartingFile) -> Iterator[int]:
        text = os.fsdecode(file.place.live)
        spelled = {*spellings(text, self._base.links), os.fsdecode(file.entry.path)}
        places = sorted({f"{path.rpartition('/')[0]}/" for path in spelled})
        query = _BY_PLACE.format(places=", ".join(["CAST(? AS TEXT)"] * len(places)))
        name = file.entry.path.rpartition(b"/")[2]
        rows = self._database.execute(query, (name, *map(os.fsencode, places)))
        yield from (number for (number,) in rows.fetchall())

    def _paths(self, number: int) -> frozenset[bytes]:
        if number not in self._known:
            rows = self._database.execute("SELECT blob FROM Packages WHERE hnum = ?", (number,))
            found = frozenset[bytes]()
            for (blob,) in rows.fetchall():
                directory = rpmdb.database_in(self._base.installroot)
                tags = rpmdb_query.decoded(blob, _WANTED, directory)
                if str(rpmdb_query.nevra_of(tags)) not in self._going:
                    found = frozenset(self._present(tags))
            self._known[number] = found
        return self._known[number]

    def _present(self, tags: Mapping[int, TagValue]) -> Iterator[bytes]:
        paths = list(rpmdb_query.paths_of(tags))
        states = tags.get(Tag.FILESTATES, ()) or (_NORMAL,) * len(paths)
        for path, mode, state in zip(paths, tags.get(Tag.FILEMODES, ()), states, strict=False):
            if state == _NORMAL:
                directory = isinstance(mode, int) and stat.S_ISDIR(mode)
                yield tree_path(path, self._base.layout, directory=directory).live
