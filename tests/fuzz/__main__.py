# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs the fuzzers for as long as is wanted: `python -m tests.fuzz --minutes 10`.

Prints how many inputs were tried and how many of them both readers took. What fails is shown as
small as Hypothesis could make it, and ends the run. The directory it is started in is compared
with what it was before, and so is each that `--watch DIR` names.
"""

import argparse
import hashlib
import os
import resource
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

_ROUND = "1000"  # examples of each kind at a time
_MEMORY = 2 << 30  # bytes of address space: more is a finding
_PRUNED = {".git", ".hypothesis", "__pycache__", ".mypy_cache", ".ruff_cache"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--watch", type=Path, action="append", default=[])
    chosen = parser.parse_args(arguments)
    os.environ["OVERLAY_FUZZ_EXAMPLES"] = _ROUND
    from tests.fuzz import test_readers  # which reads it
    from tests.fuzz.properties import counted

    kinds = [value for name, value in vars(test_readers).items() if name.startswith("test_")]
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    changed = fuzz(kinds, counted, minutes=chosen.minutes, watch=[Path.cwd(), *chosen.watch])
    return 1 if changed else 0


def fuzz(
    kinds: Sequence[Callable[[], object]],
    counted: Callable[[], str],
    *,
    minutes: float,
    watch: Sequence[Path],
) -> list[str]:
    """Runs all kinds again and again; returns the files below `watch` that are not what they were.

    There is one round at least.
    """
    before = dict(_digests(watch))
    end = time.monotonic() + 60 * minutes
    rounds = 0
    while not rounds or time.monotonic() < end:
        for kind in kinds:
            kind()
        rounds += 1
        sys.stdout.write(f"{counted()}\n")
        sys.stdout.flush()
    changed = sorted({path for path, _ in before.items() ^ dict(_digests(watch)).items()})
    sys.stdout.writelines(f"changed outside: {path}\n" for path in changed)
    watched = f"{len(before)} files watched, changed: {len(changed)}"
    sys.stdout.write(f"{rounds} rounds, {counted()}; {watched}\n")
    return changed


def _digests(directories: Sequence[Path]) -> Iterator[tuple[str, str]]:
    for directory in directories:
        for above, names, files in os.walk(directory):
            names[:] = [name for name in names if name not in _PRUNED]
            for path in (Path(above, name) for name in files):
                if path.is_file() and not path.is_symlink():
                    yield str(path), hashlib.sha256(path.read_bytes()).hexdigest()


if __name__ == "__main__":
    sys.exit(main())
