# SPDX-License-Identifier: LGPL-2.1-or-later
"""What all verbs that make a new tree share: their options as values, the question, the last word.

A reboot that was asked for comes only after something was deployed, as with rpm-ostree: a command
that changes nothing never takes a running system down.
"""

import os
import sys
from collections.abc import Callable
from dataclasses import replace

import click

from layering.allowances import Asked
from layering.cli import reboot
from layering.cli.failure import ERROR, UNCHANGED
from layering.cli.foreseen import NO_RIGHT, foresight_document, foresight_lines
from layering.cli.options import Settings
from layering.cli.output import show_json
from layering.cli.packages import difference_document
from layering.cli.printable import printable
from layering.cli.render import deployed, proposal_lines
from layering.cli.session import client
from layering.cli.showing import Level
from layering.cli.status_json import failures_document
from layering.client import Changed, ChangeOptions, Client, Confirm
from layering.foresight import Foresight
from layering.merged import MergeOptions
from layering.proposal import BaseChange, Proposal
from layering.report import DeploymentReport, report_of
from layering.repositories import RepositoryOptions
from layering.sysroot import Sysroot

Act = Callable[[Client, ChangeOptions, Confirm], Changed]


def change(
    settings: Settings,
    options: dict[str, object],
    act: Act,
    *,
    asks_remote: bool = False,
    preview: bool = False,
    nothing: str = "Nothing to do.",
) -> int:
    """Runs a verb on a client, tells what came of it, and returns the exit status.

    `act` is the verb; one that asks the base's remote writes to the repository in a dry run, too.
    `nothing` is what is said where there is nothing to do.
    """
    if options["reboot"] and options["lock_finalization"]:
        raise click.UsageError(
            "--reboot and --lock-finalization exclude each other: what is locked does not boot"
        )
    if preview:
        options = options | {"dry_run": True}
    wanted = bool(options["dry_run"] and settings.verbose and not preview)
    foresee = wanted and may_import()
    writable = asks_remote or foresee or not options["dry_run"]
    with client(settings, writable=writable, reboots=bool(options["reboot"])) as work:
        how = replace(read_options(options), foresee=foresee)
        changed = act(work, how, _confirm(settings, options, preview=preview))
    if wanted and not (foresee or changed.unchanged):
        changed = replace(changed, foresight=Foresight(untold=NO_RIGHT))
    _tell(settings, changed, nothing)
    if not changed.confirmed:
        return ERROR
    if options["reboot"] and changed.deployment is not None:
        reboot.now(settings)
    return UNCHANGED if changed.unchanged and options["unchanged_exit_77"] else 0


def may_import() -> bool:
    """Returns whether packages can become layers: their files are to have owners."""
    return os.geteuid() == 0


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
        merge=MergeOptions(
            strict=bool(given["strict"]),
            keep_failed=bool(given["keep_failed"]),
            recall=not given["no_memo"],
        ),
        allow=Asked(
            noscripts=texts["noscripts"],
            replacefiles=bool(given["force_replacefiles"]),
            drop_special=bool(given["drop_device_nodes"]),
        ),
        install=texts.get("install", ()),
        uninstall=texts.get("uninstall", ()),
        uninstall_all=bool(given.get("uninstall_all")),
        dry_run=bool(given["dry_run"]),
        download_only=bool(given["download_only"]),
        weak_deps=not given["no_weak_deps"],
        exclude=texts["exclude"],
        lock_finalization=bool(given["lock_finalization"]),
    )


def _confirm(settings: Settings, options: dict[str, object], *, preview: bool) -> Confirm:
    """Returns what shows a proposal, and asks where somebody is there to answer."""
    ask = sys.stdin.isatty() and sys.stderr.isatty()
    ask = ask and not (options["assumeyes"] or options["dry_run"] or settings.json)
    ask = ask and settings.progress is not Level.JSON

    def confirm(proposal: Proposal) -> bool:
        shown = sys.stdout if options["dry_run"] and not settings.json else sys.stderr
        if settings.talks or (shown is sys.stdout and not settings.quiet):
            for line in proposal_lines(proposal, verbose=preview or bool(settings.verbose)):
                print(printable(line), file=shown)
        return click.confirm("Go on?", default=True, err=True) if ask else True

    return confirm


def _tell(settings: Settings, changed: Changed, nothing: str) -> None:
    if settings.json:
        show_json(_document(changed, _report(settings, changed)))
        return
    if changed.foresight is not None and not settings.quiet:
        for line in foresight_lines(changed.foresight):
            print(printable(line))
    if settings.talks:
        print(_last_word(changed, nothing), file=sys.stderr)


def _last_word(changed: Changed, nothing: str) -> str:
    if changed.unchanged:
        return nothing
    if not changed.confirmed:
        return "Nothing was changed."
    if changed.deployment is None:
        return "Nothing was deployed."
    return deployed(changed.deployment)


def _report(settings: Settings, changed: Changed) -> DeploymentReport | None:
    """Returns what there is to say of the tree that was deployed."""
    if changed.deployment is None:
        return None
    return report_of(Sysroot.open(settings.sysroot).repo, changed.deployment)


def _document(changed: Changed, report: DeploymentReport | None) -> dict[str, object]:
    proposal = changed.proposal
    deployment = changed.deployment
    return {
        "version": 1,
        "unchanged": changed.unchanged,
        "base": None if proposal.base is None else _base_document(proposal.base),
        "added": [package.nevra for package in proposal.added],
        "changed": [[old, package.nevra] for old, package in proposal.changed],
        "removed": list(proposal.removed),
        "kept": list(proposal.kept),
        "inactive": list(proposal.inactive),
        "returning": list(proposal.returning),
        "overrides": {
            "removed": list(proposal.overridden.removed),
            "replaced": [[each.old, each.package.nevra] for each in proposal.overridden.replaced],
            "restored": list(proposal.overridden.restored),
            "inactive": list(proposal.overridden.resting),
        },
        "allowances": {k: list(names) for k, names in proposal.allowances.to_dict().items()},
        "download_size": proposal.download_size,
        **({"triggers": foresight_document(changed.foresight)} if changed.foresight else {}),
        "deployment": None if deployment is None else deployment.id,
        "checksum": None if deployment is None else deployment.checksum,
        "staged": deployment is not None and deployment.staged,
        "locked": deployment is not None and deployment.locked,
        "warnings": [*(report.warnings if report else ()), *changed.warnings],
        "failures": failures_document(report) if report else [],
    }


def _base_document(base: BaseChange) -> dict[str, object]:
    return {
        "from": {
            "refspec": base.refspec_before,
            "commit": base.commit_before,
            "version": base.version_before,
        },
        "to": {
            "refspec": base.refspec_after,
            "commit": base.commit_after,
            "version": base.version_after,
        },
        "packages": difference_document(base.packages),
    }
