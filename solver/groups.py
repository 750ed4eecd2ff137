# SPDX-License-Identifier: LGPL-2.1-or-later
"""Groups that no repository describes, known by the layers that they brought.

Nothing that is layered depends on a repository being there; but what a group holds, only its
repository says. While it is away, or has dropped the group, the group is what it was.
"""

from typing import Any

import libdnf5

from solver.candidates import Candidates, nevra_of


def is_described(base: Any, request: str) -> bool:
    """Tells whether a repository has a group or an environment that "@id" asks for."""
    glob = libdnf5.common.QueryCmp_GLOB
    groups = libdnf5.comps.GroupQuery(base)
    groups.filter_groupid([request[1:]], glob)
    environments = libdnf5.comps.EnvironmentQuery(base)
    environments.filter_environmentid([request[1:]], glob)
    return bool(groups.size() or environments.size())


def brought_by(candidates: Candidates, request: str) -> tuple[Any, ...]:
    """Returns the layers that a group request brought, sorted by NEVRA."""
    packages = (
        (nevra_of(package), package)
        for package in candidates.layers()
        if request in candidates.stubs[int(package.get_id().id)].groups
    )
    return tuple(package for _, package in sorted(packages, key=lambda pair: str(pair[0])))
