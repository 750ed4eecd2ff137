# SPDX-License-Identifier: LGPL-2.1-or-later
"""Long steps: said while they run, made in a temporary place, renamed into place when whole.

An interrupted step leaves a `.partial-PID` file or directory, which the next run of it removes.
"""

import fcntl
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
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
    """Returns `target`, built by `build(partial)` and renamed there if it does not exist yet.

    Who comes while another process builds it waits, and finds it built.
    """
    if target.exists():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with _only_one(target, what):
        if target.exists():
            return target
        for abandoned in target.parent.glob(f"{target.name}.partial-*"):
            say(f"removing {abandoned.name}, left by an interrupted run")
            _remove(abandoned)
        partial = target.with_name(f"{target.name}.partial-{os.getpid()}")
        say(f"{what}: building, once")
        started = time.monotonic()
        try:
            build(partial)
            partial.rename(target)
        except BaseException:
            _remove(partial)
            raise
        say(f"{what}: done in {time.monotonic() - started:.0f} s")
    return target


def run(command: Sequence[str], *, show: str = "", env: Mapping[str, str] | None = None) -> None:
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


@contextmanager
def _only_one(target: Path, what: str) -> Iterator[None]:
    with target.with_name(f".{target.name}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"{what}: waiting for another run that builds it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
