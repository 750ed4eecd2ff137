# SPDX-License-Identifier: LGPL-2.1-or-later
"""Removing what is no longer needed: deployments, layers, merged trees, metadata, leftovers.

Nothing here runs inside an install: finding what no ref holds takes time by the number of all
objects.

A repository may hold branches that have nothing to do with deployments, a mirror's above all. Of
remote-tracking refs only those go that deployments can have left: of a remote that an origin of
this sysroot names, where an upgrade, a rebase or a look at either has been, or of a commit that
trees were layered on here (`rpm-ostree rebase` and `ostree admin switch` delete the ref that they
leave, and so go as far). What an origin follows, what is deployed, and everything while an origin
cannot be read, stays. What is dropped can be fetched again.
"""

import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from layering import failedtree, memos, progress, provenance, rpmdb, selinux
from layering._ostree import OSTree, reported
from layering.deployments import Deployment
from layering.keptlayers import kept_of_local
from layering.metadata_read import base_of, read
from layering.refs import BASE_PREFIX, FAILED_REF, LAYER_PREFIX, MERGED_PREFIX
from layering.report import inactive_requests, resting_overrides
from layering.sysroot import Sysroot
from layering.workspace import clean_leftovers


@dataclass(frozen=True, slots=True, kw_only=True)
class CleanUp:
    """What to remove beside leftovers of interrupted runs."""

    pending: bool = False
    rollback: bool = False
    metadata: bool = False  # of repositories, with the packages and rpmdbs that are kept beside it
    cache: bool = False  # layers, merged trees, bases and branches that no deployment uses


# What the cache directory holds that is made again when it is missed. The directory itself may be
# somebody's choice, and is never removed as a whole.
_MADE_AGAIN = ("metadata", "packages", "base", "policy")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cleaned:
    """What was removed."""

    deployments: tuple[str, ...] = ()  # ids
    refs: tuple[str, ...] = ()  # ours: to layers, merged trees and bases
    branches: tuple[str, ...] = ()  # remote-tracking refs
    memos: tuple[str, ...] = ()  # refs to what scripts gave, and nobody asked for any more
    databases: tuple[str, ...] = ()  # base commits whose rpmdb was kept beside the metadata
    leftovers: tuple[str, ...] = ()
    metadata: bool = False
    objects: int = 0  # of the repository, which nothing needed any more
    size: int = 0  # theirs, in bytes

    def __bool__(self) -> bool:
        return self != Cleaned()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Used:
    """What deployments are made from."""

    commits: frozenset[str]  # deployed, their bases and layers
    digests: frozenset[str]  # the layers' packages
    resting: frozenset[str]  # refs to layers of files that were asked for, and the base meets


def clean(
    sysroot: Sysroot, stateroot: str, cache_dir: Path, what: CleanUp, report: progress.Report
) -> Cleaned:
    """Removes it, for who holds the lock, and returns what it was."""
    before = sysroot.deployments
    dropped = sysroot.drop(stateroot, pending=what.pending, rollback=what.rollback)
    leftovers = clean_leftovers(sysroot.repo)
    swept = sysroot.sweep()
    with sysroot.repo.transaction():
        pass  # libostree removes what its own interrupted transactions left when it begins one
    failed = (FAILED_REF,) if failedtree.forget(sysroot.repo) else ()
    cached = _drop_cache(sysroot, before, cache_dir, report) if what.cache else Cleaned()
    if what.metadata:
        with progress.phase(report, "metadata"):
            rpmdb.drop_copies(cache_dir, ())
            for name in _MADE_AGAIN:
                if (cache_dir / name).exists():
                    shutil.rmtree(cache_dir / name)
    objects = size = 0
    if dropped or failed or what.cache:
        with progress.phase(report, "prune"):
            objects, size = _prune(sysroot)
    return Cleaned(
        deployments=tuple(deployment.id for deployment in dropped),
        refs=cached.refs,
        memos=cached.memos,
        branches=cached.branches,
        databases=cached.databases,
        leftovers=(*map(str, leftovers), *swept, *failed),
        metadata=what.metadata,
        objects=objects,
        size=size,
    )


def _drop_cache(
    sysroot: Sysroot, before: Sequence[Deployment], cache_dir: Path, report: progress.Report
) -> Cleaned:
    """Drops what no deployment is made from; `before` are those up to now."""
    broken = [deployment for deployment in sysroot.deployments if deployment.commit_error]
    for deployment in broken:
        text = f"nothing is dropped from the cache: {deployment.commit_error}"
        progress.warn(report, "cleanup", text)
    if broken:  # what they are made from cannot be said
        return Cleaned()
    used = _used(sysroot)
    branches = _unfollowed(sysroot, before, used, report)
    refs = _unused(sysroot, used)
    forgotten = memos.outdated(sysroot.repo, time.time())
    with sysroot.repo.transaction():
        for ref in (*refs, *forgotten, *branches):
            sysroot.repo.handle.transaction_set_refspec(ref, None)
    provenance.keep_only(cache_dir, used.digests)
    databases = rpmdb.drop_copies(cache_dir, used.commits)
    selinux.drop_copies(cache_dir)
    return Cleaned(refs=refs, memos=forgotten, branches=branches, databases=databases)


def _used(sysroot: Sysroot) -> _Used:
    commits: set[str] = set()
    digests: set[str] = set()
    for deployment in sysroot.deployments:
        commit = sysroot.repo.commit_of(deployment.checksum)
        layers = read(commit).layers
        commits |= {deployment.checksum, base_of(commit), *(layer.commit for layer in layers)}
        digests |= {layer.digest for layer in layers}
    return _Used(commits=frozenset(commits), digests=frozenset(digests), resting=_resting(sysroot))


def _resting(sysroot: Sysroot) -> frozenset[str]:
    """Returns the refs to layers that nothing but a request for a file leads to.

    The file may be gone, and no repository has it: an origin that cannot be read keeps them all.
    """
    if any(deployment.origin_error for deployment in sysroot.deployments):
        return frozenset(sysroot.repo.refs(LAYER_PREFIX))
    refs: set[str] = set()
    for deployment in sysroot.deployments:
        tree = read(sysroot.repo.commit_of(deployment.checksum))
        idle = inactive_requests(deployment.origin, tree)
        resting = {*idle, *resting_overrides(deployment.origin, tree)}
        held = deployment.origin.overrides.replace_local
        for package in (*deployment.origin.requested_local, *held):
            if package.nevra in resting:
                refs |= {layer.ref for layer in kept_of_local(sysroot.repo, package)}
    return frozenset(refs)


def _unused(sysroot: Sysroot, used: _Used) -> tuple[str, ...]:
    """Returns our refs to what no deployment is made from."""
    return tuple(
        sorted(
            ref
            for prefix in (LAYER_PREFIX, MERGED_PREFIX, BASE_PREFIX)
            for ref, commit in sysroot.repo.refs(prefix).items()
            if commit not in used.commits and ref not in used.resting
        )
    )


def _unfollowed(
    sysroot: Sysroot, before: Sequence[Deployment], used: _Used, report: progress.Report
) -> tuple[str, ...]:
    """Returns the remote-tracking refs that deployments have left, and none follows."""
    for deployment in sysroot.deployments:
        if deployment.origin_error:
            text = f"branches are kept, an origin cannot be read: {deployment.origin_error}"
            progress.warn(report, "cleanup", text)
            return ()
    followed = {deployment.origin.refspec for deployment in sysroot.deployments}
    named = {deployment.origin.refspec or "" for deployment in before}
    remotes = {refspec.partition(":")[0] for refspec in named if ":" in refspec} - {""}
    bases = set(sysroot.repo.refs(BASE_PREFIX).values())
    return tuple(
        sorted(
            ref
            for ref, commit in sysroot.repo.refs().items()
            if ":" in ref
            and ref not in followed
            and commit not in used.commits
            and (ref.partition(":")[0] in remotes or commit in bases)
        )
    )


def _prune(sysroot: Sysroot) -> tuple[int, int]:
    """Removes the objects that no ref holds; it takes its time.

    Returns:
        The number of objects that went, and their size in bytes.
    """
    repo = sysroot.repo
    with reported(repo.path, "cannot clean up"):
        _done, _all, objects, size = repo.handle.prune(OSTree.RepoPruneFlags.REFS_ONLY, 0, None)
    return objects, size
