# SPDX-License-Identifier: LGPL-2.1-or-later
"""The ground that is measured on: a journaled ext4 of its own, in a sparse file, loop-mounted.

The file is unlinked as soon as it is mounted, in a mount namespace of this process alone: however
the process ends, the kernel unmounts, detaches the loop device and frees the space. What can be
left behind is an empty directory, or a file from the moment before, which the next run removes.
"""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.measure import plain
from layering import mounts

_PREFIX = "bench-"
_SIZE = 12 << 30  # bytes, sparse


@contextmanager
def mounted(cache: Path) -> Iterator[Path]:
    """Gives the mounted, empty file system, and takes it away at the end."""
    cache.mkdir(parents=True, exist_ok=True)
    _remove_abandoned(cache)
    mounts.enter_own_namespace()
    place = cache / f"{_PREFIX}{os.urandom(4).hex()}"
    place.mkdir()
    with _locked(place):
        try:
            root, file = place / "root", place / "image"
            root.mkdir()
            _make(file)
            plain(["mount", "-o", "loop,noatime", str(file), str(root)])
            try:
                file.unlink()
                (root / "lost+found").rmdir()
                yield root
            finally:
                mounts.unmount(root)
        finally:
            shutil.rmtree(place, ignore_errors=True)


def _make(file: Path) -> None:
    with file.open("xb") as stream:
        stream.truncate(_SIZE)
    # Everything is laid out now: a lazy initialisation would write beside the measurements.
    lazy = "lazy_itable_init=0,lazy_journal_init=0"
    plain(["mkfs.ext4", "-q", "-F", "-O", "verity", "-i", "8192", "-E", lazy, str(file)])


def _remove_abandoned(cache: Path) -> None:
    for place in cache.glob(f"{_PREFIX}*"):
        if place.is_dir():
            with _locked(place) as mine:
                if mine:
                    shutil.rmtree(place)


@contextmanager
def _locked(directory: Path) -> Iterator[bool]:
    """Tells whether nobody else has the directory, and keeps it: process ids do not tell, for
    they differ from one process namespace to another.
    """
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True
    finally:
        os.close(handle)
