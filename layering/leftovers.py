# SPDX-License-Identifier: LGPL-2.1-or-later
"""Files that tools leave in a tree and that are no part of it: a table with reasons."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from layering import beneath


@dataclass(frozen=True, slots=True, kw_only=True)
class Leftover:
    """A path below a tree's root, and why it goes; `*` is any name."""

    path: str
    reason: str


_LOCK = "a lock of the store that SELinux policies are made from"
_BACKUP = "the user database's previous version, kept by the tool that changed it"

LEFTOVERS = (
    Leftover(path="usr/etc/passwd-", reason=_BACKUP),
    Leftover(path="usr/etc/group-", reason=_BACKUP),
    Leftover(path="usr/etc/shadow-", reason=_BACKUP),
    Leftover(path="usr/etc/gshadow-", reason=_BACKUP),
    Leftover(path="usr/etc/subuid-", reason=_BACKUP),
    Leftover(path="usr/etc/subgid-", reason=_BACKUP),
    Leftover(path="usr/etc/.pwd.lock", reason="the lock of the user database"),
    Leftover(path="usr/etc/selinux/*/semanage.read.LOCK", reason=_LOCK),
    Leftover(path="usr/etc/selinux/*/semanage.trans.LOCK", reason=_LOCK),
    Leftover(path="usr/etc/.updated", reason="a time stamp: systemd decides by it at boot"),
    Leftover(path="usr/etc/ld.so.cache~", reason="ldconfig's unfinished cache"),
)


def is_leftover(path: str) -> bool:
    """Returns whether a path in the tree is one of them."""
    return any(fnmatchcase(path, each.path) for each in LEFTOVERS)


def remove_leftovers(root: Path) -> None:
    """Removes them below a mounted tree's root."""
    for path in (path for leftover in LEFTOVERS for path in _paths(root, leftover.path)):
        try:
            with beneath.parent_of(root, path) as (directory, name):
                os.unlink(name, dir_fd=directory)
        except OSError:  # not there, or not where it could be trusted
            continue


def _paths(root: Path, pattern: str) -> Iterator[str]:
    above, star, below = pattern.partition("*")
    names = beneath.names(root, above.rstrip("/")) if star else ("",)
    yield from (f"{above}{name}{below}" for name in names)
