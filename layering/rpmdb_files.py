# SPDX-License-Identifier: LGPL-2.1-or-later
"""Which files the packages of an rpmdb have below some prefixes: what a new file trigger reads.

As rpm searches for it: a package takes part if it has a file in a directory whose path begins with
the prefix, which may end inside a name; packages come in the order of their installation. The index
of directories says which records to read: one trigger needs few of them.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from layering import rpmdb_query
from layering.paths import BaseLayout, tree_path
from layering.rpmtags import Tag
from layering.spellings import spellings
from triggers import PathList

_WANTED = frozenset((*rpmdb_query.IDENTITY_TAGS, Tag.BASENAMES, Tag.DIRINDEXES, Tag.DIRNAMES))
_QUERY = """
    SELECT blob FROM Packages WHERE hnum IN (
        SELECT hnum FROM Dirnames WHERE {conditions}
    ) ORDER BY hnum
"""
_CONDITION = "(key >= ? AND key < ?)"
_LAST = "\U0010ffff"


def files_below(
    directory: Path, layout: BaseLayout, links: Mapping[str, str]
) -> Callable[[Sequence[str]], Iterable[PathList]]:
    """Returns the question to the rpmdb in `directory`; it has to be there when it is asked.

    Paths are given as the running system calls them, whichever of the tree's `links` a header
    spells them through.
    """

    def below(prefixes: Sequence[str]) -> list[PathList]:
        starts = sorted({name for each in prefixes for name in spellings(each, links)})
        query = _QUERY.format(conditions=" OR ".join([_CONDITION] * len(starts)))
        bounds = [bound for start in starts for bound in (start, start + _LAST)]
        found = []
        with rpmdb_query.opened(directory) as database:
            for (blob,) in database.execute(query, bounds).fetchall():
                tags = rpmdb_query.decoded(blob, _WANTED, directory)
                paths = [_live(path, layout) for path in rpmdb_query.paths_of(tags)]
                found.append(PathList(paths, str(rpmdb_query.nevra_of(tags))))
        return found

    return below


def _live(path: bytes, layout: BaseLayout) -> str:
    return tree_path(path, layout).live.decode("utf-8", "surrogateescape")
