# SPDX-License-Identifier: LGPL-2.1-or-later
"""Which script wrote what below the sandbox's /var: looked at before the first and after each.

Nothing here follows a link, for a script may leave one anywhere, and no script runs while it looks.
What there is to look at is the scripts' to choose: the number of paths and their length have a
limit, and a directory that goes over it is passed over as a whole, and told.
"""

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from layering import treewalk

PATHS_MAX = 100_000
_LENGTH_MAX = 3500  # bytes below /var; the kernel takes no path of more than 4095
_LEVELS_MAX = treewalk.LEVELS_MAX - 1  # what is too deep to be given to its owners is not kept


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """What tells a path that was written to from one that was not."""

    mode: int  # the whole st_mode
    uid: int
    gid: int
    size: int = 0  # of a directory and a link, none of these four
    inode: int = 0
    modified: int = 0
    changed: int = 0
    target: bytes = b""

    def same_but_for_content(self, other: "Stamp | None") -> bool:
        """Whether the other is of the same type, mode and owner."""
        mine = (self.mode, self.uid, self.gid)
        return other is not None and mine == (other.mode, other.uid, other.gid)


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """A path that a script made, changed or took away."""

    path: bytes  # below /var
    writer: str
    before: Stamp | None  # None: it was not there before the first script
    after: Stamp | None  # None: it is gone


@dataclass(frozen=True, slots=True, kw_only=True)
class Overflow:
    """A directory of which a script made more than is looked at; what is in it is not looked at."""

    path: bytes  # below /var
    writer: str


@dataclass(slots=True)
class _Seen:
    stamps: dict[bytes, Stamp] = field(default_factory=dict)
    overflows: list[bytes] = field(default_factory=list)


class Watch:
    """Looks at a directory again and again, and remembers who wrote what."""

    def __init__(self, var: Path, *, paths_max: int = PATHS_MAX) -> None:
        self._var = var
        self._paths_max = paths_max
        self._seen = self._before = self._walk()
        self._writers: dict[bytes, str] = {}
        self._overflows: dict[bytes, str] = {}

    def look(self, writer: str) -> None:
        """Notes what has been written since it last looked."""
        seen = self._walk()
        for path, stamp in seen.stamps.items():
            if self._seen.stamps.get(path) != stamp:
                self._writers[path] = writer
        for path in self._seen.stamps.keys() - seen.stamps.keys():
            self._writers[path] = writer
        for path in seen.overflows:
            self._overflows.setdefault(path, writer)
        self._seen = seen

    def settle(self) -> None:
        """Takes what has changed since it last looked for nobody's writing, as owners are given."""
        seen = self._walk()
        for path, stamp in seen.stamps.items():
            if path not in self._writers:
                self._before.stamps[path] = stamp
        self._seen = seen

    @property
    def stamps(self) -> Mapping[bytes, Stamp]:
        """What was there at the last look, by path below the directory; it stays as it is."""
        return self._seen.stamps

    @property
    def writes(self) -> tuple[Write, ...]:
        """What differs at the last look from before the first script, by path."""
        found = []
        for path, writer in sorted(self._writers.items()):
            before, after = self._before.stamps.get(path), self._seen.stamps.get(path)
            if before != after and not (after is None and self._unseen(path)):
                found.append(Write(path=path, writer=writer, before=before, after=after))
        return tuple(found)

    @property
    def overflows(self) -> tuple[Overflow, ...]:
        """Directories at whose contents it did not look, by path."""
        there = self._seen.overflows
        found = [(path, self._overflows.get(path, "a script")) for path in sorted(there)]
        return tuple(Overflow(path=path, writer=writer) for path, writer in found)

    def _unseen(self, path: bytes) -> bool:
        return any(path.startswith(each + b"/" if each else b"") for each in self._seen.overflows)

    def _walk(self) -> _Seen:
        seen = _Seen()
        pending = [b""]
        while pending:
            path = pending.pop()
            left = self._paths_max - len(seen.stamps)
            with os.scandir(os.fsencode(self._var) + b"/" + path) as entries:
                found = sorted(islice(entries, left + 1), key=lambda each: each.name)
            longest = max((len(each.name) for each in found), default=0)
            too_deep = bool(found and path) and path.count(b"/") + 2 > _LEVELS_MAX
            if len(found) > left or too_deep or len(path) + 1 + longest > _LENGTH_MAX:
                seen.overflows.append(path)
                continue
            below = []
            for each in found:
                inner = path + b"/" + each.name if path else each.name
                seen.stamps[inner] = stamp = _stamp(each)
                if stat.S_ISDIR(stamp.mode):
                    below.append(inner)
            pending += reversed(below)
        return seen


def _stamp(entry: os.DirEntry[bytes]) -> Stamp:
    status = entry.stat(follow_symlinks=False)
    mode, uid, gid = status.st_mode, status.st_uid, status.st_gid
    if stat.S_ISDIR(mode):
        return Stamp(mode=mode, uid=uid, gid=gid)
    if stat.S_ISLNK(mode):
        return Stamp(mode=mode, uid=uid, gid=gid, target=os.readlink(entry.path))  # noqa: PTH115 bytes
    return Stamp(
        mode=mode,
        uid=uid,
        gid=gid,
        size=status.st_size,
        inode=status.st_ino,
        modified=status.st_mtime_ns,
        changed=status.st_ctime_ns,
    )
