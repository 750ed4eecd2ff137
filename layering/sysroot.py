# SPDX-License-Identifier: LGPL-2.1-or-later
"""Changes to what is deployed in an OSTree sysroot.

libostree does the work, and what it does is kept: the previous default stays as the rollback, and
pinned deployments and other stateroots are left alone. Two things differ from its simplest calls:
deploying never prunes the repository, which takes time by the number of all objects, and on a
booted system the new tree is staged, to be put into the boot order at shutdown.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from layering import deployments as rules
from layering import lock as locking
from layering._ostree import GLib, OSTree
from layering.deployed import Deployed
from layering.deploying import Tree, deploy, stage, unlock
from layering.deployments import Deployment
from layering.errors import SysrootError
from layering.interrupts import held
from layering.origin import Origin
from layering.progress import Report, phase, silent, warn
from layering.sysroot_errors import NoSuchDeploymentError, NotRootError, NotStagedError


class Sysroot(Deployed):
    """A sysroot that may be changed: what changes deployments is for who holds the lock."""

    @contextmanager
    def lock(self, report: Report = silent) -> Iterator[None]:
        """Holds the sysroot's lock, waiting for who has it; what is deployed is read anew then."""
        if os.geteuid() != 0:
            raise NotRootError("changing deployments", self.path)
        take, file = self._try_lock, self.path / "ostree/lock"
        with locking.held(take, self.handle.unlock, file, report):
            self.reload()
            yield

    def check_staging(self) -> None:
        """Raises NotStagedError where new trees are not staged, and so cannot be locked."""
        if not self.is_booted:
            raise NotStagedError("only what is staged on a running system can be locked", self.path)

    def deploy(
        self,
        stateroot: str,
        commit: str,
        origin: Origin,
        *,
        kargs: Sequence[str] | None = None,
        locked: bool = False,
        report: Report = silent,
    ) -> Deployment:
        """Makes `commit` what is booted next and returns the new deployment.

        `/etc` is merged from the booted deployment; kernel arguments are the pending one's, unless
        others are given. The time that libostree takes is reported as the phase "deploy". What is
        staged `locked` is not finalized at shutdown until `finalize_staged` says so.

        Raises:
            SysrootError: libostree refuses, or `locked` where nothing would be staged.
            KeyboardInterrupt: nothing was deployed; or all of it, which is then reported.
        """
        if locked:
            self.check_staging()
        merge, pending = self.merge_deployment(stateroot), self.pending_deployment(stateroot)
        if kargs is None and pending is not None:
            kargs = pending.kargs
        new = Tree(
            stateroot=stateroot,
            commit=commit,
            origin=origin,
            kargs=None if kargs is None else tuple(kargs),
            merge=self._handle_of(merge) if merge else None,
            locked=locked,
        )
        with phase(report, "deploy", commit[:12]), self._reported(f"cannot deploy {commit}"):
            return self._written(new, report)

    def finalize_staged(self) -> Deployment:
        """Lets the locked staged deployment be finalized at shutdown, and returns it.

        Raises:
            NotStagedError: nothing is staged, or it isn't locked.
        """
        handle = self.handle.get_staged_deployment()
        if handle is None:
            raise NotStagedError("no deployment is staged", self.path)
        staged = next(deployment for deployment in self.deployments if deployment.staged)
        if not staged.locked:
            what = f"not locked, it is finalized at shutdown anyway: {staged.id}"
            raise NotStagedError(what, self.path)
        with self._reported(f"cannot unlock {staged.id}"):
            unlock(self.handle, handle)
        self._refresh()
        return next(deployment for deployment in self.deployments if deployment.staged)

    def rollback(self, stateroot: str) -> Deployment:
        """Changes the places of the first two deployments and returns what is booted next.

        Raises:
            NoSuchDeploymentError: there is only one.
            SysrootError: a staged deployment has no place yet to be changed.
        """
        if any(deployment.staged for deployment in self.deployments):
            error = SysrootError(f"a staged deployment would be lost: sysroot {self.path}")
            error.add_note("drop it with 'overlay cleanup --pending', and stay with what is booted")
            raise error
        order = rules.rolled_back(self._places(), stateroot)
        if order is None:
            raise NoSuchDeploymentError(f"{stateroot} has nothing to roll back to", self.path)
        self._write_order(order)
        return next(d for d in self.deployments if d.stateroot == stateroot)

    def drop(
        self, stateroot: str, *, pending: bool = False, rollback: bool = False
    ) -> tuple[Deployment, ...]:
        """Drops pending or rollback deployments that nobody pinned, and returns them."""
        kept = rules.kept(self._places(), stateroot, pending=pending, rollback=rollback)
        dropped = tuple(d for d in self.deployments if d.index not in kept)
        if dropped:
            self._write_order(kept)
        return dropped

    def pin(self, deployment: Deployment, *, pinned: bool = True) -> None:
        """Keeps a deployment until it is unpinned, or, with `pinned=False`, no longer.

        Raises:
            SysrootError: it is staged, and has no place of its own yet.
        """
        if deployment.staged:
            what = f"{deployment.id} is staged, and can be pinned once it was finalized at shutdown"
            raise SysrootError(f"{what}: sysroot {self.path}")
        with self._reported(f"cannot {'pin' if pinned else 'unpin'} {deployment.id}"):
            self.handle.deployment_set_pinned(self._handle_of(deployment), pinned)
        self._refresh()

    def sweep(self) -> tuple[str, ...]:
        """Removes what no deployment uses, but for objects: directories, boot files, refs.

        So it takes away the checkout of a deployment that a power cut left half-made.

        Returns:
            The names of the deployment directories that went: `COMMIT.N`.
        """
        before = self._checkouts()
        with self._reported("cannot clean up"):
            self.handle.prepare_cleanup(None)
        return tuple(sorted(before - self._checkouts()))

    def _checkouts(self) -> frozenset[str]:
        found = self.path.glob("ostree/deploy/*/deploy/*")
        return frozenset(path.name for path in found if path.is_dir())

    def _written(self, new: Tree, report: Report) -> Deployment:
        known = {deployment.id for deployment in self.deployments}
        with held() as interrupt:
            try:
                (stage if self.is_booted else deploy)(self.handle, new, interrupt)
            except GLib.Error:
                self.handle.prepare_cleanup(None)  # takes away what there is of a checkout
                if not interrupt.came:
                    raise
            self._refresh()
            made = next((each for each in self.deployments if each.id not in known), None)
            if made is None:
                raise KeyboardInterrupt
            if interrupt.came:
                warn(report, "deploy", f"interrupted too late: {made.id} is the next to be booted")
        return made

    def _write_order(self, order: Sequence[int]) -> None:
        options = OSTree.SysrootWriteDeploymentsOpts()
        options.do_postclean = False
        handles = self.handle.get_deployments()
        with self._reported("cannot write deployments"), held():
            self.handle.write_deployments_with_options([handles[at] for at in order], options, None)
            self.handle.prepare_cleanup(None)
        self._refresh()

    def _refresh(self) -> None:
        with self._reported("cannot read deployments"):
            self.handle.load(None)
        self._read()

    def _handle_of(self, deployment: Deployment) -> OSTree.Deployment:
        for handle in self.handle.get_deployments():
            found = (handle.get_osname(), handle.get_csum(), handle.get_deployserial())
            if found == (deployment.stateroot, deployment.checksum, deployment.serial):
                return handle
        raise NoSuchDeploymentError(f"no deployment {deployment.id}", self.path)

    def _try_lock(self) -> bool:
        with self._reported("cannot take the lock"):
            return bool(self.handle.try_lock()[1])
