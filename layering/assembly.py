# SPDX-License-Identifier: LGPL-2.1-or-later
"""From a base and layers to a merged tree: union, rpmdb, scriptlets, owners, triggers, seal.

The result is a function of the base commit, the set of layers and the policy, and of nothing else:
the layers are sorted, times come from the inputs, and scripts run in a sandbox that knows no clock
but `SOURCE_DATE_EPOCH` and no host. The rpmdb is complete before the first script runs, as rpm has
it.
"""

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, replace

from layering import account_steps, beneath, mtree, ownership, progress, rpmdb, rpmdb_query, seal
from layering.account_ids import POOL_CONFIG, POOL_CONFIG_PATH
from layering.base import Base
from layering.dirtree import FileNode, find
from layering.importer import LayerInfo
from layering.leftovers import remove_leftovers
from layering.mtree import MutableTree
from layering.ownership import OwnedPackage
from layering.repo import Repo
from layering.scriptplan import live_path, plan_of, tools_of
from layering.statefiles import drop_known_lines
from layering.union import LayerTree, Union, union
from layering.workspace import Checkout, Workspace, open_workspace
from triggers import Bind, Invocation, Outcome, Phase, Plan, Sandbox, run
from triggers import Progress as ScriptProgress

# What sqlite may leave beside a database; next to another database it would be taken for its own.
_JOURNALS = ("-wal", "-shm", "-journal")
_BASE_DATABASE_COPY = "usr/lib/sysimage/rpm-ostree-base-db"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """What a merged tree is made from."""

    base: Base
    layers: tuple[LayerInfo, ...]
    checkout: Checkout | None  # an existing one near the result; None: a new one is made
    noscripts: frozenset[str] = frozenset()
    time_limit: float = 600.0  # seconds for each script

    @property
    def timestamp(self) -> int:
        """Returns the newest time of the inputs, in seconds since 1970."""
        return max(
            (self.base.timestamp, *(layer.header.build_time for layer in self.layers)), default=0
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """A merged tree while it is being made: what a composer's own steps get to work with."""

    workspace: Workspace
    sandbox: Sandbox
    tree: MutableTree


@dataclass(frozen=True, slots=True, kw_only=True)
class Assembled:
    """A merged tree that only its commit is missing."""

    tree: MutableTree
    outcomes: tuple[Outcome, ...]
    plan: Plan
    dropped: tuple[str, ...]  # paths that a commit cannot hold


Finish = Callable[[Work], None]


def assemble(
    repo: Repo, recipe: Recipe, report: progress.Report, *, finish: Finish | None = None
) -> Assembled:
    """Returns the merged tree; the caller holds the repository (`Repo.held`) until it is committed.

    Raises:
        FileConflictError, UnknownOwnerError, ScriptletFailedError: before anything is committed.
    """
    with progress.phase(report, "union"):
        united = _united(repo, recipe)
    with progress.phase(report, "scripts planned"):
        planned = plan_of(repo, recipe.base, recipe.layers, united, noscripts=recipe.noscripts)
    with ExitStack() as stack:
        with progress.phase(report, "workspace"):
            workspace = stack.enter_context(_workspace(repo, recipe, united))
        work = _prepared(workspace, recipe, united)
        with progress.phase(report, "rpmdb"):
            _write_rpmdb(repo, workspace, recipe)
        if planned.after or planned.before:
            planned = replace(planned, after=(*planned.after, *_last_check(repo, united)))
        outcomes = _run_scripts(work, planned, recipe, report)
        if finish is not None:
            finish(work)
        remove_leftovers(workspace.root)
        with progress.phase(report, "seal"):
            patched = seal.patch_from_upper(repo, united.mtree, workspace.upper)
            with repo.transaction():
                names = [layer.layer.nevra.name for layer in recipe.layers]
                drop_known_lines(repo, united.mtree, names)
            _keep_base_database(repo, united.mtree, recipe.base)
    return Assembled(tree=united.mtree, outcomes=outcomes, plan=planned, dropped=patched.dropped)


def _united(repo: Repo, recipe: Recipe) -> Union:
    base = recipe.base

    def owner(path: str) -> str | None:
        database = rpmdb.database_in(base.installroot)
        found = rpmdb_query.owners_of(database, live_path(path), base.links)
        return str(found[0]) if found else None

    trees = [
        LayerTree(
            name=str(layer.layer.nevra),
            commit=layer.layer.commit,
            owned_dirs=layer.owned_dirs,
            owners={path.path: f"{path.user}:{path.group}" for path in layer.owners},
        )
        for layer in recipe.layers
    ]
    return union(repo, base.commit, trees, base_owner=owner)


def _workspace(repo: Repo, recipe: Recipe, united: Union) -> AbstractContextManager[Workspace]:
    return open_workspace(
        repo, tree=united.root_tree, meta=united.root_meta, checkout=recipe.checkout
    )


def _prepared(workspace: Workspace, recipe: Recipe, united: Union) -> Work:
    var, rpm_state = workspace.scratch / "var", workspace.scratch / "rpm-state"
    var.mkdir()
    database = recipe.base.database
    sandbox = Sandbox.over(
        workspace.root, var=var, rpm_state=rpm_state, source_date_epoch=recipe.timestamp
    )
    # Scripts may ask the rpmdb, which is already the merged tree's, and may not change it.
    beneath.make_directories(workspace.root, database)
    readable = Bind(source=workspace.root / database.lstrip("/"), destination=database)
    sandbox = replace(sandbox, hidden=(), binds=(readable, *_pool(workspace, recipe)))
    for each in ownership.state_directories(recipe.layers, recipe.base.layout):
        beneath.make_directories(var, each.path, each.mode)
    return Work(workspace=workspace, sandbox=sandbox, tree=united.mtree)


def _pool(workspace: Workspace, recipe: Recipe) -> tuple[Bind, ...]:
    # A composed tree's accounts are its own: they are numbered as they come.
    if recipe.base.commit is None:
        return ()
    config = workspace.scratch / "sysusers.conf"
    config.write_text(POOL_CONFIG, encoding="ascii")
    return (Bind(source=config, destination=POOL_CONFIG_PATH),)


def _write_rpmdb(repo: Repo, workspace: Workspace, recipe: Recipe) -> None:
    """Makes the merged tree's rpmdb and puts it into the tree.

    It is made beside the tree: librpm and sqlite follow links, and open files next to the database
    that a package may have put there.
    """
    base, made = recipe.base, workspace.scratch / "rpmdb"
    made.mkdir()
    if base.commit is not None:
        rpmdb.copy_base(repo, base.commit, made)
    rpmdb.write(
        made,
        [layer.header.prefix for layer in recipe.layers],
        source_date_epoch=recipe.timestamp,
        links=base.links,
    )
    place = f"{base.database}/{rpmdb_query.DATABASE}"
    for journal in (f"{place}{ending}" for ending in _JOURNALS):
        if beneath.exists(workspace.root, journal):
            beneath.remove(workspace.root, journal)
    with (made / rpmdb_query.DATABASE).open("rb") as database:
        beneath.write_file(workspace.root, place, database, 0o644)


def _run_scripts(
    work: Work, planned: Plan, recipe: Recipe, report: progress.Report
) -> tuple[Outcome, ...]:
    outcomes: list[Outcome] = []
    layered = recipe.base.commit is not None and (planned.before or planned.after)
    before = account_steps.prepare(work.workspace.root) if layered else None
    if planned.before:
        with progress.phase(report, "scripts before"):
            outcomes += _run(planned.before, work, recipe, report)
    if before:
        account_steps.settle(work.workspace, before)
    _apply_owners(work, recipe)
    if planned.after:
        with progress.phase(report, "scripts after"):
            outcomes += _run(planned.after, work, recipe, report)
    if before:
        account_steps.settle(work.workspace, before)
        account_steps.finish(work.workspace.root, before)
    return tuple(outcomes)


def _run(
    invocations: Iterable[Invocation], work: Work, recipe: Recipe, report: progress.Report
) -> tuple[Outcome, ...]:
    def tell(event: ScriptProgress) -> None:
        progress.step(report, event)

    return run(invocations, work.sandbox, report=tell, time_limit=recipe.time_limit)


def _last_check(repo: Repo, united: Union) -> tuple[Invocation, ...]:
    """Returns the check that the tree can still run a program, after what scripts did to it."""
    if not tools_of(repo, united)("/usr/bin/true"):
        return ()
    check = Invocation(
        phase=Phase.BUILTIN,
        owner="sanity",
        label="check of the tree after its scripts",
        interpreter=("/usr/bin/true",),
        fatal=True,
        why="scripts ran",
    )
    return (check,)


def _apply_owners(work: Work, recipe: Recipe) -> None:
    owned = [
        OwnedPackage(package=str(layer.layer.nevra), paths=layer.owners)
        for layer in recipe.layers
        if layer.owners
    ]
    directories = ownership.state_directories(recipe.layers, recipe.base.layout)
    if owned or directories:
        users = ownership.tree_users(work.workspace.root)
        ownership.apply(work.workspace.root, owned, users)
        ownership.apply_state(work.sandbox.var, directories, users)


def _keep_base_database(repo: Repo, tree: MutableTree, base: Base) -> None:
    """Puts the base's own rpmdb beside the merged one, where rpm-ostree looks for it."""
    if base.commit is None:
        return
    root = repo.commit_of(base.commit).root_tree
    for name in (rpmdb_query.DATABASE, f"{rpmdb_query.DATABASE}-wal"):
        node = find(repo.dirtree, root, f"{base.database}/{name}")
        if isinstance(node, FileNode):
            put_base_database(tree, node.checksum, name)


def put_base_database(tree: MutableTree, checksum: str, name: str = rpmdb_query.DATABASE) -> None:
    """Puts a file object into a tree as the rpmdb of the base, where rpm-ostree looks for it."""
    below = tree
    for part in _BASE_DATABASE_COPY.split("/"):
        inner = mtree.enter(below, part)
        if not inner.get_metadata_checksum():
            mtree.set_meta(inner, below.get_metadata_checksum())
        below = inner
    mtree.put_file(below, name, checksum)
