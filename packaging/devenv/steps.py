# SPDX-License-Identifier: LGPL-2.1-or-later
"""Long steps: said on stderr while they run, made in a temporary place, renamed into place when whole.

An interrupted step leaves a `.partial-PID` directory; the next run removes those whose process is gone.
"""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path


class StepFailedError(Exception):
    """A step could not be done; the message says which command, and how it ended."""


def say(text: str) -> None:
    """Writes one line to stderr, at once."""
    print(f"dev: {text}", file=sys.stderr, flush=True)


def cache_directory() -> Path:
    """Returns the directory that everything built lives in, which `OVERLAY_DEV_CACHE` may move."""
    moved = os.environ.get("OVERLAY_DEV_CACHE")
    if moved:
        return Path(moved).absolute()
    return Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "overlay-dev"


def make_once(target: Path, what: str, build: Callable[[Path], None]) -> Path:
    """Returns `target`, built by `build(partial)` and renamed there if it does not exist yet."""
    if target.exists():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    _remove_abandoned(target.parent)
    partial = target.with_name(f"{target.name}.partial-{os.getpid()}")
    say(f"{what}: building, once")
    started = time.monotonic()
    try:
        build(partial)
        partial.rename(target)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    say(f"{what}: done in {time.monotonic() - started:.0f} s")
    return target


def run(
    command: Sequence[str], *, show: str = "", env: Mapping[str, str] | None = None
) -> None:
    """Runs a command; its output lines that begin with `show` are shown, all of it on failure.

    Raises:
        StepFailedError: if it cannot be started, or ends with another status than 0.
    """
    lines: list[str] = []
    try:
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=env
        )
    except OSError as error:
        raise StepFailedError(f"cannot start {command[0]}: {error.strerror}") from error
    assert process.stdout is not None
    with process:
        for line in process.stdout:
            lines.append(line.rstrip())
            if show and line.startswith(show):
                say(f"  {line.rstrip()}")
    if process.returncode:
        tail = "\n".join(lines[-30:])
        raise StepFailedError(f"{' '.join(command[:3])} … ended with {process.returncode}:\n{tail}")


def _remove_abandoned(directory: Path) -> None:
    for partial in directory.glob("*.partial-*"):
        pid = partial.name.rpartition("-")[2]
        if not (pid.isdigit() and Path("/proc", pid).exists()):
            say(f"removing {partial.name}, left by an interrupted run")
            shutil.rmtree(partial, ignore_errors=True)
