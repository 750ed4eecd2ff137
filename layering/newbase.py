# SPDX-License-Identifier: LGPL-2.1-or-later
"""The base that `upgrade`, `rebase` and `deploy` go to: found by its commit object alone.

Nothing of the tree is fetched here. A commit that is older than the deployed one is a mistake, or
an attack with an old and signed commit, unless a person says otherwise. `deploy` holds the base at
its commit (rpm-ostree's `override-commit`); the next `upgrade` follows the branch again.
"""

import datetime
import re
from dataclasses import dataclass, replace

from layering import progress, remotes
from layering.errors import BadRequestError
from layering.intent import Intent, staying
from layering.origin import Origin
from layering.refspec import Refspec
from layering.remotes import Head
from layering.repo import Repo
from layering.target import Target

_CHECKSUM = re.compile(r"[0-9a-f]{64}")  # in place of a branch: a commit that was named by itself


class DowngradeError(BadRequestError):
    """The base would become an older one."""

    def __init__(self, refspec: str, head: Head, target: Target) -> None:
        before = _named(target.base.version, target.base_commit, target.base.timestamp)
        after = _named(head.version, head.commit, head.timestamp)
        super().__init__(f"{refspec} would go back from {before} to {after}")
        self.add_note("say --allow-downgrade if that is meant")


@dataclass(frozen=True, slots=True, kw_only=True)
class Available:
    """What a branch has, against what is deployed for the next boot."""

    refspec: Refspec
    current: Head
    found: Head | None  # None: nothing new
    older: Head | None = None  # the branch went back to this, which an upgrade refuses


@dataclass(frozen=True, slots=True, kw_only=True)
class Lookup:
    """Where a base is looked for, and how."""

    repo: Repo
    report: progress.Report
    offline: bool = False  # among what is here, without any remote
    allow_downgrade: bool = False

    def head(self, refspec: Refspec) -> Head:
        """Returns the newest commit of a branch; RemoteError if it cannot be had."""
        return remotes.fetch_head(self.repo, refspec, self.report, offline=self.offline)

    def revision(self, refspec: Refspec, text: str) -> Head:
        """Returns a version or commit of a branch; RemoteError if it cannot be had."""
        find = remotes.find_revision
        try:
            return find(self.repo, refspec, text, self.report, offline=self.offline)
        except remotes.RemoteError as error:
            if re.fullmatch(r"[0-9a-f]{4,7}", text):
                error.add_note("the beginning of a commit has 8 digits at least")
            raise


def available(target: Target, lookup: Lookup) -> Available:
    """Returns whether the branch of the pending deployment has another commit than it.

    Raises:
        BadRequestError: the deployment follows no branch.
        RemoteError: it cannot be asked.
    """
    refspec = _followed_by(target.pending.origin)
    head = lookup.head(refspec)
    current = _current(target)
    if head.commit == current.commit:
        return Available(refspec=refspec, current=current, found=None)
    if _is_older(head, target):
        return Available(refspec=refspec, current=current, found=None, older=head)
    return Available(refspec=refspec, current=current, found=head)


def chosen_by_hand(target: Target) -> str:
    """Returns what a person chose that an unattended upgrade would undo, "" if there is nothing."""
    pending, config = target.pending, target.config
    if pending.origin.override_commit is not None:
        return "the base is held, until 'overlay upgrade'"
    if config.booted and not (pending.booted or pending.staged):
        return f"{pending.id} was chosen for the next boot"
    return ""


def upgraded(target: Target, lookup: Lookup) -> Intent:
    """Returns the intent of the same requests on the newest commit of the branch.

    Raises:
        BadRequestError: the deployment follows no branch, or the branch went back.
        RemoteError: it cannot be asked.
    """
    refspec = _followed_by(target.pending.origin)
    head = lookup.head(refspec)
    if not lookup.allow_downgrade:
        _refuse_older(refspec, head, target)
    return _moved(target, head, refspec, target.pending.origin.holding(None))


def rebased(target: Target, lookup: Lookup, text: str, revision: str | None) -> Intent:
    """Returns the intent of the same requests on another branch, or on one commit of it.

    The branch may leave out the remote or the name, which then stay as they are.

    Raises:
        RefspecError, RemoteError: there is no such branch or revision, or it cannot be had.
        DowngradeError: it is the branch that is followed now, which went back.
    """
    origin = target.pending.origin
    refspec = Refspec.parse_against(text, origin.refspec)
    following = origin.with_refspec(str(refspec))
    if revision is None:
        head = lookup.head(refspec)
    else:
        head = lookup.revision(refspec, revision)
        following = following.holding(head.commit)
    if str(refspec) == origin.refspec and not lookup.allow_downgrade:
        _refuse_older(refspec, head, target)
    return _moved(target, head, refspec, following)


def at_revision(target: Target, lookup: Lookup, revision: str) -> Intent:
    """Returns the intent of the same requests on one commit of the branch, which holds it there.

    Raises:
        BadRequestError: the deployment follows no branch, or the commit is an older one.
        RemoteError: the branch has no such revision, or cannot be asked.
    """
    refspec = _followed_by(target.pending.origin)
    try:
        head = lookup.revision(refspec, revision)
    except remotes.RemoteError as error:
        if not lookup.offline and refspec.remote:
            error.add_note("--cache-only looks for it among what is here")
        raise
    if not lookup.allow_downgrade:
        _refuse_older(refspec, head, target)
    return _moved(target, head, refspec, target.pending.origin.holding(head.commit))


def _moved(target: Target, head: Head, refspec: Refspec, origin: Origin) -> Intent:
    return replace(
        staying(target),
        base_commit=head.commit,
        origin=origin,
        source=refspec,
        best=True,
        needs_repositories=True,
    )


def _followed_by(origin: Origin) -> Refspec:
    if origin.container_image is not None:
        error = BadRequestError(f"the base is a container image: {origin.container_image}")
        error.add_note("'overlay rebase REFSPEC' goes to an OSTree branch, and keeps the requests")
        raise error
    if origin.unconfigured is not None:
        error = BadRequestError(f"the origin is not configured yet: {origin.unconfigured}")
        error.add_note("'overlay rebase REFSPEC' configures it")
        raise error
    if origin.refspec is None or _CHECKSUM.fullmatch(origin.refspec):
        error = BadRequestError("the deployment follows no branch: it was made from a bare commit")
        error.add_note("'overlay rebase REFSPEC' chooses one")
        raise error
    return Refspec.parse(origin.refspec)


def _refuse_older(refspec: Refspec, head: Head, target: Target) -> None:
    if _is_older(head, target):
        raise DowngradeError(str(refspec), head, target)


def _is_older(head: Head, target: Target) -> bool:
    return head.commit != target.base_commit and head.timestamp < target.base.timestamp


def _current(target: Target) -> Head:
    base = target.base
    return Head(commit=target.base_commit, timestamp=base.timestamp, version=base.version)


def _named(version: str, commit: str, timestamp: int) -> str:
    when = datetime.datetime.fromtimestamp(timestamp, tz=datetime.UTC)
    return f"{version or commit[:12]} of {when:%Y-%m-%dT%H:%M:%SZ}"
