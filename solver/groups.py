# SPDX-License-Identifier: LGPL-2.1-or-later
"""Groups and what they hold: by a repository's word, or by the layers that they brought.

Nothing that is layered depends on a repository being there; but what a group holds, only its
repository says. While it is away, or has dropped the group, the group is what it was.
"""

from collections.abc import Mapping
from typing import Any

import libdnf5

from solver.candidates import Candidates
from solver.identity import nevra_of

_OPTIONAL = libdnf5.comps.PackageType_OPTIONAL  # what is in a group for the asking, by its name


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


def members_of(transaction: Any) -> Mapping[str, set[str]]:
    """Returns the package names of each group and environment of a transaction, by id."""
    members: dict[str, set[str]] = {}
    for item in transaction.get_transaction_groups():
        group = item.get_group()
        names = {
            str(package.get_name())
            for package in group.get_packages()
            if package.get_type() != _OPTIONAL
        }
        members.setdefault(str(group.get_groupid()), set()).update(names)
        members.setdefault(str(group.get_name()), set()).update(names)
    for item in transaction.get_transaction_environments():
        environment = item.get_environment()
        groups = [str(group) for group in environment.get_groups()]
        names = set().union(*(members.get(group, set()) for group in groups))
        members.setdefault(str(environment.get_environmentid()), set()).update(names)
        members.setdefault(str(environment.get_name()), set()).update(names)
    return members
