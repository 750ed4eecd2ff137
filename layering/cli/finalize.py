# SPDX-License-Identifier: LGPL-2.1-or-later
"""`overlay finalize`."""

import sys

import click

from layering.cli import reboot as rebooting
from layering.cli.options import Settings, reboot_option, shown_options
from layering.cli.output import show_json
from layering.cli.session import client


@click.command(epilog="Example: overlay finalize --reboot")
@reboot_option
@shown_options
@click.pass_obj
def finalize(settings: Settings, /, *, reboot: bool) -> int:
    """Let a staged deployment that is locked take effect.

    It is put into the boot order at the next shutdown.
    """
    with client(settings, writable=True, reboots=reboot) as work:
        deployment = work.finalize()
    if settings.json:
        show_json({"version": 1, "deployment": deployment.id, "checksum": deployment.checksum})
    elif settings.talks:
        print(f"{deployment.id} is finalized at the next shutdown.", file=sys.stderr)
    if reboot:
        rebooting.now(settings)
    return 0
