# SPDX-License-Identifier: LGPL-2.1-or-later
"""Entering a tree: the sandbox of its scripts, for a person to look around in.

The tree is a workspace over a checkout of its own: everything can be changed, and nothing of it
stays. A person may be inside for days, while others install, remove the tree's deployment, and
prune the repository. So nothing is locked by then, and nothing is used of what they may take away:
the checkout is of hard links, which keep the content of objects that are gone.

Its /var is that of its scripts. Of a tree that was kept when they failed that is what they left; of
any other what the layers brought, as the first script found it.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from layering import ownership, packagestate, rpmdb
from layering.base import layout_of
from layering.errors import BadRequestError, UnknownRevisionError
from layering.failedtree import base_of_failed
from layering.failures import Failure, failures_of
from layering.layerinfo import Layer, LayerInfo, layer_info
from layering.metadata_read import read
from layering.objects import Commit
from layering.repo import Repo
from layering.scriptruns import furnish
from layering.scriptsandbox import RPM_STATE, VAR, sandbox_in
from layering.workspace import open_workspace
from solver import Nevra
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

    def failure(self, number: int | None) -> Failure:
        """Returns a script that failed, the last one or by number.

        Raises:
            BadRequestError: none failed, or not as many.
        """
        count = len(self.failures)
        if not count:
            raise BadRequestError(f"no script is known to have failed: commit {self.commit}")
        if number is not None and not 1 <= number <= count:
            have = "1" if count == 1 else f"1 to {count}"
            raise BadRequestError(f"no failure {number}, there is {have}: commit {self.commit}")
        return self.failures[(number or count) - 1]

    def replay(self, failure: Failure) -> int:
        """Runs a script that failed once more, as far as it was kept, and returns its status."""
        return replay(failure.invocation, self.sandbox)


@contextmanager
def entered(repo: Repo, commit: str) -> Iterator[Entered]:
    """Gives a commit's tree to be entered; for root.

    Raises:
        WorkspaceError: the kernel refuses, or the repository cannot be linked from.
    """
    with ExitStack() as stack:
        with repo.held():
            found = repo.commit_of(commit)
            workspace = stack.enter_context(
                open_workspace(repo, tree=found.root_tree, meta=found.root_meta)
            )
            database = rpmdb.database_path(repo, commit)
            failures = failures_of(repo, commit)
            sandbox = sandbox_in(workspace, database=database, timestamp=found.timestamp)
            sandbox = _with_state(sandbox, repo, found)
        yield Entered(commit=commit, failures=failures, sandbox=sandbox)


def _with_state(sandbox: Sandbox, repo: Repo, found: Commit) -> Sandbox:
    """Returns the sandbox with the /var of the tree's scripts."""
    kept = sandbox.root / VAR
    if base_of_failed(repo, found.checksum) and _is_directory(kept):
        library, state = kept / "lib", kept / "lib" / RPM_STATE
        whole = _is_directory(library) and _is_directory(state)
        return replace(sandbox, var=kept, rpm_state=state if whole else sandbox.rpm_state)
    # What a package fills at the top is in the tree, so that it had leave to.
    tops = [name for name, _tree, _meta in repo.dirtree(found.root_tree).dirs]
    layout = layout_of(repo, found.root_tree, allowed=tops)
    state_paths = furnish(sandbox, _layers(repo, found), layout)
    packagestate.apply_owners(sandbox.var, state_paths, ownership.tree_users(sandbox.root))
    return sandbox


def _layers(repo: Repo, found: Commit) -> Iterator[LayerInfo]:
    """Yields the tree's layers that are still there: a cleanup may have taken an old tree's."""
    for each in read(found).layers:
        nevra = Nevra.parse(each.nevra)
        layer = Layer(nevra=nevra, digest=each.digest, ref=each.nevra, commit=each.commit)
        with suppress(UnknownRevisionError):
            yield layer_info(repo, layer)


def _is_directory(path: Path) -> bool:
    # bubblewrap would follow a link, and out of the tree.
    return path.is_dir() and not path.is_symlink()
