# SPDX-License-Identifier: LGPL-2.1-or-later
"""Our union alone, in a process of its own: `python -m bench.ourunion REPOSITORY BASE LAYER`.

Prints, as JSON, the seconds of the union and of the commit after it, and the commit; modules are
loaded and the repository is open before the clock starts, its directories are not read.
"""

import json
import sys
import time
from pathlib import Path

from layering.importer import Layer, layer_info
from layering.repo import Repo
from layering.union import LayerTree, union
from solver import Nevra


def main(repository: str, base: str, ref: str) -> int:
    """Unites one layer with a base, commits, and prints what it took."""
    repo = Repo.open(Path(repository))
    commit = repo.commit_of(ref)
    nevra = Nevra.parse(commit.text("overlay.nevra") or "")
    digest = commit.text("overlay.digest") or ""
    info = layer_info(repo, Layer(nevra=nevra, digest=digest, ref=ref, commit=commit.checksum))
    started = time.monotonic()
    layer = LayerTree(
        name=str(nevra),
        commit=commit.checksum,
        owned_dirs=info.owned_dirs,
        owners={path.path: f"{path.user}:{path.group}" for path in info.owners},
    )
    united = union(repo, base, [layer])
    middle = time.monotonic()
    with repo.transaction():
        made = repo.write_commit(
            tree=(united.root_tree, united.root_meta), parent=base, timestamp=0
        )
    told = {"union": middle - started, "commit": time.monotonic() - middle, "result": made}
    print(json.dumps(told))
    return 0


sys.exit(main(*sys.argv[1:]))
