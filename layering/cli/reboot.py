# SPDX-License-Identifier: LGPL-2.1-or-later
"""`--reboot`: into what was deployed, of the running system alone."""

import sys

import click

from layering.cli.options import Settings
from layering.sysroot import Sysroot


def refuse_elsewhere(sysroot: Sysroot, settings: Settings) -> None:
    """Raises a usage error unless the sysroot is that of the running system."""
    if not sysroot.is_booted:
        raise click.UsageError(f"--reboot: {settings.sysroot} is not the running system")


def now(settings: Settings) -> None:
    """Reboots."""
    from layering.systemd import reboot

    if settings.talks:
        print("Rebooting.", file=sys.stderr)
    reboot()
