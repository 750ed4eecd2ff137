# SPDX-License-Identifier: LGPL-2.1-or-later
"""`overlay install` and `overlay uninstall`."""

import sys
from collections.abc import Callable

import click

from layering.cli.failure import ERROR, UNCHANGED
from layering.cli.options import Settings, change_options, repository_options, shown_options
from layering.cli.output import show_json
from layering.cli.render import proposal_lines
from layering.cli.session import client
from layering.client import Changed, ChangeOptions
from layering.merged import MergeOptions
from layering.progress import Level
from layering.proposal import Proposal
from layering.resolution import RepositoryOptions


@click.command(epilog="Example: overlay install strace /usr/bin/htop ./local.rpm")
@click.argument("specs", nargs=-1, required=True, metavar="SPEC…")
@change_options
@repository_options
@shown_options
@click.pass_obj
def install(settings: Settings, /, *, specs: tuple[str, ...], **options: object) -> int:
    """Layer packages, and what they need.

    A SPEC is a name, NEVRA, provide, file path, glob, @group, or an RPM file.
    """
    with client(settings, writable=not options["dry_run"]) as work:
        changed = work.install(specs, read_options(options), _confirm(settings, options))
    return _tell(settings, options, changed)


@click.command(epilog="Example: overlay uninstall strace")
@click.argument("specs", nargs=-1, metavar="SPEC…")
@click.option("--all", "everything", is_flag=True, help="Take all layers away.")
@change_options
@repository_options
@shown_options
@click.pass_obj
def uninstall(
    settings: Settings, /, *, specs: tuple[str, ...], everything: bool, **options: object
) -> int:
    """Drop requests, and what only they needed.

    A SPEC is a request as 'overlay status' shows it, a glob, or the name of the package that it
    led to. No repository is needed.
    """
    if bool(specs) == everything:
        raise click.UsageError("name what to uninstall, or give --all")
    with client(settings, writable=not options["dry_run"]) as work:
        changed = work.uninstall(
            specs,
            read_options(options),
            _confirm(settings, options),
            everything=everything,
        )
    return _tell(settings, options, changed)


def read_options(given: dict[str, object]) -> ChangeOptions:
    """Returns the options of a changing verb, as click gives them, as values of our own."""
    texts = {name: value for name, value in given.items() if isinstance(value, tuple)}
    releasever = given["releasever"]
    return ChangeOptions(
        repositories=RepositoryOptions(
            enable=texts["enablerepo"],
            disable=texts["disablerepo"],
            from_path=texts["repofrompath"],
            setopts=texts["setopt"],
            cache_only=bool(given["cache_only"]),
            releasever=None if releasever is None else str(releasever),
        ),
        merge=MergeOptions(noscripts=frozenset(texts["noscripts"]), strict=bool(given["strict"])),
        dry_run=bool(given["dry_run"]),
        download_only=bool(given["download_only"]),
        weak_deps=not given["no_weak_deps"],
        exclude=texts["exclude"],
    )


def _confirm(settings: Settings, options: dict[str, object]) -> Callable[[Proposal], bool]:
    """Returns what shows a proposal, and asks where somebody is there to answer."""
    ask = sys.stdin.isatty() and sys.stderr.isatty()
    ask = ask and not (options["assumeyes"] or options["dry_run"] or settings.json)
    ask = ask and settings.progress is not Level.JSON

    def confirm(proposal: Proposal) -> bool:
        shown = sys.stdout if options["dry_run"] and not settings.json else sys.stderr
        if settings.talks or (shown is sys.stdout and not settings.quiet):
            for line in proposal_lines(proposal):
                print(line, file=shown)
        return click.confirm("Go on?", default=True, err=True) if ask else True

    return confirm


def _tell(settings: Settings, options: dict[str, object], changed: Changed) -> int:
    if settings.json:
        show_json(_document(changed))
    elif settings.talks:
        print(_last_word(changed), file=sys.stderr)
    if not changed.confirmed:
        return ERROR
    return UNCHANGED if changed.unchanged and options["unchanged_exit_77"] else 0


def _last_word(changed: Changed) -> str:
    if changed.unchanged:
        return "Nothing to do."
    if not changed.confirmed:
        return "Nothing was changed."
    if changed.deployment is None:
        return "Nothing was deployed."
    how = "staged for" if changed.deployment.staged else "deployed for"
    return f"{changed.deployment.id} is {how} the next boot."


def _document(changed: Changed) -> dict[str, object]:
    proposal = changed.proposal
    deployment = changed.deployment
    return {
        "version": 1,
        "unchanged": changed.unchanged,
        "added": [package.nevra for package in proposal.added],
        "changed": [[old, package.nevra] for old, package in proposal.changed],
        "removed": list(proposal.removed),
        "kept": list(proposal.kept),
        "inactive": list(proposal.inactive),
        "download_size": proposal.download_size,
        "deployment": None if deployment is None else deployment.id,
        "checksum": None if deployment is None else deployment.checksum,
    }
