# SPDX-License-Identifier: LGPL-2.1-or-later
"""Directories that last as long as the run that made them, however it ends.

Each is locked (flock(2)) by its maker: a lock goes with its process, even with a killed one, so
that whoever comes next knows what is left over, and removes it.
"""

import errno
import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from layering import beneath

# Gone since, no directory any more, or, in a place for everybody, somebody else's.
_NOT_OURS = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EACCES, errno.EPERM})


@contextmanager
def leased(parent: Path, prefix: str) -> Iterator[Path]:
    """Gives a new directory below `parent`, and removes it at the end."""
    while True:
        path = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
        with _locked(path) as mine:
            if not mine:  # somebody who sweeps saw it first
                continue
            try:
                yield path
            finally:
                with suppress(OSError):
                    beneath.remove(parent, path.name)
            return


def sweep(parent: Path, prefix: str) -> tuple[Path, ...]:
    """Removes the directories of runs that are no longer alive, and returns their paths."""
    removed = []
    for path in sorted(parent.glob(f"{prefix}*")):
        with _locked(path) as mine:
            if mine:
                beneath.remove(parent, path.name)
                removed.append(path)
    return tuple(removed)


@contextmanager
def _locked(path: Path) -> Iterator[bool]:
    """Tells whether the directory was there to be locked, and nobody else's."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        if error.errno not in _NOT_OURS:
            raise
        yield False
        return
    try:
        if os.fstat(handle).st_uid != os.geteuid():
            yield False
            return
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield path.exists()
    finally:
        os.close(handle)
