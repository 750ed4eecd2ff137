# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs commands for the record: seconds, processor time, peak memory, and who else was busy.

Before a timed command everything is synced, and an idle moment is waited for, for a while: what
else the machine does is part of the environment, and told with the result.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_LAUNCH = Path(__file__).with_name("launch.py")
_TICKS = os.sysconf("SC_CLK_TCK")
_QUIET = 0.15  # processors' worth of work by others that passes for idle
_PATIENCE = 6.0  # seconds
_WINDOW = 0.4  # seconds


class BenchError(Exception):
    """A measurement could not be made; the message says which."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One command that ended as it should."""

    seconds: float
    cpu_seconds: float
    peak_mb: float
    others: float  # processors' worth of work that was not the command's, kernel threads included
    stdout: str
    stderr: str


def say(text: str) -> None:
    """Writes a line of progress."""
    print(f"bench: {text}", file=sys.stderr, flush=True)


def measured(command: Sequence[str], *, ends: Sequence[int] = (0,), wait: bool = True) -> Run:
    """Runs a command after a sync, in an idle moment if one comes, and returns what it took.

    `ends` are the exit statuses of success. What is compared with the command just before does not
    `wait`.

    Raises:
        BenchError: it failed.
    """
    os.sync()
    if wait:
        _wait_for_quiet()
    with tempfile.NamedTemporaryFile(prefix="overlay-bench-") as report:
        launch = [sys.executable, "-I", "-S", str(_LAUNCH), report.name, *command]
        before = _busy_seconds()
        done = subprocess.run(
            launch,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        busy = _busy_seconds() - before
        if done.returncode not in ends:
            raise BenchError(_failure(command, done.returncode, done.stdout + done.stderr))
        told = json.load(report)
    return Run(
        seconds=told["seconds"],
        cpu_seconds=told["cpu_seconds"],
        peak_mb=told["peak_mb"],
        others=max(0.0, busy - told["cpu_seconds"]) / max(told["seconds"], 0.01),
        stdout=done.stdout,
        stderr=done.stderr,
    )


def plain(command: Sequence[str]) -> str:
    """Runs a command that is not measured and returns its standard output.

    Raises:
        BenchError: it failed.
    """
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise BenchError(_failure(command, done.returncode, done.stdout + done.stderr))
    return done.stdout


def _failure(command: Sequence[str], status: int, output: str) -> str:
    tail = "\n".join(output.splitlines()[-15:])
    return f"{' '.join(command[:6])} … ended with {status}:\n{tail}"


def _wait_for_quiet() -> None:
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        before, started = _busy_seconds(), time.monotonic()
        time.sleep(_WINDOW)
        if (_busy_seconds() - before) / (time.monotonic() - started) < _QUIET:
            return


def _busy_seconds() -> float:
    """Returns the seconds that all processors together have worked since boot (proc_stat(5))."""
    with Path("/proc/stat").open(encoding="ascii") as stream:
        fields = [int(field) for field in stream.readline().split()[1:]]
    user, nice, system, _idle, _iowait, irq, softirq, steal = fields[:8]
    return (user + nice + system + irq + softirq + steal) / _TICKS
