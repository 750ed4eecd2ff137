# SPDX-License-Identifier: LGPL-2.1-or-later
"""`overlay tree`."""

import sys
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from layering.cli.asking import explained
from layering.cli.options import Settings, shown_options
from layering.cli.output import show_json
from layering.cli.printable import printable

if TYPE_CHECKING:
    from layering.explaining import TreeGraph
    from solver import Nevra


@click.command(epilog="Example: overlay tree; overlay tree --svg tree.svg")
@click.argument("revision", metavar="[REV]", required=False)
@click.option(
    "--svg",
    type=click.Path(dir_okay=False, allow_dash=True, path_type=Path),
    metavar="FILE",
    help="Draw it, to a file or to stdout (-).",
)
@shown_options
@click.pass_obj
def tree(settings: Settings, /, *, revision: str | None, svg: Path | None) -> int:
    """Show requests, what they brought, and what that needs.

    REV is a deployment by number, a commit or a ref; without one it is the pending deployment.
    Where a line ends with … what is below stands elsewhere, nearer to a request.
    """
    if svg is not None and settings.json:
        raise click.UsageError("either --svg or --json")
    with explained(settings, revision) as found:
        graph, view = found.graph(), found.view
    if settings.json:
        show_json(_document(graph, view.commit, view.base_commit))
    elif svg is not None:
        from layering.treepicture import picture

        text = picture(graph, f"Requests, layers and base of {view}")
        if str(svg) == "-":
            print(text, end="")
        else:
            svg.write_text(text, encoding="utf-8")
    else:
        for line in _Text(graph).lines():
            print(printable(line))
        if not (graph.roots or graph.layers) and settings.talks:
            print(f"Nothing is requested: {view}", file=sys.stderr)
    return 0


class _Text:
    """Lines of a graph: what is below a layer stands once, where it is nearest to a request."""

    def __init__(self, graph: "TreeGraph") -> None:
        self._graph = graph
        self._layers = frozenset(graph.layers)
        self._below: dict[Nevra, list[tuple[Nevra, bool]]] = {}
        self._base: dict[Nevra, list[str]] = {}
        for need in graph.needs:
            if need.target in self._layers:
                self._below.setdefault(need.source, []).append((need.target, need.weak))
            else:
                self._base.setdefault(need.source, []).append(need.target.name)
        self._parents: dict[Nevra, Nevra | str] = {}

    def lines(self) -> Iterator[str]:
        """Yields every request with what it brought, then layers that no request reaches."""
        roots = {
            request: [nevra for nevra in named if nevra in self._layers]
            for request, named in self._graph.roots.items()
        }
        self._adopt([(nevra, request) for request, named in roots.items() for nevra in named])
        left: list[Nevra] = []
        for nevra in self._graph.layers:
            if nevra not in self._parents:
                left.append(nevra)
                self._adopt([(nevra, "")])
        for request, named in self._graph.roots.items():
            yield request
            met = [nevra for nevra in named if nevra not in self._layers]
            yield from (f"└─ {nevra} (the base has it)" for nevra in met)
            yield from self._branches(roots[request], request)
            if not named:
                yield "└─ nothing in the tree"
        if left:
            yield "(no request)"
            yield from self._branches(left, "")

    def _adopt(self, start: list[tuple["Nevra", "Nevra | str"]]) -> None:
        """Finds for each layer the place that is nearest to a request."""
        pending = deque(start)
        while pending:
            nevra, parent = pending.popleft()
            if nevra not in self._parents:
                self._parents[nevra] = parent
                pending += [(below, nevra) for below, _weak in self._below.get(nevra, ())]

    def _branches(self, named: list["Nevra"], request: str) -> Iterator[str]:
        pending: list[tuple[Nevra, Nevra | str, str, bool, bool]] = []

        def push(branches: "list[tuple[Nevra, bool]]", parent: "Nevra | str", indent: str) -> None:
            for at, (nevra, weak) in reversed([*enumerate(branches, 1)]):
                pending.append((nevra, parent, indent, at == len(branches), weak))

        push([(nevra, False) for nevra in named], request, "")
        while pending:
            nevra, parent, indent, last, weak = pending.pop()
            below, base = self._below.get(nevra, []), self._base.get(nevra, [])
            here = self._parents[nevra] == parent
            more = "" if here or not (below or base) else " …"
            yield f"{indent}{'└─' if last else '├─'} {nevra}{' (wanted)' if weak else ''}{more}"
            deeper = f"{indent}{'   ' if last else '│  '}"
            if here and base:
                yield f"{deeper}{'├─' if below else '└─'} base: {', '.join(base)}"
            push(below if here else [], nevra, deeper)


def _document(graph: "TreeGraph", commit: str, base: str) -> dict[str, object]:
    return {
        "version": 1,
        "checksum": commit,
        "base_checksum": base,
        "requests": [
            {"request": request, "packages": [str(nevra) for nevra in roots]}
            for request, roots in graph.roots.items()
        ],
        "packages": [
            {"nevra": str(nevra), "place": str(graph.place(nevra))}
            for nevra in sorted((*graph.layers, *graph.base), key=str)
        ],
        "needs": [
            {
                "from": str(need.source),
                "to": str(need.target),
                "capabilities": list(need.capabilities),
                "weak": need.weak,
            }
            for need in graph.needs
        ],
    }
