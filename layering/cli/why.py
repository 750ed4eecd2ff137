# SPDX-License-Identifier: LGPL-2.1-or-later
"""`overlay why`."""

from collections.abc import Callable, Iterator
from itertools import groupby
from typing import TYPE_CHECKING

import click

from layering.cli.asking import explained
from layering.cli.options import Settings, SomeText, shown_options
from layering.cli.output import show_json
from layering.cli.printable import printable
from layering.cli.render import counted

if TYPE_CHECKING:
    from layering.dependencygraph import Chain, Step
    from layering.explaining import Explained
    from layering.packagequeries import Place
    from solver import Nevra

    Placed = Callable[[Nevra], Place]

_CHAINS = 5  # of one request that are shown
_CAPABILITIES = 2  # of one step


@click.command(epilog="Example: overlay why libunwind8")
@click.argument("spec", metavar="PKG", type=SomeText("PKG"))
@click.argument("revision", metavar="[REV]", required=False)
@shown_options
@click.pass_obj
def why(settings: Settings, /, *, spec: str, revision: str | None) -> int:
    """Tell which request brought a package, and through what.

    PKG is whatever an installation takes: a name, a NEVRA, a glob, something that the package
    provides, one of its files. REV is a deployment by number, a commit or a ref; without one it is
    the pending deployment. Of each request all shortest chains are told.
    """
    with explained(settings, revision) as found:
        packages = found.why(spec)
        if settings.json:
            show_json(
                {
                    "version": 1,
                    "checksum": found.view.commit,
                    "base_checksum": found.view.base_commit,
                    "packages": [_document(each, found.place) for each in packages],
                }
            )
            return 0
        for number, package in enumerate(packages):
            if number:
                print()
            for line in _lines(package, found.place, every=bool(settings.verbose)):
                print(printable(line))
    return 0


def _lines(package: "Explained", placed: "Placed", *, every: bool) -> Iterator[str]:
    yield f"{package.nevra}: {', '.join(_verdicts(package))}"
    for request, group in groupby(package.chains, key=lambda chain: chain.request):
        chains = list(group)
        if len(chains[0].steps) == 1:
            continue  # the request names it: said already
        shown = chains if every else chains[:_CHAINS]
        yield f"  {request}"
        for chain in shown:
            yield from _chain_lines(chain, placed, every=every)
        if len(chains) > len(shown):
            more = counted(len(chains) - len(shown), "more chain")
            yield f"    and {more} as short: -v shows them"


def _verdicts(package: "Explained") -> Iterator[str]:
    # a package that came as a file is asked for by its NEVRA, which is said already
    words = [request for request in package.requests if request != str(package.nevra)]
    requests = "requested" + (f" as {', '.join(words)}" if words else "")
    if package.place == "base":
        yield "the base's"
        if package.requests:
            yield requests
        elif not package.chains:
            yield "needed by no layer"
    else:
        yield "a layer"
        if package.requests:
            yield requests
        elif not package.chains:
            yield "and nothing in the tree says why"
    if any(len(chain.steps) > 1 for chain in package.chains):
        others = {chain.request for chain in package.chains if len(chain.steps) > 1}
        yield f"needed for {counted(len(others), 'request')}:"


def _chain_lines(chain: "Chain", placed: "Placed", *, every: bool) -> Iterator[str]:
    for depth, step in enumerate(chain.steps):
        indent = " " * (4 + 3 * depth)
        yield f"{indent}└─ {step.package} ({placed(step.package)})"
        if step.capabilities:
            yield f"{indent}   {_asked(step, every=every)}"


def _asked(step: "Step", *, every: bool) -> str:
    shown = step.capabilities if every else step.capabilities[:_CAPABILITIES]
    left = len(step.capabilities) - len(shown)
    more = f" and {left} more" if left else ""
    return f"{'wanted' if step.weak else 'needed'} as {', '.join(shown)}{more}"


def _document(package: "Explained", placed: "Placed") -> dict[str, object]:
    return {
        "nevra": str(package.nevra),
        "place": str(package.place),
        "requests": list(package.requests),
        "needed_by": [str(nevra) for nevra in package.needed_by],
        "chains": [
            {
                "request": chain.request,
                "steps": [
                    {
                        "nevra": str(step.package),
                        "place": str(placed(step.package)),
                        "capabilities": list(step.capabilities),
                        "weak": step.weak,
                    }
                    for step in chain.steps
                ],
            }
            for chain in package.chains
        ],
    }
