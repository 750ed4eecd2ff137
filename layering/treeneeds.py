# SPDX-License-Identifier: LGPL-2.1-or-later
"""The needs of a tree's packages, as the headers in its package database have them.

A merged tree's database holds the layers' headers beside the base's: nothing else is read, and no
repository is needed.
"""

from collections.abc import Mapping
from pathlib import Path

from layering import rpmdb_query
from layering.headerdependencies import (
    PROVIDES,
    RECOMMENDS,
    REQUIRES,
    SUPPLEMENTS,
    dependencies_in,
)
from layering.headerindex import TagValue
from layering.needs import Need, Needs, needs_among, required_paths
from solver import Nevra

_WANTED = frozenset((*PROVIDES, *RECOMMENDS, *REQUIRES, *SUPPLEMENTS))


def tree_needs(
    database: Path, links: Mapping[str, str]
) -> tuple[tuple[Nevra, ...], tuple[Need, ...]]:
    """Returns the packages of an rpmdb, sorted, and the needs among them.

    `links` are the tree's linked directories.

    Raises:
        RpmdbError: the database cannot be read.
    """
    packages = [
        _needs(each.nevra, each.tags) for each in rpmdb_query.tagged(database, _WANTED, None)
    ]
    owners = {
        path: rpmdb_query.owners_of(database, path, links) for path in required_paths(packages)
    }
    nevras = sorted((package.nevra for package in packages), key=str)
    return tuple(nevras), needs_among(packages, owners)


def _needs(nevra: Nevra, tags: Mapping[int, TagValue]) -> Needs:
    return Needs(
        nevra=nevra,
        requires=dependencies_in(tags, *REQUIRES),
        provides=dependencies_in(tags, *PROVIDES),
        recommends=dependencies_in(tags, *RECOMMENDS),
        supplements=dependencies_in(tags, *SUPPLEMENTS),
    )
