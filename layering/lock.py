# SPDX-License-Identifier: LGPL-2.1-or-later
"""Waiting for OSTree's sysroot lock, and saying who holds it.

libostree tells no more than that the lock is taken. It is an open-file-description lock, for which
the kernel's table names no process, but whoever has the file open shows, among the details of that
descriptor, the lock that it holds (proc_pid_fdinfo(5)).
"""

import os
import shlex
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from layering.progress import Event, Kind, Report

_PAUSE = 0.1  # seconds between two tries
_COMMAND_SHOWN = 200  # characters
_PROC = Path("/proc")


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """A process that holds a lock."""

    pid: int
    command: str  # as one would type it; "" if it cannot be read

    def __str__(self) -> str:
        return f"process {self.pid} ({self.command})" if self.command else f"process {self.pid}"


@contextmanager
def held(
    try_lock: Callable[[], bool], unlock: Callable[[], None], lock_file: Path, report: Report
) -> Iterator[None]:
    """Holds a lock for the body, after waiting for it as long as others hold it.

    Who is waited for is reported, and again when it changes; an interrupt ends the wait.
    """
    told, before = "", None
    while not try_lock():
        holders = " and ".join(map(str, holders_of(lock_file)))
        if not holders and not told and holders == before:  # nobody whom we could name, twice
            holders = "another process"
        if holders not in ("", told):
            text = f"waiting for the sysroot's lock, which {holders} holds"
            report(Event(kind=Kind.NOTE, phase="lock", item=text))
            told = holders
        before = holders
        time.sleep(_PAUSE)
    try:
        yield
    finally:
        unlock()


def holders_of(lock_file: Path) -> tuple[Holder, ...]:
    """Returns the processes that hold a lock on a file, as far as this one may see them."""
    try:
        status = lock_file.stat()
    except OSError:
        return ()
    inode = (status.st_dev, status.st_ino)
    pids = [int(entry.name) for entry in _PROC.iterdir() if entry.name.isdecimal()]
    return tuple(
        Holder(pid=pid, command=_command(pid))
        for pid in sorted(pids)
        if pid != os.getpid() and _holds(pid, inode)
    )


def _holds(pid: int, inode: tuple[int, int]) -> bool:
    try:
        descriptors = list((_PROC / str(pid) / "fd").iterdir())
    except OSError:  # gone since, or somebody else's
        return False
    return any(_is_locked(descriptor, inode) for descriptor in descriptors)


def _is_locked(descriptor: Path, inode: tuple[int, int]) -> bool:
    try:
        status = descriptor.stat()
        if (status.st_dev, status.st_ino) != inode:
            return False
        details = (descriptor.parents[1] / "fdinfo" / descriptor.name).read_text()
    except OSError:  # closed since
        return False
    return any(line.startswith("lock:") for line in details.splitlines())


def as_typed(words: Sequence[str]) -> str:
    """Returns a process's command line as a person would type it, cut where it is long.

    `overlay install x` for what the kernel knows as `/usr/bin/python3 -I /…/overlay install x`;
    other commands stay as they are: the shutdown's is `/usr/bin/ostree admin finalize-staged`.
    """
    if words and Path(words[0]).name.startswith("python"):
        at = next((at for at, word in enumerate(words[1:], 1) if not word.startswith("-")), None)
        if at is not None and not {"-c", "-m"}.intersection(words[1:at]):
            words = (Path(words[at]).name, *words[at + 1 :])
    text = shlex.join(words)
    return text if len(text) <= _COMMAND_SHOWN else f"{text[: _COMMAND_SHOWN - 1]}…"


def _command(pid: int) -> str:
    try:
        words = (_PROC / str(pid) / "cmdline").read_bytes().decode("utf-8", "replace")
    except OSError:
        return ""
    return as_typed(words.rstrip("\0").split("\0")) if words else ""
