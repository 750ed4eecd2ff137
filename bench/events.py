# SPDX-License-Identifier: LGPL-2.1-or-later
"""What `overlay --progress=json` tells of a run: the seconds of each phase."""

import json
from collections.abc import Iterator

from bench.measure import Run

DEPLOY = "deploy"
SCRIPTS = "scripts"
_KNOWN = "known from before: "
AROUND = "outside phases"  # the interpreter, imports, opening the sysroot, and what lies between


def phases(run: Run) -> dict[str, float]:
    """Returns the seconds of each phase, in order, and those that no phase accounts for."""
    found: dict[str, float] = {}
    for event in _events(run.stderr):
        if event.get("event") == "end":
            name, seconds = str(event["phase"]), event["seconds"]
            assert isinstance(seconds, float | int)
            found[name] = found.get(name, 0.0) + seconds
    found[AROUND] = run.seconds - sum(found.values())
    return found


def outside_deploy(run: Run) -> float:
    """Returns the seconds of the whole command that are not libostree's deploy."""
    return run.seconds - phases(run)[DEPLOY]


def scripts(run: Run) -> tuple[int, int]:
    """Returns how many scripts ran, and how many did not as what they give was known."""
    labels, known = set(), 0
    for event in _events(run.stderr):
        if event.get("phase") != SCRIPTS:
            continue
        item = str(event.get("item", ""))
        if event.get("event") == "progress":
            labels.add(item)
        elif item.startswith(_KNOWN):
            known += item.count(", ") + 1
    return len(labels) - known, known


def _events(text: str) -> Iterator[dict[str, object]]:
    for line in text.splitlines():
        if line.startswith("{"):
            yield json.loads(line)
