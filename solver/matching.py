# SPDX-License-Identifier: LGPL-2.1-or-later
"""What matches a spec or a relation among some packages, as dnf matches it.

A spec is tried as a NEVRA form first, then as what packages provide, then as a file; the first
kind that matches anything counts: https://dnf5.readthedocs.io/en/latest/misc/specs.7.html
"""

from collections.abc import Iterable
from typing import Any

import libdnf5

from solver.identity import nevra_of


def matches(packages: Any, spec: str) -> Any:
    """Returns a query of the packages that a spec matches in any way."""
    query = libdnf5.rpm.PackageQuery(packages)
    query.resolve_pkg_spec(spec, libdnf5.base.GoalJobSettings(), False)
    return query


def of_name(packages: Any, spec: str) -> Any:
    """Returns a query of the packages that a spec matches by name, or another NEVRA form."""
    settings = libdnf5.base.ResolveSpecSettings()
    settings.set_with_provides(False)
    settings.set_with_filenames(False)
    settings.set_with_binaries(False)
    query = libdnf5.rpm.PackageQuery(packages)
    query.resolve_pkg_spec(spec, settings, False)
    return query


def provides_spec(packages: Any, spec: str) -> bool:
    """Tells whether one of the packages provides what a spec asks for."""
    settings = libdnf5.base.ResolveSpecSettings()
    settings.set_with_nevra(False)
    settings.set_with_filenames(False)
    settings.set_with_binaries(False)
    query = libdnf5.rpm.PackageQuery(packages)
    query.resolve_pkg_spec(spec, settings, False)
    return bool(query.size())


def of_nevra(packages: Any, nevra: str) -> Any:
    """Returns a query of the packages that have this very NEVRA."""
    query = libdnf5.rpm.PackageQuery(packages)
    query.filter_nevra([nevra])
    return query


def providers(packages: Any, relation: str) -> frozenset[str]:
    """Returns the NEVRAs of the packages that meet a relation."""
    query = libdnf5.rpm.PackageQuery(packages)
    query.filter_provides([relation])
    return frozenset(str(nevra_of(package)) for package in query)


def reldep_list(base: Any, reldeps: Iterable[Any]) -> Any:
    """Returns libdnf5's own kind of list, which queries take without parsing text again."""
    found = libdnf5.rpm.ReldepList(base)
    for reldep in reldeps:
        found.add(reldep)
    return found
