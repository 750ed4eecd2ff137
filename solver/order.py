# SPDX-License-Identifier: LGPL-2.1-or-later
"""The order in which packages are installed: what provides comes before what requires.

As rpm orders: where requirements run in a circle, those of scriptlets (`Requires(pre)`,
`Requires(post)`, interpreters) are kept and plain ones give way. Ties go by NEVRA, so that the
order depends on nothing but the set. See rpm's lib/order.cc and
https://rpm-software-management.github.io/rpm/manual/dependencies.html
"""

import heapq
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntFlag

from solver.nevra import Nevra, compare_evr, split_evr


class Sense(IntFlag):
    """The bits of a dependency's flags that matter here, as rpm numbers them (rpmds.h)."""

    LESS = 1 << 1
    GREATER = 1 << 2
    EQUAL = 1 << 3
    PREREQ = 1 << 6
    SCRIPT_PRE = 1 << 9
    SCRIPT_POST = 1 << 10
    RPMLIB = 1 << 24
    META = 1 << 29


_COMPARISON = Sense.LESS | Sense.GREATER | Sense.EQUAL
_STRONG = Sense.PREREQ | Sense.SCRIPT_PRE | Sense.SCRIPT_POST
_UNORDERED = Sense.RPMLIB | Sense.META
_OPERATORS = {"<": Sense.LESS, ">": Sense.GREATER, "=": Sense.EQUAL}
_RICH_WORDS = frozenset({"and", "or", "if", "unless", "else", "with", "without"})
_RICH_TOKEN = re.compile(r"[<>=]+|[^\s()<>=]+(?:\([^\s()]*\))*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Dependency:
    """One entry of a header's REQUIRE* or PROVIDE* arrays."""

    name: str
    flags: int
    version: str  # "[epoch:]version[-release]", "" for none


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderItem:
    """What is known of a package when its place is looked for."""

    nevra: Nevra
    requires: tuple[Dependency, ...]
    provides: tuple[Dependency, ...]
    files: frozenset[str]  # absolute paths, directories included


# A graph is kept as: package -> the packages that have to come before it, all by index.
_Edges = Mapping[int, set[int]]


def install_order(items: Sequence[OrderItem]) -> tuple[Nevra, ...]:
    """Returns the NEVRAs of all items in the order in which rpm would install them."""
    ranked = sorted(items, key=lambda item: str(item.nevra))
    strong, weak = _relations(ranked)
    both = {index: strong[index] | weak[index] for index in range(len(ranked))}
    order = _lexicographic(both)
    if order is None:
        order = [
            index
            for circle in _condensed(both)
            for index in _break_circle(circle, strong=strong, weak=weak)
        ]
    return tuple(ranked[index].nevra for index in order)


def satisfies(provide: Dependency, require: Dependency) -> bool:
    """Tells whether the ranges of two dependencies of the same name meet, as rpm compares them."""
    if provide.name != require.name:
        return False
    has, wants = Sense(provide.flags) & _COMPARISON, Sense(require.flags) & _COMPARISON
    if not (has and wants and provide.version and require.version):
        return True
    order = compare_evr(provide.version, require.version)
    if order < 0:
        return bool(has & Sense.GREATER or wants & Sense.LESS)
    if order > 0:
        return bool(has & Sense.LESS or wants & Sense.GREATER)
    # "= 1" without a release takes every release of 1
    any_release = (Sense(0), has, wants)[_without_release(provide, require)]
    return bool(has & wants or any_release & Sense.EQUAL)


def _without_release(provide: Dependency, require: Dependency) -> int:
    """Returns 1 or 2 if the first or the second alone has no release, else 0."""
    first, second = (split_evr(dep.version)[2] is None for dep in (provide, require))
    return 0 if first is second else 1 if first else 2


def _relations(items: Sequence[OrderItem]) -> tuple[dict[int, set[int]], dict[int, set[int]]]:
    """Returns the requirements of scriptlets, and all others, between the items."""
    providers: dict[str, list[tuple[int, Dependency]]] = defaultdict(list)
    owners: dict[str, list[int]] = defaultdict(list)
    for index, item in enumerate(items):
        for provide in item.provides:
            providers[provide.name].append((index, provide))
        for path in item.files:
            owners[path].append(index)
    strong: dict[int, set[int]] = {index: set() for index in range(len(items))}
    weak: dict[int, set[int]] = {index: set() for index in range(len(items))}
    for index, item in enumerate(items):
        for require in item.requires:
            if require.flags & _UNORDERED:
                continue
            kind = strong if require.flags & _STRONG else weak
            for part in _parts(require):
                found = {who for who, has in providers.get(part.name, ()) if satisfies(has, part)}
                found.update(owners.get(part.name, ()) if part.name.startswith("/") else ())
                if index not in found:  # what a package has by itself orders nothing
                    kind[index].update(found)
    for index in weak:
        weak[index] -= strong[index]
    return strong, weak


def _parts(require: Dependency) -> Iterable[Dependency]:
    """Returns the dependency itself, or each simple one inside of a rich dependency."""
    if not require.name.startswith("("):
        return (require,)
    parts: list[Dependency] = []
    operator = ""
    for token in _RICH_TOKEN.findall(require.name):
        if token[0] in _OPERATORS:
            operator = token
        elif operator and parts:
            flags = sum(_OPERATORS[sign] for sign in operator)
            parts[-1] = Dependency(name=parts[-1].name, flags=flags, version=token)
            operator = ""
        elif token not in _RICH_WORDS:
            parts.append(Dependency(name=token, flags=0, version=""))
    return parts


def _lexicographic(before: _Edges) -> list[int] | None:
    """Returns the order that always takes the least index that is free; None for a circle."""
    after: dict[int, list[int]] = defaultdict(list)
    missing = {index: len(needed) for index, needed in before.items()}
    for index, needed in before.items():
        for other in needed:
            after[other].append(index)
    free = [index for index, count in missing.items() if not count]
    heapq.heapify(free)
    order: list[int] = []
    while free:
        index = heapq.heappop(free)
        order.append(index)
        for other in after[index]:
            missing[other] -= 1
            if not missing[other]:
                heapq.heappush(free, other)
    return order if len(order) == len(before) else None


def _condensed(before: _Edges) -> list[list[int]]:
    """Returns the strongly connected sets in order, each a sorted list."""
    import networkx  # 150 ms, and most sets have no circle

    graph: networkx.DiGraph[int] = networkx.DiGraph()
    graph.add_nodes_from(sorted(before))
    graph.add_edges_from((other, index) for index in sorted(before) for other in before[index])
    circles = [sorted(circle) for circle in networkx.strongly_connected_components(graph)]
    number = {index: at for at, circle in enumerate(circles) for index in circle}
    condensed: networkx.DiGraph[int] = networkx.DiGraph()
    condensed.add_nodes_from(range(len(circles)))
    condensed.add_edges_from(
        (number[a], number[b]) for a, b in graph.edges if number[a] != number[b]
    )
    order = networkx.lexicographical_topological_sort(condensed, key=lambda at: circles[at][0])
    return [circles[at] for at in order]


def _break_circle(circle: Sequence[int], *, strong: _Edges, weak: _Edges) -> list[int]:
    """Orders packages that need each other: scriptlets' needs first, then as few breaks as seen.

    Sets that are tied by scriptlets' needs alone stay together and are ordered inside by the same
    rule: next comes what misses least.
    """
    if len(circle) == 1:
        return list(circle)
    inside = set(circle)
    ties = {index: strong[index] & inside for index in circle}
    groups = _condensed(ties)
    group_of = {index: at for at, group in enumerate(groups) for index in group}
    waiting = set(range(len(groups)))
    left = set(circle)
    order: list[int] = []
    while waiting:
        ready = [
            at
            for at in waiting
            if all(group_of[o] == at or o not in left for i in groups[at] for o in ties[i])
        ]
        at = min(ready, key=lambda at: (_missing(groups[at], weak, left), groups[at][0]))
        waiting.remove(at)
        rest = list(groups[at])
        while rest:
            index = min(rest, key=lambda i: (len(ties[i] & left), len(weak[i] & left), i))
            rest.remove(index)
            left.remove(index)
            order.append(index)
    return order


def _missing(group: Sequence[int], weak: _Edges, left: set[int]) -> int:
    return sum(len((weak[index] & left) - set(group)) for index in group)
