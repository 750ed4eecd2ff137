# SPDX-License-Identifier: LGPL-2.1-or-later
"""The packages of a tree: from its commit's list, or else from its rpmdb.

Neither needs all of the tree: a commit of which a remote's description alone was fetched has its
packages as well.
"""

from pathlib import Path

from layering import rpmdb, rpmdb_query
from layering.metadata_read import read
from layering.repo import Repo
from solver import Nevra


def packages_of(repo: Repo, commit: str, cache_dir: Path) -> tuple[Nevra, ...]:
    """Returns the packages of a commit.

    Raises:
        UnknownRevisionError: it is none.
        RepoError: it has no list of packages, and its rpmdb isn't here.
        RpmdbError: it has neither a list of packages nor an rpmdb.
    """
    listed = read(repo.commit_of(commit)).packages
    if listed:
        return listed
    root = rpmdb.base_root(repo, commit, cache_dir)
    installed = rpmdb_query.packages(rpmdb.database_in(root))
    return tuple(package.nevra for package in installed)
