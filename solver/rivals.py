# SPDX-License-Identifier: LGPL-2.1-or-later
"""Packages that cannot be installed beside others: they would take their place.

That is another version of the same name, and what obsoletes it. Obsoletes are of names, never of
what a package provides: https://rpm-software-management.github.io/rpm/manual/dependencies.html
"""

from typing import Any

import libdnf5

from solver.identity import nevra_of
from solver.matching import reldep_list
from solver.nevra import Nevra
from solver.transaction import replaces


def rivals_of(owned: Any, offered: Any) -> Any:
    """Returns a query of the offered packages that are another version of an owned one."""
    rivals = libdnf5.rpm.PackageQuery(offered)
    rivals.filter_name_arch(owned)
    others = libdnf5.rpm.PackageQuery(offered)
    others.filter_name(owned)
    others.difference(rivals)
    by_name: dict[str, list[Nevra]] = {}
    for package in owned if others.size() else ():
        by_name.setdefault(str(package.get_name()), []).append(nevra_of(package))
    for package in others:
        new = nevra_of(package)
        if any(replaces(new, old) for old in by_name[new.name]):
            rivals.add(package)
    return rivals


def obsoleters_of(owned: Any, offered: Any) -> Any:
    """Returns a query of the offered packages that obsolete an owned one."""
    obsoleters = libdnf5.rpm.PackageQuery(offered)
    obsoleters.filter_obsoletes(owned)
    return obsoleters


def obsoleted_by(base: Any, package: Any, owned: Any) -> frozenset[Nevra]:
    """Returns the owned packages that a package obsoletes."""
    found: set[Nevra] = set()
    for reldep in package.get_obsoletes():
        query = libdnf5.rpm.PackageQuery(owned)
        query.filter_provides(reldep_list(base, [reldep]))
        nevras = (nevra_of(each) for each in query)
        found.update(nevra for nevra in nevras if nevra.name == str(reldep.get_name()))
    return frozenset(found)
