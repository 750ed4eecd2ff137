# SPDX-License-Identifier: LGPL-2.1-or-later
"""What an operation needs to know of the base: its commit, its layout, its release, its rpmdb.

All of it is read from the commit by path; nothing is checked out but the rpmdb, once per base, and
what labels come from, once per policy.
"""

import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from layering import rpmdb
from layering.dirtree import DirNode, find
from layering.labels import UNLABELLED, Labels
from layering.links import file_at
from layering.paths import EMPTY_BASE, BaseLayout
from layering.repo import Repo
from layering.selinux import labels_of

_OS_RELEASE = "/usr/lib/os-release"


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    """A base tree, or the empty one (`commit` is None) that base trees are composed from."""

    commit: str | None
    timestamp: int  # seconds since 1970
    version: str  # the commit's, or the release's; "" if neither says one
    os_release: Mapping[str, str]
    layout: BaseLayout
    installroot: Path  # with the rpmdb, for the solver
    database: str  # the tree's path of the directory that holds the rpmdb
    labels: Labels = UNLABELLED  # that its SELinux policy gives

    @property
    def releasever(self) -> str | None:
        """Returns what `$releasever` means for this base, if it says so."""
        return self.os_release.get("VERSION_ID")

    @property
    def links(self) -> Mapping[str, str]:
        """Returns the linked directories as librpm is told of them: "/bin" to "/usr/bin"."""
        return {
            link.decode(): target.decode()
            for link, target in self.layout.links.items()
            if target.startswith(b"/usr/")
        }


# Where a composed tree keeps its rpmdb: rpm-ostree's place.
COMPOSED_DATABASE = "/usr/share/rpm"


def empty_base(repo: Repo, cache_dir: Path) -> Base:
    """Returns the base that is no tree at all."""
    return Base(
        commit=None,
        timestamp=0,
        version="",
        os_release={},
        layout=EMPTY_BASE,
        installroot=rpmdb.base_root(repo, None, cache_dir),
        database=COMPOSED_DATABASE,
    )


def load_base(repo: Repo, commit: str, cache_dir: Path, *, allowed: Iterable[str] = ()) -> Base:
    """Returns what a base commit is; packages may fill the `allowed` top-level directories.

    Raises:
        RpmdbError: the commit has no rpmdb.
        PolicyError: its configuration names a policy that it does not have.
    """
    found = repo.commit_of(commit)
    installroot = rpmdb.base_root(repo, commit, cache_dir)
    release = parse_os_release(_text(repo, found.root_tree, _OS_RELEASE))
    database = rpmdb.database_path(repo, commit)
    assert database is not None  # base_root has found it
    return Base(
        commit=commit,
        timestamp=found.timestamp,
        version=found.text("version") or release.get("VERSION", ""),
        os_release=release,
        layout=layout_of(repo, found.root_tree, allowed=allowed),
        installroot=installroot,
        database=database,
        labels=labels_of(repo, found.root_tree, cache_dir),
    )


def layout_of(repo: Repo, root_tree: str, *, allowed: Iterable[str] = ()) -> BaseLayout:
    """Returns the layout of a tree, by the checksum of its root directory."""
    return BaseLayout.of(
        _links(repo, root_tree, "/"), _links(repo, root_tree, "/usr"), allowed=allowed
    )


def parse_os_release(text: str) -> dict[str, str]:
    """Returns the variables of an os-release file; lines that are none are passed over.

    https://www.freedesktop.org/software/systemd/man/os-release.html
    """
    variables: dict[str, str] = {}
    for line in text.splitlines():
        name, found, value = line.strip().partition("=")
        if found and name.isidentifier():
            try:
                variables[name] = "".join(shlex.split(value))
            except ValueError:  # an unclosed quote
                continue
    return variables


def _links(repo: Repo, root: str, path: str) -> dict[str, str]:
    node = find(repo.dirtree, root, path) if path != "/" else DirNode(tree=root, meta="")
    if not isinstance(node, DirNode):
        return {}
    targets = {
        name: repo.file_info(checksum).target for name, checksum in repo.dirtree(node.tree).files
    }
    return {name: target for name, target in targets.items() if target is not None}


def _text(repo: Repo, root: str, path: str) -> str:
    checksum = file_at(repo, root, path)
    return b"".join(repo.file_chunks(checksum)).decode("utf-8", "replace") if checksum else ""
