# SPDX-License-Identifier: LGPL-2.1-or-later
"""Paths of `/etc` that a host and a new tree both changed, and what becomes of them, in words."""

from dataclasses import dataclass
from enum import StrEnum

from layering.dirtree import ChangeKind
from layering.errors import SysrootError


class Side(StrEnum):
    """Whose version of a path there will be."""

    HOST = "host"
    TREE = "tree"


@dataclass(frozen=True, slots=True, kw_only=True)
class EtcConflict:
    """A path that changed on the host and from the running tree to the new one."""

    path: str  # absolute: /etc/…
    host: ChangeKind
    tree: ChangeKind
    stays: Side = Side.HOST

    def __str__(self) -> str:
        if self.stays is Side.TREE:
            what = f"{self.path} is a directory here and in the new tree, where it was a file"
            return f"{what}: what is in yours is left behind"
        if self.host is ChangeKind.REMOVED:
            return f"{self.path} was removed here and changed in the new tree: it stays removed"
        if self.host is self.tree:
            done = "added" if self.host is ChangeKind.ADDED else "changed"
            return f"{self.path} was {done} here and in the new tree: yours stays"
        done = "removed from" if self.tree is ChangeKind.REMOVED else "changed in"
        return f"{self.path} was changed here and {done} the new tree: yours stays"


@dataclass(frozen=True, slots=True, kw_only=True)
class EtcClash:
    """A path of which the merge cannot make one: it would fail at shutdown."""

    path: str
    host: str  # what it is here, in words
    tree: str

    def __str__(self) -> str:
        return f"{self.path} is {self.host} here and {self.tree} in the new tree"


class EtcMergeError(SysrootError):
    """The merge of `/etc` would fail, at shutdown, and nothing of the new tree would be booted."""

    def __init__(self, clashes: tuple[EtcClash, ...]) -> None:
        head = "/etc cannot be merged"
        lines = "\n  ".join(map(str, clashes))
        super().__init__(f"{head}: {lines}" if len(clashes) == 1 else f"{head}:\n  {lines}")
        self.add_note(
            "put back what /usr/etc has there, or move it away if that has nothing, and try again"
        )
        self.clashes = clashes
