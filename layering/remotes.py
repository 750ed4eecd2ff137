# SPDX-License-Identifier: LGPL-2.1-or-later
"""Where base trees come from: the branches of OSTree remotes, fetched no further than is needed.

Three steps, each a little of the next: the head's commit object says whether there is anything new;
the base's description (its rpmdb, a few links) is what a transaction is resolved against; the tree
is fetched once it is known that it will be deployed. Until then the commit is *partial*: libostree
marks it so, `ostree fsck` and prune know of it, and nothing deploys it.

The remote-tracking ref moves with the head, as with `rpm-ostree upgrade --check` or `ostree pull
--commit-metadata-only`; deployments hold their commits by refs of their own. To fetch more than a
head into the repository of a system, hold the sysroot's lock.
"""

from layering._ostree import GLib, OSTree
from layering.description import missing_paths
from layering.progress import Report
from layering.pulling import pull
from layering.refspec import Refspec
from layering.remote_errors import RemoteError
from layering.repo import Repo
from layering.revisions import Head, fetch_head, find_revision

__all__ = [
    "Head",
    "RemoteError",
    "fetch_description",
    "fetch_head",
    "fetch_tree",
    "find_revision",
    "is_complete",
]

_ROUNDS = 16  # links that lead to links


def fetch_description(repo: Repo, refspec: Refspec, head_commit: str, report: Report) -> None:
    """Fetches what `layering.base.load_base` reads of a commit, and nothing else.

    Raises:
        RemoteError: it cannot be fetched.
    """
    if is_complete(repo, head_commit):
        return
    _refuse_local(repo, refspec, head_commit)
    item = f"description of {refspec}"
    if repo.try_resolve(head_commit) is None:
        pull(repo, refspec, head_commit, report, item, commit_only=True)
    root = repo.commit_of(head_commit).root_tree
    for _ in range(_ROUNDS):
        missing = missing_paths(repo, root)
        if not missing:
            return
        pull(repo, refspec, head_commit, report, item, subdirs=missing)
    raise RemoteError(f"too many links lead to {', '.join(missing)}: {refspec}, {head_commit}")


def fetch_tree(repo: Repo, refspec: Refspec, commit: str, report: Report) -> None:
    """Fetches all of a commit that isn't here yet; what an earlier try fetched is kept.

    Raises:
        RemoteError: it cannot be fetched.
    """
    if is_complete(repo, commit):
        return
    _refuse_local(repo, refspec, commit)
    pull(repo, refspec, commit, report, f"tree of {refspec}")
    if not is_complete(repo, commit):
        raise RemoteError(f"{commit} is still incomplete: pulled from {refspec}")


def is_complete(repo: Repo, commit: str) -> bool:
    """Returns whether all of a commit is here, and so it can be deployed."""
    try:
        state: OSTree.RepoCommitState = repo.handle.load_commit(commit)[2]
    except GLib.Error:  # not even its object
        return False
    return not state & OSTree.RepoCommitState.PARTIAL


def _refuse_local(repo: Repo, refspec: Refspec, commit: str) -> None:
    if not refspec.remote:
        raise RemoteError(
            f"only a part of {commit} is here, and {refspec} names no remote to fetch the rest "
            f"from: repository {repo.path}"
        )
