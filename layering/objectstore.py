# SPDX-License-Identifier: LGPL-2.1-or-later
"""The objects of an open repository: what each holds, and how one is written.

Directories are decoded here, as GLib's own unpacking is a hundred times slower. What is written
inside a transaction is not in its place until that has landed.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import IO, cast

from layering._ostree import Gio, GLib, OSTree, reported
from layering.dirtree import DirTree, decode
from layering.errors import BrokenObjectError
from layering.objects import (
    OBJECT_TYPES,
    DirMeta,
    FileInfo,
    ObjectKind,
    Xattrs,
    pack_xattrs,
    xattrs_of,
)

_DIRTREES_KEPT = 4096
_CHUNK = 1 << 20


class ObjectStore:
    """Reads and writes objects; `handle` is libostree's own, for who sits right on it."""

    def __init__(self, path: Path, handle: OSTree.Repo) -> None:
        self.path = path
        self.handle = handle
        self._unlanded = False  # whether there are objects that are not moved into place yet
        self._dirtrees: dict[str, DirTree] = {}

    def dirtree(self, checksum: str) -> DirTree:
        """Returns a directory; the latest few thousand are kept in memory."""
        tree = self._dirtrees.get(checksum)
        if tree is None:
            data = self._variant(ObjectKind.DIRTREE, checksum).get_data_as_bytes().get_data() or b""
            try:
                tree = decode(data)
            except ValueError as error:
                raise BrokenObjectError(checksum, str(error)) from error
            if len(self._dirtrees) >= _DIRTREES_KEPT:
                del self._dirtrees[next(iter(self._dirtrees))]
            self._dirtrees[checksum] = tree
        return tree

    def dirmeta(self, checksum: str) -> DirMeta:
        """Returns owner, mode and extended attributes of a directory."""
        return DirMeta.of(self._variant(ObjectKind.DIRMETA, checksum))

    def file_info(self, checksum: str) -> FileInfo:
        """Returns what a file object is, without its content."""
        _stream, info, xattrs = self._load_file(checksum)
        return FileInfo.of(info, xattrs)

    def file_chunks(self, checksum: str) -> Iterator[bytes]:
        """Yields the content of a regular file's object, a megabyte at a time."""
        stream, _info, _xattrs = self._load_file(checksum)
        while chunk := stream.read_bytes(_CHUNK, None).get_data():
            yield chunk

    def object_path(self, checksum: str, kind: ObjectKind = ObjectKind.FILE) -> Path:
        """Returns where the loose object is; it need not exist."""
        return self.path / "objects" / checksum[:2] / f"{checksum[2:]}.{kind}"

    def write_dirmeta(self, meta: DirMeta) -> str:
        """Writes a dirmeta object and returns its checksum."""
        return self._write_metadata(ObjectKind.DIRMETA, meta.pack())

    def write_regular(
        self,
        content: bytes | IO[bytes],
        *,
        length: int,
        uid: int = 0,
        gid: int = 0,
        mode: int,
        xattrs: Xattrs = (),
    ) -> str:
        """Writes a regular file of exactly `length` bytes and returns its checksum.

        `mode` are the permission bits, with setuid, setgid and sticky; a stream is read in chunks.
        """
        full, packed = 0o100000 | (mode & 0o7777), pack_xattrs(xattrs)
        if isinstance(content, bytes) and len(content) != length:
            raise ValueError(f"{len(content)} bytes given, {length} announced")
        self._unlanded = True
        with reported(self.path, "cannot write"):
            if isinstance(content, bytes):
                write = self.handle.write_regfile_inline
                return write(None, uid, gid, full, packed, content, None)
            writer = self.handle.write_regfile(None, uid, gid, full, length, packed)
            for chunk in _exactly(content, length):
                writer.write_all(chunk, None)
            return writer.finish(None)

    def write_symlink(
        self, target: str | bytes, *, uid: int = 0, gid: int = 0, xattrs: Xattrs = ()
    ) -> str:
        """Writes a symbolic link and returns its checksum; UnicodeDecodeError if not UTF-8."""
        text = target.decode("utf-8") if isinstance(target, bytes) else target
        self._unlanded = True
        with reported(self.path, "cannot write"):
            return self.handle.write_symlink(None, uid, gid, pack_xattrs(xattrs), text, None)

    def new_tree(self, meta: DirMeta | None = None) -> OSTree.MutableTree:
        """Returns an empty tree whose root has the given metadata (0755, root's, if none)."""
        tree = OSTree.MutableTree.new()
        tree.set_metadata_checksum(self.write_dirmeta(meta or DirMeta()))
        return tree

    def tree_at(self, root_tree: str, root_meta: str) -> OSTree.MutableTree:
        """Returns a written tree; its directories are read when they are asked for."""
        return OSTree.MutableTree.new_from_checksum(self.handle, root_tree, root_meta)

    def write_tree(self, tree: OSTree.MutableTree) -> tuple[str, str]:
        """Writes the directories that changed and returns the root's tree and meta checksums."""
        # A tree that did not change since it was last written still knows its checksum.
        self._unlanded = self._unlanded or not tree.get_contents_checksum()
        self._write_mtree(tree)
        return tree.get_contents_checksum(), tree.get_metadata_checksum()

    def _variant(self, kind: ObjectKind, checksum: str) -> GLib.Variant:
        with reported(self.path, f"cannot read {kind} {checksum}"):
            return self.handle.load_variant(OBJECT_TYPES[kind], checksum)[1]

    def _load_file(self, checksum: str) -> tuple[Gio.InputStream, Gio.FileInfo, Xattrs]:
        with reported(self.path, f"cannot read file {checksum}"):
            _done, stream, info, xattrs = self.handle.load_file(checksum, None)
        return stream, info, xattrs_of(xattrs)

    def _write_mtree(self, tree: OSTree.MutableTree) -> OSTree.RepoFile:
        with reported(self.path, "cannot write"):
            root = self.handle.write_mtree(tree, None)[1]
        return cast("OSTree.RepoFile", root)  # announced as its interface, Gio.File

    def _write_metadata(self, kind: ObjectKind, value: GLib.Variant) -> str:
        self._unlanded = True
        with reported(self.path, "cannot write"):
            raw: bytes = self.handle.write_metadata(OBJECT_TYPES[kind], None, value, None)[1]
        return raw.hex()


def _exactly(stream: IO[bytes], length: int) -> Iterator[bytes]:
    left = length
    while left:
        chunk = stream.read(min(left, _CHUNK))
        if not chunk:
            raise EOFError(f"stream ended {left} bytes early")
        left -= len(chunk)
        yield chunk
