# SPDX-License-Identifier: LGPL-2.1-or-later
"""All that scripts left below a directory, however deep and whatever it is called.

What there is to walk is the scripts' to choose. So every directory is opened from the one above it
(the kernel takes no path of more than 4095 bytes), nothing calls itself, no link is followed, and
there is an end: `LEVELS_MAX` and `LENGTH_MAX`, beyond which no package has anything, and below what
libostree, which does call itself for each level, and a host that has the tree at a path of its own
can take.
"""

import errno
import os
import stat
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from layering.errors import TooDeepError

LEVELS_MAX = 128
LENGTH_MAX = 3600  # bytes of a path below where the walk began

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Something below the directory, to be used before the walk goes on."""

    path: bytes  # below where the walk began
    name: bytes
    level: int  # 0: right in the directory
    directory: int  # the descriptor of what holds it
    status: os.stat_result  # its own, if it is a link

    def opened(self) -> int:
        """Returns a descriptor for reading a regular file."""
        handle = os.open(self.name, _READ, dir_fd=self.directory)
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            os.close(handle)
            raise OSError(errno.EINVAL, "Not a regular file", os.fsdecode(self.path))
        return handle

    def target(self) -> bytes:
        """Returns where a link leads, exactly as it says."""
        return os.readlink(self.name, dir_fd=self.directory)

    def xattrs(self) -> dict[str, bytes]:
        """Returns the extended attributes, sorted by name."""
        place = self._place
        names = sorted(os.listxattr(place, follow_symlinks=False))
        return {name: os.getxattr(place, name, follow_symlinks=False) for name in names}

    def xattr(self, name: str | bytes) -> bytes | None:
        """Returns the value of one extended attribute, None if there is none."""
        try:
            return os.getxattr(self._place, name, follow_symlinks=False)
        except OSError:
            return None

    @property
    def _place(self) -> bytes:
        # No call for attributes takes a name with the descriptor of its directory.
        return b"/proc/self/fd/%d/%s" % (self.directory, self.name)


def walk(
    top: Path, *, only: Collection[bytes] | None = None, whole: bool = True
) -> Iterator[Found]:
    """Yields what is below a directory: by name, a directory before what is in it.

    `only` says which names right in `top` count. What is too deep is passed over if not `whole`.

    Raises:
        TooDeepError: something is too deep, or its path is too long.
    """
    handles = [os.open(top, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)]
    try:
        names = [name for name in _names(handles[0]) if only is None or name in only]
        pending = [(b"", names)]
        while pending:
            above, names = pending[-1]
            if not names:
                pending.pop()
                os.close(handles.pop())
                continue
            name = names.pop()
            path = above + name
            if len(pending) > LEVELS_MAX or len(path) > LENGTH_MAX:
                if whole:
                    raise TooDeepError(path)
                continue
            status = os.stat(name, dir_fd=handles[-1], follow_symlinks=False)
            yield Found(
                path=path,
                name=name,
                level=len(pending) - 1,
                directory=handles[-1],
                status=status,
            )
            if stat.S_ISDIR(status.st_mode):
                handles.append(os.open(name, _DIRECTORY, dir_fd=handles[-1]))
                pending.append((path + b"/", _names(handles[-1])))
    finally:
        for handle in handles:
            os.close(handle)


def _names(handle: int) -> list[bytes]:
    """Returns the names in a directory, the first one last."""
    found = map(os.fsencode, os.listdir(handle))
    return sorted(found, reverse=True)
