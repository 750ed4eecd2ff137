# SPDX-License-Identifier: LGPL-2.1-or-later
"""Turns libostree's deployments into values of our own.

One that is broken is listed as well, with what is wrong: it is no reason to refuse what has to do
with the others, and how else would anybody get rid of it?
"""

import re
from collections.abc import Sequence
from pathlib import Path

from layering._ostree import OSTree
from layering.deploying import is_locked
from layering.deployments import (
    Deployment,
    Place,
    current_of,
    dropped_next,
    is_pending,
    is_rollback,
)
from layering.errors import RepoError, UnknownRevisionError
from layering.metadata_read import base_of
from layering.objects import Commit
from layering.origin import Origin
from layering.repo import Repo
from layering.sysroot_errors import OriginError

_KARG = re.compile(r'(?:[^\s"]|"[^"]*"?)+')  # spaces within quotes do not end an argument


def read_deployments(sysroot: OSTree.Sysroot, path: Path, repo: Repo) -> tuple[Deployment, ...]:
    """Returns the deployments of a loaded sysroot at an absolute path, in boot order."""
    handles = sysroot.get_deployments()
    booted = sysroot.get_booted_deployment()
    places = [
        Place(
            stateroot=handle.get_osname(),
            booted=booted is not None and handle.equal(booted),
            staged=handle.is_staged(),
            pinned=handle.is_pinned(),
        )
        for handle in handles
    ]
    directories = [path / sysroot.get_deployment_dirpath(handle) for handle in handles]
    return tuple(
        _deployment(handles, repo, places, at, directory)
        for at, directory in enumerate(directories)
    )


def _deployment(
    handles: Sequence[OSTree.Deployment],
    repo: Repo,
    places: Sequence[Place],
    at: int,
    directory: Path,
) -> Deployment:
    handle, place = handles[at], places[at]
    commit, commit_error = _commit_of(handle, repo)
    origin, origin_error = _origin_of(handle, directory)
    return Deployment(
        index=at,
        stateroot=place.stateroot,
        checksum=handle.get_csum(),
        serial=handle.get_deployserial(),
        path=directory,
        booted=place.booted,
        staged=place.staged,
        pinned=place.pinned,
        pending=is_pending(places, at),
        rollback=is_rollback(places, at),
        origin=origin,
        kargs=_kargs(handles, places, at),
        base_checksum=base_of(commit) if commit else handle.get_csum(),
        timestamp=commit.timestamp if commit else 0,
        version=(commit.text("version") or "") if commit else "",
        locked=is_locked(handle),
        dropped_next=at in dropped_next(places),
        boot_checksum=handle.get_bootcsum() or "",
        origin_error=origin_error,
        commit_error=commit_error,
    )


def _commit_of(handle: OSTree.Deployment, repo: Repo) -> tuple[Commit | None, str]:
    """Returns the commit, or why there is none."""
    try:
        return repo.commit_of(handle.get_csum()), ""
    except (UnknownRevisionError, RepoError) as error:
        return None, str(error)


def _origin_of(handle: OSTree.Deployment, directory: Path) -> tuple[Origin, str]:
    """Returns the origin, or an empty one and why it cannot be read."""
    path = directory.with_name(f"{directory.name}.origin")
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        keyfile = handle.get_origin()
        text = keyfile.to_data()[0] if keyfile is not None else ""
    try:
        return Origin.parse(text, source=str(path)), ""
    except OriginError as error:
        return Origin(), str(error)


def _kargs(
    handles: Sequence[OSTree.Deployment], places: Sequence[Place], at: int
) -> tuple[str, ...]:
    options = _options(handles[at])
    if options is None and places[at].staged:
        # Staged without any of its own: finalizing takes those of the deployment it goes on from.
        current = current_of(places, places[at].stateroot)
        options = None if current is None else _options(handles[current])
    return tuple(_KARG.findall(options or ""))


def _options(handle: OSTree.Deployment) -> str | None:
    configuration = handle.get_bootconfig()
    options: str | None = configuration.get("options") if configuration is not None else None
    return options
