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

from layering.errors import TooLargeError

TEXT_MAX = 16 << 20  # bytes of a file that is read as a whole: a script may have made it of holes

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


def read_bytes(root: Path, path: str) -> bytes:
    """Returns what is in a regular file.

    Raises:
        OSError: there is none.
        TooLargeError: there is more in it than `TEXT_MAX`.
    """
    with opened(root, path) as stream:
        content = stream.read(TEXT_MAX + 1)
    if len(content) > TEXT_MAX:
        raise TooLargeError(path, TEXT_MAX)
    return content


def read_text(root: Path, path: str) -> str:
    """Returns the text of a regular file, "" if there is none that can be trusted.

    Raises:
        TooLargeError: there is more in it than `TEXT_MAX`.
    """
    try:
        return read_bytes(root, path).decode("utf-8", "replace")
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
    """Removes a file, a link, or a directory with what is in it; FileNotFoundError if none is.

    However deep it is: shutil.rmtree has a descriptor open for each level.
    """
    with parent_of(root, path) as (directory, name):
        status = os.stat(name, dir_fd=directory, follow_symlinks=False)
        if stat.S_ISDIR(status.st_mode):
            _remove_directory(directory, name)
        else:
            os.unlink(name, dir_fd=directory)


def _remove_directory(parent: int, name: bytes) -> None:
    """Removes a directory with one descriptor that goes down into it and up again."""
    handle = os.dup(parent)
    above = [_identity(handle)]
    pending = [[name]]  # directories yet to be removed, down to where the descriptor is
    try:
        while True:
            if pending[-1]:
                below = os.open(pending[-1][-1], _DIRECTORY, dir_fd=handle)
                os.close(handle)
                handle = below
                above.append(_identity(handle))
                pending.append(_emptied(handle))
                continue
            pending.pop()
            above.pop()
            if not pending:
                return
            over = os.open("..", _DIRECTORY, dir_fd=handle)
            os.close(handle)
            handle = over
            if _identity(handle) != above[-1]:  # somebody moved it meanwhile
                raise OSError(errno.ESTALE, os.strerror(errno.ESTALE), os.fsdecode(name))
            os.rmdir(pending[-1].pop(), dir_fd=handle)
    finally:
        os.close(handle)


def _emptied(handle: int) -> list[bytes]:
    """Removes all but directories from a directory, and returns the names of those."""
    with os.scandir(handle) as entries:
        found = [(os.fsencode(each.name), each.is_dir(follow_symlinks=False)) for each in entries]
    for name, is_directory in found:
        if not is_directory:
            os.unlink(name, dir_fd=handle)
    return [name for name, is_directory in found if is_directory]


def _identity(handle: int) -> tuple[int, int]:
    status = os.fstat(handle)
    return status.st_dev, status.st_ino


def _parts(path: str | bytes) -> list[bytes]:
    parts = [part for part in os.fsencode(path).split(b"/") if part not in (b"", b".")]
    if not parts or b".." in parts:
        raise OSError(errno.EXDEV, "Leads out of the tree", os.fsdecode(path))
    return parts
