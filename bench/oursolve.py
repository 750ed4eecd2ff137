# SPDX-License-Identifier: LGPL-2.1-or-later
"""One request solved in a process of its own: `python -m bench.oursolve ROOT CACHE RELEASEVER SPEC
ID=DIRECTORY…`.

All that `overlay install` would load to solve, and nothing else. Prints the packages, or why there
are none.
"""

import sys
from pathlib import Path

from solver import Goal, Sack, SackConfig, SolverError


def main(root: str, cache: str, releasever: str, spec: str, *repositories: str) -> int:
    """Solves and prints the answer."""
    config = SackConfig(
        installroot=Path(root),
        cache_dir=Path(cache),
        repos_from_path=tuple(
            (id, at) for id, _, at in (one.partition("=") for one in repositories)
        ),
        releasever=releasever,
        arch="x86_64",
        need_filelists=spec.startswith("/"),
    )
    with Sack.open(config) as sack:
        try:
            answer = sack.resolve(Goal(install=(spec,)))
        except SolverError as error:
            print(error, *error.details, *getattr(error, "__notes__", ()), sep="\n")
            return 0
        print(*(package.nevra for package in answer.packages), sep="\n")
    return 0


sys.exit(main(*sys.argv[1:]))
