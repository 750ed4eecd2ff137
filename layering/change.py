# SPDX-License-Identifier: LGPL-2.1-or-later
"""From an intent to a deployment: the one way that every change goes.

Whatever may refuse comes before whatever costs: of another base only its package database is
fetched until the solver has agreed and a person has, and the tree itself after that.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from layering import preflight, progress, remotes, requests, rpmdb, rpmdb_query
from layering.base import load_base
from layering.deployments import Deployment
from layering.errors import BadRequestError
from layering.intent import Intent
from layering.merged import MergeOptions, merged_commit
from layering.origin import Origin
from layering.packagediff import compare_packages
from layering.proposal import BaseChange, Proposal, compare
from layering.proposed import proposed_packages
from layering.report import inactive_requests
from layering.resolution import Question, RepositoryOptions, Resolution, resolved
from layering.sysroot import Sysroot
from layering.target import Target
from layering.workspace import clean_leftovers
from solver import Nevra, SolverError

Confirm = Callable[[Proposal], bool]

# Groups of an origin in which rpm-ostree keeps changes to a tree that are not made here.
_UNSUPPORTED_GROUPS = ("modules", "rpmostree")
_UNSUPPORTED_KEYS = (("packages", "requested-local-fileoverride"),)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeOptions:
    """How a change is to be made."""

    repositories: RepositoryOptions = field(default_factory=RepositoryOptions)
    merge: MergeOptions = field(default_factory=MergeOptions)
    install: tuple[str, ...] = ()  # requests added beside what the verb itself does
    uninstall: tuple[str, ...] = ()
    uninstall_all: bool = False
    dry_run: bool = False
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

    @property
    def unchanged(self) -> bool:
        """Whether there was nothing to do."""
        return self.proposal.empty


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """Where changes are made, and who is told of it."""

    sysroot: Sysroot
    cache_dir: Path
    report: progress.Report


def change(
    host: Host, target: Target, intent: Intent, options: ChangeOptions, confirm: Confirm
) -> Changed:
    """Makes the next deployment what the intent says; for who holds the sysroot's lock.

    Raises:
        BadRequestError: the next tree would silently lack what the pending one has.
        SolverError: no set of packages meets the requests on that base.
        FileConflictError, ScriptletFailedError, …: see `merged_commit`; nothing was deployed.
    """
    _refuse_unsupported(target, intent)
    _refuse_lost_requests(target, intent)
    if _is_as_before(target, intent):
        return Changed(proposal=Proposal())
    following = _with_base(host, target, intent)
    if not intent.wanted:
        return _to_base(host, following, intent, options, confirm)
    return _to_merged(host, following, intent, options, confirm)


def _to_merged(
    host: Host, target: Target, intent: Intent, options: ChangeOptions, confirm: Confirm
) -> Changed:
    repo, report = host.sysroot.repo, host.report
    question = Question(
        wanted=intent.wanted,
        new_local=intent.new_local,
        needs_repositories=intent.needs_repositories,
        weak_deps=options.weak_deps,
        exclude=options.exclude,
        best=intent.best,
        other_release=intent.best and _releasever(host, target) != target.base.releasever,
    )
    with (
        _hinted(target, intent),
        resolved(repo, target, question, options.repositories, host.cache_dir, report) as found,
    ):
        proposal = _proposal(host, target, intent, found)
        stop = _stopped(proposal, options, confirm)
        if stop is not None:
            if proposal.empty and not options.dry_run:
                found.fetch(report)  # brings back the layer of a file that is given again
            return stop
        _fetch_base(host, intent)
        layers = found.fetch(report)
        transaction = found.transaction
    if options.download_only:
        progress.note(report, "import", "downloaded and imported; nothing deployed")
        return Changed(proposal=proposal)
    if not layers:  # the base itself has all that was asked for
        return _deployed(host, target, target.base_commit, intent, options, proposal)
    commit = merged_commit(
        host.sysroot, target, intent.wanted, transaction, layers, options.merge, report
    )
    return _deployed(host, target, commit, intent, options, proposal)


def _to_base(
    host: Host, target: Target, intent: Intent, options: ChangeOptions, confirm: Confirm
) -> Changed:
    """Goes to the base commit itself: no layer is left."""
    proposal = _proposal(host, target, intent, None)
    stop = _stopped(proposal, options, confirm)
    if stop is not None:
        return stop
    _fetch_base(host, intent)
    if options.download_only:
        return Changed(proposal=proposal)
    return _deployed(host, target, target.base_commit, intent, options, proposal)


def _deployed(
    host: Host,
    target: Target,
    commit: str,
    intent: Intent,
    options: ChangeOptions,
    proposal: Proposal,
) -> Changed:
    clean_leftovers(host.sysroot.repo)
    host.sysroot.sweep()
    deployment, warnings = deploy(
        host,
        target,
        commit,
        intent.next_origin,
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
    return replace(target, base=load_base(repo, intent.base_commit, host.cache_dir))


def _fetch_base(host: Host, intent: Intent) -> None:
    if intent.source is not None:
        remotes.fetch_tree(host.sysroot.repo, intent.source, intent.base_commit, host.report)


def _proposal(host: Host, target: Target, intent: Intent, found: Resolution | None) -> Proposal:
    inactive = found.transaction.inactive if found else ()
    dormant = set(inactive_requests(target.pending.origin, target.tree))
    return compare(
        target.tree.layers,
        proposed_packages(found) if found else (),
        inactive=inactive,
        returning=tuple(sorted((dormant & intent.wanted.names) - set(inactive))),
        requests_changed=_asks_for_else(target, intent),
        base=_base_change(host, target, intent),
    )


def _base_change(host: Host, target: Target, intent: Intent) -> BaseChange | None:
    pending = target.pending
    refspec = intent.origin.refspec or ""
    if target.base_commit == pending.base_checksum and refspec == (pending.origin.refspec or ""):
        return None
    before = load_base(host.sysroot.repo, pending.base_checksum, host.cache_dir)
    return BaseChange(
        refspec_before=pending.origin.refspec or pending.origin.container_image or "",
        refspec_after=refspec,
        commit_before=pending.base_checksum,
        commit_after=target.base_commit,
        version_before=before.version,
        version_after=target.base.version,
        packages=compare_packages(
            _installed(before.installroot), _installed(target.base.installroot)
        ),
    )


def _releasever(host: Host, target: Target) -> str | None:
    """Returns the release of the pending deployment's base."""
    base = target.pending.base_checksum
    return load_base(host.sysroot.repo, base, host.cache_dir).releasever


def _installed(root: Path) -> tuple[Nevra, ...]:
    return tuple(each.nevra for each in rpmdb_query.packages(rpmdb.database_in(root)))


def _stopped(proposal: Proposal, options: ChangeOptions, confirm: Confirm) -> Changed | None:
    """Returns the result where nothing is to be done: no change, a dry run, or a "no"."""
    if proposal.empty:
        return Changed(proposal=proposal)
    if not confirm(proposal):
        return Changed(proposal=proposal, confirmed=False)
    return Changed(proposal=proposal) if options.dry_run else None


def _is_as_before(target: Target, intent: Intent) -> bool:
    """Returns whether nothing has to be asked to know that the next tree is the pending one."""
    same = intent.base_commit == target.base_commit and not intent.new_local
    same = same and not _asks_for_else(target, intent)
    return same and not (intent.best and intent.wanted)


def _asks_for_else(target: Target, intent: Intent) -> bool:
    """Returns whether the next origin says something else than the pending one."""
    present, following = target.pending.origin, intent.origin
    if intent.wanted != requests.current(present):
        return True
    return following.without_transient().format() != present.without_transient().format()


def _refuse_unsupported(target: Target, intent: Intent) -> None:
    """Raises BadRequestError where the pending tree has what a new one would silently lack."""
    origin = intent.origin
    found = ["overrides of base packages"] if origin.overrides else []
    groups = [f"[{group}]" for group in _UNSUPPORTED_GROUPS if origin.document.keys(group)]
    groups += [
        f"[{group}] {key}" for group, key in _UNSUPPORTED_KEYS if origin.document.get(group, key)
    ]
    found += groups
    if found:
        what = f"the pending deployment has {' and '.join(found)}, which would be lost"
        error = BadRequestError(f"{what}: {target.pending.id}")
        if origin.overrides:
            error.add_note("'overlay reset --overrides' gives the overrides up")
        if groups:
            error.add_note("take them back with 'rpm-ostree reset' and its options, then try again")
        raise error


def _refuse_lost_requests(target: Target, intent: Intent) -> None:
    """Raises BadRequestError where an origin asks for nothing of what its tree was made for.

    So it is after a power cut on some file systems: a file of no bytes.
    """
    origin, made_for = target.pending.origin, target.tree.requested
    if origin.layered or intent.source is not None or not intent.wanted:
        return
    if not (target.tree.layers and made_for):
        return
    error = BadRequestError(
        f"the origin asks for nothing, but its tree was made for {', '.join(made_for)}: "
        f"{target.pending.id}"
    )
    error.add_note(f"to ask for it again: overlay rebase REFSPEC --install {made_for[0]} …")
    error.add_note("'overlay reset' goes on without")
    raise error


@contextmanager
def _hinted(target: Target, intent: Intent) -> Iterator[None]:
    """Tells, where requests of before do not fit any more, how to go on without them."""
    try:
        yield
    except SolverError as error:
        present = requests.current(target.pending.origin)
        old = [spec for spec in error.requests if spec in present.names]
        if old and intent.best:
            error.add_note("to go on without: " + " ".join(f"--uninstall {spec}" for spec in old))
        elif old and not target.tree.policy_version:
            error.add_note(
                "the pending tree is not overlay's: what it layers comes from the repositories once"
            )
        raise
