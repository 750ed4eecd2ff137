# SPDX-License-Identifier: LGPL-2.1-or-later
"""Deltas of scripts put on the mounted tree, where the next script is to find them.

Files are copies: a link to an object would have scripts write to the repository. What was put
there is told as sealing will meet it, with the objects that it came from: so nothing is read again.
"""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from layering import beneath
from layering.delta import make_directory
from layering.dirtree import FileNode
from layering.repo import Repo
from layering.treestate import Patch
from layering.upperobjects import UpperStamp

_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def put(repo: Repo, root: Path, patch: Patch, above: str = "") -> Iterator[tuple[str, str]]:
    """Does to a mounted tree what a patch says; yields the files with their objects.

    Raises:
        OSError: something stands in the way.
    """
    for name, change in sorted(patch.names.items()):
        path = f"{above}/{name}" if above else name
        if change is None:
            _remove(root, path)
        elif isinstance(change, FileNode):
            _remove(root, path)
            _copy(repo, root, path, change.checksum)
            yield path, change.checksum
        else:
            _put_directory(repo, root, path, change)
            yield from put(repo, root, change, path)


def _put_directory(repo: Repo, root: Path, path: str, change: Patch) -> None:
    with beneath.parent_of(root, path) as (directory, name):
        try:
            there = stat.S_ISDIR(os.stat(name, dir_fd=directory, follow_symlinks=False).st_mode)
        except FileNotFoundError:
            there = False
        place = Path(f"/proc/self/fd/{directory}") / os.fsdecode(name)
        if change.fresh or not there:
            _remove(root, path)
            make_directory(place, repo.dirmeta(change.meta or change.fallback))
        elif change.meta is not None:
            meta = repo.dirmeta(change.meta)
            os.chown(name, meta.uid, meta.gid, dir_fd=directory, follow_symlinks=False)
            wanted = {os.fsdecode(key): value for key, value in meta.xattrs}
            for key in os.listxattr(place, follow_symlinks=False):
                if key not in wanted and not key.startswith("trusted.overlay."):
                    os.removexattr(place, key, follow_symlinks=False)
            for key, value in wanted.items():
                os.setxattr(place, key, value, follow_symlinks=False)
            place.chmod(meta.mode)


def _remove(root: Path, path: str) -> None:
    try:
        beneath.remove(root, path)
    except (FileNotFoundError, NotADirectoryError):
        return


def _copy(repo: Repo, root: Path, path: str, checksum: str) -> None:
    info = repo.file_info(checksum)
    with beneath.parent_of(root, path) as (directory, name):
        place = f"/proc/self/fd/{directory}/{os.fsdecode(name)}"
        if info.target is not None:
            os.symlink(info.target, name, dir_fd=directory)
        else:
            with os.fdopen(os.open(name, _NEW, 0o600, dir_fd=directory), "wb") as stream:
                for chunk in repo.file_chunks(checksum):
                    stream.write(chunk)
        # Owner first: the kernel clears capabilities and setuid when it changes.
        os.chown(name, info.uid, info.gid, dir_fd=directory, follow_symlinks=False)
        for key, value in info.xattrs:
            os.setxattr(place, key, value, follow_symlinks=False)
        if info.target is None:
            os.chmod(name, info.mode, dir_fd=directory)


def stamps(upper: Path, paths: Iterator[tuple[str, str]]) -> dict[bytes, tuple[UpperStamp, str]]:
    """Returns what was put there, as an upper directory holds it, with the known objects."""
    found = {}
    for path, checksum in paths:
        with beneath.parent_of(upper, path) as (directory, name):
            status = os.stat(name, dir_fd=directory, follow_symlinks=False)
        found[path.encode()] = (UpperStamp.at(status), checksum)
    return found
