# SPDX-License-Identifier: LGPL-2.1-or-later
"""`overlay cleanup`."""

import sys
from collections.abc import Iterator

import click

from layering.cleaning import Cleaned, CleanUp
from layering.cli.options import Settings, shown_options
from layering.cli.output import show_json
from layering.cli.render import counted, size
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
    help="Drop layers, trees and branches that no deployment uses, and prune.",
)
@shown_options
@click.pass_obj
def cleanup(
    settings: Settings, /, *, pending: bool, rollback: bool, metadata: bool, cache: bool
) -> int:
    """Remove what is no longer needed.

    What interrupted runs left behind goes in any case, and so does the tree that --keep-failed
    kept.
    """
    what = CleanUp(pending=pending, rollback=rollback, metadata=metadata, cache=cache)
    with client(settings, writable=True) as work:
        cleaned = work.clean_up(what)
    if settings.json:
        show_json(_document(cleaned))
    elif settings.talks:
        for line in _lines(cleaned, pruned=cache) if cleaned else ["Nothing to clean up."]:
            print(line, file=sys.stderr)
    return 0


def _document(cleaned: Cleaned) -> dict[str, object]:
    return {
        "version": 1,
        "deployments": list(cleaned.deployments),
        "refs": list(cleaned.refs),
        "memos": list(cleaned.memos),
        "branches": list(cleaned.branches),
        "databases": list(cleaned.databases),
        "leftovers": list(cleaned.leftovers),
        "metadata": cleaned.metadata,
        "pruned": {"objects": cleaned.objects, "bytes": cleaned.size},
    }


def _lines(cleaned: Cleaned, *, pruned: bool) -> Iterator[str]:
    for line in (*cleaned.deployments, *cleaned.leftovers):
        yield f"removed {line}"
    if cleaned.refs:
        yield f"removed {len(cleaned.refs)} unused layers and trees"
    if cleaned.memos:
        yield f"forgot {counted(len(cleaned.memos), 'result')} of scripts"
    if cleaned.branches:
        noun = "branch" if len(cleaned.branches) == 1 else "branches"
        yield f"removed {len(cleaned.branches)} {noun} that nothing follows"
    if cleaned.databases:
        noun = "package database" if len(cleaned.databases) == 1 else "package databases"
        yield f"removed {len(cleaned.databases)} cached {noun} of unused bases"
    if cleaned.metadata:
        yield "removed cached metadata and packages"
    if pruned and cleaned.objects:
        yield f"pruned {counted(cleaned.objects, 'object')} ({size(cleaned.size)})"
