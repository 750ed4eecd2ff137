# SPDX-License-Identifier: LGPL-2.1-or-later
"""Directories too deep for most programs, as a script makes them: `mkdir` and `cd`, repeated."""

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY


def make_deep(top: Path, levels: int, name: str = "d", *, owner: int = 0) -> None:
    """Makes `levels` directories, each in the one before; the last one is `owner`'s."""
    handle = os.open(top, _DIRECTORY)
    for _ in range(levels):
        os.mkdir(name, dir_fd=handle)
        below = os.open(name, _DIRECTORY, dir_fd=handle)
        os.close(handle)
        handle = below
    if owner:
        os.fchown(handle, owner, owner)
    os.close(handle)


@contextmanager
def few_descriptors(more: int = 200) -> Iterator[None]:
    """Lets the process open this many files more, as if there were as many levels more."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    highest = max(int(each.name) for each in Path("/proc/self/fd").iterdir())
    resource.setrlimit(resource.RLIMIT_NOFILE, (highest + 1 + more, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


@contextmanager
def remove_deep(top: Path) -> Iterator[None]:
    """Empties a directory at the end, however deep it is: pytest's own removal cannot."""
    try:
        yield
    finally:
        pending = [top / name for name in os.listdir(top)]  # noqa: PTH208
        count = 0
        while pending:
            path = pending.pop()
            if path.is_symlink() or not path.is_dir():
                path.unlink()
                continue
            for inner in list(path.iterdir()):
                count += 1
                moved = inner.rename(top / f".removed-{count}")
                pending.append(moved)
            path.rmdir()
