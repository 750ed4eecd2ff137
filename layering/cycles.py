# SPDX-License-Identifier: LGPL-2.1-or-later
"""Cycles of a graph: which edges close one, decided by the order of the edges alone."""

from collections.abc import Hashable, Iterator, Sequence
from typing import TypeVar

T = TypeVar("T", bound=Hashable)


def closing_edges(edges: Sequence[tuple[T, T]]) -> frozenset[tuple[T, T]]:
    """Returns the edges that close a cycle, in a search that begins with the first edge."""
    after: dict[T, list[T]] = {}
    for source, target in edges:
        after.setdefault(source, []).append(target)
    done: set[T] = set()
    closing: set[tuple[T, T]] = set()
    for start in after:
        left: dict[T, Iterator[T]] = {}  # of the nodes on the way from the start
        stack = [start] if start not in done else []
        while stack:
            node = stack[-1]
            other = next(left.setdefault(node, iter(after.get(node, ()))), None)
            if other is None:
                done.add(node)
                del left[node]
                stack.pop()
            elif other in left:
                closing.add((node, other))
            elif other not in done:
                stack.append(other)
    return frozenset(closing)
