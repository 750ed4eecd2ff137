# SPDX-License-Identifier: LGPL-2.1-or-later
"""A private root with a copy of the base's rpmdb, for one run.

librpm lets sqlite write a `-shm` and a `-wal` file beside a database that it only reads, and in a
checkout such a file may be a hard link into the repository. So nothing but a copy is ever opened.
A root that a killed run left behind is taken away by the next: each run holds a lock on its own.
"""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_PREFIX = "solver-"
# Where distributions and librpm's own default put %_dbpath.
_DATABASE_DIRS = ("var/lib/rpm", "usr/lib/sysimage/rpm", "usr/share/rpm")
_DATABASE_FILES = ("rpmdb.sqlite", "rpmdb.sqlite-wal", "Packages.db", "Index.db")


@contextmanager
def private_root(installroot: Path, parent: Path) -> Iterator[Path]:
    """Yields a directory under `parent` that holds a copy of the installroot's rpmdb, if any."""
    parent.mkdir(parents=True, exist_ok=True)
    with locked(parent):  # so that nobody takes a root for stale before it is locked
        _remove_stale(parent)
        root = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
        lock = _open_directory(root)
        fcntl.flock(lock, fcntl.LOCK_EX)
    try:
        _copy_database(installroot, root)
        yield root
    finally:
        shutil.rmtree(root, ignore_errors=True)
        os.close(lock)


@contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Holds an exclusive lock on a directory, against other processes."""
    lock = _open_directory(directory)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def _open_directory(directory: Path) -> int:
    return os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)


def _copy_database(installroot: Path, root: Path) -> None:
    real_root = installroot.resolve()
    for directory in _DATABASE_DIRS:
        source = (installroot / directory).resolve()
        if not source.is_relative_to(real_root):
            continue  # an absolute link in a tree would lead to the host's own database
        for name in _DATABASE_FILES:
            if (source / name).is_file():
                (root / directory).mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source / name, root / directory / name)


def _remove_stale(parent: Path) -> None:
    for root in parent.glob(f"{_PREFIX}*"):
        with suppress(OSError):
            lock = _open_directory(root)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(root, ignore_errors=True)
            finally:
                os.close(lock)
