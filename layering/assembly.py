# SPDX-License-Identifier: LGPL-2.1-or-later
"""From a base and layers to a merged tree: union, rpmdb, scriptlets, owners, triggers, seal.

The result is a function of the base commit, the set of layers and the policy, and of nothing else:
the layers are sorted, times come from the inputs, and scripts run in a sandbox that knows no clock
but `SOURCE_DATE_EPOCH` and no host. The rpmdb is complete before the first script runs, as rpm has
it.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, replace

from layering import kernel, policystore, progress, relabel, seal
from layering.failedtree import kept_if_failed
from layering.leftovers import remove_leftovers
from layering.mtree import MutableTree
from layering.recipe import Recipe
from layering.repo import Repo
from layering.scriptplan import plan_of
from layering.scriptruns import After, Work, ignore, last_check, prepared, run_scripts, state_writes
from layering.treedatabase import keep_base_database, write_database
from layering.triggermemory import Judge
from layering.union import Union
from layering.uniting import unite
from layering.warnings import warnings_of_replaced
from layering.workspace import Workspace, open_workspace
from triggers import KernelChange, Outcome, Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class Assembled:
    """A merged tree that only its commit is missing."""

    tree: MutableTree
    outcomes: tuple[Outcome, ...]
    plan: Plan
    dropped: tuple[str, ...]  # paths that a commit cannot hold
    linux: str = ""  # the version of its kernel
    warnings: tuple[str, ...] = ()  # what a person should know of the tree
    # Commits what scripts gave, for the next tree; to be called before the tree is committed, in
    # the transaction that does.
    remember: Callable[[], None]


Finish = Callable[[Work], None]


def assemble(
    repo: Repo,
    recipe: Recipe,
    report: progress.Report,
    *,
    finish: Finish | None = None,
    after: After = ignore,
    judge: Judge | None = None,
) -> Assembled:
    """Returns the merged tree; the caller holds the repository (`Repo.held`) until it is committed.

    `after` is called with what came of each script, as soon as it has ended; `judge` with what came
    of those that may be remembered, and the state of the tree then.

    Raises:
        FileConflictError, UnknownOwnerError, ScriptletFailedError: before anything is committed.
    """
    with progress.phase(report, "union"):
        united = unite(
            repo,
            recipe.base,
            recipe.layers,
            replacing=recipe.replacing,
            departures=recipe.departures,
        )
    with progress.phase(report, "scripts planned"):
        booted, planned = planned_over(repo, recipe, united)
        for line in planned.why:
            progress.detail(report, "scripts", line)
    with ExitStack() as stack:
        with progress.phase(report, "workspace"):
            workspace = stack.enter_context(_workspace(repo, recipe, united))
        if recipe.keep_failed:
            stack.enter_context(_kept_if_failed(repo, recipe, united, workspace))
        work = prepared(repo, workspace, recipe, united, after)
        work.memory.judge = judge
        policystore.settle(repo, recipe.base.commit, workspace.root)
        with progress.phase(report, "rpmdb"):
            write_database(repo, workspace, recipe, united)
        # One transaction, for each costs two syncs of the file system: what scripts gave is
        # written while they run, the tree after them.
        landing = stack.enter_context(ExitStack())
        landing.enter_context(repo.transaction())
        outcomes = run_scripts(work, planned, recipe, report)
        linux = kernel.check_bootable(workspace.root, booted)
        if finish is not None:
            work.memory.complete()
            finish(work)
            work.watch.look("the treefile")
        remove_leftovers(workspace.root)
        with progress.phase(report, "seal"):
            dropped, warnings = _sealed(repo, recipe, united, work)
            tree = _labelled(repo, recipe, united, workspace, report)
            landing.close()
    return Assembled(
        tree=tree,
        outcomes=outcomes,
        plan=planned,
        dropped=dropped,
        warnings=(*planned.warnings, *warnings_of_replaced(united.replaced), *warnings),
        linux=linux,
        remember=work.memory.commit,
    )


def planned_over(repo: Repo, recipe: Recipe, united: Union) -> tuple[KernelChange | None, Plan]:
    """Returns the kernel whose initramfs may change, and what runs, the last check included.

    Raises:
        KernelError: the tree would have no kernel, or several.
        DropInError: as `plan_of`.
    """
    kernel.check_stays(repo, recipe.base, united)
    kernel.check_one(repo, recipe.base, recipe.layers, united)
    booted = kernel.change_of(repo, recipe.base, united)
    planned = plan_of(
        repo,
        recipe.base,
        recipe.layers,
        united,
        noscripts=recipe.noscripts,
        skip=recipe.skip,
        kernel=booted,
        host=recipe.triggers,
    )
    if planned.after or planned.before:
        planned = replace(planned, after=(*planned.after, *last_check(repo, united)))
    return booted, planned


def _workspace(repo: Repo, recipe: Recipe, united: Union) -> AbstractContextManager[Workspace]:
    return open_workspace(
        repo, tree=united.root_tree, meta=united.root_meta, checkout=recipe.checkout
    )


def _kept_if_failed(
    repo: Repo, recipe: Recipe, united: Union, workspace: Workspace
) -> AbstractContextManager[None]:
    return kept_if_failed(
        repo, united.mtree, workspace, base=recipe.base.commit, timestamp=recipe.timestamp
    )


def _sealed(
    repo: Repo, recipe: Recipe, united: Union, work: Work
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Brings what was written into the tree; returns what it cannot hold, and warnings."""
    upper, tops = work.workspace.upper, ("usr", *work.sandbox.tops)
    objects = work.memory.upper.objects
    patched = seal.patch_from_upper(repo, united.mtree, upper, tops=tops, objects=objects)
    work.memory.bring(united.mtree)
    warnings = state_writes(repo, recipe, work).keep(united.mtree)
    keep_base_database(repo, united.mtree, recipe)
    return patched.dropped, warnings


def _labelled(
    repo: Repo, recipe: Recipe, united: Union, workspace: Workspace, report: progress.Report
) -> MutableTree:
    """Returns the tree as its own policy labels it, where a layer or a script changed that."""
    base = recipe.base.commit
    if base is None:  # a composer labels the finished tree
        return united.mtree
    return relabel.by_own_policy(repo, united.mtree, base, recipe.labels, workspace.scratch, report)
