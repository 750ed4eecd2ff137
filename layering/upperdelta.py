# SPDX-License-Identifier: LGPL-2.1-or-later
"""What one script changed of the tree: a delta, made of the upper directory before and after.

All that the script wrote is in it, even where it wrote what was there already: on another tree it
may not have been. A delta is applied to a tree of which everything that the script looked at is as
it was; what else is in that tree stays, and so does the metadata of directories that the script
only wrote files to.
"""

import os
import stat
from collections.abc import Collection, Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from layering import treewalk
from layering.dirtree import FileNode
from layering.repo import Repo
from layering.sealroom import check_room
from layering.treestate import Entry, Patch, TreeState
from layering.treewalk import Found
from layering.upperobjects import UpperObjects, UpperStamp, is_whiteout, settled


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """An upper directory at one moment."""

    stamps: Mapping[str, UpperStamp]  # by path in the tree, "usr/lib/x"
    metas: Mapping[str, str]  # dirmetas of its directories: a stamp tells no attributes
    state: TreeState  # the whole tree then
    special: frozenset[str]  # paths that no commit can hold as they are


@dataclass(frozen=True, slots=True, kw_only=True)
class Delta:
    """What a script changed; paths are those of the tree, without a slash in front."""

    files: Mapping[str, str]  # objects by path
    directories: Mapping[str, str]  # dirmetas of those that it made or changed
    fresh: frozenset[str] = frozenset()  # of those, the ones that hold nothing from before
    removed: frozenset[str] = frozenset()
    above: Mapping[str, str] = field(default_factory=dict)  # dirmetas of all others on the way

    def __bool__(self) -> bool:
        return bool(self.files or self.directories or self.removed)

    @property
    def paths(self) -> Iterator[str]:
        """All paths that it changes."""
        yield from self.files
        yield from self.directories
        yield from self.removed


@dataclass(slots=True, kw_only=True)
class Upper:
    """An overlay's upper directory, looked at again and again."""

    repo: Repo
    directory: Path
    tops: Collection[str]
    united: TreeState  # the tree that the overlay lies over
    objects: UpperObjects
    without: Collection[str] = ()  # places in the tree that are looked at by nobody

    def scan(self) -> Scan:
        """Returns what it holds now, with the objects of all files written.

        To be called in a transaction, while no script runs.

        Raises:
            NoRoomError, TooDeepError, UnsupportedNameError: as sealing would.
        """
        names = frozenset(map(os.fsencode, self.tops))
        free = os.statvfs(self.repo.path)
        check_room(self.directory, names, free.f_bavail * free.f_frsize)
        walk = _Walk(self)
        newest = 0
        for found in treewalk.walk(self.directory, only=names):
            walk.take(found)
            newest = max(newest, found.status.st_ctime_ns)
        state = self.united.patched(walk.patch)
        if settled(newest):
            self.objects.known.update(walk.known)
        else:
            self.objects.known.clear()
        return Scan(
            stamps=walk.stamps, metas=walk.metas, state=state, special=frozenset(walk.special)
        )


class _Walk:
    """One walk over an upper directory."""

    def __init__(self, upper: Upper) -> None:
        self._upper = upper
        self.patch = Patch()
        self.stamps: dict[str, UpperStamp] = {}
        self.metas: dict[str, str] = {}
        self.special: set[str] = set()
        self.known: dict[bytes, tuple[UpperStamp, str]] = {}
        # Down to where the walk is: what is to become of it, and what the tree has there.
        self._above: list[tuple[Patch, Entry | None]] = [(self.patch, upper.united.root)]
        self._passed: list[bytes] = []

    def take(self, found: Found) -> None:
        """Notes one entry."""
        del self._above[found.level + 1 :]
        path = found.path.decode("utf-8", "surrogateescape")
        if any(path == each or path.startswith(f"{each}/") for each in self._upper.without):
            self._above.append(self._above[-1])
            return
        patch, tree = self._above[-1]
        name, stamp = found.name.decode("utf-8", "surrogateescape"), UpperStamp.of(found)
        before = self._upper.united.names(tree).get(name)
        self.stamps[path] = stamp
        if stat.S_ISDIR(stamp.mode):
            self.metas[path] = self._directory(found, stamp, patch, before, name)
        elif stat.S_ISREG(stamp.mode) or stat.S_ISLNK(stamp.mode):
            old = before.checksum if isinstance(before, FileNode) else None
            checksum = self._upper.objects.file(found, old)
            self.known[found.path] = (stamp, checksum)
            patch.names[name] = FileNode(checksum=checksum)
            if found.status.st_nlink > 1:  # who comes next may see that two names are one file
                self.special.add(path)
        else:
            patch.names[name] = None
            if not is_whiteout(found.status):
                self.special.add(path)

    def _directory(
        self, found: Found, stamp: UpperStamp, patch: Patch, before: Entry | None, name: str
    ) -> str:
        """Notes a directory; returns its dirmeta."""
        there = None if stamp.opaque or isinstance(before, FileNode) else before
        old = there.meta if there is not None else None
        meta = self._upper.objects.directory(found, old)
        inner = Patch(meta=meta, fresh=stamp.opaque)
        patch.names[name] = inner
        self._above.append((inner, there))
        return meta


def delta_of(before: Scan, after: Scan) -> Delta:
    """Returns what was changed between two looks."""
    files: dict[str, str] = {}
    directories: dict[str, str] = {}
    fresh: set[str] = set()
    removed: set[str] = set()
    gone = before.stamps.keys() - after.stamps.keys()
    touched = {path for path, stamp in after.stamps.items() if before.stamps.get(path) != stamp}
    touched |= {path for path, meta in after.metas.items() if before.metas.get(path) != meta}
    for path in sorted(gone | touched):
        entry, stamp = after.state.at(path), after.stamps.get(path)
        if entry is None:
            if not _any_above(path, removed):
                removed.add(path)
        elif isinstance(entry, FileNode):
            files[path] = entry.checksum
        elif stamp is not None:
            old, was = before.state.at(path), before.stamps.get(path)
            anew = stamp.opaque and (was is None or was.inode != stamp.inode or not was.opaque)
            if anew:
                fresh.add(path)
            if anew or old is None or isinstance(old, FileNode) or old.meta != entry.meta:
                directories[path] = entry.meta
    return Delta(
        files=files,
        directories=directories,
        fresh=frozenset(fresh),
        removed=frozenset(removed),
        above=_above(after.state, (*files, *directories), directories),
    )


def _above(state: TreeState, paths: Iterable[str], but: Container[str]) -> dict[str, str]:
    """Returns the dirmetas of the directories that lead to paths."""
    found: dict[str, str] = {}
    for path in paths:
        above = path.rpartition("/")[0]
        while above and above not in found:
            entry = state.at(above)
            if above not in but and entry is not None and not isinstance(entry, FileNode):
                found[above] = entry.meta
            above = above.rpartition("/")[0]
    return found


def _any_above(path: str, among: Collection[str]) -> bool:
    above = path.rpartition("/")[0]
    while above and above not in among:
        above = above.rpartition("/")[0]
    return bool(above)
