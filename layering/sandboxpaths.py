# SPDX-License-Identifier: LGPL-2.1-or-later
"""Where a path leads for a script in the sandbox, told without a sandbox.

A path leads through the links of the sandbox's top level and of the tree, as the kernel has it
(path_resolution(7)). What the sandbox itself makes (/run, /tmp, /dev, /proc, an empty /sys) is no
state of the tree: it does not count. /var is the sandbox's too, and starts almost empty: a path
there leads to nothing, to a directory or to /run; a file, which nobody has read, is a doubt.
"""

import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from layering.dirtree import FileNode
from layering.statewatch import Stamp
from layering.treestate import Entry, TreeState

_LINKS_MAX = 40
_VAR = Stamp(mode=stat.S_IFDIR | 0o755, uid=0, gid=0)
_RPM_STATE = b"lib/rpm-state"
_OWN_LINKS = (b"../run", b"../run/lock")  # those that the sandbox makes in /var
_LINKS_THERE = (b"/run", b"/run/lock")  # how packages make them


class DoubtError(Exception):
    """A path whose state says nothing that holds elsewhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """The top level of a sandbox."""

    links: Mapping[str, str]
    tops: frozenset[str]  # directories of the tree's own, beside usr
    etc: bool  # whether the tree has usr/etc


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a path leads in the end."""

    entry: Entry
    path: str  # without links; "" for what stands for more than one


@dataclass(frozen=True, slots=True, kw_only=True)
class StatePlace:
    """Something below /var."""

    path: bytes  # below /var
    stamp: Stamp


@dataclass(frozen=True, slots=True, kw_only=True)
class Absent:
    """Nothing is there."""

    token: str


class Uncounted:
    """The sandbox's own."""


_NO_NAME = Absent(token="- name")  # in a directory that is there
_NO_DIRECTORY = Absent(token="- directory")  # on the way
_NOT_A_DIRECTORY = Absent(token="- way")  # a file is on the way
_LOOP = Absent(token="- end")
_OWN = Uncounted()
Found = Place | StatePlace | Absent | Uncounted


@dataclass(slots=True, kw_only=True)
class Paths:
    """The paths of a sandbox at one moment."""

    state: TreeState
    shape: Shape
    var: Mapping[bytes, Stamp]  # what is below /var
    shared: bool = False  # whether a script has left something in /var/lib/rpm-state
    leaves: frozenset[str] = frozenset()  # checksums that stand for a directory and all below it
    _above: dict[str, "_Walk | Found"] = field(default_factory=dict)

    def find(self, path: str, *, follow: bool = True) -> Found:
        """Returns where a path leads; with `follow` also if it is a link itself.

        Raises:
            DoubtError: to something whose state says nothing that holds elsewhere.
        """
        above, _, name = path.rpartition("/")
        walk = self._above.get(above)
        if walk is None:
            first = _Walk()
            walk = self._above[above] = first if not above else self._walk(first, above)
        if isinstance(walk, _Walk):
            return self._end(self._walk(walk.copy(), name, follow=follow))
        return self._end(self._walk(_Walk(), path, follow=follow))

    def _walk(self, at: "_Walk", path: str, *, follow: bool = True) -> "_Walk | Found":
        """Goes on from a directory; gives where it gets, or what cannot be gone through."""
        todo = _parts(path)
        while todo:
            name = todo.pop()
            if name == "..":
                at.up()
                continue
            if not at.names:
                link = self.shape.links.get(name)
                if link is not None:
                    if not at.spend():
                        return _LOOP
                    todo += _parts(link)
                    continue
                outcome = self._top(name, todo)
                if not isinstance(outcome, Place):
                    return outcome
                at.down(name, outcome.entry)
                continue
            here = at.entry
            if here is None or isinstance(here, FileNode):
                return _NOT_A_DIRECTORY
            entry = self.state.stored.names(here).get(name)
            if entry is None:
                return _missing(todo)
            if isinstance(entry, FileNode):
                if entry.checksum in self.leaves:
                    return Place(entry=entry, path="")
                target = None
                if todo or follow:
                    target = self.state.stored.target(entry.checksum)
                if target is not None:
                    if not at.spend():
                        return _LOOP
                    if target.startswith("/"):
                        at.to_root()
                    todo += _parts(target)
                    continue
                if todo:
                    return _NOT_A_DIRECTORY
            at.down(name, entry)
        return at

    def _end(self, at: "_Walk | Found") -> Found:
        if not isinstance(at, _Walk):
            return at
        if not at.names or at.entry is None:
            return _OWN  # the top itself
        return Place(entry=at.entry, path="/" + "/".join(at.names))

    def _top(self, name: str, todo: list[str]) -> Found:
        if name == "usr" or name in self.shape.tops:
            entry = self.state.at(name)
        elif name == "etc" and self.shape.etc:
            entry = self.state.at("usr/etc")
        elif name == "var":
            return self._var(todo)
        else:
            # What is not there is not there for any script either: no tree brings it.
            return _OWN
        return _missing(todo) if entry is None else Place(entry=entry, path=f"/{name}")

    def _var(self, todo: list[str]) -> Found:
        names = [name.encode("utf-8", "surrogateescape") for name in reversed(todo)]
        if names[:1] == [b"tmp"]:
            return _OWN
        path, stamp = b"", _VAR
        for at, name in enumerate(names, 1):
            path = path + b"/" + name if path else name
            if (path == _RPM_STATE and self.shared) or name == b"..":
                raise DoubtError(f"/var/{path.decode('utf-8', 'replace')}")
            if path not in self.var:
                return _missing(names[at:])
            stamp = self.var[path]
            if stat.S_ISLNK(stamp.mode) and stamp.target in _OWN_LINKS:
                return _OWN
            if stat.S_ISLNK(stamp.mode) and stamp.target in _LINKS_THERE:
                return _OWN if at < len(names) else StatePlace(path=path, stamp=stamp)
            if not stat.S_ISDIR(stamp.mode):
                raise DoubtError(f"/var/{path.decode('utf-8', 'replace')}")
        return StatePlace(path=path, stamp=stamp)


class _Walk:
    """Where a path has led so far: from the top, through these directories."""

    __slots__ = ("_links", "entries", "names")

    def __init__(self) -> None:
        self.names: list[str] = []
        self.entries: list[Entry] = []
        self._links = 0

    @property
    def entry(self) -> Entry | None:
        """What is there."""
        return self.entries[-1] if self.entries else None

    def copy(self) -> "_Walk":
        """Returns another one at the same place."""
        other = _Walk()
        other.names, other.entries, other._links = [*self.names], [*self.entries], self._links
        return other

    def down(self, name: str, entry: Entry) -> None:
        """Goes to what is in a directory."""
        self.names.append(name)
        self.entries.append(entry)

    def up(self) -> None:
        """Goes to the directory above; the top's is the top."""
        del self.names[-1:], self.entries[-1:]

    def to_root(self) -> None:
        """Goes to the top."""
        self.names, self.entries = [], []

    def spend(self) -> bool:
        """Counts a link; returns whether the kernel would have gone through it."""
        self._links += 1
        return self._links <= _LINKS_MAX


def _missing(more: Sequence[object]) -> Absent:
    """Returns what a name that is not there means, by what should come after it."""
    return _NO_DIRECTORY if more else _NO_NAME


def _parts(path: str) -> list[str]:
    """Returns the names of a path, the first one last."""
    return [name for name in reversed(path.split("/")) if name not in ("", ".")]
