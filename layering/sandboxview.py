# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a script in the sandbox finds at a path, as a token: equal tokens, nothing to tell apart.

Where the path leads is for `layering.sandboxpaths` to say. What the sandbox itself makes is the
same for each script, and has no token. In /var only what is absent, a directory, or a link to /run
has one.

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
from collections.abc import Collection
from dataclasses import dataclass

from layering import linkercache
from layering.dirtree import FileNode
from layering.sandboxpaths import Absent, DoubtError, Found, Paths, Place, StatePlace, Uncounted
from layering.treestate import Entry


@dataclass(slots=True, kw_only=True)
class View(Paths):
    """What scripts see at one moment."""

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


def _digest(kind: str, *lines: str) -> str:
    text = "\0".join(lines).encode("utf-8", "surrogateescape")
    return f"{kind} {hashlib.sha256(text).hexdigest()}"
