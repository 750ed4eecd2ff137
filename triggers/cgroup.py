# SPDX-License-Identifier: LGPL-2.1-or-later
"""A control group for the scripts of one run: the kernel's own count of processes and memory.

On the unified hierarchy only a group without processes of its own may hand controllers on, so ours
stands beside the one that we run in, below the nearest that has them enabled; on the old
hierarchies it stands below ours. A lock on its directory goes with its maker, so that whoever comes
next knows what is left over. To enter a group costs a script some two milliseconds, as the kernel
waits for all processors (once for each hierarchy). https://docs.kernel.org/admin-guide/cgroup-v2.html,
https://docs.kernel.org/admin-guide/cgroup-v1/pids.html
"""

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

PREFIX = "overlay-scripts-"

_MOUNTED = Path("/sys/fs/cgroup")
_OURS = Path("/proc/self/cgroup")


@dataclass(frozen=True, slots=True, kw_only=True)
class Events:
    """What the kernel refused so far."""

    forks: int
    kills: int  # of processes, for want of memory


@dataclass(frozen=True, slots=True, kw_only=True)
class Controller:
    """A directory that a group can be made in, and what its files are called there."""

    parent: Path
    settings: tuple[tuple[str, str], ...]  # file, what is written to it
    optional: tuple[tuple[str, str], ...] = ()
    forks: str | None = None
    kills: str | None = None


class Group:
    """A control group: one directory, or one for each of the old hierarchies."""

    def __init__(self, made: tuple[tuple[Path, Controller], ...]) -> None:
        self._made = made

    @property
    def directories(self) -> tuple[Path, ...]:
        """Returns where it is."""
        return tuple(directory for directory, _ in self._made)

    @property
    def complete(self) -> bool:
        """Whether the kernel counts both processes and memory here."""
        every = [each for _, each in self._made]
        return any(each.forks for each in every) and any(each.kills for each in every)

    def add(self, process: int) -> None:
        """Puts a process, and so whatever it starts from now on, into the group."""
        for directory, _ in self._made:
            _write(directory / "cgroup.procs", str(process))

    def events(self) -> Events:
        """Returns what was refused since the group was made."""
        forks = kills = 0
        for directory, each in self._made:
            if each.forks:
                forks += _counted(directory / each.forks, "max")
            if each.kills:
                kills += _counted(directory / each.kills, "oom_kill")
        return Events(forks=forks, kills=kills)


@contextmanager
def group(
    processes: int, memory: int, *, mounted: Path = _MOUNTED, ours: Path = _OURS
) -> Iterator[Group | None]:
    """Gives a group with these limits, None where the machine does not let us have one."""
    with ExitStack() as stack:
        made = []
        for each in controllers(processes, memory, mounted=mounted, ours=ours):
            sweep(each.parent)
            with suppress(OSError):  # read-only in most containers
                made.append((stack.enter_context(_directory(each)), each))
        yield Group(tuple(made)) if made else None


def controllers(
    processes: int, memory: int, *, mounted: Path = _MOUNTED, ours: Path = _OURS
) -> tuple[Controller, ...]:
    """Returns where a group can be made: nowhere, in one place, or in two."""
    lines = ours.read_text(encoding="utf-8").splitlines() if ours.exists() else []
    places = {
        name: path.lstrip("/")
        for _, names, path in (line.split(":", 2) for line in lines)
        for name in names.split(",")
    }
    if (mounted / "cgroup.controllers").exists():
        return _unified(processes, memory, mounted, places.get("", ""))
    found = []
    if "pids" in places:
        found.append(
            Controller(
                parent=mounted / "pids" / places["pids"],
                settings=(("pids.max", str(processes)),),
                forks="pids.events",
            )
        )
    if "memory" in places:
        found.append(
            Controller(
                parent=mounted / "memory" / places["memory"],
                settings=(("memory.limit_in_bytes", str(memory)),),
                optional=(("memory.memsw.limit_in_bytes", str(memory)),),
                kills="memory.oom_control",
            )
        )
    return tuple(each for each in found if each.parent.is_dir())


def _unified(processes: int, memory: int, mounted: Path, place: str) -> tuple[Controller, ...]:
    here = mounted / place
    for parent in (here, *(each for each in here.parents if each.is_relative_to(mounted))):
        handed_on = parent / "cgroup.subtree_control"
        enabled = handed_on.read_text(encoding="ascii").split() if handed_on.exists() else []
        if "pids" not in enabled:
            continue
        counted = "memory" in enabled
        limits = (("memory.max", str(memory)),) if counted else ()
        others = (("memory.swap.max", "0"), ("memory.oom.group", "1")) if counted else ()
        return (
            Controller(
                parent=parent,
                settings=(("pids.max", str(processes)), *limits),
                optional=others,
                forks="pids.events",
                kills="memory.events" if counted else None,
            ),
        )
    return ()


def sweep(parent: Path) -> None:
    """Removes the groups of runs that are no longer alive."""
    for path in parent.glob(f"{PREFIX}*"):
        with suppress(OSError), _locked(path):
            path.rmdir()


@contextmanager
def _directory(controller: Controller) -> Iterator[Path]:
    path = controller.parent / f"{PREFIX}{secrets.token_hex(8)}"
    path.mkdir()
    try:
        with _locked(path):
            for name, value in controller.settings:
                _write(path / name, value)
            for name, value in controller.optional:
                with suppress(OSError):  # not built into this kernel
                    _write(path / name, value)
            yield path
    finally:
        # Whoever could not be killed keeps it; the next run sweeps it.
        with suppress(OSError):
            path.rmdir()


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    number = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(number)


def _write(path: Path, text: str) -> None:
    # In one call: each write is a command to the kernel.
    number = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(number, text.encode("ascii"))
    finally:
        os.close(number)


def _counted(path: Path, name: str) -> int:
    for line in path.read_text(encoding="ascii").splitlines():
        word, _, count = line.partition(" ")
        if word == name:
            return int(count)
    return 0
