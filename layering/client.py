# SPDX-License-Identifier: LGPL-2.1-or-later
"""The verbs that change a host, each a short list of phases.

All changes to requests are one function: from the complete set of requests that the next tree is to
have, and the base, comes a commit. Adding, removing and doing nothing differ in the set alone.
"""

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path

from layering import progress, requests
from layering.cleaning import Cleaned, CleanUp, clean
from layering.deployments import Deployment
from layering.errors import BadRequestError
from layering.localrpm import local_packages, split_specs
from layering.merged import MergeOptions, merged_commit
from layering.origin import LocalPackage
from layering.proposal import Proposal, compare
from layering.proposed import proposed_packages
from layering.requests import Wanted
from layering.resolution import (
    Question,
    RepositoryOptions,
    Resolution,
    resolved,
    sack_config,
    told,
)
from layering.sysroot import Sysroot
from layering.target import Target, load_target
from layering.workspace import clean_leftovers
from solver import Repository, Sack

Confirm = Callable[[Proposal], bool]

# Groups of an origin in which rpm-ostree keeps changes to a tree that are not made here.
_UNSUPPORTED_GROUPS = ("modules", "rpmostree")


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeOptions:
    """How a change is to be made."""

    repositories: RepositoryOptions = field(default_factory=RepositoryOptions)
    merge: MergeOptions = field(default_factory=MergeOptions)
    dry_run: bool = False
    download_only: bool = False
    weak_deps: bool = True
    exclude: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """What came of a change; `deployment` is None where nothing was deployed."""

    proposal: Proposal
    deployment: Deployment | None = None
    confirmed: bool = True

    @property
    def unchanged(self) -> bool:
        """Whether there was nothing to do."""
        return self.proposal.empty


class Client:
    """Works on one stateroot of a sysroot."""

    def __init__(
        self, sysroot: Sysroot, stateroot: str | None, cache_dir: Path, report: progress.Report
    ) -> None:
        self._sysroot = sysroot
        self._stateroot = stateroot
        self._cache_dir = cache_dir
        self._report = report

    def install(self, specs: Sequence[str], options: ChangeOptions, confirm: Confirm) -> Changed:
        """Adds requests: names, provides, paths, globs, local RPM files."""
        names, files = split_specs(specs)
        local = local_packages(files)

        def adding(target: Target) -> Wanted:
            return requests.adding(requests.current(target.pending.origin), names, tuple(local))

        return self._change(adding, options, confirm, new_local=local)

    def uninstall(
        self,
        specs: Sequence[str],
        options: ChangeOptions,
        confirm: Confirm,
        *,
        everything: bool = False,
    ) -> Changed:
        """Drops requests, or all of them; needs no repository."""

        def dropping(target: Target) -> Wanted:
            if everything:
                return requests.NOTHING
            present = requests.current(target.pending.origin)
            return requests.dropping(present, specs, target.tree.layers)

        return self._change(dropping, options, confirm, needs_repositories=False)

    def rollback(self) -> Deployment:
        """Makes the previous deployment the one that is booted next."""
        with self._sysroot.lock(self._report):
            stateroot = self._stateroot or self._sysroot.default_stateroot()
            return self._sysroot.rollback(stateroot)

    def refresh_metadata(self, options: RepositoryOptions) -> tuple[Repository, ...]:
        """Fetches the repositories' metadata anew and returns what they are."""
        target = load_target(self._sysroot, self._stateroot, self._cache_dir)
        config = sack_config(target, options, self._cache_dir)
        with (
            progress.phase(self._report, "metadata"),
            Sack.open(config, told(self._report)) as sack,
        ):
            return sack.repositories()

    def clean_up(self, what: CleanUp) -> Cleaned:
        """Removes what is no longer needed."""
        with self._sysroot.lock(self._report):
            stateroot = self._stateroot or self._sysroot.default_stateroot()
            return clean(self._sysroot, stateroot, self._cache_dir, what, self._report)

    def _change(
        self,
        to_want: Callable[[Target], Wanted],
        options: ChangeOptions,
        confirm: Confirm,
        *,
        new_local: dict[LocalPackage, Path] | None = None,
        needs_repositories: bool = True,
    ) -> Changed:
        lock = nullcontext() if options.dry_run else self._sysroot.lock(self._report)
        with lock:
            target = load_target(self._sysroot, self._stateroot, self._cache_dir)
            _refuse_unsupported(target)
            wanted = to_want(target)
            if wanted == requests.current(target.pending.origin) and not new_local:
                return Changed(proposal=Proposal())
            if not wanted:
                return self._to_base(target, wanted, options, confirm)
            question = Question(
                wanted=wanted,
                new_local=new_local or {},
                needs_repositories=needs_repositories,
                weak_deps=options.weak_deps,
                exclude=options.exclude,
            )
            return self._to_merged(target, question, options, confirm)

    def _to_merged(
        self, target: Target, question: Question, options: ChangeOptions, confirm: Confirm
    ) -> Changed:
        repo, report = self._sysroot.repo, self._report
        with resolved(
            repo, target, question, options.repositories, self._cache_dir, report
        ) as resolution:
            proposal = self._proposal(target, question, resolution)
            stop = self._stopped(proposal, options, confirm)
            if stop is not None:
                if proposal.empty and not options.dry_run:
                    resolution.fetch(report)  # brings back the layer of a file that is given again
                return stop
            layers = resolution.fetch(report)
            transaction = resolution.transaction
        if options.download_only:
            progress.note(report, "import", "downloaded and imported; nothing deployed")
            return Changed(proposal=proposal)
        if not layers:  # the base itself has all that was asked for
            return self._deployed(target, target.base_commit, question.wanted, proposal)
        commit = merged_commit(
            self._sysroot, target, question.wanted, transaction, layers, options.merge, report
        )
        return self._deployed(target, commit, question.wanted, proposal)

    def _to_base(
        self, target: Target, wanted: Wanted, options: ChangeOptions, confirm: Confirm
    ) -> Changed:
        """Goes back to the base commit itself: no layer is left."""
        proposal = compare(target.tree.layers, (), requests_changed=True)
        stop = self._stopped(proposal, options, confirm)
        if stop is not None or options.download_only:
            return stop or Changed(proposal=proposal)
        return self._deployed(target, target.base_commit, wanted, proposal)

    def _deployed(self, target: Target, commit: str, wanted: Wanted, proposal: Proposal) -> Changed:
        clean_leftovers(self._sysroot.repo)
        deployment = self._sysroot.deploy(
            target.stateroot, commit, wanted.to_origin(target.pending.origin), report=self._report
        )
        return Changed(proposal=proposal, deployment=deployment)

    def _proposal(self, target: Target, question: Question, resolution: Resolution) -> Proposal:
        return compare(
            target.tree.layers,
            proposed_packages(resolution),
            inactive=resolution.transaction.inactive,
            requests_changed=question.wanted != requests.current(target.pending.origin),
        )

    def _stopped(
        self, proposal: Proposal, options: ChangeOptions, confirm: Confirm
    ) -> Changed | None:
        """Returns the result where nothing is to be done: no change, a dry run, or a "no"."""
        if proposal.empty:
            return Changed(proposal=proposal)
        if not confirm(proposal):
            return Changed(proposal=proposal, confirmed=False)
        return Changed(proposal=proposal) if options.dry_run else None


def _refuse_unsupported(target: Target) -> None:
    """Raises BadRequestError where the pending tree has what a new one would silently lack."""
    origin = target.pending.origin
    found = ["overrides of base packages"] if origin.overrides else []
    found += [f"[{group}]" for group in _UNSUPPORTED_GROUPS if origin.document.keys(group)]
    if found:
        what = f"the pending deployment has {' and '.join(found)}, which would be lost"
        error = BadRequestError(f"{what}: {target.pending.id}")
        error.add_note("take them back with 'rpm-ostree reset' and its options, then try again")
        raise error
