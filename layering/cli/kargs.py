# SPDX-License-Identifier: LGPL-2.1-or-later
"""`overlay kargs`."""

import sys

import click

from layering.cli import reboot as rebooting
from layering.cli.failure import UNCHANGED
from layering.cli.options import Settings, deployment_options, shown_options
from layering.cli.output import show_json
from layering.cli.render import deployed
from layering.cli.session import client
from layering.deployments import Deployment
from layering.errors import SysrootError
from layering.kargs import EditKind, KargEdit
from layering.sysroot import Sysroot

# In this order, whatever the order on the command line, as with rpm-ostree: what goes makes place
# for what comes.
_ORDER = (
    EditKind.DELETE,
    EditKind.DELETE_IF_PRESENT,
    EditKind.REPLACE,
    EditKind.APPEND,
    EditKind.APPEND_IF_MISSING,
)


@click.command(epilog="Example: overlay kargs --append console=ttyS0 --delete quiet")
@click.option("--append", multiple=True, metavar="KEY[=VALUE]", help="Add an argument.")
@click.option(
    "--append-if-missing",
    multiple=True,
    metavar="KEY[=VALUE]",
    help="Add an argument unless it is there.",
)
@click.option(
    "--delete",
    multiple=True,
    metavar="KEY[=VALUE]",
    help="Take an argument away; its name is enough if it is there once.",
)
@click.option(
    "--delete-if-present",
    multiple=True,
    metavar="KEY[=VALUE]",
    help="Take an argument away if it is there.",
)
@click.option(
    "--replace",
    multiple=True,
    metavar="KEY=VALUE[=NEW]",
    help="Give an argument another value: its only one, or NEW in place of VALUE.",
)
@click.option(
    "--deploy-index",
    metavar="N",
    type=int,
    help="Show those of deployment N, by its number in 'overlay status'.",
)
@deployment_options
@shown_options
@click.pass_obj
def kargs(
    settings: Settings,
    /,
    *,
    deploy_index: int | None,
    reboot: bool,
    lock_finalization: bool,
    unchanged_exit_77: bool,
    **texts: tuple[str, ...],
) -> int:
    """Show or change the kernel arguments.

    Without an edit those of the next boot are shown. With edits the same tree is deployed again;
    deletions come first, then replacements, then additions. A value with spaces stands in double
    quotes: --append 'dyndbg="file x +p"'.
    """
    edits = [KargEdit(kind=kind, text=text) for kind in _ORDER for text in texts[_parameter(kind)]]
    if not edits:
        return _show(settings, deploy_index)
    if deploy_index is not None:
        raise click.UsageError("--deploy-index shows arguments: edits are of the next boot's")
    if reboot and lock_finalization:
        raise click.UsageError(
            "--reboot and --lock-finalization exclude each other: what is locked does not boot"
        )
    with client(settings, writable=True, reboots=reboot) as work:
        changed = work.change_kargs(edits, lock_finalization=lock_finalization)
    deployment = changed.deployment
    if settings.json:
        document: dict[str, object] = {"version": 1, "unchanged": deployment is None}
        document |= {"before": list(changed.before), "after": list(changed.after)}
        document |= {"deployment": None if deployment is None else deployment.id}
        document |= {"warnings": list(changed.warnings)}
        show_json(document)
    elif settings.talks:
        if deployment is not None:
            # Where the tree is libostree says anew for each deployment.
            shown = " ".join(text for text in changed.after if not text.startswith("ostree="))
            print(f"Kernel arguments: {shown}", file=sys.stderr)
        print("Nothing to do." if deployment is None else deployed(deployment), file=sys.stderr)
    if deployment is None:
        return UNCHANGED if unchanged_exit_77 else 0
    if reboot:
        rebooting.now(settings)
    return 0


def _parameter(kind: EditKind) -> str:
    return str(kind).replace("-", "_")


def _show(settings: Settings, index: int | None) -> int:
    deployment = _shown(Sysroot.open(settings.sysroot), settings.stateroot, index)
    if settings.json:
        document: dict[str, object] = {"version": 1, "deployment": deployment.id}
        show_json(document | {"kargs": list(deployment.kargs)})
    else:
        print(" ".join(deployment.kargs))
    return 0


def _shown(sysroot: Sysroot, stateroot: str | None, index: int | None) -> Deployment:
    if index is not None:
        return sysroot.at_index(index)
    name = sysroot.chosen_stateroot(stateroot)
    pending = sysroot.pending_deployment(name)
    if pending is None:
        raise SysrootError(f"nothing is deployed in stateroot {name}: sysroot {sysroot.path}")
    return pending
