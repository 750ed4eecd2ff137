# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a script in the sandbox finds at a path, as a token: equal tokens, nothing to tell apart.

A path leads through the links of the sandbox's top level and of the tree, as the kernel has it
(path_resolution(7)). What the sandbox itself makes (/run, /tmp, /dev, /proc, an empty /sys) is the
same for each script, and no state of the tree: it has no token. /var is the sandbox's too, and
starts almost empty: there, what is absent and what is a directory has a token, a file is a `Doubt`.

    - WHY       nothing: whoever makes a file there, or says why not, tells one from the other
    f CHECKSUM  a file, with all of its metadata
    l CHECKSUM  a link; what it leads to follows
    d CHECKSUM  a directory: its owner, mode, attributes
    v …         a directory or link below /var
    n DIGEST    the names in a directory, and what kind each is
    s DIGEST    the names in a directory, and all files in it
    t CHECKSUM  a directory's dirtree: all that is below
    c DIGEST    what the linker's cache says of some libraries
"""

import hashlib
import stat
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from layering import linkercache
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
class View:
    """What scripts see at one moment."""

    state: TreeState
    shape: Shape
    var: Mapping[bytes, Stamp]  # what is below /var
    shared: bool = False  # whether a script has left something in /var/lib/rpm-state
    leaves: frozenset[str] = frozenset()  # checksums that stand for a directory and all below it
    _above: dict[str, "_Walk | Found"] = field(default_factory=dict)

    def looked(self, path: str) -> str | None:
        """Returns the token of a path that is looked at, None if it does not count.

        Raises:
            DoubtError: nothing can be said of it.
        """
        found = self.find(path, follow=False)
        token = self._token(found)
        if token is None or not isinstance(found, Place) or not isinstance(found.entry, FileNode):
            return token
        if self.state.stored.target(found.entry.checksum) is None:
            return token
        behind = self._token(self.find(path))
        return f"l {found.entry.checksum} {behind or 'elsewhere'}"

    def listed(self, path: str) -> str | None:
        """Returns the token of a directory whose names are read; as `looked`."""
        found = self.find(path)
        if isinstance(found, Uncounted):
            return None
        if isinstance(found, Absent):
            return found.token
        if isinstance(found, StatePlace):
            return _digest("n", *(f"{stat.S_IFMT(m):o} {n!r}" for n, m in self._names(found)))
        if isinstance(found.entry, FileNode):
            return f"f {found.entry.checksum}"
        names = sorted(self.state.stored.names(found.entry).items())
        return _digest("n", *(f"{self._kind(entry)} {name}" for name, entry in names))

    def files(self, path: str) -> str | None:
        """Returns the token of a directory's names, and of all files in it; as `looked`."""
        found = self.find(path)
        if not isinstance(found, Place) or isinstance(found.entry, FileNode):
            return self.listed(path)
        names = sorted(self.state.stored.names(found.entry).items())
        every = (f"{e.checksum if isinstance(e, FileNode) else 'd'} {name}" for name, e in names)
        return _digest("s", *every)

    def below(self, path: str) -> str | None:
        """Returns the token of all that is below a directory; as `looked`."""
        found = self.find(path)
        if isinstance(found, Place) and not isinstance(found.entry, FileNode):
            return f"t {self.state.stored.checksum(found.entry)}"
        if isinstance(found, StatePlace):
            raise DoubtError(f"all of {path}")
        return self.listed(path)

    def linked(self, names: Collection[str]) -> str | None:
        """Returns the token of what the linker's cache says of libraries; as `looked`."""
        data = self.linker_cache()
        digest = None if data is None else linkercache.digest(data, names)
        return self.looked(linkercache.PLACE) if digest is None else f"c {digest}"

    def linker_cache(self) -> bytes | None:
        """Returns the linker's cache, None if there is none."""
        found = self.find(linkercache.PLACE)
        if not isinstance(found, Place) or not isinstance(found.entry, FileNode):
            return None
        return self.state.stored.content(found.entry.checksum)

    def find(self, path: str, *, follow: bool = True) -> Found:
        """Returns where a path leads; with `follow` also if it is a link itself."""
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

    def _names(self, place: StatePlace) -> list[tuple[bytes, int]]:
        above = place.path + b"/" if place.path else b""
        inner = (
            (path.removeprefix(above), stamp.mode)
            for path, stamp in self.var.items()
            if path.startswith(above)
        )
        return sorted((name, mode) for name, mode in inner if b"/" not in name)

    def _token(self, found: Found) -> str | None:
        if isinstance(found, Uncounted):
            return None
        if isinstance(found, Absent):
            return found.token
        if isinstance(found, StatePlace):
            return f"v {found.stamp.mode:o} {found.stamp.uid} {found.stamp.gid}"
        if isinstance(found.entry, FileNode):
            return f"f {found.entry.checksum}"
        return f"d {found.entry.meta}"

    def _kind(self, entry: Entry) -> str:
        if not isinstance(entry, FileNode):
            return "d"
        return "f" if self.state.stored.target(entry.checksum) is None else "l"


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


def _digest(kind: str, *lines: str) -> str:
    text = "\0".join(lines).encode("utf-8", "surrogateescape")
    return f"{kind} {hashlib.sha256(text).hexdigest()}"
