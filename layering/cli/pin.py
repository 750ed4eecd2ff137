# SPDX-License-Identifier: LGPL-2.1-or-later
"""`overlay pin` and `overlay unpin`."""

import sys

import click

from layering.cli.options import Settings, shown_options
from layering.cli.output import show_json
from layering.cli.session import client


@click.command(epilog="Example: overlay pin 0")
@click.argument("number", metavar="N", type=int)
@shown_options
@click.pass_obj
def pin(settings: Settings, /, *, number: int) -> int:
    """Keep a deployment: nothing drops it until it is unpinned.

    N is its number in 'overlay status'.
    """
    return _set(settings, number, pinned=True)


@click.command(epilog="Example: overlay unpin 2")
@click.argument("number", metavar="N", type=int)
@shown_options
@click.pass_obj
def unpin(settings: Settings, /, *, number: int) -> int:
    """Keep a deployment no longer than others.

    N is its number in 'overlay status'.
    """
    return _set(settings, number, pinned=False)


def _set(settings: Settings, number: int, *, pinned: bool) -> int:
    with client(settings, writable=True) as work:
        deployment = work.pin(number, pinned=pinned)
    if settings.json:
        document: dict[str, object] = {"version": 1, "deployment": deployment.id}
        show_json(document | {"checksum": deployment.checksum, "pinned": deployment.pinned})
    elif settings.talks:
        how = "pinned" if deployment.pinned else "not pinned"
        print(f"{deployment.id} is {how}.", file=sys.stderr)
    return 0
