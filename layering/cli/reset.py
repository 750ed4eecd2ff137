# SPDX-License-Identifier: LGPL-2.1-or-later
"""`overlay reset`."""

import click

from layering.cli.changing import change
from layering.cli.options import (
    Settings,
    change_options,
    install_option,
    repository_options,
    shown_options,
    uninstall_option,
)
from layering.client import Reset


@click.command(epilog="Example: overlay reset --overlays")
@click.option("-l", "--overlays", is_flag=True, help="Drop all requests.")
@click.option("-o", "--overrides", is_flag=True, help="Take all changes to base packages back.")
@install_option
@uninstall_option
@change_options
@repository_options
@shown_options
@click.pass_obj
def reset(settings: Settings, /, *, overlays: bool, overrides: bool, **options: object) -> int:
    """Go back to the base as it came.

    Without -l and -o everything is taken back.
    """
    everything = not (overlays or overrides)
    what = Reset(overlays=overlays or everything, overrides=overrides or everything)
    return change(settings, options, lambda work, how, ask: work.reset(what, how, ask))
