# SPDX-License-Identifier: LGPL-2.1-or-later
"""`overlay install` and `overlay uninstall`."""

import click

from layering.allowances import NEW
from layering.cli.changing import change
from layering.cli.options import (
    Settings,
    change_options,
    install_option,
    repository_options,
    shown_options,
    swallowed,
    uninstall_option,
)


@click.command(epilog="Example: overlay install strace /usr/bin/htop ./local.rpm")
@click.argument("specs", nargs=-1, metavar="SPEC…")
@uninstall_option
@change_options
@repository_options
@shown_options
@click.pass_obj
def install(settings: Settings, /, *, specs: tuple[str, ...], **options: object) -> int:
    """Layer packages, and what they need.

    A SPEC is a name, NEVRA, provide, file path, glob, @group, or an RPM file.
    """
    if not specs:
        taken = [word for word in options["noscripts"] if word != NEW]  # type: ignore[attr-defined]
        raise swallowed(taken[-1]) if taken else click.UsageError("missing argument 'SPEC…'")
    return change(settings, options, lambda work, how, ask: work.install(specs, how, ask))


@click.command(epilog="Example: overlay uninstall strace")
@click.argument("specs", nargs=-1, metavar="SPEC…")
@click.option("--all", "everything", is_flag=True, help="Take all layers away.")
@install_option
@change_options
@repository_options
@shown_options
@click.pass_obj
def uninstall(
    settings: Settings, /, *, specs: tuple[str, ...], everything: bool, **options: object
) -> int:
    """Drop requests, and what only they needed.

    A SPEC is a request as 'overlay status' shows it, a glob, or the name of the package that it
    led to. No repository is needed, but for what --install adds.
    """
    if bool(specs) == everything:
        raise click.UsageError("name what to uninstall, or give --all")
    return change(
        settings,
        options,
        lambda work, how, ask: work.uninstall(specs, how, ask, everything=everything),
    )
