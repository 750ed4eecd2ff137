# SPDX-License-Identifier: LGPL-2.1-or-later
"""`overlay shell`."""

import os
import sys

import click

from layering.cli.options import Settings, shown_options
from layering.errors import SysrootError
from layering.sysroot import Sysroot
from layering.sysroot_errors import NotRootError

_LAST = 0
_COMMAND = "overlay.command"


class _WithCommand(click.Command):
    """A command behind whose `--` stands another one."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Takes the other one away before click looks at the words."""
        at = args.index("--") if "--" in args else len(args)
        ctx.meta[_COMMAND] = tuple(args[at + 1 :])
        return super().parse_args(ctx, args[:at])

    def format_usage(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Writes the usage, with the other one."""
        formatter.write_usage(ctx.command_path, "[OPTIONS] [REV] [-- COMMAND…]")


@click.command(
    cls=_WithCommand, epilog="Example: overlay shell 1 -- rpm -qa; overlay shell failed --replay"
)
@click.argument("revision", metavar="[REV]", required=False)
@click.option(
    "--replay",
    type=int,
    is_flag=False,
    flag_value=_LAST,
    metavar="[N]",
    help="Run the script that failed again, the last one or the Nth.",
)
@shown_options
@click.pass_context
def shell(ctx: click.Context, /, *, revision: str | None, replay: int | None) -> int:
    """Look around in a tree, in the sandbox that its scripts ran in.

    REV is a deployment by number, a commit, a ref, or 'failed' for the tree that --keep-failed
    kept; without one it is the pending deployment. All that is changed inside is thrown away at the
    end. The exit status is the command's.
    """
    settings: Settings = ctx.obj
    command: tuple[str, ...] = ctx.meta[_COMMAND]
    if command and replay is not None:
        raise click.UsageError("--replay runs a script: no other command")
    if os.geteuid() != 0:
        raise NotRootError("entering a tree", settings.sysroot)
    from layering.entering import entered

    sysroot = Sysroot.open(settings.sysroot, writable=True)
    commit = _commit(sysroot, settings, revision)
    with entered(sysroot.repo, commit) as tree:
        if replay is not None:
            failure = tree.failure(replay or None)
            if failure.missing:
                print(f"warning: too much to be kept: {failure.missing}", file=sys.stderr)
            return tree.replay(failure)
        terminal = sys.stdin.isatty() and sys.stdout.isatty()
        if settings.talks and terminal:
            print(f"In the tree of {commit[:12]}; changes are thrown away.", file=sys.stderr)
        return tree.shell(command, terminal=terminal)


def _commit(sysroot: Sysroot, settings: Settings, revision: str | None) -> str:
    if revision is not None:
        return sysroot.commit_named(revision)
    name = sysroot.chosen_stateroot(settings.stateroot)
    pending = sysroot.pending_deployment(name)
    if pending is None:
        raise SysrootError(f"nothing is deployed in stateroot {name}: sysroot {sysroot.path}")
    return pending.checksum
