# SPDX-License-Identifier: LGPL-2.1-or-later
"""Whether what scripts wrote to a tree can be sealed, before anything of it is.

A file may claim any size and take no room (lseek(2), "holes"), and an object of a repository has
none: sealing writes every zero. So the sizes that files claim are added up beforehand, one that has
several names once, and there is a limit to the zeroes however much room there is.
"""

import stat
from collections.abc import Collection
from pathlib import Path

from layering import treewalk
from layering.errors import NoRoomError

RESERVE = 256 << 20  # bytes that sealing leaves, at most half of what is free
HOLES_MAX = 4 << 30  # bytes that files claim and do not take
_BLOCK = 512  # of st_blocks, whatever the file system's are: stat(3type)


def check_room(upper: Path, tops: Collection[bytes], free: int) -> None:
    """Returns if what lies below the top-level names fits into `free` bytes.

    Raises:
        NoRoomError: it does not; names the largest file.
        TooDeepError: something is too deep, or its path is too long.
    """
    largest, path = -1, b""
    total = holes = 0
    seen: set[int] = set()
    for found in treewalk.walk(upper, only=tops):
        status = found.status
        if not stat.S_ISREG(status.st_mode) or status.st_ino in seen:
            continue
        if status.st_nlink > 1:
            seen.add(status.st_ino)
        total += status.st_size
        holes += max(0, status.st_size - status.st_blocks * _BLOCK)
        if status.st_size > largest:
            largest, path = status.st_size, found.path
    room = free - min(RESERVE, free // 2)
    if total > room:
        why = f"{_size(room)} of {_size(free)} free may be taken"
        error = NoRoomError(b"/" + path, largest, why)
        error.add_note("free some space, or remove old deployments with 'overlay cleanup'")
        raise error
    if holes > HOLES_MAX:
        raise NoRoomError(
            b"/" + path, largest, f"the limit for holes in files is {_size(HOLES_MAX)}"
        )


def _size(count: int) -> str:
    return f"{count >> 20} MiB"
