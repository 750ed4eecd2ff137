# SPDX-License-Identifier: LGPL-2.1-or-later
"""Removing what is no longer needed: deployments, layers, merged trees, metadata, leftovers.

Nothing here runs inside an install: finding what no ref holds takes time by the number of all
objects.
"""

import shutil
from dataclasses import dataclass
from pathlib import Path

from layering import progress, provenance
from layering.metadata_read import base_of, read
from layering.refs import BASE_PREFIX, LAYER_PREFIX, MERGED_PREFIX
from layering.sysroot import Sysroot
from layering.workspace import clean_leftovers


@dataclass(frozen=True, slots=True, kw_only=True)
class CleanUp:
    """What to remove beside leftovers of interrupted runs."""

    pending: bool = False
    rollback: bool = False
    metadata: bool = False  # of repositories, with the packages and rpmdbs that are kept beside it
    cache: bool = False  # layers, merged trees and bases that no deployment uses


# What the cache directory holds that is made again when it is missed. The directory itself may be
# somebody's choice, and is never removed as a whole.
_MADE_AGAIN = ("metadata", "packages", "base")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cleaned:
    """What was removed."""

    deployments: tuple[str, ...] = ()  # ids
    refs: tuple[str, ...] = ()
    leftovers: tuple[str, ...] = ()
    metadata: bool = False


def clean(
    sysroot: Sysroot, stateroot: str, cache_dir: Path, what: CleanUp, report: progress.Report
) -> Cleaned:
    """Removes it, for who holds the lock, and returns what it was."""
    dropped = sysroot.drop(stateroot, pending=what.pending, rollback=what.rollback)
    leftovers = clean_leftovers(sysroot.repo)
    with sysroot.repo.transaction():
        pass  # libostree removes what its own interrupted transactions left when it begins one
    refs = _drop_refs(sysroot, cache_dir) if what.cache else ()
    if what.metadata:
        with progress.phase(report, "metadata"):
            for name in _MADE_AGAIN:
                if (cache_dir / name).exists():
                    shutil.rmtree(cache_dir / name)
    if dropped or refs or what.cache:
        with progress.phase(report, "prune"):
            sysroot.cleanup()
    return Cleaned(
        deployments=tuple(deployment.id for deployment in dropped),
        refs=refs,
        leftovers=tuple(str(path) for path in leftovers),
        metadata=what.metadata,
    )


def _drop_refs(sysroot: Sysroot, cache_dir: Path) -> tuple[str, ...]:
    """Deletes our refs to what no deployment is made from."""
    repo = sysroot.repo
    used: set[str] = set()
    digests: set[str] = set()
    for deployment in sysroot.deployments:
        commit = repo.commit_of(deployment.checksum)
        used |= {deployment.checksum, base_of(commit)}
        layers = read(commit).layers
        used |= {layer.commit for layer in layers}
        digests |= {layer.digest for layer in layers}
    unused = [
        ref
        for prefix in (LAYER_PREFIX, MERGED_PREFIX, BASE_PREFIX)
        for ref, commit in repo.refs(prefix).items()
        if commit not in used
    ]
    with repo.transaction():
        for ref in unused:
            repo.set_ref(ref, None)
    provenance.keep_only(cache_dir, digests)
    return tuple(sorted(unused))
