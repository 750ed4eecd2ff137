# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a script must not have changed for its result to be remembered: a table with reasons."""

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase


@dataclass(frozen=True, slots=True, kw_only=True)
class NotRemembered:
    """A place in the tree, as a pattern, and why who writes there runs each time."""

    path: str
    reason: str


_ACCOUNTS = "accounts are numbered, and moved between files, while a tree is made"

TABLE = (
    NotRemembered(path="usr/etc/passwd", reason=_ACCOUNTS),
    NotRemembered(path="usr/etc/group", reason=_ACCOUNTS),
    NotRemembered(path="usr/etc/shadow", reason=_ACCOUNTS),
    NotRemembered(path="usr/etc/gshadow", reason=_ACCOUNTS),
    NotRemembered(path="usr/etc/subuid", reason=_ACCOUNTS),
    NotRemembered(path="usr/etc/subgid", reason=_ACCOUNTS),
    NotRemembered(path="usr/etc/login.defs", reason=_ACCOUNTS),
    NotRemembered(path="usr/lib/passwd", reason=_ACCOUNTS),
    NotRemembered(path="usr/lib/group", reason=_ACCOUNTS),
    NotRemembered(path="usr/lib/opt/*", reason="what is in /opt needs a link in the host's /var"),
    NotRemembered(path="usr/etc/machine-id", reason="whoever boots the tree gets one of his own"),
)


def why_not(paths: Iterable[str]) -> str:
    """Returns why what changed these paths is not remembered, "" if it may be."""
    for path in paths:
        for row in TABLE:
            if fnmatchcase(path, row.path):
                return f"/{path}: {row.reason}"
    return ""
