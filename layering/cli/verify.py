# SPDX-License-Identifier: LGPL-2.1-or-later
"""`overlay verify`: whether a tree is what its own metadata makes of it."""

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from layering.cli.failure import ERROR
from layering.cli.options import Settings, shown_options
from layering.cli.output import show_json, shown_progress
from layering.cli.printable import printable
from layering.cli.render import commit_name, counted
from layering.cli.session import cache_directory
from layering.dirtree import ChangeKind
from layering.sysroot import Sysroot
from layering.sysroot_errors import NotRootError

if TYPE_CHECKING:
    from layering.memojudge import Rerun
    from layering.verifying import PathDifference, Verified

_STATES = {
    "same": "same",
    "differs": "differs",
    "unknown": "not remembered",
    "not-kept": "never remembered",
}
_MARKS = {
    ChangeKind.ADDED: "+",
    ChangeKind.REMOVED: "-",
    ChangeKind.MODIFIED: "M",
    ChangeKind.METADATA: "m",
}
_SHOWN = 20  # paths of one list, unless more is asked for


@click.command(epilog="Example: overlay verify --triggers 0")
@click.argument("revision", metavar="[REV]", required=False)
@click.option("--triggers", is_flag=True, help="Run all scripts again, and use no earlier result.")
@shown_options
@click.pass_obj
def verify(settings: Settings, /, *, revision: str | None, triggers: bool) -> int:
    """Make a tree once more, and compare it with what is there.

    REV is a deployment by number, a commit or a ref; without one it is the pending deployment. Its
    layers, overrides and settings are those that its commit records. Each result of a trigger is
    compared with what is remembered of it, and the whole tree with the deployed one. Nothing is
    deployed or kept. Only root can do it. The exit status is 1 if anything differs.
    """
    if not triggers:
        raise click.UsageError("say what to verify: --triggers")
    if os.geteuid() != 0:
        raise NotRootError("making a tree once more", settings.sysroot)
    from layering.verifying import verified

    sysroot = Sysroot.open(settings.sysroot, writable=True)
    cache = cache_directory(sysroot, settings.stateroot)
    with shown_progress(settings) as report, sysroot.lock(report):
        found = verified(sysroot, settings.stateroot, revision, cache, report)
    if settings.json:
        show_json(_document(found))
    else:
        for line in _lines(found, every=bool(settings.verbose)):
            print(printable(line))
    return 0 if found.as_remembered else ERROR


def _lines(found: "Verified", *, every: bool) -> Iterator[str]:
    yield f"Tree {commit_name(found.commit, found.version)}: {counted(found.layers, 'layer')}"
    for script in found.scripts:
        yield from _script(script, every=every)
    yield from _shown([_path(each) for each in found.paths], every=every)
    if found.paths:
        yield f"Not as deployed: {counted(len(found.paths), 'path')}"
    elif found.as_remembered:
        yield "As remembered."
    else:
        yield "As deployed, and not as remembered."


def _script(script: "Rerun", *, every: bool) -> Iterator[str]:
    why = f": {script.why}" if script.why else ""
    yield f"  {_STATES[script.state]:<{max(map(len, _STATES.values()))}}  {script.label}{why}"
    yield from _shown([f"    {path}" for path in script.paths], every=every)


def _path(each: "PathDifference") -> str:
    by = f" ({', '.join(each.writers)})" if each.writers else ""
    return f"  {_MARKS[each.kind]}  {each.path}{by}"


def _shown(lines: list[str], *, every: bool) -> Iterator[str]:
    yield from lines if every else lines[:_SHOWN]
    if not every and len(lines) > _SHOWN:
        yield f"    … and {len(lines) - _SHOWN} more; -v shows all"


def _document(found: "Verified") -> dict[str, object]:
    return {
        "version": 1,
        "checksum": found.commit,
        "as_remembered": found.as_remembered,
        "scripts": [
            {
                "label": each.label,
                "state": str(each.state),
                "why": each.why,
                "paths": list(each.paths),
            }
            for each in found.scripts
        ],
        "paths": [
            {"path": each.path, "kind": str(each.kind), "writers": list(each.writers)}
            for each in found.paths
        ],
    }
