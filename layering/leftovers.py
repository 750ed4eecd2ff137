# SPDX-License-Identifier: LGPL-2.1-or-later
"""Files that tools leave in a tree and that are no part of it: a table with reasons."""

import os
from dataclasses import dataclass
from pathlib import Path

from layering import beneath


@dataclass(frozen=True, slots=True, kw_only=True)
class Leftover:
    """A path below a tree's root, and why it goes."""

    path: str
    reason: str


_BACKUP = "the user database's previous version, kept by the tool that changed it"

LEFTOVERS = (
    Leftover(path="usr/etc/passwd-", reason=_BACKUP),
    Leftover(path="usr/etc/group-", reason=_BACKUP),
    Leftover(path="usr/etc/shadow-", reason=_BACKUP),
    Leftover(path="usr/etc/gshadow-", reason=_BACKUP),
    Leftover(path="usr/etc/subuid-", reason=_BACKUP),
    Leftover(path="usr/etc/subgid-", reason=_BACKUP),
    Leftover(path="usr/etc/.pwd.lock", reason="the lock of the user database"),
    Leftover(path="usr/etc/.updated", reason="a time stamp: systemd decides by it at boot"),
    Leftover(path="usr/etc/ld.so.cache~", reason="ldconfig's unfinished cache"),
)


def remove_leftovers(root: Path) -> None:
    """Removes them below a mounted tree's root."""
    for leftover in LEFTOVERS:
        try:
            with beneath.parent_of(root, leftover.path) as (directory, name):
                os.unlink(name, dir_fd=directory)
        except OSError:  # not there, or not where it could be trusted
            continue
