# SPDX-License-Identifier: LGPL-2.1-or-later
"""Who needs whom in a tree: requirements, and the packages that provide them.

A requirement that a package meets itself ties it to nobody, and neither do rpm's own features. Of a
rich one each part counts that librpm would order by (`solver.reldep`), if somebody provides it.
Recommendations, and supplements turned round, are weak: they explain what nothing requires.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from solver import Dependency, Nevra, Sense, ordering_parts, satisfies

_OPERATORS = {Sense.LESS: "<", Sense.GREATER: ">", Sense.EQUAL: "="}
_Ties: TypeAlias = "dict[tuple[Nevra, Nevra], set[str]]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """What a package's header says of others."""

    nevra: Nevra
    requires: tuple[Dependency, ...] = ()
    provides: tuple[Dependency, ...] = ()
    recommends: tuple[Dependency, ...] = ()
    supplements: tuple[Dependency, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """That one package needs another, or, if it is weak, wants it."""

    source: Nevra
    target: Nevra
    capabilities: tuple[str, ...]  # as the header asks for them: "libfoo >= 2"; sorted
    weak: bool = False


def needs_among(
    packages: Sequence[Needs], owners: Mapping[str, Iterable[Nevra]] | None = None
) -> tuple[Need, ...]:
    """Returns all needs of packages among each other, in one order whatever theirs is.

    `owners` are the packages that have the files which are required by path.
    """
    providers = _Providers(packages, owners or {})
    strong: _Ties = defaultdict(set)
    weak: _Ties = defaultdict(set)
    for package in packages:
        for dependency in package.requires:
            if not dependency.flags & (Sense.RPMLIB | Sense.MISSINGOK):
                _tie(strong, package.nevra, dependency, providers)
        for dependency in package.recommends:
            _tie(weak, package.nevra, dependency, providers)
        for dependency in package.supplements:
            for part in ordering_parts(dependency):
                for source in providers.of(part) - {package.nevra}:
                    weak[source, package.nevra].add(capability(dependency))
    for pair in strong.keys() & weak.keys():
        del weak[pair]
    found = [_need(pair, asked, weak=False) for pair, asked in strong.items()]
    found += [_need(pair, asked, weak=True) for pair, asked in weak.items()]
    return tuple(sorted(found, key=lambda need: (str(need.source), str(need.target))))


def required_paths(packages: Iterable[Needs]) -> frozenset[str]:
    """Returns the paths that are required or wanted."""
    return frozenset(
        part.name
        for package in packages
        for dependency in (*package.requires, *package.recommends, *package.supplements)
        for part in ordering_parts(dependency)
        if part.name.startswith("/")
    )


def capability(dependency: Dependency) -> str:
    """Returns a dependency as a spec file has it."""
    signs = "".join(sign for bit, sign in _OPERATORS.items() if dependency.flags & bit)
    if not (signs and dependency.version):
        return dependency.name
    return f"{dependency.name} {signs} {dependency.version}"


class _Providers:
    def __init__(self, packages: Sequence[Needs], owners: Mapping[str, Iterable[Nevra]]) -> None:
        self._owners = owners
        self._by_name: dict[str, list[tuple[Nevra, Dependency]]] = defaultdict(list)
        for package in packages:
            for provide in package.provides:
                self._by_name[provide.name].append((package.nevra, provide))

    def of(self, dependency: Dependency) -> frozenset[Nevra]:
        found = self._by_name.get(dependency.name, ())
        named = {nevra for nevra, provide in found if satisfies(provide, dependency)}
        return frozenset({*named, *self._owners.get(dependency.name, ())})


def _tie(ties: _Ties, source: Nevra, dependency: Dependency, providers: _Providers) -> None:
    for part in ordering_parts(dependency):
        found = providers.of(part)
        for target in found if source not in found else ():
            ties[source, target].add(capability(dependency))


def _need(pair: tuple[Nevra, Nevra], capabilities: Iterable[str], *, weak: bool) -> Need:
    return Need(source=pair[0], target=pair[1], capabilities=tuple(sorted(capabilities)), weak=weak)
