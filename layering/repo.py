# SPDX-License-Identifier: LGPL-2.1-or-later
"""An OSTree repository that takes and hands out values of our own.

What libostree leaves to its caller and this class settles: revisions are resolved to a checksum
before anything is done with them (`checkout_at` given a ref name reports success and does nothing);
a transaction's files land before its commits and its refs last, under the repository's shared lock,
so that no prune takes the new objects away.
"""

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Self

from layering._ostree import Gio, GLib, OSTree, reported
from layering.errors import UnknownRevisionError
from layering.objects import Commit, ObjectKind
from layering.objectstore import ObjectStore


class Repo(ObjectStore):
    """An open repository."""

    def __init__(self, path: Path, handle: OSTree.Repo) -> None:
        super().__init__(path, handle)
        self._depth = 0
        self._refs: dict[str, str | None] = {}  # to be set when the transaction lands

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

    def has_file(self, checksum: str) -> bool:
        """Whether the object of a file or link is there."""
        return bool(self.handle.has_object(OSTree.ObjectType.FILE, checksum, None)[1])

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

    @contextmanager
    def discarded(self) -> Iterator[None]:
        """Has all that is written be there for the time of the body alone: no ref moves either.

        A transaction inside joins it.
        """
        if self._depth:
            raise RuntimeError("discarded() inside a transaction")
        with self.held():
            self._depth += 1
            self._begin()
            try:
                yield
            finally:
                self._depth -= 1
                self._refs.clear()
                self._empty_staging()
                self.handle.abort_transaction(None)

    def _empty_staging(self) -> None:
        """Removes what the transaction has written; libostree would have the next one land it.

        Its directory is locked until the transaction ends, and is the one that is open here.
        """
        above = (self.path / "tmp").resolve()
        for descriptor in os.listdir("/proc/self/fd"):  # noqa: PTH208 names alone
            with suppress(OSError):
                place = Path(f"/proc/self/fd/{descriptor}").readlink()
                if place.parent == above and place.name.startswith("staging-") and place.is_dir():
                    shutil.rmtree(place)

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

    def tree_of(self, rev: str) -> OSTree.MutableTree:
        """Returns a commit's tree; its directories are read when they are asked for."""
        return OSTree.MutableTree.new_from_commit(self.handle, self.resolve(rev))

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
