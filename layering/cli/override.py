# SPDX-License-Identifier: LGPL-2.1-or-later
"""`overlay override`: packages of the base removed, replaced, or as the base has them again."""

import click

from layering.cli.changing import change
from layering.cli.options import (
    PairType,
    Settings,
    change_options,
    install_option,
    repository_options,
    shown_options,
    uninstall_option,
)
from layering.overriding import OverrideEdit


@click.group(
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Example: overlay override remove nano",
)
def override() -> None:
    """Remove or replace packages of the base, or reset them."""


@override.command(epilog="Example: overlay override replace jq-1.7.1-5 --remove oniguruma")
@click.argument("specs", nargs=-1, required=True, metavar="SPEC…")
@click.option(
    "--from",
    "source",
    type=PairType("repo=ID", "="),
    metavar="repo=ID",
    help="Take what SPEC names from this repository, newer ones at each upgrade, too.",
)
@click.option("--remove", multiple=True, metavar="PACKAGE", help="Remove from the base, too.")
@install_option
@uninstall_option
@change_options
@repository_options
@shown_options
@click.pass_obj
def replace(
    settings: Settings,
    /,
    *,
    specs: tuple[str, ...],
    source: tuple[str, str] | None,
    remove: tuple[str, ...],
    **options: object,
) -> int:
    """Put other versions in the place of base packages.

    A SPEC is a name, NEVRA, glob, or an RPM file, newer or older than the base's. The version is
    held over upgrades until 'overlay override reset', unless SPEC names none, and --from a
    repository to follow.
    """
    kind, repo_id = source or ("repo", "")
    if kind != "repo" or (source and not repo_id):
        raise click.BadParameter(
            f"'{kind}={repo_id}' is not of the form repo=ID", param_hint="--from"
        )
    edit = OverrideEdit(replace=specs, remove=remove, repo_id=repo_id)
    return change(settings, options, lambda work, how, ask: work.override(edit, how, ask))


@override.command(epilog="Example: overlay override remove nano --install vim")
@click.argument("packages", nargs=-1, required=True, metavar="PACKAGE…")
@click.option("--replace", multiple=True, metavar="SPEC", help="Replace in the base, too.")
@install_option
@uninstall_option
@change_options
@repository_options
@shown_options
@click.pass_obj
def remove(
    settings: Settings,
    /,
    *,
    packages: tuple[str, ...],
    replace: tuple[str, ...],
    **options: object,
) -> int:
    """Leave packages of the base out.

    A PACKAGE is the name or NEVRA of a base package, or a glob. What needs it has to go, too, or
    --install has to bring what provides the same.
    """
    edit = OverrideEdit(remove=packages, replace=replace)
    return change(settings, options, lambda work, how, ask: work.override(edit, how, ask))


@override.command(epilog="Example: overlay override reset --all")
@click.argument("packages", nargs=-1, metavar="PACKAGE…")
@click.option("-a", "--all", "everything", is_flag=True, help="Take all of the base's again.")
@install_option
@uninstall_option
@change_options
@repository_options
@shown_options
@click.pass_obj
def reset(
    settings: Settings, /, *, packages: tuple[str, ...], everything: bool, **options: object
) -> int:
    """Take packages as the base has them again.

    A PACKAGE is the name or NEVRA of an override as 'overlay status' shows it, or a glob. No
    repository is needed.
    """
    if bool(packages) == everything:
        raise click.UsageError("name what to reset, or give --all")
    edit = OverrideEdit(reset=packages, reset_all=everything)
    return change(settings, options, lambda work, how, ask: work.override(edit, how, ask))
