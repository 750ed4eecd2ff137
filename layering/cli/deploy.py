# SPDX-License-Identifier: LGPL-2.1-or-later
"""`overlay deploy`."""

import click

from layering.cli.changing import change
from layering.cli.options import (
    Settings,
    SomeText,
    change_options,
    install_option,
    repository_options,
    shown_options,
    uninstall_option,
)


@click.command(epilog="Example: overlay deploy version=44.20260612.0")
@click.argument("revision", type=SomeText("REV"), metavar="REV")
@click.option("--allow-downgrade", is_flag=True, help="Go to it even if it is older.")
@install_option
@uninstall_option
@change_options
@repository_options
@shown_options
@click.pass_obj
def deploy(
    settings: Settings, /, *, revision: str, allow_downgrade: bool, **options: object
) -> int:
    """Go to one version of the base, and layer all requests on it.

    REV is a version or a commit of the branch: 44.1, version=44.1, a checksum (its first 8 digits
    or more), or revision=CHECKSUM. The base is held there until the next 'overlay upgrade'.
    """
    return change(
        settings,
        options,
        lambda work, how, ask: work.deploy(revision, how, ask, allow_downgrade=allow_downgrade),
        asks_remote=True,
    )
