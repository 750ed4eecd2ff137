# SPDX-License-Identifier: LGPL-2.1-or-later
"""A drawing that can be read: nothing lies on anything else, and needs lead to the right."""

from itertools import combinations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from layering.cycles import closing_edges
from layering.layereddrawing import Box, Drawing, draw

_often = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
graphs = st.integers(1, 12).flatmap(
    lambda count: st.lists(
        st.tuples(st.integers(0, count - 1), st.integers(0, count - 1)), max_size=30
    ).map(lambda edges: (count, [(f"n{a}", f"n{b}") for a, b in edges]))
)


def boxes(count: int) -> list[Box]:
    return [Box(name=f"n{at}", width=40.0 + 7 * (at % 5), height=20.0) for at in range(count)]


def overlaps(drawing: Drawing, boxes: list[Box]) -> list[tuple[str, str]]:
    def apart(a: Box, b: Box) -> bool:
        p, q = drawing.places[a.name], drawing.places[b.name]
        beside = p.x + a.width < q.x or q.x + b.width < p.x
        return beside or p.y + a.height < q.y or q.y + b.height < p.y

    return [(a.name, b.name) for a, b in combinations(boxes, 2) if not apart(a, b)]


@_often
@given(graphs)
def test_no_box_touches_another_and_all_are_inside(
    graph: tuple[int, list[tuple[str, str]]],
) -> None:
    count, edges = graph
    drawing = draw(boxes(count), edges)
    assert overlaps(drawing, boxes(count)) == []
    for box in boxes(count):
        place = drawing.places[box.name]
        assert 0 <= place.x <= drawing.width - box.width + 1e-6
        assert -1e-6 <= place.y <= drawing.height - box.height + 1e-6


@_often
@given(graphs)
def test_edges_lead_from_box_to_box_and_but_for_cycles_to_the_right(
    graph: tuple[int, list[tuple[str, str]]],
) -> None:
    count, edges = graph
    drawing = draw(boxes(count), edges)
    wanted = list(dict.fromkeys(edge for edge in edges if edge[0] != edge[1]))
    assert list(drawing.edges) == wanted
    closing = closing_edges(wanted)
    width = {box.name: box.width for box in boxes(count)}
    for (source, target), points in drawing.edges.items():
        begin, end = drawing.places[source], drawing.places[target]
        assert (end.x > begin.x) is ((source, target) not in closing)
        sides = (
            (begin.x + width[source], end.x)
            if end.x > begin.x
            else (begin.x, end.x + width[target])
        )
        assert (points[0], points[-1]) == ((sides[0], begin.y + 10), (sides[1], end.y + 10))


@_often
@given(graphs)
def test_without_closing_edges_there_is_no_cycle(graph: tuple[int, list[tuple[str, str]]]) -> None:
    _count, edges = graph
    closing = closing_edges(edges)
    left = {edge for edge in edges if edge not in closing}
    while left:
        sources = {source for source, _target in left}
        ends = {target for _source, target in left if target not in sources}
        fewer = {edge for edge in left if edge[1] not in ends}
        assert len(fewer) < len(left)
        left = fewer


@_often
@given(graphs)
def test_the_same_graph_is_drawn_alike(graph: tuple[int, list[tuple[str, str]]]) -> None:
    count, edges = graph
    assert draw(boxes(count), edges) == draw(boxes(count), [*edges, *edges])


def test_what_comes_last_stands_in_the_last_column() -> None:
    mine = [
        Box(name="a", width=10, height=20),
        Box(name="base", width=10, height=20, last=True),
        Box(name="b", width=10, height=20),
        Box(name="c", width=10, height=20),
        Box(name="core", width=10, height=20, last=True),
    ]
    drawing = draw(mine, [("a", "base"), ("a", "b"), ("b", "c"), ("c", "core")])
    columns = sorted({place.x for place in drawing.places.values()})
    assert [columns.index(drawing.places[box.name].x) for box in mine] == [0, 3, 1, 2, 3]


def test_nothing_at_all_can_be_drawn() -> None:
    assert draw([], []) == Drawing(places={}, edges={}, width=0.0, height=0.0)


def test_a_hundred_boxes_keep_apart() -> None:
    edges = [
        (f"n{at}", f"n{at + step}") for at in range(95) for step in (1, 3, 4) if at % step == 0
    ]
    assert overlaps(draw(boxes(100), edges), boxes(100)) == []
