# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a directory holds, path by path, as comparable values: the tests' own eyes.

Reads the file system alone and shares no code with the engine: both cannot be wrong together.
"""

import hashlib
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path

_KINDS = {
    stat.S_IFREG: "file",
    stat.S_IFDIR: "directory",
    stat.S_IFLNK: "link",
    stat.S_IFCHR: "character device",
    stat.S_IFBLK: "block device",
    stat.S_IFIFO: "pipe",
    stat.S_IFSOCK: "socket",
}
# How overlayfs keeps its books; never part of what a tree holds.
_BOOKKEEPING = ("trusted.overlay.", "user.overlay.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One path: everything about it that outlives a commit (times and link counts don't)."""

    kind: str
    mode: int
    owner: str
    group: str
    xattrs: tuple[tuple[str, bytes], ...] = ()  # security.capability is one of them
    target: str = ""
    digest: str = ""

    def differs(self, other: "Entry") -> str:
        """Returns the fields that differ, with both values."""
        told = []
        for field in fields(self):
            mine, theirs = getattr(self, field.name), getattr(other, field.name)
            if mine != theirs:
                form = oct if field.name == "mode" else repr
                told.append(f"{field.name} {form(mine)} / {form(theirs)}")
        return ", ".join(told)


def manifest(root: Path, *, by_name: bool = False) -> dict[str, Entry]:
    """Returns every path below `root`, as `/usr/bin/x`, with what it is.

    `by_name`: owners by the names that the tree's own user database has for them.
    """
    users = _names(root / "etc/passwd") if by_name else {}
    groups = _names(root / "etc/group") if by_name else {}
    found: dict[str, Entry] = {}
    pending = [(root, "")]
    while pending:
        directory, shown = pending.pop()
        with os.scandir(directory) as entries:
            for each in entries:
                path = f"{shown}/{each.name}"
                found[path] = _entry(Path(each.path), users, groups)
                if each.is_dir(follow_symlinks=False):
                    pending.append((Path(each.path), path))
    return found


def _entry(path: Path, users: Mapping[int, str], groups: Mapping[int, str]) -> Entry:
    status = path.lstat()
    kind = _KINDS[stat.S_IFMT(status.st_mode)]
    names = os.listxattr(path, follow_symlinks=False)
    return Entry(
        kind=kind,
        mode=stat.S_IMODE(status.st_mode),
        owner=users.get(status.st_uid, str(status.st_uid)),
        group=groups.get(status.st_gid, str(status.st_gid)),
        xattrs=tuple(
            (name, os.getxattr(path, name, follow_symlinks=False))
            for name in sorted(names)
            if not name.startswith(_BOOKKEEPING)
        ),
        target=str(path.readlink()) if kind == "link" else "",
        digest=_digest(path) if kind == "file" else "",
    )


def differences(before: Mapping[str, Entry], after: Mapping[str, Entry]) -> list[str]:
    """Returns a line for each path that only one side has, or that differs."""
    lines = []
    for path in sorted(before.keys() | after.keys()):
        mine, theirs = before.get(path), after.get(path)
        if mine is None or theirs is None:
            only = mine or theirs
            lines.append(f"only {'after' if mine is None else 'before'}: {path}: {only}")
        elif mine != theirs:
            lines.append(f"differs: {path}: {mine.differs(theirs)}")
    return lines


def _names(database: Path) -> dict[int, str]:
    fields = [line.split(":") for line in database.read_text().splitlines()]
    return {int(words[2]): words[0] for words in reversed(fields)}


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
