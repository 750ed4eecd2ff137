# SPDX-License-Identifier: LGPL-2.1-or-later
"""`overlay upgrade`."""

import datetime
import sys

import click

from layering import configuration
from layering.cli.changing import change, read_options
from layering.cli.failure import UNCHANGED
from layering.cli.options import (
    Settings,
    change_options,
    install_option,
    repository_options,
    shown_options,
    uninstall_option,
)
from layering.cli.output import show_json
from layering.cli.render import commit_name, table
from layering.cli.session import client
from layering.client import Available
from layering.configuration import AutomaticPolicy
from layering.remotes import Head

_NOTHING = "No upgrade available."


@click.command(epilog="Example: overlay upgrade --check")
@click.option("--check", is_flag=True, help="Only say whether there is a newer base.")
@click.option("--preview", is_flag=True, help="Show all that would change, and stop.")
@click.option(
    "--unattended",
    is_flag=True,
    help="Do what /etc/overlay/overlay.toml says: nothing, check, or stage.",
)
@click.option("--allow-downgrade", is_flag=True, help="Go to an older base, if that is the newest.")
@install_option
@uninstall_option
@change_options
@repository_options
@shown_options
@click.pass_obj
def upgrade(
    settings: Settings,
    /,
    *,
    check: bool,
    preview: bool,
    unattended: bool,
    allow_downgrade: bool,
    **options: object,
) -> int:
    """Go to the newest base, and layer all requests on it.

    Layered packages go to the best version that the repositories have.
    """
    if check + preview + unattended > 1:
        raise click.UsageError("--check, --preview and --unattended exclude each other")
    if unattended:
        match configuration.load().automatic:
            case AutomaticPolicy.NONE:
                if settings.json:
                    show_json({"version": 1, "unchanged": True, "deployment": None})
                elif settings.talks:
                    print(f"Nothing is automatic: {_policy()}.", file=sys.stderr)
                return 0
            case AutomaticPolicy.CHECK:
                check = True
            case AutomaticPolicy.STAGE:
                options["assumeyes"] = True
    if check:
        return _check(settings, options)
    return change(
        settings,
        options,
        lambda work, how, ask: work.upgrade(
            how, ask, allow_downgrade=allow_downgrade, unattended=unattended
        ),
        asks_remote=True,
        preview=preview,
        nothing=_NOTHING,
    )


def _policy() -> str:
    return f'automatic is "none" in {configuration.PATH}'


def _check(settings: Settings, options: dict[str, object]) -> int:
    with client(settings, writable=True) as work:
        available = work.available(read_options(options))
    if settings.json:
        show_json(_document(available))
    else:
        for line in _lines(available):
            print(line)
    return UNCHANGED if available.found is None and options["unchanged_exit_77"] else 0


def _lines(available: Available) -> list[str]:
    if available.older is not None:
        older = commit_name(available.older.commit, available.older.version)
        return [f"{_NOTHING} {available.refspec} went back to {older} of {_time(available.older)}."]
    if available.found is None:
        return [_NOTHING]
    rows = [
        (title, str(available.refspec), commit_name(head.commit, head.version), _time(head))
        for title, head in (("Deployed:", available.current), ("Available:", available.found))
    ]
    return list(table(rows))


def _time(head: Head) -> str:
    return f"{datetime.datetime.fromtimestamp(head.timestamp, tz=datetime.UTC):%Y-%m-%dT%H:%M:%SZ}"


def _document(available: Available) -> dict[str, object]:
    return {
        "version": 1,
        "refspec": str(available.refspec),
        "available": None if available.found is None else _head(available.found),
        "older": None if available.older is None else _head(available.older),
        "current": _head(available.current),
    }


def _head(head: Head) -> dict[str, object]:
    return {"commit": head.commit, "version": head.version, "timestamp": head.timestamp}
