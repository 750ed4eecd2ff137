# SPDX-License-Identifier: LGPL-2.1-or-later
"""Directory trees of OSTree commits: decoding the raw object, and the difference of two trees.

A dirtree object is a GVariant of type `(a(say)a(sayay))`: the names of files with the checksum of
their content object, and the names of directories with the checksums of their own dirtree and
dirmeta (https://ostreedev.github.io/ostree/repo/). GVariant's unpacking makes a Python object for
each byte of each checksum; slicing the serialised form
(https://docs.gtk.org/glib/gvariant-format.html) is a hundred times faster, and as every type here
has an alignment of one, it is short.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

_CHECKSUM_BYTES = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class DirTree:
    """One directory: files as (name, checksum), directories as (name, tree, meta), both by name."""

    files: tuple[tuple[str, str], ...] = ()
    dirs: tuple[tuple[str, str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FileNode:
    """A file or symbolic link of a tree."""

    checksum: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DirNode:
    """A directory of a tree: the checksums of its dirtree and its dirmeta."""

    tree: str
    meta: str


Node = FileNode | DirNode


class ChangeKind(StrEnum):
    """What happened to a path."""

    ADDED = "added"
    REMOVED = "removed"
    MODIFIED = "modified"  # another content, link target, mode, or type
    METADATA = "metadata"  # a directory on both sides whose owner, mode or xattrs differ


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One difference; a directory that is on one side only is one change, and never read."""

    path: str  # absolute, in the tree
    kind: ChangeKind
    before: Node | None
    after: Node | None


Read = Callable[[str], DirTree]


def decode(data: bytes) -> DirTree:
    """Returns the directory that a serialised dirtree holds.

    Raises:
        ValueError: the bytes are not one, or hold a name that could leave its directory.
    """
    if not data:
        raise ValueError("empty")
    size = _offset_size(len(data))
    end = len(data) - size
    split = _word(data, end, size, limit=end)
    files = [(name, rest[0]) for name, rest in _entries(data[:split], checksums=1)]
    dirs = [(name, rest[0], rest[1]) for name, rest in _entries(data[split:end], checksums=2)]
    return DirTree(files=tuple(files), dirs=tuple(dirs))


def diff(read: Read, before: str, after: str, path: str = "") -> Iterator[Change]:
    """Yields the differences of two dirtrees by path; equal checksums are equal trees, not read."""
    if before == after:
        return
    old, new = _nodes(read(before)), _nodes(read(after))
    for name in sorted(old.keys() | new.keys()):
        yield from _compare(read, f"{path}/{name}", old.get(name), new.get(name))


def walk(read: Read, tree: str, path: str = "") -> Iterator[tuple[str, Node]]:
    """Yields every path below a dirtree with what is there, a directory before its content."""
    for name, node in sorted(_nodes(read(tree)).items()):
        yield f"{path}/{name}", node
        if isinstance(node, DirNode):
            yield from walk(read, node.tree, f"{path}/{name}")


def find(read: Read, tree: str, path: str) -> Node | None:
    """Returns what is at an absolute path; symbolic links on the way are not followed."""
    node: Node = DirNode(tree=tree, meta="")
    for name in filter(None, path.split("/")):
        below = _nodes(read(node.tree)).get(name) if isinstance(node, DirNode) else None
        if below is None:
            return None
        node = below
    return node


def _compare(read: Read, path: str, old: Node | None, new: Node | None) -> Iterator[Change]:
    if old == new:
        return
    if isinstance(old, DirNode) and isinstance(new, DirNode):
        if old.meta != new.meta:
            yield Change(path=path, kind=ChangeKind.METADATA, before=old, after=new)
        yield from diff(read, old.tree, new.tree, path)
    elif old is None:
        yield Change(path=path, kind=ChangeKind.ADDED, before=None, after=new)
    elif new is None:
        yield Change(path=path, kind=ChangeKind.REMOVED, before=old, after=None)
    else:
        yield Change(path=path, kind=ChangeKind.MODIFIED, before=old, after=new)


def _nodes(tree: DirTree) -> dict[str, Node]:
    nodes: dict[str, Node] = {name: FileNode(checksum=checksum) for name, checksum in tree.files}
    nodes.update((name, DirNode(tree=below, meta=meta)) for name, below, meta in tree.dirs)
    return nodes


def _entries(data: bytes, *, checksums: int) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yields (name, checksums) of a serialised array of `(say)` or `(sayay)`."""
    if not data:
        return
    size = _offset_size(len(data))
    table = _word(data, len(data) - size, size, limit=len(data) - size)
    if (len(data) - table) % size:
        raise ValueError("an array's table of offsets is cut")
    start = 0
    for at in range(table, len(data), size):
        end = _word(data, at, size, limit=table)
        if end < start:
            raise ValueError("an array's offsets go backwards")
        yield _entry(data[start:end], checksums)
        start = end


def _entry(data: bytes, checksums: int) -> tuple[str, tuple[str, ...]]:
    # Layout: name, NUL, the checksums, then the end of the name and of each checksum but the last,
    # in reverse order. Every checksum is 32 bytes, so only the name's length varies.
    size = _offset_size(len(data))
    sums_end = len(data) - size * checksums
    name_end = sums_end - _CHECKSUM_BYTES * checksums
    if name_end < 2 or _word(data, len(data) - size, size, limit=sums_end) != name_end:
        raise ValueError("an entry has the wrong length")
    if checksums == 2 and int.from_bytes(data[sums_end : sums_end + size], "little") != (
        name_end + _CHECKSUM_BYTES
    ):
        raise ValueError("an entry has a checksum of the wrong length")
    raw = data[: name_end - 1]
    if data[name_end - 1] or b"\0" in raw or b"/" in raw or raw in (b".", b".."):
        raise ValueError(f"not a file name: {raw!r}")
    return raw.decode("utf-8"), tuple(
        data[at : at + _CHECKSUM_BYTES].hex() for at in range(name_end, sums_end, _CHECKSUM_BYTES)
    )


def _offset_size(length: int) -> int:
    if length <= 0xFF:
        return 1
    if length <= 0xFFFF:
        return 2
    return 4 if length <= 0xFFFFFFFF else 8


def _word(data: bytes, at: int, size: int, *, limit: int) -> int:
    if at < 0:
        raise ValueError("shorter than its offsets")
    value = int.from_bytes(data[at : at + size], "little")
    if value > limit:
        raise ValueError("an offset points outside")
    return value
