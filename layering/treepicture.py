# SPDX-License-Identifier: LGPL-2.1-or-later
"""The graph of a tree as a picture: requests, layers, and what of the base they touch, as SVG.

An arrow that follows from others is left out: where a layer needs another one, and both need glibc,
one arrow to glibc is enough. `overlay tree --json` has all of them. Text is as wide as a usual
monospace font makes it; other fonts are fitted by the viewer.
"""

from collections.abc import Iterator
from html import escape

import networkx

from layering.cycles import closing_edges
from layering.explaining import TreeGraph
from layering.layereddrawing import Box, Drawing, draw

_FONT, _CHARACTER = 11, 6.7  # pixels: the size of letters, and the width of each
_PADDING, _HEIGHT = 8.0, 20.0  # of a box
_MARGIN, _LEGEND = 16.0, 36.0
_STYLE = f"""
text {{ font: {_FONT}px monospace; fill: #1a1a1a; }}
rect {{ stroke-width: 1; }}
.request rect {{ fill: #1c5d99; stroke: #1c5d99; }}
.request text {{ fill: #ffffff; }}
.layer rect {{ fill: #dcebf7; stroke: #1c5d99; }}
.base rect {{ fill: #f2f2f2; stroke: #8a8a8a; }}
path {{ fill: none; stroke: #4a4a4a; stroke-width: 1; }}
path.weak {{ stroke-dasharray: 4 3; }}
path.base {{ stroke: #b5b5b5; }}
path.request {{ stroke: #1c5d99; stroke-width: 1.5; }}
"""


def picture(graph: TreeGraph, title: str) -> str:
    """Returns the graph as an SVG document; the same for the same graph, byte for byte."""
    nodes = dict(_nodes(graph))
    arrows = dict(_arrows(graph))
    shown = _needed(list(arrows))
    boxes = [
        Box(
            name=name,
            width=len(label) * _CHARACTER + 2 * _PADDING,
            height=_HEIGHT,
            last=kind == "base",
        )
        for name, (kind, label) in nodes.items()
    ]
    drawing = draw(boxes, shown)
    width = max(drawing.width, len(title) * _CHARACTER) + 2 * _MARGIN
    height = drawing.height + 2 * _MARGIN + _LEGEND
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_n(width)}" height="{_n(height)}" '
        f'viewBox="0 0 {_n(width)} {_n(height)}">',
        f"<title>{escape(title)}</title>",
        f"<style>{_STYLE}</style>",
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" '
        'markerHeight="7" orient="auto"><path d="M 0 0 L 8 4 L 0 8" class="tip"/></marker></defs>',
        f'<rect width="{_n(width)}" height="{_n(height)}" fill="#ffffff"/>',
        f'<text x="{_n(_MARGIN)}" y="{_n(_MARGIN + _FONT)}">{escape(title)}</text>',
        f'<g transform="translate({_n(_MARGIN)} {_n(_MARGIN + _LEGEND)})">',
        *_drawn_edges(drawing, arrows, nodes),
        *_drawn_boxes(drawing, boxes, nodes),
        "</g>",
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _nodes(graph: TreeGraph) -> Iterator[tuple[str, tuple[str, str]]]:
    """Yields a name, the kind, and what is written for each node."""
    for request in graph.roots:
        yield f"request {request}", ("request", request)
    for nevra in graph.layers:
        yield str(nevra), ("layer", f"{nevra.name} {nevra.evr}")
    for nevra in graph.base:
        yield str(nevra), ("base", nevra.name)


def _arrows(graph: TreeGraph) -> Iterator[tuple[tuple[str, str], tuple[str, str]]]:
    """Yields ends, and the kind and the words of each arrow."""
    for request, roots in graph.roots.items():
        for nevra in roots:
            yield (f"request {request}", str(nevra)), ("request", f"{request} → {nevra}")
    for need in graph.needs:
        kind = "weak" if need.weak else str(graph.place(need.target))
        words = f"{need.source} → {need.target}: {', '.join(need.capabilities)}"
        yield (str(need.source), str(need.target)), (kind, words)


def _needed(arrows: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Returns the arrows without those that follow from others; requests keep theirs."""
    closing = closing_edges(arrows)
    network: networkx.DiGraph[str] = networkx.DiGraph()
    network.add_edges_from(arrow for arrow in arrows if arrow not in closing)
    kept = frozenset(networkx.transitive_reduction(network).edges)
    return [
        arrow
        for arrow in arrows
        if arrow in kept or arrow in closing or arrow[0].startswith("request ")
    ]


def _drawn_edges(
    drawing: Drawing,
    arrows: dict[tuple[str, str], tuple[str, str]],
    nodes: dict[str, tuple[str, str]],
) -> Iterator[str]:
    for ends, points in drawing.edges.items():
        kind, words = arrows[ends]
        (x, y), *rest = points
        steps = [f"M {_n(x)} {_n(y)}"]
        for to_x, to_y in rest:
            middle = (x + to_x) / 2
            curve = f"C {_n(middle)} {_n(y)} {_n(middle)} {_n(to_y)} {_n(to_x)} {_n(to_y)}"
            steps.append(f"L {_n(to_x)} {_n(to_y)}" if y == to_y else curve)
            x, y = to_x, to_y
        yield (
            f'<path class="{kind}" marker-end="url(#tip)" d="{" ".join(steps)}">'
            f"<title>{escape(words)}</title></path>"
        )


def _drawn_boxes(
    drawing: Drawing, boxes: list[Box], nodes: dict[str, tuple[str, str]]
) -> Iterator[str]:
    for box in boxes:
        kind, label = nodes[box.name]
        place = drawing.places[box.name]
        yield (
            f'<g class="{kind}"><title>{escape(box.name)}</title>'
            f'<rect x="{_n(place.x)}" y="{_n(place.y)}" width="{_n(box.width)}" '
            f'height="{_n(box.height)}" rx="{10 if kind == "request" else 3}"/>'
            f'<text x="{_n(place.x + _PADDING)}" y="{_n(place.y + 14)}" '
            f'textLength="{_n(len(label) * _CHARACTER)}" lengthAdjust="spacingAndGlyphs">'
            f"{escape(label)}</text></g>"
        )


def _n(number: float) -> str:
    """Returns a number as short as it reads, the same on every machine."""
    return f"{number:.1f}".removesuffix(".0")
