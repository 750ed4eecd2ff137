# SPDX-License-Identifier: LGPL-2.1-or-later
"""`overlay cleanup`."""

import sys

import click

from layering.cleaning import CleanUp
from layering.cli.options import Settings, shown_options
from layering.cli.output import show_json
from layering.cli.session import client


@click.command(epilog="Example: overlay cleanup --rollback --cache")
@click.option("-p", "--pending", is_flag=True, help="Drop the pending deployment.")
@click.option("-r", "--rollback", is_flag=True, help="Drop the rollback deployment.")
@click.option("-m", "--repomd", "metadata", is_flag=True, help="Drop cached metadata and packages.")
@click.option(
    "-b",
    "--base",
    "--cache",
    "cache",
    is_flag=True,
    help="Drop layers, bases and trees that no deployment uses, and prune.",
)
@shown_options
@click.pass_obj
def cleanup(
    settings: Settings, /, *, pending: bool, rollback: bool, metadata: bool, cache: bool
) -> int:
    """Remove what is no longer needed.

    What interrupted runs left behind goes in any case.
    """
    what = CleanUp(pending=pending, rollback=rollback, metadata=metadata, cache=cache)
    with client(settings, writable=True) as work:
        cleaned = work.clean_up(what)
    if settings.json:
        document: dict[str, object] = {"version": 1, "deployments": list(cleaned.deployments)}
        document |= {"refs": list(cleaned.refs), "leftovers": list(cleaned.leftovers)}
        show_json(document | {"metadata": cleaned.metadata})
    elif settings.talks:
        for line in [*cleaned.deployments, *cleaned.leftovers]:
            print(f"removed {line}", file=sys.stderr)
        if cleaned.refs:
            print(f"removed {len(cleaned.refs)} unused layers and trees", file=sys.stderr)
        if cleaned.metadata:
            print("removed cached metadata and packages", file=sys.stderr)
        if not (cleaned.deployments or cleaned.leftovers or cleaned.refs or cleaned.metadata):
            print("Nothing to clean up.", file=sys.stderr)
    return 0
