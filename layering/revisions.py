# SPDX-License-Identifier: LGPL-2.1-or-later
"""The commits of a branch: its head, and those behind it by version or checksum.

History is a chain of commit objects, a few hundred bytes each. What the repository has of it is
read first; what lies behind is fetched by the piece, in steps that grow. A remote may keep less
than all of it, and then the chain ends there.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Self

from layering._ostree import GLib
from layering.objects import Commit
from layering.progress import Report
from layering.pulling import pull
from layering.refspec import Refspec
from layering.remote_errors import RemoteError
from layering.repo import Repo

_STEPS = (8, 32, 128, -1)  # parents to fetch at a time; -1: all
_CHECKSUM = re.compile(r"[0-9a-f]{64}")
_ABBREVIATED = re.compile(r"[0-9a-f]{8,63}")
_LATEST = 5  # versions that an error names


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """A commit of a branch: the newest, unless it was asked for by name."""

    commit: str
    timestamp: int  # seconds since 1970
    version: str  # "" if the commit names none

    @classmethod
    def of(cls, commit: Commit) -> Self:
        """Returns what a commit says of itself."""
        version = commit.text("version") or ""
        return cls(commit=commit.checksum, timestamp=commit.timestamp, version=version)


def fetch_head(repo: Repo, refspec: Refspec, report: Report, *, offline: bool = False) -> Head:
    """Returns the newest commit of a branch, of which the commit object alone is fetched.

    With `offline`, or for a branch of the local repository, it is the newest that is known here.

    Raises:
        RemoteError: the remote or the branch is unknown, out of reach, or not to be trusted.
    """
    if refspec.remote and not offline:
        pull(repo, refspec, refspec.branch, report, f"head of {refspec}", commit_only=True)
    return _known_head(repo, refspec)


def find_revision(
    repo: Repo, refspec: Refspec, revision: str, report: Report, *, offline: bool = False
) -> Head:
    """Returns the commit of a branch that a revision names; the newest, if several have a version.

    Nothing but commit objects is fetched, from the branch's head on, and nothing at all with
    `offline` or for a branch of the local repository.

    A revision is `1.2` or `version=1.2`, or a commit, with `revision=` before it or without, which
    may be cut to eight digits or more where that names one commit.

    Raises:
        RemoteError: there is no such commit on the branch, and what there is.
    """
    wanted = _Wanted.parse(revision)
    head = fetch_head(repo, refspec, report, offline=offline)
    offline = offline or not refspec.remote
    walk = _Walk(repo=repo, refspec=refspec, report=report, offline=offline)
    if wanted.checksum and _CHECKSUM.fullmatch(wanted.checksum):
        direct = walk.bound(wanted.checksum)
        if direct is not None:
            return Head.of(direct)
    for seen in walk.pages(head):
        found = wanted.among(seen)
        if len(found) == 1:
            return Head.of(found[0])
        if found:
            raise RemoteError(
                f"more than one commit begins with '{wanted.checksum}' in {refspec}: "
                + ", ".join(commit.checksum for commit in found)
            )
    raise _not_found(refspec, wanted, walk.seen, offline=offline)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wanted:
    """What a revision may be: a version, a checksum or its beginning, or either."""

    version: str | None
    checksum: str | None

    @classmethod
    def parse(cls, revision: str) -> Self:
        kind, given, value = revision.partition("=")
        if given and kind == "version":
            return cls(version=value, checksum=None)
        if given and kind == "revision":
            return cls(version=None, checksum=value)
        if _CHECKSUM.fullmatch(revision):
            return cls(version=None, checksum=revision)
        return cls(version=revision, checksum=revision)

    def among(self, commits: list[Commit]) -> list[Commit]:
        """Returns the newest commit of that version; or else all whose checksums begin so."""
        if self.version is not None:
            for commit in commits:
                if commit.text("version") == self.version:
                    return [commit]
        start = self.checksum or ""
        if not (_CHECKSUM.fullmatch(start) or _ABBREVIATED.fullmatch(start)):
            return []
        return [commit for commit in commits if commit.checksum.startswith(start)]

    def __str__(self) -> str:
        return (
            f"version '{self.version}'" if self.version is not None else f"commit '{self.checksum}'"
        )


@dataclass(slots=True, kw_only=True)
class _Walk:
    """The way back along a branch."""

    repo: Repo
    refspec: Refspec
    report: Report
    offline: bool
    seen: list[Commit] = field(default_factory=list)  # newest first

    def pages(self, head: Head) -> Iterator[list[Commit]]:
        """Yields what has been seen, again and again, each time with more."""
        next_commit = self._read(head.commit)
        yield self.seen
        for step in () if self.offline else _STEPS:
            if next_commit is None:
                return
            self._fetch(self.seen[-1].checksum, step)
            next_commit = self._read(next_commit)
            yield self.seen

    def bound(self, checksum: str) -> Commit | None:
        """Returns a commit that says itself that it is of this branch; None if it doesn't.

        https://ostreedev.github.io/ostree/reference/ostree-ostree-repo.html (ostree.ref-binding)
        """
        if (
            not self.offline
        ):  # even if it is here: its signature is to be one that this remote's has
            self._fetch(checksum, 0)
        elif self.repo.try_resolve(checksum) is None:
            return None
        commit = self.repo.commit_of(checksum)
        value = commit.metadata.lookup_value("ostree.ref-binding", GLib.VariantType.new("as"))
        branches = [] if value is None else value.unpack()
        return commit if self.refspec.branch in branches else None

    def _read(self, checksum: str | None) -> str | None:
        """Reads on while commits are here; returns the first that isn't, None at the end."""
        while checksum is not None and self.repo.try_resolve(checksum) is not None:
            self.seen.append(self.repo.commit_of(checksum))
            checksum = self.seen[-1].parent
        return checksum

    def _fetch(self, checksum: str, depth: int) -> None:
        # From a commit that is here: a parent that the remote dropped is an error otherwise.
        item = f"history of {self.refspec}"
        pull(self.repo, self.refspec, checksum, self.report, item, commit_only=True, depth=depth)


def _known_head(repo: Repo, refspec: Refspec) -> Head:
    commit = repo.refs().get(
        f"{refspec.remote}:{refspec.branch}" if refspec.remote else refspec.branch
    )
    if commit is not None and repo.try_resolve(commit) is not None:
        return Head.of(repo.commit_of(commit))
    error = RemoteError(f"the branch {refspec} is not here yet: repository {repo.path}")
    if refspec.remote:
        error.add_note("fetch it first: without --cache-only")
    raise error


def _not_found(
    refspec: Refspec, wanted: _Wanted, seen: list[Commit], *, offline: bool
) -> RemoteError:
    versions = dict.fromkeys(commit.text("version") or commit.checksum for commit in seen)
    latest = list(versions)[:_LATEST]
    there = f"the latest are {', '.join(latest)}" if len(versions) > 1 else f"it has {latest[0]}"
    error = RemoteError(f"no {wanted} in {refspec}: {there}")
    if offline and refspec.remote:
        error.add_note("only what is here was looked at: try again without --cache-only")
    return error
