# SPDX-License-Identifier: LGPL-2.1-or-later
"""Which other versions there are of what nothing provides: in the base, and in repositories.

A library's version is part of its soname, and so of the relation's name; what is before it is the
library: https://rpm-software-management.github.io/rpm/manual/dependency_generators.html
"""

import re
from typing import Any

import libdnf5

from solver.candidates import Candidates
from solver.matching import providers
from solver.wording import some

_SONAME = re.compile(r"([^/()]+\.so\.)[0-9]")


def other_versions(candidates: Candidates, needed: str) -> tuple[str, ...]:
    """Returns which other versions there are of what nothing provides."""
    name = needed.split(maxsplit=1)[0]
    if name.startswith("("):  # a rich dependency has no one name
        return ()
    offers = libdnf5.rpm.PackageQuery(candidates.visible)
    offers.filter_available()
    has, offered = some(providers(candidates.installed, name)), some(providers(offers, name))
    library = _SONAME.match(name)
    if has:
        return (f"the base has {has}, the repositories {_offer(offered)}",)
    if offered:
        return (f"the repositories {_offer(offered)}",)
    return _other_sonames(candidates, library[1]) if library else ()


def _offer(offered: str) -> str:
    return f"only have {offered}" if offered else "have no other"


def _other_sonames(candidates: Candidates, library: str) -> tuple[str, ...]:
    """Returns which base packages bring another version of a library, and which version."""
    known = candidates.sonames.get(library)
    if known is None:
        query = libdnf5.rpm.PackageQuery(candidates.installed)
        query.filter_provides([f"{library}*"], libdnf5.common.QueryCmp_GLOB)
        known = candidates.sonames[library] = tuple(
            _says_sonames(package, library)
            for package in sorted(query, key=lambda one: str(one.get_nevra()))
        )
    return known


def _says_sonames(package: Any, library: str) -> str:
    names = {str(reldep.get_name()) for reldep in package.get_provides()}
    # A library with versioned symbols provides one name for each set of them, in parentheses.
    found = {name.partition("(")[0] for name in names if name.startswith(library)}
    return f"the base has {package.get_nevra()} with {', '.join(sorted(found))}"
