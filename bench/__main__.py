# SPDX-License-Identifier: LGPL-2.1-or-later
"""The measurements' entry: `python -m bench [NAME…]`, as `./dev bench` calls it.

Standard output is the result: a table, or with --json one document (several names: an object with
one document each). Standard error is progress.
"""

import argparse
import importlib
import json
import os
import signal
import sys
from pathlib import Path

from bench import host, measure
from bench.figures import table
from fixtures import forest
from layering.errors import LayeringError

NAMES = ("install", "scale", "imports", "scriptlet", "solver", "triggers")


def main(argv: list[str]) -> int:
    """Runs the measurements and returns the exit status."""
    options = _parser().parse_args(argv)
    # So that a plain kill takes the mounts away in order, like Ctrl-C.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    # Modules are compiled once, as an installed program's are, and not into the source tree.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    os.environ["PYTHONPYCACHEPREFIX"] = str(options.cache / "bench" / "pycache")
    try:
        world = forest.build_world(options.cache, options.apt_sources)
        world = forest.compose(world, (host.TREE, "base/workstation"))
        documents = {}
        for name in options.names or NAMES[:1]:
            module = importlib.import_module(f"bench.{name}")
            documents[name] = module.bench(options.cache / "bench", world)
    except (forest.FixtureError, measure.BenchError, LayeringError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    _show(documents, as_json=options.json)
    return 0


def _show(documents: dict[str, dict[str, object]], *, as_json: bool) -> None:
    if as_json:
        one = len(documents) == 1
        print(json.dumps(next(iter(documents.values())) if one else documents, indent=2))
        return
    print("\n\n".join(table(document) for document in documents.values()))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--apt-sources", type=Path, required=True)
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")
    known = f"{' or '.join(NAMES)}; {NAMES[0]} if none is given"
    # argparse holds the empty list, too, against the choices.
    parser.add_argument("names", nargs="*", metavar="NAME", choices=[*NAMES, []], help=known)
    return parser


sys.exit(main(sys.argv[1:]))
