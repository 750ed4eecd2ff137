# SPDX-License-Identifier: LGPL-2.1-or-later
"""Opening what a verb works on, as the options say."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from layering.cli import reboot
from layering.cli.options import Settings
from layering.cli.output import shown_progress
from layering.deployed import Deployed
from layering.sysroot import Sysroot

if TYPE_CHECKING:
    from layering.client import Client


@contextmanager
def client(settings: Settings, *, writable: bool, reboots: bool = False) -> "Iterator[Client]":
    """Gives a client for the sysroot, and its progress a place on the terminal.

    With `reboots` a sysroot that is not the running system's is a usage error.
    """
    # libdnf5 costs 100 ms, which verbs that only look do not pay.
    from layering.client import Client

    sysroot = Sysroot.open(settings.sysroot, writable=writable)
    if reboots:
        reboot.refuse_elsewhere(sysroot, settings)
    with shown_progress(settings) as report:
        cache = cache_directory(sysroot, settings.stateroot)
        log = log_directory(sysroot, settings.stateroot)
        yield Client(sysroot, settings.stateroot, cache, report, log_dir=log)


def cache_directory(sysroot: Deployed, stateroot: str | None) -> Path:
    """Returns where metadata and packages are kept: `/var/cache/overlay` of the host worked on."""
    given = os.environ.get("OVERLAY_CACHE_DIR")
    if given:
        return Path(given).absolute()
    name = sysroot.chosen_stateroot(stateroot)
    if _is_running(sysroot, name):
        return Path("/var/cache/overlay")  # the same, and writable, as the sysroot is not
    return sysroot.path / "ostree" / "deploy" / name / "var" / "cache" / "overlay"


def log_directory(sysroot: Deployed, stateroot: str | None) -> Path:
    """Returns where what scripts wrote is kept: on the running system with its other logs."""
    given = os.environ.get("OVERLAY_CACHE_DIR")
    if not given and _is_running(sysroot, sysroot.chosen_stateroot(stateroot)):
        return Path("/var/log/overlay")
    return cache_directory(sysroot, stateroot) / "log"


def _is_running(sysroot: Deployed, stateroot: str) -> bool:
    return any(each.booted and each.stateroot == stateroot for each in sysroot.deployments)
