# SPDX-License-Identifier: LGPL-2.1-or-later
"""`overlay rebase`."""

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


@click.command(epilog="Example: overlay rebase fedora:fedora/44/x86_64/silverblue")
@click.argument("refspec", type=SomeText("REFSPEC"))
@click.option(
    "--revision",
    type=SomeText("REV"),
    metavar="REV",
    help="Hold the base at this version or commit (8 digits or more) of the branch.",
)
@click.option("--allow-downgrade", is_flag=True, help="Go to an older commit of the same branch.")
@install_option
@uninstall_option
@click.option("--uninstall-all", is_flag=True, help="Drop all requests.")
@change_options
@repository_options
@shown_options
@click.pass_obj
def rebase(
    settings: Settings,
    /,
    *,
    refspec: str,
    revision: str | None,
    allow_downgrade: bool,
    **options: object,
) -> int:
    """Go to another branch, and layer all requests on it.

    REFSPEC is [REMOTE:]BRANCH. BRANCH alone stays with the remote, and REMOTE: with the branch.
    """
    return change(
        settings,
        options,
        lambda work, how, ask: work.rebase(
            refspec, how, ask, revision=revision, allow_downgrade=allow_downgrade
        ),
        asks_remote=True,
    )
