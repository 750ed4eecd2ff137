# SPDX-License-Identifier: LGPL-2.1-or-later
"""An OSTree repository that takes and hands out values of our own.

What libostree leaves to its caller and this class settles: revisions are resolved to a checksum
before anything is done with them (`checkout_at` given a ref name reports success and does nothing);
objects and refs of one transaction land together, under the repository's shared lock, so that no
prune takes the new objects away; numbers in metadata objects are big-endian.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Self, cast

from layering._ostree import Gio, GLib, OSTree, reported
from layering.dirtree import DirTree, decode
from layering.errors import BrokenObjectError, UnknownRevisionError
from layering.objects import (
    OBJECT_TYPES,
    Commit,
    DirMeta,
    FileInfo,
    ObjectKind,
    Xattrs,
    pack_xattrs,
    xattrs_of,
)

_HEX = frozenset("0123456789abcdef")
_DIRTREES_KEPT = 4096
_CHUNK = 1 << 20


class Repo:
    """An open repository; `handle` is libostree's own, for the few callers that sit right on it."""

    def __init__(self, path: Path, handle: OSTree.Repo) -> None:
        self.path = path
        self.handle = handle
        self._depth = 0
        self._unlanded = False  # whether the transaction has objects that are not moved in yet
        self._refs: dict[str, str | None] = {}  # to be set when the transaction lands
        self._dirtrees: dict[str, DirTree] = {}

    @classmethod
    def open(cls, path: Path) -> Self:
        """Opens the repository at `path`; RepoError if there is none."""
        handle = OSTree.Repo.new(Gio.File.new_for_path(os.fspath(path)))
        with reported(path, "cannot open"):
            handle.open(None)
        return cls(path, handle)

    @classmethod
    def create(cls, path: Path, mode: str = "bare") -> Self:
        """Makes a repository (or opens the one that is there) of a mode that libostree knows."""
        handle = OSTree.Repo.new(Gio.File.new_for_path(os.fspath(path)))
        with reported(path, "cannot create"):
            handle.create(OSTree.Repo.mode_from_string(mode)[1], None)
        return cls(path, handle)

    # Refs and commits

    def try_resolve(self, rev: str) -> str | None:
        """Returns the commit's checksum (64 hexadecimal digits), or None if `rev` names nothing."""
        try:
            checksum: str | None = self.handle.resolve_rev(rev, True)[1]
        except GLib.Error:  # not even the form of a ref name
            return None
        if not checksum or not self.handle.has_object(OSTree.ObjectType.COMMIT, checksum, None)[1]:
            return None
        return checksum

    def resolve(self, rev: str) -> str:
        """Returns the commit's checksum; UnknownRevisionError if `rev` names nothing."""
        checksum = self.try_resolve(rev)
        if checksum is None:
            raise UnknownRevisionError(rev, self.path)
        return checksum

    def refs(self, prefix: str = "") -> dict[str, str]:
        """Returns the refs at and below `prefix`, by full name, with the commits they hold."""
        flags = OSTree.RepoListRefsExtFlags.NONE
        found: Mapping[str, str] = self.handle.list_refs_ext(prefix or None, flags, None)[1]
        return dict(found)

    def commit_of(self, rev: str) -> Commit:
        """Returns what the commit object says; UnknownRevisionError if there is none."""
        checksum = self.resolve(rev)
        return Commit.of(checksum, self._variant(ObjectKind.COMMIT, checksum))

    # Transactions

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keeps a prune waiting, so that objects which no ref holds yet survive until one does."""
        with reported(self.path, "cannot lock"):
            self.handle.lock_push(OSTree.RepoLockType.SHARED, None)
        try:
            yield
        finally:
            self.handle.lock_pop(OSTree.RepoLockType.SHARED, None)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Makes refs appear at once, or not at all; a commit only once its files are all there.

        libostree moves the objects of a transaction into the repository one by one, in no order
        that matters to it: killed meanwhile, it would leave a commit without some of its files.
        Files and directories therefore land before the first commit is written. The shared lock is
        held throughout. A transaction inside another joins it.
        """
        self._depth += 1
        try:
            if self._depth > 1:
                yield
            else:
                yield from self._transact()
        finally:
            self._depth -= 1

    def _transact(self) -> Iterator[None]:
        self._refs.clear()
        with self.held():
            self._begin()
            try:
                yield
                for ref, commit in self._refs.items():
                    self.handle.transaction_set_ref(None, ref, commit)
                self._land()
            except BaseException:
                self.handle.abort_transaction(None)
                raise

    def _begin(self) -> None:
        with reported(self.path, "cannot write"):
            self.handle.prepare_transaction(None)
        self._unlanded = False

    def _land(self) -> None:
        with reported(self.path, "cannot write"):
            self.handle.commit_transaction(None)

    def set_ref(self, ref: str, commit: str | None) -> None:
        """Points a local ref at a commit, or deletes it, when the transaction around it lands."""
        if not self._depth:
            raise RuntimeError(f"set_ref({ref}) outside a transaction")
        self._refs[ref] = commit

    # Reading objects

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

    # Writing objects

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

    def tree_of(self, rev: str) -> OSTree.MutableTree:
        """Returns a commit's tree; its directories are read when they are asked for."""
        return OSTree.MutableTree.new_from_commit(self.handle, self.resolve(rev))

    def tree_at(self, root_tree: str, root_meta: str) -> OSTree.MutableTree:
        """Returns a written tree; its directories are read when they are asked for."""
        return OSTree.MutableTree.new_from_checksum(self.handle, root_tree, root_meta)

    def write_tree(self, tree: OSTree.MutableTree) -> tuple[str, str]:
        """Writes the directories that changed and returns the root's tree and meta checksums."""
        self._unlanded = True
        self._write_mtree(tree)
        return tree.get_contents_checksum(), tree.get_metadata_checksum()

    def write_commit(
        self,
        *,
        tree: tuple[str, str],
        parent: str | None = None,
        subject: str = "",
        timestamp: int,
        metadata: Mapping[str, GLib.Variant] | None = None,
    ) -> str:
        """Writes a commit of a written tree and returns its checksum.

        The metadata is sorted by key, so that equal inputs give an equal commit; `timestamp` is in
        seconds since 1970 and always the caller's, never the clock's. No other thread may write
        meanwhile.
        """
        if not self._depth:
            raise RuntimeError(f"write_commit({subject!r}) outside a transaction")
        if self._unlanded:
            self._land()
            self._begin()
        packed = GLib.Variant("a{sv}", dict(sorted((metadata or {}).items())))
        write = self.handle.write_commit_with_time
        root = self._write_mtree(self.tree_at(*tree))
        with reported(self.path, "cannot write"):
            checksum: str = write(parent, subject or None, None, packed, root, timestamp, None)[1]
        return checksum

    # Checkouts

    def checkout(self, rev: str, destination: Path, *, subpath: str = "/") -> None:
        """Makes `destination` (which must not exist) a checkout, hard-linked where that works.

        Where the caller isn't root, or the repository cannot store owners, files are the caller's.
        A `subpath` that is a file gives a directory holding that file, as libostree does it.
        """
        options = OSTree.RepoCheckoutAtOptions()
        user = os.geteuid() != 0 or self.handle.get_mode() != OSTree.RepoMode.BARE
        options.mode = OSTree.RepoCheckoutMode.USER if user else OSTree.RepoCheckoutMode.NONE
        options.subpath = subpath
        commit = self.resolve(rev)
        with reported(self.path, f"cannot check out {commit}"):
            self.handle.checkout_at(options, -100, os.fspath(destination), commit, None)

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
