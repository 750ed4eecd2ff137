# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a script must not have changed for its result to be remembered: a table with reasons.

No row can name what is odd only in one tree: a number that only its making gives to an account, and
a label that a file has there alone. Where a script left either, its result says nothing elsewhere.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from layering import beneath
from layering.account_ids import POOL
from layering.dirtree import FileNode
from layering.labels import label_of
from layering.objects import DirMeta, FileInfo
from layering.statewarnings import is_left_out
from layering.statewatch import Stamp
from layering.upperdelta import Delta, Upper

_State = Mapping[bytes, Stamp]


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


def why_not_state(before: _State, after: _State) -> str:
    """Returns why what changed /var is not remembered, "" if it may be."""
    for path in sorted(before.keys() | after.keys()):
        if before.get(path) != after.get(path) and not is_left_out(path):
            return f"it wrote /var/{path.decode('utf-8', 'replace')}"
    return ""


def forget_state(var: Path, before: _State, after: _State) -> None:
    """Removes what a remembered script has made below /var: no tree has it.

    Who runs after it finds the same whether it ran or its result was known.
    """
    made: list[bytes] = []
    for path in sorted(after.keys() - before.keys()):
        if not any(path.startswith(each + b"/") for each in made):
            made.append(path)
            beneath.remove(var, path)


def why_not(paths: Iterable[str]) -> str:
    """Returns why what changed these paths is not remembered, "" if it may be."""
    for path in paths:
        for row in TABLE:
            if fnmatchcase(path, row.path):
                return f"/{path}: {row.reason}"
    return ""


def why_not_elsewhere(upper: Upper, delta: Delta) -> str:
    """Returns why a result is not the same elsewhere though all that was read is, "" if it is."""
    repo, labels, united = upper.repo, upper.objects.labels, upper.united
    for path, checksum in delta.files.items():
        info = repo.file_info(checksum)
        if _numbered(info):
            return f"/{path}: its owner has no number yet"
        if labels.key and united.at(path) == FileNode(checksum=checksum):
            kind = 0o120000 if info.target is not None else 0o100000
            if label_of(info.xattrs) != labels.xattrs(f"/{path}".encode(), kind | info.mode):
                return f"/{path}: it has a label of its own"
    for path, meta in delta.directories.items():
        if _numbered(repo.dirmeta(meta)):
            return f"/{path}: its owner has no number yet"
    return ""


def _numbered(owned: FileInfo | DirMeta) -> bool:
    return owned.uid in POOL or owned.gid in POOL
