# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the objects of an OSTree repository hold, as plain values.

libostree stores numbers of dirmeta and commit objects big-endian inside a GVariant of host byte
order (https://ostreedev.github.io/ostree/reference/ostree-ostree-core.html); names of extended
attributes end in a NUL there and do not here.
"""

import stat
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from layering._ostree import Gio, GLib, OSTree

Xattrs = tuple[tuple[bytes, bytes], ...]  # (name, value), sorted by name


class ObjectKind(StrEnum):
    """The kinds of loose objects, named as their files end in a bare repository."""

    FILE = "file"
    DIRTREE = "dirtree"
    DIRMETA = "dirmeta"
    COMMIT = "commit"


OBJECT_TYPES = {
    ObjectKind.FILE: OSTree.ObjectType.FILE,
    ObjectKind.DIRTREE: OSTree.ObjectType.DIR_TREE,
    ObjectKind.DIRMETA: OSTree.ObjectType.DIR_META,
    ObjectKind.COMMIT: OSTree.ObjectType.COMMIT,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class DirMeta:
    """Owner, mode (permission bits, with setuid, setgid and sticky) and xattrs of a directory."""

    uid: int = 0
    gid: int = 0
    mode: int = 0o755
    xattrs: Xattrs = ()

    @classmethod
    def of(cls, value: GLib.Variant) -> Self:
        """Returns what a dirmeta object holds."""
        uid, gid, mode = (_big_endian(value.get_child_value(at).get_uint32()) for at in range(3))
        xattrs = xattrs_of(value.get_child_value(3))
        return cls(uid=uid, gid=gid, mode=stat.S_IMODE(mode), xattrs=xattrs)

    def pack(self) -> GLib.Variant:
        """Returns the dirmeta object."""
        head = [_big_endian(n) for n in (self.uid, self.gid, stat.S_IFDIR | self.mode)]
        numbers = [GLib.Variant.new_uint32(n) for n in head]
        return GLib.Variant.new_tuple(*numbers, pack_xattrs(self.xattrs))


@dataclass(frozen=True, slots=True, kw_only=True)
class FileInfo:
    """What a file object is: a regular file, or a symbolic link if `target` is not None."""

    uid: int
    gid: int
    mode: int  # permission bits, with setuid, setgid and sticky; 0o777 for a link
    size: int  # bytes; 0 for a link
    target: str | None
    xattrs: Xattrs

    @classmethod
    def of(cls, info: Gio.FileInfo, xattrs: Xattrs) -> Self:
        """Returns what libostree's file information says."""
        is_link = info.get_file_type() == Gio.FileType.SYMBOLIC_LINK
        return cls(
            uid=info.get_attribute_uint32("unix::uid"),
            gid=info.get_attribute_uint32("unix::gid"),
            mode=stat.S_IMODE(info.get_attribute_uint32("unix::mode")),
            size=0 if is_link else info.get_size(),
            target=info.get_symlink_target() if is_link else None,
            xattrs=xattrs,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """What a commit object holds."""

    checksum: str
    parent: str | None
    timestamp: int  # seconds since 1970
    subject: str
    metadata: GLib.Variant  # a{sv}
    root_tree: str
    root_meta: str

    @classmethod
    def of(cls, checksum: str, value: GLib.Variant) -> Self:
        """Returns what the commit object `(a{sv}aya(say)sstayay)` holds."""
        child = value.get_child_value
        return cls(
            checksum=checksum,
            parent=_bytes(child(1)).hex() or None,
            timestamp=_big_endian(child(5).get_uint64(), width=8),
            subject=child(3).get_string(),
            metadata=child(0),
            root_tree=_bytes(child(6)).hex(),
            root_meta=_bytes(child(7)).hex(),
        )

    def text(self, key: str) -> str | None:
        """Returns a string of the metadata, or None if the key is absent or no string."""
        value = self.metadata.lookup_value(key, GLib.VariantType.new("s"))
        return None if value is None else str(value.get_string())

    def raw(self, key: str) -> bytes | None:
        """Returns an `ay` of the metadata, or None if the key is absent or of another type."""
        value = self.metadata.lookup_value(key, GLib.VariantType.new("ay"))
        return None if value is None else _bytes(value)


def bytes_variant(data: bytes) -> GLib.Variant:
    """Returns an `ay`; GLib.Variant("ay", data) would make a Python object of each byte."""
    return GLib.Variant.new_from_bytes(GLib.VariantType.new("ay"), GLib.Bytes.new(data), True)


def pack_xattrs(xattrs: Xattrs) -> GLib.Variant:
    """Returns an `a(ayay)` in the order that libostree's checksums are over: sorted by name."""
    pairs = [
        GLib.Variant.new_tuple(bytes_variant(name + b"\0"), bytes_variant(value))
        for name, value in sorted(xattrs)
    ]
    return GLib.Variant.new_array(GLib.VariantType.new("(ayay)"), pairs)


def xattrs_of(value: GLib.Variant | None) -> Xattrs:
    """Returns what an `a(ayay)` holds, sorted by name."""
    if value is None:
        return ()
    pairs: Sequence[GLib.Variant] = [value.get_child_value(at) for at in range(value.n_children())]
    return tuple(
        sorted(
            (_bytes(pair.get_child_value(0)).rstrip(b"\0"), _bytes(pair.get_child_value(1)))
            for pair in pairs
        )
    )


def _bytes(value: GLib.Variant) -> bytes:
    return bytes(value.get_data_as_bytes().get_data() or b"")


def _big_endian(number: int, width: int = 4) -> int:
    """Swaps a number between the object's big-endian and this machine's order; its own inverse."""
    return int.from_bytes(number.to_bytes(width, sys.byteorder), "big")
