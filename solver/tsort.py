# SPDX-License-Identifier: LGPL-2.1-or-later
"""Sorts a graph of needs as librpm sorts packages: what is needed first, ties and circles included.

Free packages wait in a queue by how many others want them; of equals the latest comer is served
first. A circle is entered at the member that is farthest, need by need, from one whose scriptlet
needs another member. All this is rpm's lib/order.cc, and so is the order in which each list is
walked: it decides ties.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

_DONE, _ALONE = 0, 1  # what `Node.circle` may be beside a circle's number
_FAR = 1 << 30


class Node:
    """A package in the graph, and what the search and the queue keep of it."""

    __slots__ = ("circle", "colour", "index", "left", "low", "needed_by", "needs", "wanted")

    def __init__(self, index: int, colour: int) -> None:
        self.index = index
        self.colour = colour
        self.needs: deque[Relation] = deque()  # the newest first
        self.needed_by: deque[Relation] = deque()
        self.left = 0  # how many needs are not sorted yet
        self.wanted = 0  # how many need it
        self.circle = _DONE  # before the search: not seen yet
        self.low = 0


@dataclass(slots=True)
class Relation:
    """One end of an edge: who is at the other, and whether a scriptlet needs it."""

    other: Node
    strong: bool


def relate(node: Node, provider: Node, *, strong: bool) -> None:
    """Records that `node` needs `provider`; all needs of a node are recorded in a row."""
    newest = provider.needed_by[0] if provider.needed_by else None
    if newest is not None and newest.other is node:
        newest.strong |= strong
        next(need for need in node.needs if need.other is provider).strong |= strong
        return
    _record(node, provider, strong=strong)


def relate_erasure(node: Node, needing: Node, *, strong: bool) -> None:
    """Records that `node` goes after `needing`; all that a node needs is recorded in a row.

    Unlike needs, several of one package count, unless that one goes after the other as well.
    """
    newest = needing.needs[0] if needing.needs else None
    if newest is not None and newest.other is node:
        newest.strong |= strong
        next(each for each in node.needed_by if each.other is needing).strong |= strong
        return
    _record(node, needing, strong=strong)


def _record(node: Node, first: Node, *, strong: bool) -> None:
    node.left += 1
    first.wanted += 1
    first.needed_by.appendleft(Relation(node, strong))
    node.needs.appendleft(Relation(first, strong))


@dataclass(slots=True)
class _Circle:
    members: list[Node]
    left: int  # needs of members that lie outside and are not sorted yet


def sort(nodes: Sequence[Node], *, late: Callable[[int], bool]) -> list[int]:
    """Returns the indexes of all nodes, sorted; `late` colours go to the queue's end."""
    return _Sorting(circles=_circles(nodes), late=late).run(nodes)


def _circles(nodes: Sequence[Node]) -> dict[int, _Circle]:
    """Finds the sets of nodes that need each other (Tarjan), and numbers them from 2 on."""
    found: dict[int, _Circle] = {}
    stack: list[Node] = []
    seen = 0
    for start in nodes:
        if start.circle:
            continue
        # A chain of needs may be longer than Python likes to recurse.
        path: list[tuple[Node, Iterator[Relation]]] = []
        node: Node | None = start
        while node is not None or path:
            if node is not None:
                seen += 1
                node.circle = node.low = -seen
                stack.append(node)
                path.append((node, iter(node.needed_by)))
            here, rest = path[-1]
            node = _next_unseen(here, rest)
            if node is None:
                path.pop()
                if here.low == here.circle:
                    _close(here, stack, found)
                if path:
                    path[-1][0].low = max(path[-1][0].low, here.low)
    return found


def _next_unseen(here: Node, rest: Iterator[Relation]) -> Node | None:
    for relation in rest:
        if relation.other.circle == 0:
            return relation.other
        if relation.other.circle < 0:
            here.low = max(here.low, relation.other.circle)
    return None


def _close(root: Node, stack: list[Node], found: dict[int, _Circle]) -> None:
    if stack[-1] is root:
        stack.pop().circle = _ALONE
        return
    start = stack.index(root)
    members = [*stack[:start:-1], root]
    del stack[start:]
    number = len(found) + 2
    for member in members:
        member.circle = number
    inside = sum(need.other.circle == number for member in members for need in member.needed_by)
    left = sum(member.left for member in members) - inside
    found[number] = _Circle(members=members, left=left)


@dataclass(slots=True)
class _Sorting:
    circles: dict[int, _Circle]
    late: Callable[[int], bool]
    order: list[int] = field(default_factory=list)

    def run(self, nodes: Sequence[Node]) -> list[int]:
        queue: list[Node] = []
        for node in nodes:
            if not node.left:
                self._enqueue(node, queue)
        for circle in self.circles.values():
            if not circle.left:
                self._enqueue(circle.members[0], queue)
        while queue:
            node = queue.pop(0)
            if node.circle > _ALONE:
                self._collect_circle(node.circle, queue)
            else:
                self._collect(node, queue, queue)
        return self.order

    def _collect(self, node: Node, queue: list[Node], outside: list[Node]) -> None:
        """Takes a node into the order; what it sets free goes to a queue."""
        self.order.append(node.index)
        for relation in node.needed_by:
            other = relation.other
            if other.circle == _DONE:
                continue
            leaves = other.circle != node.circle
            other.left -= 1
            if not other.left:
                self._enqueue(other, outside if leaves else queue)
            if other.circle > _ALONE and leaves:
                circle = self.circles[other.circle]
                circle.left -= 1
                if not circle.left:
                    self._enqueue(other, outside)
        node.circle = _DONE

    def _collect_circle(self, number: int, outside: list[Node]) -> None:
        members = self.circles[number].members
        _measure(members, number)
        while True:
            rest = [member for member in members if member.circle != _DONE]
            if not rest:
                return
            farthest = max(member.low for member in rest)
            queue = [next(each for each in reversed(rest) if each.low == farthest)]
            while queue:
                self._collect(queue.pop(0), queue, outside)

    def _enqueue(self, node: Node, queue: list[Node]) -> None:
        late = self.late(node.colour)
        for at, other in enumerate(queue):
            if late and node.colour != other.colour:
                continue
            if other.wanted <= node.wanted:
                queue.insert(at, node)
                return
        queue.append(node)


def _measure(members: Sequence[Node], number: int) -> None:
    """Notes in `low` how far each member is from one whose scriptlet needs another member."""
    waiting: deque[Node] = deque()
    for member in members:
        strong = any(need.strong and need.other.circle == number for need in member.needs)
        member.low = 0 if strong else _FAR
        if strong:
            waiting.append(member)
    while waiting:
        node = waiting.popleft()
        for need in node.needs:
            if need.other.circle == number and need.other.low > node.low + 1:
                need.other.low = node.low + 1
                waiting.append(need.other)
