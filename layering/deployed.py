# SPDX-License-Identifier: LGPL-2.1-or-later
"""What is deployed in an OSTree sysroot, to be looked at by anybody.

On a booted system the sysroot is mounted read-only, and libostree keeps what it has opened: whoever
means to change it has to say so before anything is read. The changes are `layering.sysroot`'s.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from layering import deployments as rules
from layering._ostree import Gio, GLib, OSTree
from layering.deployments import Deployment, Place
from layering.deployments_read import read_deployments
from layering.errors import SysrootError
from layering.mounts import enter_own_namespace
from layering.refs import FAILED_REF
from layering.repo import Repo
from layering.sysroot_errors import (
    BrokenOriginError,
    NoSuchDeploymentError,
    NotASysrootError,
    NotRootError,
)

_BOOTED = Path("/run/ostree-booted")

_KEYFILE = GLib.quark_to_string(GLib.KeyFile.error_quark())


class Deployed:
    """A loaded sysroot; `deployments` are as of opening, of locking, or of our own last change."""

    def __init__(self, path: Path, handle: OSTree.Sysroot) -> None:
        self.path = path
        self.handle = handle
        self.repo = Repo(path / "ostree/repo", handle.repo())
        self.deployments: tuple[Deployment, ...] = ()
        self._read()

    @classmethod
    def open(cls, path: Path, *, writable: bool = False) -> Self:
        """Opens the sysroot at `path` ("/" on a booted system).

        `writable` prepares for changes: on a booted system, where the sysroot is mounted read-only,
        this process gets a mount namespace of its own in which libostree may remount it. Ask for it
        before there are threads.

        Raises:
            NotASysrootError: there is none.
            NotRootError: it is to be changed by somebody who isn't root.
        """
        if not (path / "ostree/repo").is_dir():
            raise NotASysrootError(path, "it has no ostree/repo")
        if writable and os.geteuid() != 0:
            raise NotRootError("changing deployments", path)
        handle = OSTree.Sysroot.new(Gio.File.new_for_path(os.fspath(path.absolute())))
        if writable and _BOOTED.exists() and path.samefile("/"):
            # Before libostree opens anything: what is opened in the host's namespace stays
            # read-only. Its own initialize_with_mount_namespace() opens first and then unshares.
            enter_own_namespace()
            handle.set_mount_namespace_in_use()
        try:
            handle.load(None)
        except GLib.Error as error:
            not_text = error.matches(Gio.io_error_quark(), Gio.IOErrorEnum.INVALID_DATA)
            if error.domain == _KEYFILE or not_text:
                raise BrokenOriginError(path, error.message) from error
            raise NotASysrootError(path, error.message) from error
        return cls(path, handle)

    def reload(self) -> None:
        """Reads what is deployed anew."""
        with self._reported("cannot read deployments"):
            self.handle.load_if_changed(None)
        self._read()

    @property
    def is_booted(self) -> bool:
        """Whether this is the sysroot of the running system."""
        return self.handle.get_booted_deployment() is not None

    def default_stateroot(self) -> str:
        """Returns the stateroot that is meant where none is named: the booted, first, or only."""
        for deployment in (*(d for d in self.deployments if d.booted), *self.deployments):
            return deployment.stateroot
        found = self.stateroots()
        if len(found) != 1:
            have = f"has {', '.join(found)}" if found else "has none"
            error = SysrootError(
                f"no stateroot given, and there is no deployment: sysroot {self.path} {have}"
            )
            error.add_note("name one with --stateroot")
            raise error
        return found[0]

    def stateroots(self) -> tuple[str, ...]:
        """Returns the names of those that there are, sorted."""
        found = self.path.glob("ostree/deploy/*")
        return tuple(sorted(entry.name for entry in found if entry.is_dir()))

    def chosen_stateroot(self, name: str | None) -> str:
        """Returns the stateroot of that name, or the default for None.

        Raises:
            SysrootError: there is none such; those that there are are named.
        """
        if name is None:
            return self.default_stateroot()
        there = self.stateroots()
        if name not in there:
            have = f"there is {', '.join(there)}" if there else "there is none"
            raise SysrootError(f"no stateroot {name}, {have}: sysroot {self.path}")
        return name

    def merge_deployment(self, stateroot: str) -> Deployment | None:
        """Returns whose `/etc` goes on: the booted deployment of the stateroot, or the default."""
        at = rules.current_of(self._places(), stateroot)
        return None if at is None else self.deployments[at]

    def pending_deployment(self, stateroot: str) -> Deployment | None:
        """Returns whose requests and kernel arguments go on: what would be booted next."""
        mine = [d for d in self.deployments if d.stateroot == stateroot]
        return mine[0] if mine else None

    def at_index(self, index: int) -> Deployment:
        """Returns the deployment of that number; NoSuchDeploymentError if there is none."""
        if not 0 <= index < len(self.deployments):
            last = len(self.deployments) - 1
            have = f"they are 0 to {last}" if self.deployments else "there is none"
            raise NoSuchDeploymentError(f"no deployment {index}, {have}", self.path)
        return self.deployments[index]

    def commit_named(self, text: str) -> str:
        """Returns the commit that a person means: a deployment's number, `failed`, a ref, a commit.

        Raises:
            NoSuchDeploymentError, UnknownRevisionError: there is none such.
        """
        if text.isdecimal() and len(text) < 4:
            return self.at_index(int(text)).checksum
        if text == "failed":
            kept = self.repo.try_resolve(FAILED_REF)
            if kept is None:
                error = SysrootError(f"no tree of a failure is kept: sysroot {self.path}")
                error.add_note("--keep-failed keeps it, with 'overlay install' and its like")
                raise error
            return kept
        return self.repo.resolve(text)

    def _places(self) -> list[Place]:
        return [
            Place(stateroot=d.stateroot, booted=d.booted, staged=d.staged, pinned=d.pinned)
            for d in self.deployments
        ]

    def _read(self) -> None:
        self.deployments = read_deployments(self.handle, self.path.absolute(), self.repo)

    @contextmanager
    def _reported(self, what: str) -> Iterator[None]:
        try:
            yield
        except GLib.Error as error:
            reported = SysrootError(f"{what}: {error.message}: sysroot {self.path}")
            if error.matches(Gio.io_error_quark(), Gio.IOErrorEnum.NO_SPACE):
                reported.add_note("free some space, or remove deployments with 'overlay cleanup'")
            raise reported from error
