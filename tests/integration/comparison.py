# SPDX-License-Identifier: LGPL-2.1-or-later
"""Compares rpm's tree with ours, path by path: what no row of `conventions` explains is told."""

import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tests.integration.conventions import (
    ATTRIBUTES,
    CONTENT,
    MOVED,
    ONLY_OURS,
    ONLY_RPM,
    TARGETS,
    Only,
)
from tests.integration.manifest import Entry

_SHOWN = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """One of the two: where it is mounted, and what is in it."""

    root: Path
    entries: Mapping[str, Entry]


def unexplained(rpm: Tree, ours: Tree, used: set[str]) -> Iterator[str]:
    """Yields a line for each difference that no row of the tables explains.

    Adds the names of the rows that explain others to `used`.
    """
    moved = {_moved(path, rpm, ours, used): path for path in rpm.entries}
    for path in sorted(moved.keys() | ours.entries.keys()):
        mine = ours.entries.get(path)
        source = moved.get(path)
        if source is None:
            if not _listed(ONLY_OURS, path, used):
                yield f"only ours: {path}: {mine}"
        elif mine is None:
            if not _listed(ONLY_RPM, source, used):
                yield f"only rpm's: {source}: {rpm.entries[source]}"
        else:
            theirs = rpm.entries[source]
            mine = _plain(mine, theirs, used)
            if mine == theirs or _retargeted(path, theirs, mine, used):
                continue
            differ = theirs.differs(mine)
            sides = ((rpm, source), (ours, path)) if theirs.digest != mine.digest else ()
            if not differ.startswith("digest") or not _same_content(path, sides, used):
                texts = "".join(f"\n    {_shown(tree, at)}" for tree, at in sides)
                yield f"rpm / ours: {path}: {differ}{texts}"


def _shown(tree: Tree, path: str) -> str:
    """Returns the beginning of a file, for a person to see what differs."""
    file = tree.root / path[1:]
    return repr(file.read_bytes()[:_SHOWN]) if tree.entries[path].kind == "file" else ""


def unlinked(ours: Tree) -> list[str]:
    """Returns the names in /usr/lib/opt that /opt does not lead to."""
    directory = ours.root / "usr/lib/opt"
    names = sorted(path.name for path in directory.iterdir()) if directory.is_dir() else []
    link = "../../usr/lib/opt/{}"
    return [
        name
        for name in names
        if (entry := ours.entries.get(f"/var/opt/{name}")) is None
        or entry.target != link.format(name)
    ]


def _moved(path: str, rpm: Tree, ours: Tree, used: set[str]) -> str:
    for row in MOVED:
        # What both have at the same place is the base's own.
        if path.startswith(row.rpm) and ours.entries.get(path) != rpm.entries[path]:
            used.add(row.name)
            return row.ours + path.removeprefix(row.rpm)
    return path


def _listed(rows: tuple[Only, ...], path: str, used: set[str]) -> bool:
    names = {row.name for row in rows if re.fullmatch(row.pattern, path, re.DOTALL)}
    used |= names
    return bool(names)


def _retargeted(path: str, theirs: Entry, mine: Entry, used: set[str]) -> bool:
    for row in TARGETS:
        if path.startswith(f"{row.moved}/") and theirs.kind == "link":
            place = posixpath.dirname(row.spelled + path.removeprefix(row.moved))
            meant = posixpath.normpath(posixpath.join(place, theirs.target))
            used.add(row.name)
            return mine == replace(theirs, target=meant)
    return False


def _plain(mine: Entry, theirs: Entry, used: set[str]) -> Entry:
    """Returns an entry without the attributes that ours may have more."""
    names = {name for name, _value in theirs.xattrs}
    more = {row.attribute: row.name for row in ATTRIBUTES if row.attribute not in names}
    kept = tuple(pair for pair in mine.xattrs if pair[0] not in more)
    used |= {more[name] for name, _value in mine.xattrs if name in more}
    return replace(mine, xattrs=kept)


def _same_content(path: str, sides: Sequence[tuple[Tree, str]], used: set[str]) -> bool:
    for row in CONTENT:
        if re.fullmatch(row.pattern, path):
            used.add(row.name)
            one, other = ((tree.root / place[1:]).read_bytes() for tree, place in sides)
            return row.comparable(one) == row.comparable(other)
    return False
