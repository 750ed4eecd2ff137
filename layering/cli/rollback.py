# SPDX-License-Identifier: LGPL-2.1-or-later
"""`overlay rollback`."""

import sys

import click

from layering.cli import reboot as rebooting
from layering.cli.options import Settings, reboot_option, shown_options
from layering.cli.output import show_json
from layering.cli.session import client


@click.command(epilog="Example: overlay rollback --reboot")
@reboot_option
@shown_options
@click.pass_obj
def rollback(settings: Settings, /, *, reboot: bool) -> int:
    """Boot the previous deployment next; again, to come back."""
    with client(settings, writable=True, reboots=reboot) as work:
        deployment = work.rollback()
    if settings.json:
        show_json({"version": 1, "deployment": deployment.id, "checksum": deployment.checksum})
    elif settings.talks:
        version = f" ({deployment.version})" if deployment.version else ""
        print(f"{deployment.id}{version} is what boots next.", file=sys.stderr)
    if reboot:
        rebooting.now(settings)
    return 0
