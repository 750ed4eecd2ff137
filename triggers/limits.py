# SPDX-License-Identifier: LGPL-2.1-or-later
"""How much of the machine a script may take, and the watch that notices when it takes more.

Root is exempt from RLIMIT_NPROC (fork(2), EAGAIN), and RLIMIT_AS counts addresses rather than
memory, so neither holds a script. What does is a control group where the machine lets us have one
(`triggers.cgroup`); where it does not, the watch counts what it finds in /proc several times a
second: slower than the kernel, and quicker than a fork bomb is dangerous.
"""

import os
import resource
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from triggers.cgroup import Group

INTERVAL = 0.05  # seconds between two looks at a script that goes on

_MEBIBYTE = 1 << 20
_SHARE = 3 / 4  # of the machine's memory: the rest keeps it usable
_FILES_MOST = 1 << 19  # systemd's own hard limit
_INODES_FREE = 4096
_FIRST_TO_GO = 500  # oom_score_adj: a script before anything that the machine is for
_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one script, with all that it starts, may take."""

    processes: int = 4096  # and threads
    memory: int | None = None  # bytes, what it has in /tmp included; None: 3/4 of the machine's
    files: int = 1024  # open in a process, which may raise it: old loops close each possible one
    disk_free: int = 256 * _MEBIBYTE  # bytes that it leaves, at most half of what was free

    @property
    def memory_bytes(self) -> int:
        """Returns the limit on memory in bytes."""
        if self.memory is not None:
            return self.memory
        return int(os.sysconf("SC_PHYS_PAGES") * _PAGE * _SHARE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Excess:
    """What a script took too much of."""

    what: str  # "more than 4096 processes"
    fatal: bool = False  # nothing that comes after it could go well


def restrain(process: int, limits: Limits) -> None:
    """Sets the limits that a process hands on to whatever it starts."""
    most = min(_FILES_MOST, resource.getrlimit(resource.RLIMIT_NOFILE)[1])
    resource.prlimit(process, resource.RLIMIT_NOFILE, (min(limits.files, most), most))
    resource.prlimit(process, resource.RLIMIT_CORE, (0, 0))
    with suppress(PermissionError):  # it is higher already
        Path(f"/proc/{process}/oom_score_adj").write_text(f"{_FIRST_TO_GO}\n", encoding="ascii")


class Watch:
    """Looks after the scripts of one run, one at a time."""

    def __init__(self, limits: Limits, directories: tuple[Path, ...], group: Group | None) -> None:
        self._limits = limits
        self._group = group
        self._before = group.events() if group else None
        self._disks = [_Disk(each, limits.disk_free) for each in directories]

    def begin(self) -> None:
        """Forgets what earlier scripts did."""
        self._before = self._group.events() if self._group else None

    def excess(self, namespace: int | None) -> Excess | None:
        """Returns what the script takes too much of, if anything.

        `namespace` is the number of its process namespace, None before or after there is one.
        """
        for disk in self._disks:
            if disk.full():
                return Excess(what=f"it left no more than {disk.left()}", fatal=True)
        counted, memory = self._of_group()
        if namespace is not None and not (self._group and self._group.complete):
            seen = list(_resident(namespace))
            counted |= len(seen) > self._limits.processes
            memory |= sum(seen) > self._limits.memory_bytes
        if counted:
            return Excess(what=f"more than {self._limits.processes} processes")
        if memory:
            return Excess(what=f"more than {_size(self._limits.memory_bytes)} of memory")
        return None

    def _of_group(self) -> tuple[bool, bool]:
        if self._group is None or self._before is None:
            return False, False
        now = self._group.events()
        return now.forks > self._before.forks, now.kills > self._before.kills


class _Disk:
    """A file system that scripts write to, and how little of it they must leave."""

    def __init__(self, directory: Path, least: int) -> None:
        self._directory = directory
        now = os.statvfs(directory)
        self._bytes = min(least, now.f_bavail * now.f_frsize // 2)
        self._inodes = min(_INODES_FREE, now.f_favail // 2)

    def full(self) -> bool:
        """Returns whether less is left than must be."""
        now = os.statvfs(self._directory)
        too_many = now.f_files > 0 and now.f_favail < self._inodes
        return too_many or now.f_bavail * now.f_frsize < self._bytes

    def left(self) -> str:
        """Returns what is left, in words."""
        now = os.statvfs(self._directory)
        free = _size(now.f_bavail * now.f_frsize)
        inodes = f" and {now.f_favail} files" if now.f_files else ""
        return f"{free}{inodes} free at {self._directory}"


def _resident(namespace: int) -> Iterator[int]:
    """Yields the bytes that each process of a namespace has in memory for itself."""
    for entry in os.scandir("/proc"):
        if not entry.name.isdigit():
            continue
        with suppress(OSError):  # it has ended
            if Path(entry.path, "ns/pid").stat().st_ino == namespace:
                _, resident, shared, *_rest = Path(entry.path, "statm").read_bytes().split()
                yield (int(resident) - int(shared)) * _PAGE


def _size(count: int) -> str:
    return f"{count / _MEBIBYTE:.0f} MiB"
