# SPDX-License-Identifier: LGPL-2.1-or-later
"""What of a solution each request asked for by itself: the roots that all else hangs on.

dnf installs what obsoletes a package in the package's place, so this counts as asked for, too:
https://dnf5.readthedocs.io/en/latest/commands/install.8.html
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import libdnf5

from solver.candidates import Candidates
from solver.groups import members_of
from solver.identity import nevra_of
from solver.matching import matches
from solver.model import Reason
from solver.nevra import Nevra
from solver.request import Request


def is_met(candidates: Candidates, request: Request, transaction: Any) -> bool:
    """Tells whether the base has what a request asks for, or what obsoletes it.

    Asked of requests that brought nothing into a solved transaction, where dnf takes it so.
    """
    if request.package is not None or request.members:
        return False
    if request.label.startswith("@"):
        members = members_of(transaction).get(request.label[1:], set())
        return not members.isdisjoint(nevra.name for nevra in candidates.base_nevras)
    if matches(candidates.there, request.label).size():
        return True
    obsoleters = libdnf5.rpm.PackageQuery(candidates.there)
    obsoleters.filter_obsoletes(matches(candidates.visible, request.label))
    return bool(obsoleters.size())


def roots_of(
    candidates: Candidates, requests: Iterable[Request], transaction: Any
) -> dict[str, set[Nevra]]:
    """Returns the solution's packages that each active request names itself."""
    solution = libdnf5.rpm.PackageSet(candidates.base)
    for item in transaction.get_transaction_packages():
        solution.add(item.get_package())
    members = members_of(transaction)
    roots: dict[str, set[Nevra]] = {}
    for request in requests:
        if request.members:
            roots[request.label] = {nevra_of(package) for package in request.members}
        elif request.package is not None:
            roots[request.label] = {nevra_of(request.package)}
        elif request.label.startswith("@"):
            names = members.get(request.label[1:], set())
            roots[request.label] = {
                nevra_of(package) for package in solution if str(package.get_name()) in names
            }
        else:
            query = matches(libdnf5.rpm.PackageQuery(solution), request.label)
            if not query.size():  # dnf installs what obsoletes a package in its place
                query = libdnf5.rpm.PackageQuery(solution)
                query.filter_obsoletes(matches(candidates.visible, request.label))
            roots[request.label] = {nevra_of(package) for package in query}
    return roots


def with_groups(
    packages: Sequence[tuple[Any, Reason]],
    requests: Iterable[Request],
    roots: Mapping[str, set[Nevra]],
) -> list[tuple[Any, Reason]]:
    """Returns packages with their reasons, members of groups with the one that groups give."""
    members: set[Nevra] = set()
    named: set[Nevra] = set()
    for request in requests:
        found = roots.get(request.label, set())
        (members if request.members else named).update(found)
    only = members - named
    return [(each, Reason.GROUP if nevra_of(each) in only else why) for each, why in packages]
