# SPDX-License-Identifier: LGPL-2.1-or-later
"""`overlay rollback`."""

import sys

import click

from layering.cli.options import Settings, shown_options
from layering.cli.output import show_json
from layering.cli.session import client


@click.command(epilog="Example: overlay rollback")
@shown_options
@click.pass_obj
def rollback(settings: Settings) -> int:
    """Boot the previous deployment next; again, to come back."""
    with client(settings, writable=True) as work:
        deployment = work.rollback()
    if settings.json:
        show_json({"version": 1, "deployment": deployment.id, "checksum": deployment.checksum})
    elif settings.talks:
        print(f"{deployment.id} is what boots next.", file=sys.stderr)
    return 0
