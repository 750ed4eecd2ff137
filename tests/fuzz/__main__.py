# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs the fuzzers for as long as is wanted: `python -m tests.fuzz --minutes 10`.

Prints how many inputs were tried and how many of them both readers took. What fails is shown as
small as Hypothesis could make it, and ends the run. Everything outside of the fuzzers' own
directory is compared with what it was before: `--watch DIR` names what, beside the working copy.
"""

import argparse
import hashlib
import os
import resource
import sys
import time
from collections.abc import Iterator, Sequence
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
    before = dict(_digests(chosen.watch))
    end = time.monotonic() + 60 * chosen.minutes
    rounds = 0
    while time.monotonic() < end:
        for kind in kinds:
            kind()
        rounds += 1
        sys.stdout.write(f"{counted()}\n")
        sys.stdout.flush()
    changed = before.items() ^ dict(_digests(chosen.watch)).items()
    sys.stdout.write(f"{rounds} rounds, {counted()}; changed outside: {len(changed)}\n")
    return 1 if changed else 0


def _digests(directories: Sequence[Path]) -> Iterator[tuple[str, str]]:
    for directory in directories:
        for path in sorted(directory.rglob("*")):
            if path.is_file() and not path.is_symlink() and _PRUNED.isdisjoint(path.parts):
                yield str(path), hashlib.sha256(path.read_bytes()).hexdigest()


if __name__ == "__main__":
    sys.exit(main())
