# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs the planned scripts over a workspace, and settles between them what names became numbers.

Accounts exist once `%pre` has run: owners are applied then, before any `%post` looks at its files.
"""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from layering import account_steps, beneath, ownership, packagestate, progress
from layering.dirtree import DirNode, FileNode
from layering.layerinfo import LayerInfo
from layering.mtree import MutableTree
from layering.ownership import OwnedPackage
from layering.packagestate import StatePath
from layering.paths import BaseLayout
from layering.recipe import Recipe
from layering.repo import Repo
from layering.scriptplan import tools_of
from layering.scriptsandbox import sandbox_in
from layering.statewatch import Watch
from layering.statewrites import StateWrites
from layering.treestate import Patch, Stored, TreeState
from layering.triggermemory import TriggerMemory
from layering.union import Union
from layering.uniting import owned_paths
from layering.upperdelta import Upper
from layering.upperobjects import UpperObjects
from layering.workspace import Workspace
from triggers import INITRAMFS, Invocation, Outcome, Phase, Plan, Sandbox, run
from triggers import Progress as ScriptProgress

CHECK = "sanity"
_EPOCH = "SOURCE_DATE_EPOCH"

After = Callable[[Outcome], None]


def ignore(outcome: Outcome) -> None:
    """Does nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """A merged tree while it is being made: what a composer's own steps get to work with."""

    workspace: Workspace
    sandbox: Sandbox
    tree: MutableTree
    watch: Watch  # of what scripts write to the sandbox's /var
    owned: tuple[OwnedPackage, ...]  # what packages give to others than root, where it is
    memory: TriggerMemory
    after: After = ignore  # called with what came of each script


def prepared(
    repo: Repo, workspace: Workspace, recipe: Recipe, united: Union, after: After = ignore
) -> Work:
    """Returns the work on a workspace: its sandbox, with what packages ship below /var in it."""
    base = recipe.base
    sandbox = sandbox_in(
        workspace,
        database=base.database,
        timestamp=recipe.timestamp,
        composed=base.commit is None,
    )
    furnish(sandbox, recipe.layers, base.layout)
    sandbox.ready("preparation")
    watch = Watch(sandbox.var)
    return Work(
        workspace=workspace,
        sandbox=sandbox,
        tree=united.mtree,
        watch=watch,
        memory=_memory(repo, workspace, sandbox, watch, recipe, united),
        owned=owned_paths(recipe.layers, united),
        after=after,
    )


def _memory(
    repo: Repo,
    workspace: Workspace,
    sandbox: Sandbox,
    watch: Watch,
    recipe: Recipe,
    united: Union,
) -> TriggerMemory:
    stored, patch = Stored(repo), Patch()
    state = TreeState(stored=stored, root=DirNode(tree=united.root_tree, meta=united.root_meta))
    database = _database_of(recipe)
    stored.pretend(database)
    places = [recipe.base.database.lstrip("/")] if recipe.base.database else []
    for place in places:
        patch.put(place, FileNode(checksum=database))
    upper = Upper(
        repo=repo,
        directory=workspace.upper,
        tops=("usr", *sandbox.tops),
        united=state.patched(patch),
        objects=UpperObjects(repo=repo, labels=recipe.labels),
        without=places,
    )
    return TriggerMemory(
        repo=repo,
        workspace=workspace,
        sandbox=sandbox,
        watch=watch,
        upper=upper,
        leaves=frozenset({database}),
        recalls=recipe.recall,
    )


def _database_of(recipe: Recipe) -> str:
    """Returns what stands for the rpmdb in the tree's state: what it was made from."""
    parts = [recipe.base.commit or "", *sorted(recipe.replacing), ""]
    parts += [*sorted(str(departure.package) for departure in recipe.departures), ""]
    parts += sorted(f"{each.layer.nevra} {each.layer.digest}" for each in recipe.layers)
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def furnish(
    sandbox: Sandbox, layers: Iterable[LayerInfo], layout: BaseLayout
) -> tuple[StatePath, ...]:
    """Puts into a sandbox's /var what layers bring there, all of it root's; returns what that is.

    It is what the first script finds, and whoever enters the tree afterwards.
    """
    for target in layout.links.values():  # /usr/local may lead to /var/usrlocal
        if target.startswith(b"/var/"):
            beneath.make_directories(sandbox.var, target.removeprefix(b"/var/"))
    state = packagestate.state_paths(layers, layout)
    packagestate.put(sandbox.root, sandbox.var, state, sandbox.source_date_epoch)
    return state


def run_scripts(
    work: Work, planned: Plan, recipe: Recipe, report: progress.Report
) -> tuple[Outcome, ...]:
    """Runs a plan and returns what came of each script.

    Raises:
        ScriptletFailedError: a script that must not fail did.
        UnknownOwnerError: a file's owner is none of the tree's users.
    """
    outcomes: list[Outcome] = []
    layered = recipe.base.commit is not None and (planned.before or planned.after)
    before = account_steps.prepare(work.workspace.root) if layered else None
    if planned.before:
        with progress.phase(report, "scripts before"):
            outcomes += _run(planned.before, work, recipe, report)
    if before:
        account_steps.settle(work.workspace, before)
    _apply_owners(work, recipe)
    work.watch.settle()
    if planned.after:
        with progress.phase(report, "scripts after"):
            check = [each for each in planned.after if each.owner == CHECK]
            scripts = [each for each in planned.after if each.owner != CHECK]
            outcomes += _run(scripts, work, recipe, report)
            if not all(outcome.remembered for outcome in outcomes):
                outcomes += _run(check, work, recipe, report)
    if before:
        account_steps.settle(work.workspace, before)
        work.watch.settle()
        account_steps.finish(work.workspace.root, before)
    return tuple(outcomes)


def _run(
    invocations: Iterable[Invocation], work: Work, recipe: Recipe, report: progress.Report
) -> tuple[Outcome, ...]:
    every = tuple(timed(each, recipe) for each in invocations)
    work.memory.complete()

    def tell(event: ScriptProgress) -> None:
        if event.done < event.total and every[event.done].owner == INITRAMFS.name:
            progress.note(report, "scripts", _initramfs(every[event.done], recipe))
        progress.step(report, event)

    def ended(outcome: Outcome) -> None:
        label = outcome.invocation.label
        work.watch.look(label)
        if label in work.memory.why:
            progress.detail(report, "scripts", f"{label}: not kept: {work.memory.why[label]}")
        work.after(outcome)

    outcomes = run(
        every,
        work.sandbox,
        report=tell,
        time_limit=recipe.time_limit,
        after=ended,
        memory=work.memory,
    )
    known = [outcome.invocation.label for outcome in outcomes if outcome.remembered]
    if known:
        progress.note(report, "scripts", f"known from before: {', '.join(known)}")
    return outcomes


def timed(invocation: Invocation, recipe: Recipe) -> Invocation:
    """Returns a script that may be remembered with the base's time, not the newest layer's."""
    given = {name for name, _ in invocation.environment}
    if not invocation.memo or _EPOCH in given:
        return invocation
    times = (*invocation.environment, (_EPOCH, str(recipe.base.timestamp)))
    return replace(invocation, environment=times)


def _initramfs(invocation: Invocation, recipe: Recipe) -> str:
    """Returns the line that says why dracut runs, for it takes a while."""
    changed = invocation.why.removeprefix("changed: ")
    path = changed.partition(" and ")[0].encode()
    whose = sorted(
        str(layer.layer.nevra)
        for layer in recipe.layers
        if any(entry.path == path for entry in layer.header.files)
    )
    if not whose:
        return f"initramfs: made anew, {invocation.why}"
    return f"initramfs: made anew, as {whose[0]} changes {changed}"


def last_check(repo: Repo, united: Union) -> tuple[Invocation, ...]:
    """Returns the check that the tree can still run a program, after what scripts did to it."""
    if not tools_of(repo, united)("/usr/bin/true"):
        return ()
    check = Invocation(
        phase=Phase.BUILTIN,
        owner=CHECK,
        label="check of the tree after its scripts",
        interpreter=("/usr/bin/true",),
        fatal=True,
        why="scripts ran",
    )
    return (check,)


def _apply_owners(work: Work, recipe: Recipe) -> None:
    state = packagestate.state_paths(recipe.layers, recipe.base.layout)
    if work.owned or state:
        users = ownership.tree_users(work.workspace.root)
        ownership.apply(work.workspace.root, work.owned, users)
        packagestate.apply_owners(work.sandbox.var, state, users)


def state_writes(repo: Repo, recipe: Recipe, work: Work) -> StateWrites:
    """Returns what scripts left in /var, to be kept in the tree."""
    base = recipe.base.commit
    return StateWrites(
        repo=repo,
        base_root=repo.commit_of(base).root_tree if base is not None else None,
        watch=work.watch,
        var=work.sandbox.var,
        upper=work.workspace.upper,
        users=ownership.tree_users(work.workspace.root),
        packages=[layer.layer.nevra.name for layer in recipe.layers],
        opt=None if recipe.base.layout.opt_in_tree else recipe.base.layout.opt,
        labels=recipe.labels,
    )
