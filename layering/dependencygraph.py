# SPDX-License-Identifier: LGPL-2.1-or-later
"""The graph of a tree: requests, the packages that they name, and what those need.

Chains go by what is required; only a package to which no such way leads is explained by what is
recommended or supplemented. Of equally short ones all are told, in one order whatever the graph's.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise
from typing import TypeAlias

import networkx

from layering.needs import Need
from solver import Nevra

_Network: TypeAlias = "networkx.DiGraph[str | Nevra]"
_Way: TypeAlias = tuple[Nevra, ...]
_MOST = 100  # chains of one request and package; there can be more than anybody can read


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A package on a chain, and what of it the one before asks for; the first is the request's."""

    package: Nevra
    capabilities: tuple[str, ...] = ()
    weak: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """A shortest way from a request to a package."""

    request: str
    steps: tuple[Step, ...]  # never empty; the last is the package


class Graph:
    """A tree's requests and packages as nodes; `roots` are the packages that each request names."""

    def __init__(self, roots: Mapping[str, frozenset[Nevra]], needs: Sequence[Need]) -> None:
        self._requests = sorted(roots)
        self._needs = {(need.source, need.target): need for need in needs}
        self._strong: _Network = networkx.DiGraph()
        for request in self._requests:
            self._strong.add_node(request)
            named = sorted(roots[request], key=str)
            self._strong.add_edges_from((request, nevra) for nevra in named)
        self._every: _Network = self._strong.copy()
        self._every.add_edges_from((need.source, need.target) for need in needs)
        required = ((need.source, need.target) for need in needs if not need.weak)
        self._strong.add_edges_from(required)

    def chains(self, package: Nevra) -> tuple[Chain, ...]:
        """Returns of each request all shortest chains to a package; at most a hundred of each."""
        found: list[Chain] = []
        for request in self._requests:
            ways = self._ways(self._strong, request, package)
            for way in ways or self._ways(self._every, request, package):
                found.append(Chain(request=request, steps=tuple(self._steps(way))))
        return tuple(found)

    def _ways(self, network: _Network, request: str, package: Nevra) -> list[_Way]:
        if package not in network or not networkx.has_path(network, request, package):
            return []
        found = islice(networkx.all_shortest_paths(network, request, package), _MOST)
        ways = (tuple(node for node in way if isinstance(node, Nevra)) for way in found)
        return sorted(ways, key=lambda way: [str(nevra) for nevra in way])

    def _steps(self, way: _Way) -> Iterator[Step]:
        yield Step(package=way[0])
        for pair in pairwise(way):
            need = self._needs[pair]
            yield Step(package=pair[1], capabilities=need.capabilities, weak=need.weak)
