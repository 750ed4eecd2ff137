# SPDX-License-Identifier: LGPL-2.1-or-later
"""The tree that scriptlets run in: an overlay mount over a checkout that exists already.

    lower   a delta directory (`layering.delta`) over the checkout: together, the united tree
    upper   an empty directory: everything that scriptlets change, and all that gets sealed

No file of the checkout or of the repository is ever opened for writing. The directories live in
`overlay-work-*` in the repository's own `tmp`, so that hard links work; a lock on the directory
tells a run that is alive from what a killed one left behind. libostree removes from there what is
older than a day (`core.tmp-expiry-secs` of ostree.repo-config(5)) and knows no such lock, but
leaves what is newer than now: the directory's time is one to come.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from layering import mounts
from layering._ostree import Gio, OSTree, reported
from layering.delta import make_delta, make_directory
from layering.dirtree import DirNode
from layering.errors import WorkspaceError
from layering.leased import leased, sweep
from layering.repo import Repo

PREFIX = "overlay-work-"
_TO_COME = 0x7FFFFFFF  # 2038, the last second that every file system can store


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkout:
    """A checkout that may serve as the lower layer: a deployment, booted or not."""

    path: Path
    commit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Workspace:
    """A mounted workspace."""

    root: Path  # the mount: the whole tree, writable
    upper: Path  # what was written to it, in overlayfs' own terms
    scratch: Path  # an empty directory on the same file system, for the caller; goes with the rest


@contextmanager
def open_workspace(
    repo: Repo, *, tree: str, meta: str, checkout: Checkout | None = None
) -> Iterator[Workspace]:
    """Mounts the tree with these root checksums, writable, and takes everything away at the end.

    With a checkout it costs what differs between that and the tree, and whoever opens it sees to it
    that nobody removes the checkout. Without, the tree is checked out, by hard links that need
    neither a deployment nor the repository any more. Removes what killed runs left behind.

    Raises:
        WorkspaceError: the repository cannot be hard-linked from, or the kernel refuses.
    """
    if repo.handle.get_mode() != OSTree.RepoMode.BARE:
        raise WorkspaceError(f"cannot work in a repository that is not of mode bare: {repo.path}")
    mounts.enter_own_namespace()
    clean_leftovers(repo)
    with leased(repo.path / "tmp", PREFIX) as work:
        after = DirNode(tree=tree, meta=meta)
        lowers = _lowers(repo, work, after, checkout)
        names = ("root", "work", "scratch")
        root, overlay_work, scratch = (work / name for name in names)
        for directory in (root, overlay_work, scratch):
            directory.mkdir()
        # The mount's root has the upper directory's metadata.
        make_directory(work / "upper", repo.dirmeta(meta))
        os.utime(work, (_TO_COME, _TO_COME))  # nothing is made directly in it from here on
        mounts.mount_overlay(root, lowers=lowers, upper=work / "upper", work=overlay_work)
        try:
            yield Workspace(root=root, upper=work / "upper", scratch=scratch)
        finally:
            mounts.unmount(root)


def clean_leftovers(repo: Repo) -> tuple[Path, ...]:
    """Removes the directories of runs that are no longer alive, and returns their paths."""
    return sweep(repo.path / "tmp", PREFIX)


def _lowers(repo: Repo, work: Path, after: DirNode, checkout: Checkout | None) -> list[Path]:
    lower = work / "lower"
    if checkout is None:
        _checkout_tree(repo, after, lower)
        return [lower]
    commit = repo.commit_of(checkout.commit)
    make_delta(
        repo, lower, before=DirNode(tree=commit.root_tree, meta=commit.root_meta), after=after
    )
    return [lower, checkout.path]


def _checkout_tree(repo: Repo, node: DirNode, destination: Path) -> None:
    # libostree's newer call takes commits only, and this tree may have none.
    with reported(repo.path, f"cannot check out tree {node.tree}"):
        root = repo.handle.write_mtree(repo.tree_at(node.tree, node.meta), None)[1]
        info = root.query_info("standard::*,unix::*", Gio.FileQueryInfoFlags.NOFOLLOW_SYMLINKS)
        repo.handle.checkout_tree(
            OSTree.RepoCheckoutMode.NONE,
            OSTree.RepoCheckoutOverwriteMode.NONE,
            Gio.File.new_for_path(os.fspath(destination)),
            cast("OSTree.RepoFile", root),  # announced as its interface, Gio.File
            info,
            None,
        )
