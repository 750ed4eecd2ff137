# SPDX-License-Identifier: LGPL-2.1-or-later
"""The tree of an operation that failed, as it was then: kept, for somebody to look into.

It is a commit without a parent that only one ref holds, the newest in place of the one before. It
is never deployed, so that its /var can be the one that scripts had, with what packages brought
there and what was written; whoever enters the tree finds it.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from layering import mtree, seal
from layering._ostree import GLib
from layering.mtree import MutableTree
from layering.refs import FAILED_REF
from layering.repo import Repo
from layering.scriptsandbox import RPM_STATE, VAR
from layering.workspace import Workspace

_BASE = "overlay.base"


@contextmanager
def kept_if_failed(
    repo: Repo, tree: MutableTree, workspace: Workspace, *, base: str | None, timestamp: int
) -> Iterator[None]:
    """Keeps the tree of a workspace if the body raises an exception; an interrupt keeps none."""
    try:
        yield
    except Exception as error:
        try:
            tops = [each.name for each in workspace.upper.iterdir()]
            seal.patch_from_upper(repo, tree, workspace.upper, tops=tops)
            _put_state(repo, tree, workspace, error)
            keep(repo, tree, base=base, timestamp=timestamp)
        except Exception as second:  # noqa: BLE001 what went wrong first is what counts
            said = str(second) or type(second).__name__
            error.add_note(f"the tree could not be kept: {said}")
        raise


def _put_state(repo: Repo, tree: MutableTree, workspace: Workspace, failure: Exception) -> None:
    """Makes the scripts' /var that of the tree, if it failed late enough to have one."""
    mtree.remove(tree, VAR)
    try:
        seal.patch_from_upper(repo, tree, workspace.scratch, tops=(VAR,))
        directory: MutableTree | None = tree
        for name in (VAR, "lib"):
            below = mtree.child(directory, name) if directory is not None else None
            directory = below if isinstance(below, MutableTree) else None
        if directory is not None:
            seal.patch_from_upper(repo, directory, workspace.scratch, tops=(RPM_STATE,))
    except Exception as second:  # noqa: BLE001 the rest is worth having without it
        mtree.remove(tree, VAR)
        failure.add_note(f"what scripts left in /var could not be kept: {second}")


def keep(repo: Repo, tree: MutableTree, *, base: str | None, timestamp: int) -> str:
    """Commits the tree of a failed operation in place of the one before; returns the checksum."""
    return seal.commit(
        repo,
        tree,
        parent=None,
        subject="failed",
        timestamp=timestamp,
        metadata={_BASE: GLib.Variant("s", base or "")},
        refs=[FAILED_REF],
    )


def forget(repo: Repo) -> bool:
    """Lets go of the tree that was kept, for a prune to take; returns whether there was one."""
    if repo.try_resolve(FAILED_REF) is None:
        return False
    with repo.transaction():
        repo.handle.transaction_set_refspec(FAILED_REF, None)
    return True


def base_of_failed(repo: Repo, commit: str) -> str:
    """Returns the base of a tree that was kept, "" if the commit is none such."""
    return repo.commit_of(commit).text(_BASE) or ""
