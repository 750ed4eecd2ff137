# SPDX-License-Identifier: LGPL-2.1-or-later
"""A graph drawn in columns: who needs stands left of who is needed.

After Sugiyama, Tagawa and Toda (https://doi.org/10.1109/TSMC.1981.4308636): cycles are opened,
nodes get columns, long edges get a place in each column that they cross, the order within columns
is improved by medians, and each node moves towards its neighbours as far as there is room.
Everything is decided by the order of what comes in, and by nothing else.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from layering.cycles import closing_edges

_SWEEPS = 12
_GAP = 6.0  # between boxes of a column
_BAND = 18.0  # where nothing is in any column
_WIRE = 3.0  # the height of a place that an edge only passes
_COLUMN_GAP = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """A node to be drawn."""

    name: str
    width: float
    height: float
    last: bool = False  # in the last column, with all that are; it needs nobody


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """Where the upper left corner of a box is."""

    x: float
    y: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """Boxes with places, and edges as the points that they pass."""

    places: Mapping[str, Placed]
    edges: Mapping[tuple[str, str], tuple[tuple[float, float], ...]]
    width: float
    height: float


def draw(boxes: Sequence[Box], edges: Sequence[tuple[str, str]]) -> Drawing:
    """Returns the places of boxes, and the ways of the edges between them."""
    return _Drawing(boxes, edges).drawn()


@dataclass(slots=True)
class _Cell:
    """What stands in a column: a box, or an edge on its way."""

    box: Box | None
    column: int
    height: float
    y: float = 0.0
    before: list[int] = field(default_factory=list)
    after: list[int] = field(default_factory=list)


class _Drawing:
    def __init__(self, boxes: Sequence[Box], edges: Sequence[tuple[str, str]]) -> None:
        self._boxes = boxes
        names = {box.name: number for number, box in enumerate(boxes)}
        self._edges = [
            (names[source], names[target])
            for source, target in dict.fromkeys(edges)
            if source != target
        ]
        self._ways: dict[tuple[int, int], list[int]] = {}
        forward = _without_cycles(self._edges)
        columns = _columns(boxes, forward)
        self._cells = [
            _Cell(box=box, column=columns[at], height=box.height) for at, box in enumerate(boxes)
        ]
        self._columns: list[list[int]] = [[] for _ in range(max(columns, default=0) + 1)]
        for number, column in enumerate(columns):
            self._columns[column].append(number)
        for source, target in forward:
            self._lead(source, target)
        self._widths = [
            max(boxes[number].width for number in column if number < len(boxes))
            for column in self._columns
            if column
        ]

    def drawn(self) -> Drawing:
        for sweep in range(_SWEEPS):
            self._sweep(forward=sweep % 2 == 0)
        self._stack()
        for sweep in range(_SWEEPS):
            self._settle(forward=sweep % 2 == 0)
        self._close_bands()
        lefts = self._lefts()
        places = {
            box.name: Placed(x=lefts[self._cells[at].column], y=self._cells[at].y)
            for at, box in enumerate(self._boxes)
        }
        return Drawing(
            places=places,
            edges={
                (self._boxes[a].name, self._boxes[b].name): self._points(a, b, lefts)
                for a, b in self._edges
            },
            width=max(
                (left + width for left, width in zip(lefts, self._widths, strict=False)),
                default=0.0,
            ),
            height=max((cell.y + cell.height for cell in self._cells), default=0.0),
        )

    def _lead(self, source: int, target: int) -> None:
        """Leads an edge through the columns between its ends."""
        way = [source]
        for column in range(self._cells[source].column + 1, self._cells[target].column):
            self._cells.append(_Cell(box=None, column=column, height=_WIRE))
            self._columns[column].append(len(self._cells) - 1)
            way.append(len(self._cells) - 1)
        way.append(target)
        for a, b in pairwise(way):
            self._cells[a].after.append(b)
            self._cells[b].before.append(a)
        self._ways[source, target] = way

    def _sweep(self, *, forward: bool) -> None:
        """Orders each column by the middle of its neighbours in the one before."""
        columns = self._columns if forward else self._columns[::-1]
        rank = {number: at for column in self._columns for at, number in enumerate(column)}
        for column in columns[1:]:
            wanted = {
                number: _median(sorted(rank[each] for each in self._neighbours(number, forward)))
                for number in column
            }
            at = {number: place for place, number in enumerate(column)}
            # who has no neighbour there stays where it was
            column.sort(key=lambda each: (at[each] if (w := wanted[each]) is None else w, at[each]))
            rank.update({number: place for place, number in enumerate(column)})

    def _neighbours(self, number: int, forward: bool) -> list[int]:
        return self._cells[number].before if forward else self._cells[number].after

    def _stack(self) -> None:
        for column in self._columns:
            y = 0.0
            for number in column:
                self._cells[number].y = y
                y += self._cells[number].height + _GAP

    def _settle(self, *, forward: bool) -> None:
        """Moves what stands in a column towards its neighbours, in order and without touching."""
        for column in self._columns if forward else self._columns[::-1]:
            wishes = [self._wish(number, forward) for number in column]
            self._spread(column, wishes)

    def _wish(self, number: int, forward: bool) -> float:
        cell = self._cells[number]
        near = self._neighbours(number, forward) or [*cell.before, *cell.after]
        middles = sorted(self._cells[each].y + self._cells[each].height / 2 for each in near)
        middle = _median(middles)
        return cell.y if middle is None else middle - cell.height / 2

    def _spread(self, column: Sequence[int], wishes: Sequence[float]) -> None:
        """Puts cells nearest to where they wish to be: those that would overlap form a block."""
        blocks: list[tuple[list[int], float, float]] = []  # cells, sum of their wishes, height
        for number, wish in zip(column, wishes, strict=True):
            block = ([number], wish, self._cells[number].height + _GAP)
            while blocks:
                cells, total, height = blocks[-1]
                if total / len(cells) + height <= block[1] / len(block[0]):
                    break
                blocks.pop()
                # the later ones stand lower by the height of the block that they join
                shifted = block[1] - height * len(block[0])
                block = (cells + block[0], total + shifted, height + block[2])
            blocks.append(block)
        for cells, total, _height in blocks:
            y = total / len(cells)
            for number in cells:
                self._cells[number].y = y
                y += self._cells[number].height + _GAP

    def _close_bands(self) -> None:
        """Moves up what stands below a band in which no column has anything, and all to the top."""
        ordered = sorted(self._cells, key=lambda cell: cell.y)
        shift = ordered[0].y if ordered else 0.0
        end = 0.0
        for cell in ordered:
            shift += max(0.0, cell.y - shift - end - _BAND)
            cell.y -= shift
            end = max(end, cell.y + cell.height)

    def _lefts(self) -> list[float]:
        lefts, x = [], 0.0
        for width in self._widths:
            lefts.append(x)
            x += width + _COLUMN_GAP
        return lefts

    def _points(self, a: int, b: int, lefts: Sequence[float]) -> tuple[tuple[float, float], ...]:
        """Returns the points of an edge, from the side of a box that faces the other one."""
        turned = (a, b) not in self._ways
        way = self._ways[b, a] if turned else self._ways[a, b]
        points = []
        for number in way:
            cell = self._cells[number]
            left, y = lefts[cell.column], cell.y + cell.height / 2
            right = left + (cell.box.width if cell.box else self._widths[cell.column])
            if number != way[0]:
                points.append((left, y))
            if number != way[-1]:
                points.append((right, y))
        return tuple(points[::-1] if turned else points)


def _median(values: Sequence[float]) -> float | None:
    if not values:
        return None
    middle = len(values) // 2
    return values[middle] if len(values) % 2 else (values[middle - 1] + values[middle]) / 2


def _without_cycles(edges: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Returns the edges with those turned round that close a cycle."""
    closing = closing_edges(edges)
    turned = (edge[::-1] if edge in closing else edge for edge in edges)
    return list(dict.fromkeys(turned))


def _columns(boxes: Sequence[Box], edges: Sequence[tuple[int, int]]) -> list[int]:
    """Returns the columns: one more than the furthest of those that need it; `last` ones last."""
    before: dict[int, list[int]] = defaultdict(list)
    for source, target in edges:
        before[target].append(source)
    columns: dict[int, int] = {}

    def column(number: int) -> int:
        pending = [number]
        while pending:
            missing = [each for each in before[pending[-1]] if each not in columns]
            if missing:
                pending += missing
                continue
            node = pending.pop()
            columns[node] = max((columns[each] + 1 for each in before[node]), default=0)
        return columns[number]

    found = [column(number) for number in range(len(boxes))]
    inner = max((at for at, box in zip(found, boxes, strict=True) if not box.last), default=-1)
    last = max(inner + 1, *found, 0) if found else 0
    return [last if box.last else at for at, box in zip(found, boxes, strict=True)]
