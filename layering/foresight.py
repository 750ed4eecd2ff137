# SPDX-License-Identifier: LGPL-2.1-or-later
"""Which scripts a tree's making would run, and which are known: told without running or mounting.

The memory is asked about the united tree as it is when the first script begins. For that only the
few files are written out, to a directory of their own, that are looked at or changed before it: a
workspace without a mount. What a script that really runs would do to the tree is not known here, so
what is said of those after it holds unless it changes what they read.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from enum import StrEnum

from layering import account_steps, mounteddelta, policystore, progress
from layering.account_files import Database
from layering.assembly import planned_over
from layering.dirtree import DirNode, FileNode
from layering.leased import leased
from layering.packagestate import state_paths
from layering.recipe import Recipe
from layering.repo import Repo
from layering.scriptruns import CHECK, prepared, timed
from layering.treestate import Directory, Entry, Patch, Stored, TreeState
from layering.union import Union
from layering.uniting import unite
from layering.workspace import PREFIX, Workspace
from triggers import STOOD_IN_FOR, Invocation, Plan

_DATABASES = tuple(field.name for field in fields(Database))
# What `account_steps`, `policystore` and the sandbox look at.
_LOOKED_AT = (
    *(f"usr/{place}/{name}" for place in ("etc", "lib") for name in _DATABASES),
    *(f"usr/etc/{name}" for name in ("login.defs", "nsswitch.conf", "authselect/nsswitch.conf")),
    *(f"usr/{place}/{tool}" for tool in ("true", *STOOD_IN_FOR) for place in ("bin", "sbin")),
    *("usr/etc/machine-id", policystore.CONFIG, "usr/lib/opt"),
)


class How(StrEnum):
    """What becomes of a script."""

    RUNS = "runs"
    REMEMBERED = "remembered"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True, kw_only=True)
class Foreseen:
    """One script."""

    label: str
    how: How
    why: str  # it is asked for; of one that is skipped, why that is so
    after_another: bool = False  # one that really runs precedes it


@dataclass(frozen=True, slots=True, kw_only=True)
class Foresight:
    """The scripts in the order in which they run, those that are skipped last."""

    scripts: tuple[Foreseen, ...] = ()
    made_before: bool = False  # the very tree is there: it is deployed, and nothing runs
    untold: str = ""  # why nothing can be said


def foresee(repo: Repo, recipe: Recipe, report: progress.Report) -> Foresight:
    """Returns what making a tree would run; nothing of it stays in the repository.

    Raises:
        FileConflictError, KernelError, DropInError, …: it could not be made.
    """
    with repo.discarded():
        with progress.phase(report, "union"):
            united = unite(
                repo,
                recipe.base,
                recipe.layers,
                replacing=recipe.replacing,
                departures=recipe.departures,
            )
        with progress.phase(report, "scripts planned"):
            _kernel, planned = planned_over(repo, recipe, united)
            return Foresight(scripts=tuple(_told(repo, recipe, united, planned)))


def _told(repo: Repo, recipe: Recipe, united: Union, planned: Plan) -> Iterator[Foreseen]:
    running = [each for each in (*planned.before, *planned.after) if each.owner != CHECK]
    known = _known(repo, recipe, united, running) if running else ()
    first = known.index(False) if False in known else len(known)
    for number, (each, is_known) in enumerate(zip(running, known, strict=True)):
        how = How.REMEMBERED if is_known else How.RUNS
        yield Foreseen(label=each.label, how=how, why=each.why, after_another=number > first)
    for skipped in planned.skipped:
        yield Foreseen(label=skipped.label, how=How.SKIPPED, why=skipped.reason)


def _known(
    repo: Repo, recipe: Recipe, united: Union, running: Sequence[Invocation]
) -> tuple[bool, ...]:
    """Returns of each script whether its result is known, all before it in the tree if theirs is.

    In a transaction: a result may have to be labelled for this tree.
    """
    state = TreeState(
        stored=Stored(repo), root=DirNode(tree=united.root_tree, meta=united.root_meta)
    )
    with leased(repo.path / "tmp", PREFIX) as work:
        root, scratch = work / "root", work / "scratch"
        for directory in (root, scratch):
            directory.mkdir()
        files = [*_LOOKED_AT, *_top(state), *_brought(recipe)]
        files += [recipe.base.database.lstrip("/")]
        for _ in mounteddelta.put(repo, root, _only(state, files)):
            pass
        workspace = Workspace(root=root, upper=root, scratch=scratch)
        made = prepared(repo, workspace, recipe, united)
        policystore.settle(repo, recipe.base.commit, root)
        if recipe.base.commit is not None:
            account_steps.prepare(root)
        made.watch.settle()
        return tuple(
            made.memory.recall(timed(each, recipe)) is not None if each.memo else False
            for each in running
        )


def _top(state: TreeState) -> Iterable[str]:
    return state.names(state.root)


def _brought(recipe: Recipe) -> Iterator[str]:
    """Yields where the content of files waits that packages bring below /var."""
    for each in state_paths(recipe.layers, recipe.base.layout):
        yield f"usr/share/factory{each.path.decode('utf-8', 'surrogateescape')}"


def _only(state: TreeState, paths: Iterable[str]) -> Patch:
    """Returns the part of a tree that these paths are: files, links, and bare directories."""
    patch = Patch()
    for path in paths:
        here, part = state.root, patch
        for name in path.split("/"):
            entry: Entry | None = state.names(here).get(name)
            if isinstance(entry, FileNode):
                part.names.setdefault(name, entry)
            if not isinstance(entry, (DirNode, Directory)):
                break
            inner = part.names.setdefault(name, Patch(meta=entry.meta))
            assert isinstance(inner, Patch)  # what is a directory is one for each path
            here, part = entry, inner
    return patch
