# SPDX-License-Identifier: LGPL-2.1-or-later
"""Reading and writing in a tree that packages filled and scriptlets wrote to, and nowhere else.

A package or a scriptlet may leave a symbolic link anywhere; resolved by the kernel it would lead
into the host. Here each component is opened from its parent's descriptor, none may be a link, and
none may be `..`.
"""

import errno
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# Without O_NONBLOCK, opening a pipe that nobody writes to waits forever.
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


@contextmanager
def parent_of(root: Path, path: str | bytes) -> Iterator[tuple[int, bytes]]:
    """Opens the directory that holds `path` and gives its descriptor with the last component.

    Raises:
        OSError: ENOTDIR where a link or a file stands in the way, ENOENT where something is
            missing, EXDEV where the path itself leads out.
    """
    parts = _parts(path)
    handle = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for part in parts[:-1]:
            try:
                below = os.open(part, _DIRECTORY, dir_fd=handle)
            except OSError as error:  # which names the component alone
                raise OSError(error.errno, error.strerror, os.fsdecode(path)) from None
            os.close(handle)
            handle = below
        yield handle, parts[-1]
    finally:
        os.close(handle)


def exists(root: Path, path: str | bytes) -> bool:
    """Returns whether there is anything at a path: a link that leads nowhere is something."""
    try:
        with parent_of(root, path) as (directory, name):
            os.stat(name, dir_fd=directory, follow_symlinks=False)
    except OSError:
        return False
    return True


def names(root: Path, path: str | bytes) -> tuple[str, ...]:
    """Returns the sorted names of what a directory holds, none if there is no such directory."""
    try:
        with parent_of(root, path) as (directory, name):
            handle = os.open(name, _DIRECTORY, dir_fd=directory)
    except OSError:
        return ()
    try:
        return tuple(sorted(os.listdir(handle)))  # noqa: PTH208 a Path knows no descriptors
    finally:
        os.close(handle)


@contextmanager
def opened(root: Path, path: str | bytes) -> Iterator[IO[bytes]]:
    """Opens a regular file for reading; OSError if there is none."""
    with parent_of(root, path) as (directory, name):
        handle = os.open(name, _READ, dir_fd=directory)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(errno.EINVAL, "Not a regular file", os.fsdecode(path))
    with os.fdopen(handle, "rb") as stream:
        yield stream


def read_text(root: Path, path: str) -> str:
    """Returns the text of a regular file, "" if there is none that can be trusted."""
    try:
        with opened(root, path) as stream:
            return stream.read().decode("utf-8", "replace")
    except OSError:
        return ""


def make_directories(root: Path, path: str | bytes, mode: int = 0o755) -> None:
    """Makes a directory, with those above it (0755), unless it is there."""
    parts = _parts(path)
    for depth in range(1, len(parts) + 1):
        with parent_of(root, b"/".join(parts[:depth])) as (directory, name):
            try:
                os.mkdir(name, 0o755, dir_fd=directory)
            except FileExistsError:
                continue
            os.chmod(name, mode if depth == len(parts) else 0o755, dir_fd=directory)


def write_file(root: Path, path: str | bytes, content: bytes | IO[bytes], mode: int) -> None:
    """Makes a regular file, in place of a file or link of that name; OSError for a directory."""
    with parent_of(root, path) as (directory, name):
        with suppress(FileNotFoundError):
            os.unlink(name, dir_fd=directory)
        handle = os.open(name, _NEW, 0o600, dir_fd=directory)
        with os.fdopen(handle, "wb") as stream:
            if isinstance(content, bytes):
                stream.write(content)
            else:
                shutil.copyfileobj(content, stream, 1 << 20)
            stream.flush()
            os.fchmod(handle, mode)


def make_link(root: Path, path: str | bytes, target: str) -> None:
    """Makes a symbolic link, in place of a file or link of that name; OSError for a directory."""
    with parent_of(root, path) as (directory, name):
        with suppress(FileNotFoundError):
            os.unlink(name, dir_fd=directory)
        os.symlink(target, name, dir_fd=directory)


def remove(root: Path, path: str | bytes) -> None:
    """Removes a file, a link, or a directory with what is in it; FileNotFoundError if none is."""
    with parent_of(root, path) as (directory, name):
        status = os.stat(name, dir_fd=directory, follow_symlinks=False)
        if stat.S_ISDIR(status.st_mode):
            shutil.rmtree(os.fsdecode(name), dir_fd=directory)
        else:
            os.unlink(name, dir_fd=directory)


def _parts(path: str | bytes) -> list[bytes]:
    parts = [part for part in os.fsencode(path).split(b"/") if part not in (b"", b".")]
    if not parts or b".." in parts:
        raise OSError(errno.EXDEV, "Leads out of the tree", os.fsdecode(path))
    return parts
