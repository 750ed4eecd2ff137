# SPDX-License-Identifier: LGPL-2.1-or-later
"""What is deployed, by two witnesses: `ostree admin status` and `overlay status`."""

import json
import re
from typing import Any

from tests.vm.machine import Machine

_LINE = re.compile(
    r"([* ]) (\S+) ([0-9a-f]{64}\.\d+)(?: \((staged|finalization locked|pending|rollback)\))?"
)

Deployments = list[dict[str, Any]]


def agreed(machine: Machine) -> Deployments:
    """Returns the deployments of `status --json`, which ostree's own status must confirm."""
    document = json.loads(machine.check("overlay --json status"))
    ours: Deployments = document["deployments"]
    theirs = _LINE.findall(machine.check("ostree admin status"))
    assert [_as_ostree_says(each) for each in ours] == theirs
    return ours


def _as_ostree_says(deployment: dict[str, Any]) -> tuple[str, str, str, str]:
    place = next((name for name in ("staged", "pending", "rollback") if deployment[name]), "")
    if deployment["locked"]:
        place = "finalization locked"
    name = deployment["id"].removeprefix(f"{deployment['stateroot']}-")
    return "*" if deployment["booted"] else " ", deployment["stateroot"], name, place


def nevras(deployment: dict[str, Any]) -> set[str]:
    """Returns the names of a deployment's layered packages."""
    return {package["nevra"].rsplit("-", 2)[0] for package in deployment["packages"]}
