# SPDX-License-Identifier: LGPL-2.1-or-later
"""The command line: the only place that prints, asks and decides exit statuses.

Each verb lives in a module of its own, imported when it is asked for: what only one verb needs, all
others start without.
"""

import gc
import importlib
import os
import signal
import sys
from pathlib import Path
from typing import NoReturn

import click

from layering import __version__
from layering.cli.failure import exit_status
from layering.cli.options import Settings
from layering.cli.showing import Level

# In the order in which help lists them.
VERBS = {
    "install": "install",
    "uninstall": "install",
    "override": "override",
    "upgrade": "upgrade",
    "rebase": "rebase",
    "deploy": "deploy",
    "rollback": "rollback",
    "reset": "reset",
    "pin": "pin",
    "unpin": "pin",
    "cleanup": "cleanup",
    "finalize": "finalize",
    "status": "status",
    "search": "search",
    "info": "info",
    "list": "listing",
    "provides": "provides",
    "why": "why",
    "tree": "tree",
    "refresh-md": "refresh",
    "diff": "diff",
    "triggers": "triggers",
    "verify": "verify",
    "shell": "shell",
    "kargs": "kargs",
    "compose": "compose",
}
ALIASES = {"remove": "uninstall", "update": "upgrade"}


class Verbs(click.Group):
    """A group whose commands are imported when they are asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Returns the verbs in the order of the table."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Returns a verb's command, or None if there is no such verb."""
        verb = ALIASES.get(cmd_name, cmd_name)
        if verb not in VERBS:
            return None
        # Importing makes objects that stay; looking through them for garbage takes 40 ms.
        gc.disable()
        module = importlib.import_module(f"layering.cli.{VERBS[verb]}")
        gc.freeze()
        gc.enable()
        command: click.Command = getattr(module, verb.replace("-", "_"))
        return command


@click.group(
    cls=Verbs,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Example: overlay install strace",
)
@click.option(
    "--sysroot",
    type=click.Path(path_type=Path),
    default=Path("/"),
    show_default=True,
    help="The OSTree sysroot to work on.",
)
@click.option("--stateroot", metavar="NAME", help="The stateroot, where the sysroot has several.")
@click.option("-v", "--verbose", count=True, help="Say more; -vv shows tracebacks.")
@click.option("-q", "--quiet", is_flag=True, help="Say only warnings and errors.")
@click.option("--json", "as_json", is_flag=True, help="Data on stdout as one JSON document.")
@click.option(
    "--progress",
    type=click.Choice([str(level) for level in Level]),
    default=str(Level.AUTO),
    show_default=True,
    help="How progress is shown on stderr.",
)
@click.option(
    "--color",
    type=click.Choice(["auto", "always", "never"]),
    default="auto",
    show_default=True,
    help="Colour on a terminal; NO_COLOR is honoured.",
)
@click.version_option(prog_name="overlay", version=__version__)
@click.pass_context
def overlay(
    ctx: click.Context,
    *,
    sysroot: Path,
    stateroot: str | None,
    verbose: int,
    quiet: bool,
    as_json: bool,
    progress: str,
    color: str,
) -> None:
    """Adds RPM packages to an image-based system, and takes them away again, atomically."""
    ctx.obj = Settings(
        sysroot=sysroot.absolute(),
        stateroot=stateroot,
        verbose=verbose,
        quiet=quiet,
        json=as_json,
        progress=Level(progress),
        color=None if color == "auto" else color == "always",
    )


def main(arguments: list[str] | None = None) -> int:
    """Runs the command line and returns the exit status."""
    os.umask(0o022)  # what scripts find was made by this process: the caller's may not show
    return exit_status(overlay, arguments)


def run() -> NoReturn:
    """Runs the command line as a program of its own: the console script.

    Whatever holds a lock, a mount or a directory has given it back by now. The destructors of
    libdnf5, GLib and librpm, which would take 90 ms more, have nothing left to do.
    """
    # What systemd and kill(1) send ends a run as Ctrl-C does, and is held up where that is.
    signal.signal(signal.SIGTERM, lambda number, frame: signal.raise_signal(signal.SIGINT))
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by whoever started us
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123, SIM115
    status = main()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            status = status or 1
    os._exit(status)
