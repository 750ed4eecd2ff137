# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a script looked at, each path with its state then: gathered, written down, compared.

A script that goes through a directory names thousands of files. Where it read a directory's names
and looked at half of its files or more, one record of the names and of all files stands for them,
and where that holds for every directory below, one of all that is below. So few records say more
than was seen, never less: they can only make a result be missed that could have been used.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from layering import linkercache
from layering.dirtree import FileNode
from layering.sandboxpaths import Place
from layering.sandboxview import View
from triggers import Observed


class How(StrEnum):
    """What of a path counts."""

    LOOKED = "L"  # what is there
    LISTED = "N"  # a directory's names
    FILES = "S"  # a directory's names, and all files in it
    BELOW = "T"  # all that is below
    LINKED = "C"  # what the linker's cache says of libraries, whose names stand for the path


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Read:
    """One path with its state."""

    path: str
    how: How
    token: str


def declared(view: View, patterns: Iterable[str]) -> tuple[Read, ...]:
    """Returns the states of what a trigger says it reads: PATH, DIR/* or DIR/**.

    Raises:
        DoubtError: one of them cannot be said.
    """
    found = []
    for pattern in sorted(patterns):
        path, how = pattern, How.LOOKED
        if pattern.endswith("/**"):
            path, how = pattern.removesuffix("/**"), How.BELOW
        elif pattern.endswith("/*"):
            path, how = pattern.removesuffix("/*"), How.FILES
        found.append(Read(path=path, how=how, token=state(view, how, path) or ""))
    return tuple(found)


def state(view: View, how: How, path: str) -> str | None:
    """Returns a path's token, None where it does not count; DoubtError where it cannot be said."""
    match how:
        case How.LOOKED:
            return view.looked(path)
        case How.LISTED:
            return view.listed(path)
        case How.FILES:
            return view.files(path)
        case How.BELOW:
            return view.below(path)
        case How.LINKED:
            return view.linked(path.split())


def holds(view: View, reads: Iterable[Read]) -> bool:
    """Whether every path is as it was; DoubtError where that cannot be said."""
    return all(state(view, read.how, read.path) == read.token for read in reads)


def gathered(view: View, observed: Observed) -> tuple[Read, ...]:
    """Returns what was looked at, as it was, in few records.

    Raises:
        DoubtError: the state of something cannot be said.
    """
    looked = {path: token for path in observed.looked if (token := view.looked(path)) is not None}
    listed = {path: token for path in observed.listed if (token := view.listed(path)) is not None}
    linked = _linked(view, observed)
    if linked is not None:
        looked.pop(linkercache.PLACE)
    whole = _Whole(view, looked, listed)
    reads = [linked] if linked is not None else []
    reads += [Read(path=path, how=how, token=token) for path, how, token in whole.records()]
    reads += [
        Read(path=path, how=How.LOOKED, token=token)
        for path, token in looked.items()
        if not whole.covers(path)
    ]
    reads += [
        Read(path=path, how=How.LISTED, token=token)
        for path, token in listed.items()
        if not whole.covers_names(path)
    ]
    return tuple(sorted(reads))


def _linked(view: View, observed: Observed) -> Read | None:
    """Returns the record of what the loader took from its cache, None if others have read it.

    `layering.linkercache` says why.
    """
    data = view.linker_cache()
    if linkercache.PLACE not in observed.looked or data is None or observed.whole_cache:
        return None
    names = linkercache.names_of(data, observed.looked)
    if names is None or any(re.search(r"\s", name) for name in names):
        return None
    token = view.linked(names)
    assert token is not None  # the cache is a file of the tree
    return Read(path=" ".join(sorted(names)), how=How.LINKED, token=token)


class _Whole:
    """The directories of which one record says all; by the paths that the script used."""

    def __init__(self, view: View, looked: Mapping[str, str], listed: Mapping[str, str]) -> None:
        self._view = view
        seen: dict[str, set[str]] = {}
        for path in looked:
            above, _, name = path.rpartition("/")
            seen.setdefault(above, set()).add(name)
        self._files: set[str] = set()
        self._below: set[str] = set()
        self._deep: set[str] = set()  # of those below, what has directories
        # The longest first: a directory comes after all that is below it.
        for path in sorted(listed, key=lambda each: -each.count("/")):
            self._weigh(path, seen.get(path, set()))

    def _weigh(self, path: str, seen: set[str]) -> None:
        found = self._view.find(path)
        if not isinstance(found, Place) or not found.path or isinstance(found.entry, FileNode):
            return
        names = self._view.state.stored.names(found.entry)
        files = {name for name, entry in names.items() if isinstance(entry, FileNode)}
        if 2 * len(files & seen) < len(files):
            return
        self._files.add(path)
        inner = {f"{path}/{name}" for name in names.keys() - files}
        if inner <= self._below:
            self._below.add(path)
            if inner:
                self._deep.add(path)

    def records(self) -> Iterable[tuple[str, How, str]]:
        """Yields the records that stand for what was looked at in them."""
        for path in self._files:
            if self._around(path.rpartition("/")[0], path):
                continue
            how = How.BELOW if path in self._deep else How.FILES
            token = state(self._view, how, path)
            assert token is not None  # a directory of the tree
            yield path, how, token

    def _around(self, above: str, path: str) -> bool:
        """Whether a directory, this one or further up, says all of a path in it."""
        while above:
            if above in self._deep:
                outer, inner = self._view.find(above), self._view.find(path, follow=False)
                if not isinstance(outer, Place) or not isinstance(inner, Place):
                    return False
                if outer.path and inner.path == outer.path + path.removeprefix(above):
                    return True  # no link leads out on the way
            above = above.rpartition("/")[0]
        return False

    def covers(self, path: str) -> bool:
        """Whether the state of a path is said, and of all that it leads to."""
        above, _, name = path.rpartition("/")
        within = self._around(above, path)
        if not (above in self._files or within):
            return False
        found = self._view.find(above)
        if not isinstance(found, Place) or isinstance(found.entry, FileNode):
            return False
        names = self._view.state.stored.names(found.entry)
        for _ in range(len(names)):
            entry = names.get(name)
            if entry is None:
                return True  # the names say that it is not there
            if not isinstance(entry, FileNode):
                return within  # a record of files has no directory's metadata
            target = self._view.state.stored.target(entry.checksum)
            if target is None or "/" in target:
                return target is None
            name = target
        return False

    def covers_names(self, path: str) -> bool:
        """Whether the names in a directory are said."""
        return path in self._files or self._around(path.rpartition("/")[0], path)


def packed(reads: Iterable[Read]) -> bytes:
    """Returns the records as they are kept."""
    fields = (text for read in reads for text in (read.how, read.token, read.path))
    return "\0".join(fields).encode("utf-8", "surrogateescape")


def unpacked(data: bytes) -> tuple[Read, ...]:
    """Returns the records that were kept; ValueError if they are none."""
    fields = data.decode("utf-8", "surrogateescape").split("\0") if data else []
    rows = zip(fields[::3], fields[1::3], fields[2::3], strict=True)
    return tuple(Read(path=path, how=How(how), token=token) for how, token, path in rows)


def digest(data: bytes) -> str:
    """Returns what stands for packed records in a ref's name."""
    return hashlib.sha256(data).hexdigest()[:32]
