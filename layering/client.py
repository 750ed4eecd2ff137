# SPDX-License-Identifier: LGPL-2.1-or-later
"""The verbs that change a host, each a short list of phases.

All of them find an intent (`layering.intent`, `layering.newbase`) and hand it to one function
(`layering.change`), or do something small to deployments that exist.
"""

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

from layering import newbase, progress
from layering.change import Changed, ChangeOptions, Confirm, change, deploy
from layering.cleaning import Cleaned, CleanUp, clean
from layering.deployments import Deployment
from layering.host import Host
from layering.intent import Intent, Reset, additions, resetting, staying, with_requests
from layering.kargs import KargEdit, edited
from layering.newbase import Available, Lookup
from layering.overridden import overriding_as
from layering.overriding import OverrideEdit
from layering.repositories import RepositoryOptions, sack_config, told
from layering.resolution import sweep_stubs
from layering.sysroot import Sysroot
from layering.target import Target, load_target
from solver import Repository, Sack

__all__ = ["Available", "ChangeOptions", "Changed", "Client", "Confirm", "KargsChanged", "Reset"]


@dataclass(frozen=True, slots=True, kw_only=True)
class KargsChanged:
    """Kernel arguments before and after; `deployment` is None where they are the same."""

    before: tuple[str, ...]
    after: tuple[str, ...]
    deployment: Deployment | None
    warnings: tuple[str, ...] = ()  # what finalizing it will settle otherwise than expected


class Client:
    """Works on one stateroot of a sysroot."""

    def __init__(
        self,
        sysroot: Sysroot,
        stateroot: str | None,
        cache_dir: Path,
        report: progress.Report,
        *,
        log_dir: Path | None = None,
    ) -> None:
        self._stateroot = stateroot
        self._host = Host(
            sysroot=sysroot,
            cache_dir=cache_dir,
            log_dir=log_dir or cache_dir / "log",
            report=report,
        )

    # What is asked for on top of the base

    def install(self, specs: Sequence[str], options: ChangeOptions, confirm: Confirm) -> Changed:
        """Adds requests: names, provides, paths, globs, local RPM files."""
        adding = replace(options, install=(*specs, *options.install))
        return self._change(staying, adding, confirm)

    def uninstall(
        self,
        specs: Sequence[str],
        options: ChangeOptions,
        confirm: Confirm,
        *,
        everything: bool = False,
    ) -> Changed:
        """Drops requests, or all of them; needs no repository."""
        dropping = replace(
            options,
            uninstall=(*specs, *options.uninstall),
            uninstall_all=everything or options.uninstall_all,
        )
        return self._change(staying, dropping, confirm)

    def reset(self, what: Reset, options: ChangeOptions, confirm: Confirm) -> Changed:
        """Gives up requests, overrides, or both; needs no repository."""
        return self._change(lambda target: resetting(target, what), options, confirm)

    def override(self, edit: OverrideEdit, options: ChangeOptions, confirm: Confirm) -> Changed:
        """Removes base packages, puts others in their place, or takes the base's own again."""
        return self._change(
            lambda target: overriding_as(staying(target), target, edit), options, confirm
        )

    # The base

    def upgrade(
        self,
        options: ChangeOptions,
        confirm: Confirm,
        *,
        allow_downgrade: bool = False,
        unattended: bool = False,
    ) -> Changed:
        """Goes to the newest commit of the branch, and to the best version of every layer.

        An `unattended` one leaves alone what a person chose: a held base, a rollback.
        """

        def intent(target: Target) -> Intent:
            chosen = newbase.chosen_by_hand(target) if unattended else ""
            if chosen:
                progress.note(self._host.report, "upgrade", f"left alone: {chosen}")
                return staying(target)
            return newbase.upgraded(target, lookup)

        lookup = self._lookup(options, allow_downgrade=allow_downgrade)
        return self._change(intent, options, confirm, asks_remote=True)

    def rebase(
        self,
        refspec: str,
        options: ChangeOptions,
        confirm: Confirm,
        *,
        revision: str | None = None,
        allow_downgrade: bool = False,
    ) -> Changed:
        """Goes to another branch, or to one commit of it, with the same requests."""
        lookup = self._lookup(options, allow_downgrade=allow_downgrade)
        return self._change(
            lambda target: newbase.rebased(target, lookup, refspec, revision),
            options,
            confirm,
            asks_remote=True,
        )

    def deploy(
        self,
        revision: str,
        options: ChangeOptions,
        confirm: Confirm,
        *,
        allow_downgrade: bool = False,
    ) -> Changed:
        """Goes to one commit of the branch, with the same requests, and holds the base there."""
        lookup = self._lookup(options, allow_downgrade=allow_downgrade)
        return self._change(
            lambda target: newbase.at_revision(target, lookup, revision),
            options,
            confirm,
            asks_remote=True,
        )

    def available(self, options: ChangeOptions) -> Available:
        """Returns what an upgrade would find; nothing but a commit object is fetched."""
        # It is for the lock that libostree makes a booted sysroot writable.
        with self._host.sysroot.lock(self._host.report):
            target = load_target(self._host.sysroot, self._stateroot, self._host.cache_dir)
            return newbase.available(target, self._lookup(options))

    # Deployments

    def rollback(self) -> Deployment:
        """Makes the previous deployment the one that is booted next."""
        with self._host.sysroot.lock(self._host.report):
            return self._host.sysroot.rollback(self._name())

    def pin(self, index: int, *, pinned: bool = True) -> Deployment:
        """Keeps a deployment until it is unpinned, or, with `pinned=False`, no longer."""
        with self._host.sysroot.lock(self._host.report):
            deployment = self._host.sysroot.at_index(index)
            if deployment.pinned is not pinned:
                self._host.sysroot.pin(deployment, pinned=pinned)
            return self._host.sysroot.at_index(index)

    def change_kargs(
        self, edits: Sequence[KargEdit], *, lock_finalization: bool = False
    ) -> KargsChanged:
        """Deploys the pending tree once more with other kernel arguments."""
        with self._host.sysroot.lock(self._host.report):
            target = load_target(self._host.sysroot, self._stateroot, self._host.cache_dir)
            pending = target.pending
            if lock_finalization:
                self._host.sysroot.check_staging()
            after = edited(pending.kargs, edits)
            if after == pending.kargs:
                return KargsChanged(before=pending.kargs, after=after, deployment=None)
            deployment, warnings = deploy(
                self._host,
                target,
                pending.checksum,
                pending.origin,
                kargs=after,
                lock_finalization=lock_finalization,
            )
            return KargsChanged(
                before=pending.kargs, after=after, deployment=deployment, warnings=warnings
            )

    def finalize(self) -> Deployment:
        """Lets a staged deployment that was locked be put into the boot order at shutdown."""
        with self._host.sysroot.lock(self._host.report):
            return self._host.sysroot.finalize_staged()

    def clean_up(self, what: CleanUp) -> Cleaned:
        """Removes what is no longer needed."""
        with self._host.sysroot.lock(self._host.report):
            sweep_stubs(self._host.cache_dir)
            return clean(
                self._host.sysroot, self._name(), self._host.cache_dir, what, self._host.report
            )

    def refresh_metadata(self, options: RepositoryOptions) -> tuple[Repository, ...]:
        """Fetches the repositories' metadata anew and returns what they are."""
        target = load_target(self._host.sysroot, self._stateroot, self._host.cache_dir)
        config = sack_config(target, options, self._host.cache_dir)
        with (
            progress.phase(self._host.report, "metadata"),
            Sack.open(config, told(self._host.report)) as sack,
        ):
            return sack.repositories()

    def _change(
        self,
        to_intent: Callable[[Target], Intent],
        options: ChangeOptions,
        confirm: Confirm,
        *,
        asks_remote: bool = False,
    ) -> Changed:
        added = additions(options.install)
        if options.lock_finalization:
            self._host.sysroot.check_staging()
        # A look at what would change writes nothing, unless a remote has to be asked, or packages
        # which scripts they bring.
        looks = options.dry_run and not (asks_remote or options.foresee)
        with nullcontext() if looks else self._host.sysroot.lock(self._host.report):
            target = load_target(self._host.sysroot, self._stateroot, self._host.cache_dir)
            intent = with_requests(
                to_intent(target),
                target,
                added,
                options.uninstall,
                drop_all=options.uninstall_all,
            )
            return change(self._host, target, intent, options, confirm)

    def _lookup(self, options: ChangeOptions, *, allow_downgrade: bool = False) -> Lookup:
        return Lookup(
            repo=self._host.sysroot.repo,
            report=self._host.report,
            offline=options.repositories.cache_only,
            allow_downgrade=allow_downgrade,
        )

    def _name(self) -> str:
        return self._host.sysroot.chosen_stateroot(self._stateroot)
