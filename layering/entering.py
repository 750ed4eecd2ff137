# SPDX-License-Identifier: LGPL-2.1-or-later
"""Entering a tree: the sandbox of its scripts, for a person to look around in.

The tree is a workspace over the nearest checkout: everything can be changed, and nothing of it
stays. No lock on the sysroot is held, so that others go on working; the repository is kept from
being pruned meanwhile.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from layering import rpmdb
from layering.deployed import Deployed
from layering.errors import BadRequestError
from layering.failedtree import base_of_failed
from layering.failures import Failure, failures_of
from layering.metadata_read import base_of
from layering.scriptsandbox import sandbox_in
from layering.target import nearest_checkout
from layering.workspace import open_workspace
from triggers import Sandbox, replay, shell


@dataclass(frozen=True, slots=True, kw_only=True)
class Entered:
    """A tree that is ready to be entered."""

    commit: str
    failures: tuple[Failure, ...]  # of scripts, when it was made
    sandbox: Sandbox

    def shell(self, command: Sequence[str], *, terminal: bool) -> int:
        """Runs a command, or without one the tree's shell, and returns its status."""
        return shell(self.sandbox, command or None, terminal=terminal)

    def replay(self, number: int | None) -> int:
        """Runs a script that failed once more, the last one or by number; returns its status.

        Raises:
            BadRequestError: none failed, or not as many.
        """
        count = len(self.failures)
        if not count:
            raise BadRequestError(f"no script is known to have failed: commit {self.commit}")
        if number is not None and not 1 <= number <= count:
            have = "1" if count == 1 else f"1 to {count}"
            raise BadRequestError(f"no failure {number}, there is {have}: commit {self.commit}")
        return replay(self.failures[(number or count) - 1].invocation, self.sandbox)


@contextmanager
def entered(sysroot: Deployed, commit: str) -> Iterator[Entered]:
    """Gives a commit's tree to be entered; for root.

    Raises:
        WorkspaceError: the kernel refuses, or the repository cannot be linked from.
    """
    repo = sysroot.repo
    found = repo.commit_of(commit)
    base = base_of_failed(repo, commit) or base_of(found)
    checkout = nearest_checkout(sysroot.deployments, base)
    with (
        repo.held(),
        open_workspace(
            repo, tree=found.root_tree, meta=found.root_meta, checkout=checkout
        ) as workspace,
    ):
        sandbox = sandbox_in(
            workspace, database=rpmdb.database_path(repo, commit), timestamp=found.timestamp
        )
        yield Entered(commit=commit, failures=failures_of(repo, commit), sandbox=sandbox)
