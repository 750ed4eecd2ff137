# SPDX-License-Identifier: LGPL-2.1-or-later
"""From an intent to a deployment: the one way that every change goes.

Whatever may refuse comes before whatever costs: of another base only its package database is
fetched until the solver has agreed and a person has, and the tree itself after that.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from layering import preflight, progress, remotes
from layering.allowances import NOTHING, Allowances, Asked
from layering.base import load_base
from layering.deployments import Deployment
from layering.foresight import Foresight
from layering.host import Host
from layering.intent import Intent
from layering.merged import MergeOptions, Parts, foreseen, merged_commit
from layering.origin import Origin
from layering.overridden import refuse_contradiction, refuse_resting, settled
from layering.proposal import Proposal
from layering.proposed import asks_for_else, propose
from layering.question import Question
from layering.refusals import hinted, refuse_lost_requests, refuse_unsupported
from layering.repositories import RepositoryOptions
from layering.resolution import Resolution, resolved
from layering.target import Target
from layering.workspace import clean_leftovers
from solver import Package, Reason

Confirm = Callable[[Proposal], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeOptions:
    """How a change is to be made."""

    repositories: RepositoryOptions = field(default_factory=RepositoryOptions)
    merge: MergeOptions = field(default_factory=MergeOptions)
    allow: Asked = field(default_factory=Asked)
    install: tuple[str, ...] = ()  # requests added beside what the verb itself does
    uninstall: tuple[str, ...] = ()
    uninstall_all: bool = False
    dry_run: bool = False
    foresee: bool = False  # in a dry run: import what is missing, and tell which scripts would run
    download_only: bool = False
    weak_deps: bool = True
    exclude: tuple[str, ...] = ()
    lock_finalization: bool = False  # staged, and put into the boot order only when told to


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """What came of a change; `deployment` is None where nothing was deployed."""

    proposal: Proposal
    deployment: Deployment | None = None
    confirmed: bool = True
    warnings: tuple[str, ...] = ()  # what finalizing it will settle otherwise than expected
    foresight: Foresight | None = None  # in a dry run that was to tell it

    @property
    def unchanged(self) -> bool:
        """Whether there was nothing to do."""
        return self.proposal.empty


def change(
    host: Host, target: Target, intent: Intent, options: ChangeOptions, confirm: Confirm
) -> Changed:
    """Makes the next deployment what the intent says; for who holds the sysroot's lock.

    Raises:
        BadRequestError: the next tree would silently lack what the pending one has.
        SolverError: no set of packages meets the requests on that base.
        FileConflictError, ScriptletFailedError, …: see `merged_commit`; nothing was deployed.
    """
    refuse_unsupported(target, intent)
    refuse_lost_requests(target, intent)
    refuse_contradiction(intent.wanted)
    if _is_as_before(target, intent) and not options.allow:
        return Changed(proposal=Proposal())
    following = _with_base(host, target, intent)
    if not (intent.wanted or intent.instead):
        return _to_base(host, following, intent, options, confirm)
    return _to_merged(host, following, intent, options, confirm)


def _to_merged(
    host: Host, target: Target, intent: Intent, options: ChangeOptions, confirm: Confirm
) -> Changed:
    repo, report = host.sysroot.repo, host.report
    question = Question(
        wanted=intent.wanted,
        standing=intent.wanted.names - intent.asked_anew,
        new_local=intent.new_local,
        instead=intent.instead,
        needs_repositories=intent.needs_repositories,
        weak_deps=options.weak_deps,
        exclude=options.exclude,
        best=intent.best,
        other_release=intent.best and target.pending_base.releasever != target.base.releasever,
    )
    with (
        hinted(target, intent),
        resolved(repo, target, question, options.repositories, host.cache_dir, report) as found,
    ):
        refuse_resting(intent, target, found.transaction)
        allowances = _allowances(target, intent, options, found)
        proposal = propose(target, intent, found, allowances)
        stop = _stopped(proposal, options, confirm)
        ahead = _looks_ahead(host, target, stop, options)
        if stop is not None and not ahead:
            if proposal.empty and not options.dry_run:
                # Brings back the layer of a file that is given again.
                found.fetch(report, allowances.drop_special)
            return _with_reason(stop, options)
        if stop is None:
            _fetch_base(host, intent)
        else:
            what = "packages are downloaded and imported for it, as --download-only does"
            progress.note(report, "scripts", f"to tell what runs, {what}")
        layers = found.fetch(report, allowances.drop_special)
        transaction = found.transaction
    if options.download_only and stop is None:
        progress.note(report, "import", "downloaded and imported; nothing deployed")
        return Changed(proposal=proposal)
    intent = replace(intent, wanted=settled(repo, intent, transaction, layers))
    origin = intent.next_origin.replacing(allowances.replacefiles)
    if not (layers or transaction.removed):  # the base itself has all that was asked for
        if stop is not None:
            return replace(stop, foresight=Foresight())
        return _deployed(host, target, target.base_commit, origin, options, proposal)
    parts = Parts(
        wanted=intent.wanted, transaction=transaction, layers=layers, allowances=allowances
    )
    if stop is not None:
        return replace(stop, foresight=foreseen(host, target, parts, options.merge))
    commit = merged_commit(host, target, parts, options.merge)
    return _deployed(host, target, commit, origin, options, proposal)


def _looks_ahead(host: Host, target: Target, stop: Changed | None, options: ChangeOptions) -> bool:
    """Returns whether a dry run goes on to find out which scripts would run."""
    wanted = options.foresee and stop is not None and not stop.unchanged and stop.confirmed
    return wanted and remotes.is_complete(host.sysroot.repo, target.base_commit)


def _with_reason(stop: Changed, options: ChangeOptions) -> Changed:
    """Returns what a dry run came to, with why it cannot tell which scripts would run."""
    if not options.foresee or stop.unchanged or not stop.confirmed:
        return stop
    why = "the new base is not here yet: --download-only fetches it"
    return replace(stop, foresight=Foresight(untold=why))


def _allowances(
    target: Target, intent: Intent, options: ChangeOptions, found: Resolution
) -> Allowances:
    """Returns what the next tree's packages are allowed: what they were, and what is asked now."""
    packages = found.transaction.packages
    before = {(layer.nevra, layer.digest) for layer in target.tree.layers}
    new = {
        package.nevra.name
        for package in packages
        if (str(package.nevra), package.digest) not in before
        or _direct(package) & intent.asked_anew
    }
    names = [package.nevra.name for package in packages]
    # A request that the base meets just now keeps what its package was allowed.
    local = (*intent.wanted.requested_local, *intent.wanted.overrides.replace_local)
    kept = {*names, *(package.name for package in local)}
    return target.allowances.only(kept) | options.allow.for_packages(names, new)


def _direct(package: Package) -> frozenset[str]:
    """Returns the requests that ask for the package itself, not for what needs it."""
    if package.reason is not Reason.USER or len(package.requested_by) == 1:
        return frozenset(package.requested_by if package.reason is Reason.USER else ())
    name, nevra = package.nevra.name, str(package.nevra)
    return frozenset({name, f"{name}.{package.nevra.arch}", nevra} & {*package.requested_by})


def _to_base(
    host: Host, target: Target, intent: Intent, options: ChangeOptions, confirm: Confirm
) -> Changed:
    """Goes to the base commit itself: no layer is left."""
    proposal = propose(target, intent, None, NOTHING)
    stop = _stopped(proposal, options, confirm)
    if stop is not None:
        ahead = options.foresee and stop.confirmed and not stop.unchanged
        return replace(stop, foresight=Foresight()) if ahead else stop
    _fetch_base(host, intent)
    if options.download_only:
        return Changed(proposal=proposal)
    return _deployed(host, target, target.base_commit, intent.next_origin, options, proposal)


def _deployed(
    host: Host,
    target: Target,
    commit: str,
    origin: Origin,
    options: ChangeOptions,
    proposal: Proposal,
) -> Changed:
    clean_leftovers(host.sysroot.repo)
    host.sysroot.sweep()
    deployment, warnings = deploy(
        host,
        target,
        commit,
        origin,
        kargs=None,
        lock_finalization=options.lock_finalization,
    )
    return Changed(proposal=proposal, deployment=deployment, warnings=warnings)


def deploy(
    host: Host,
    target: Target,
    commit: str,
    origin: Origin,
    *,
    kargs: Sequence[str] | None,
    lock_finalization: bool,
) -> tuple[Deployment, tuple[str, ...]]:
    """Deploys a commit after a preflight, and returns the deployment and the preflight's warnings.

    What takes the place of a staged tree that waits for the word waits as well.
    """
    sysroot, report, pending = host.sysroot, host.report, target.pending
    warnings = preflight.check(sysroot, target.config, target.stateroot, commit, report).warnings()
    for warning in warnings:
        progress.warn(report, "preflight", warning)
    stays_locked = pending.staged and pending.locked
    if stays_locked and not lock_finalization:
        progress.note(report, "deploy", "the staged tree was locked, and stays so")
    deployment = sysroot.deploy(
        target.stateroot,
        commit,
        origin,
        kargs=kargs,
        locked=lock_finalization or stays_locked,
        report=report,
    )
    return deployment, warnings


def _with_base(host: Host, target: Target, intent: Intent) -> Target:
    """Returns the target on the intent's base, of which only the description is fetched."""
    if intent.base_commit == target.base_commit:
        return target
    repo = host.sysroot.repo
    if intent.source is not None:
        remotes.fetch_description(repo, intent.source, intent.base_commit, host.report)
    base = load_base(
        repo, intent.base_commit, host.cache_dir, allowed=target.settings.allow_top_level
    )
    return replace(target, base=base)


def _fetch_base(host: Host, intent: Intent) -> None:
    if intent.source is not None:
        remotes.fetch_tree(host.sysroot.repo, intent.source, intent.base_commit, host.report)


def _stopped(proposal: Proposal, options: ChangeOptions, confirm: Confirm) -> Changed | None:
    """Returns the result where nothing is to be done: no change, a dry run, or a "no"."""
    if proposal.empty:
        return Changed(proposal=proposal)
    if not confirm(proposal):
        return Changed(proposal=proposal, confirmed=False)
    return Changed(proposal=proposal) if options.dry_run else None


def _is_as_before(target: Target, intent: Intent) -> bool:
    """Returns whether nothing has to be asked to know that the next tree is the pending one."""
    same = intent.base_commit == target.base_commit and not (intent.new_local or intent.instead)
    same = same and not asks_for_else(target, intent)
    return same and not (intent.best and intent.wanted)
