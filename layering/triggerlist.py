# SPDX-License-Identifier: LGPL-2.1-or-later
"""All triggers of a tree, whoever declares them, with what becomes of each.

What is told holds for any change of the tree: which would run after a certain one is its plan's.
"""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from pathlib import Path

from layering import rpmdb_query
from layering.configuration import IN_ETC, load
from layering.deployed import Deployed
from layering.errors import SysrootError
from layering.hosttriggers import THIS_HOST, HostFile, found_files, text_on_disk
from layering.querycache import query_cache
from layering.repo import Repo
from layering.scriptplan import tools_in_tree
from layering.treeview import TreeView, tree_view
from layering.triggerfiles import THE_BASE, triggers_of
from triggers import (
    BUILT_IN,
    TRIGGER_TAGS,
    DeclaredTrigger,
    DropInError,
    FileTrigger,
    SkipRule,
    Table,
    file_triggers_of,
    in_order,
    table_of,
    tool_places,
    why_never,
)


class State(StrEnum):
    """What becomes of a trigger."""

    ACTIVE = "active"
    SHADOWED = "shadowed"  # another file has its name
    NO_TOOL = "no tool"  # the tree has none of its programs
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownTrigger:
    """A trigger of a tree."""

    trigger: DeclaredTrigger | FileTrigger
    owner: str  # NEVRA, "built-in", "the base", "this host"
    state: State
    why: str = ""  # of a state that is not active: what shadows it, what is missing, the reason
    tool: str = ""  # the program that runs; "" if the tree has none


@dataclass(frozen=True, slots=True, kw_only=True)
class TriggerList:
    """The triggers of a tree, those that are declared in the order in which they run."""

    view: TreeView
    declared: tuple[KnownTrigger, ...]
    of_packages: tuple[KnownTrigger, ...]
    problems: tuple[DropInError, ...]


@contextmanager
def listed(
    sysroot: Deployed, stateroot: str | None, revision: str | None, host_cache: Path
) -> Iterator[TriggerList]:
    """Gives the triggers of a revision's tree, or of the pending deployment's, on this host.

    Raises:
        LayeringError: there is no such tree, or it has no package database.
        ConfigurationError: the host's settings cannot be read, or are none.
    """
    with (
        query_cache(host_cache) as cache,
        tree_view(sysroot, stateroot, revision, cache) as view,
    ):
        repo = sysroot.repo
        root = repo.commit_of(view.commit).root_tree
        problems: list[DropInError] = []
        table = _table(repo, root, view, problems)
        rules = load(view.etc / IN_ETC).skip if view.etc else ()
        tools = tools_in_tree(repo, root)
        triggers = list(_file_triggers(view))
        parsed = tuple(map(SkipRule.parse, rules))
        yield TriggerList(
            view=view,
            declared=tuple(_declared(repo, root, view, table, tools)),
            of_packages=tuple(_of_package(each, table, tools, parsed) for each in triggers),
            problems=(*problems, *table.problems),
        )


def checked_files(
    sysroot: Deployed | None, stateroot: str | None, files: Sequence[Path]
) -> tuple[DropInError, ...]:
    """Returns what is wrong with drop-ins on disk, were they those of the host.

    Names of triggers are looked up in the pending deployment's tree, if there is one.
    """
    problems: list[DropInError] = []
    found: list[HostFile] = []
    places: dict[str, str] = {}
    for path in files:
        try:
            file = HostFile(name=path.name, text=text_on_disk(path, str(path)))
        except DropInError as error:
            problems.append(error)
        else:
            found.append(file)
            places[file.path] = str(path)
    table = _with(sysroot, stateroot, found)
    own = [each for each in table.problems if each.path in places]
    problems += [DropInError(each.what, places[each.path], each.hint) for each in own]
    return tuple(problems)


def _with(sysroot: Deployed | None, stateroot: str | None, files: Sequence[HostFile]) -> Table:
    """Returns the table of the pending tree with more files, or of the catalog and them alone."""
    commit = None
    if sysroot is not None:
        try:
            pending = sysroot.pending_deployment(sysroot.chosen_stateroot(stateroot))
            commit = pending.checksum if pending else None
        except SysrootError:
            pass  # a machine that packages are made on
    if sysroot is None or commit is None:
        own = [each for each in map(HostFile.drop_in, files) if each]
        return table_of(own, lenient=True)
    root = sysroot.repo.commit_of(commit).root_tree
    return triggers_of(sysroot.repo, root, files, lenient=True)


def _table(repo: Repo, root: str, view: TreeView, problems: list[DropInError]) -> Table:
    host: tuple[HostFile, ...] = ()
    if view.etc is not None:
        host, unreadable = found_files(view.etc.parent)
        problems += unreadable
    return triggers_of(repo, root, host, _owners(view), lenient=True)


def _owners(view: TreeView) -> Callable[[str], str]:
    def owner(path: str) -> str:
        found = rpmdb_query.owners_of(view.database, path, view.links)
        return str(found[0]) if found else THE_BASE

    return owner


def _declared(
    repo: Repo, root: str, view: TreeView, table: Table, tools: Callable[[str], bool]
) -> Iterator[KnownTrigger]:
    owner = _owners(view)
    for trigger in in_order(table.triggers):
        tool = _tool(repo, root, trigger, tools)
        state, why = State.ACTIVE, ""
        if trigger.skipped:
            state, why = State.SKIPPED, trigger.skipped
        elif not tool:
            state, why = State.NO_TOOL, f"the tree has no {' or '.join(trigger.tools)}"
        yield KnownTrigger(
            trigger=trigger, owner=_owner(trigger, table, owner), state=state, why=why, tool=tool
        )
    for each in table.shadowed:
        yield KnownTrigger(
            trigger=each.trigger,
            owner=_owner(each.trigger, table, owner),
            state=State.SHADOWED,
            why=each.by,
            tool=_tool(repo, root, each.trigger, tools),
        )


def _owner(trigger: DeclaredTrigger, table: Table, owner: Callable[[str], str]) -> str:
    if trigger.origin == BUILT_IN:
        return BUILT_IN
    return THIS_HOST if trigger.origin in table.of_host else owner(trigger.origin)


def _tool(repo: Repo, root: str, trigger: DeclaredTrigger, tools: Callable[[str], bool]) -> str:
    """Returns the program that a trigger runs; one whose place is captured if it is anywhere."""
    for tool in trigger.tools:
        if "{" not in tool:
            if tools(tool):
                return tool
        elif any(_matches(repo, root, names) for names in tool_places(tool, trigger.paths)):
            return tool
    return ""


def _matches(repo: Repo, tree: str, names: Sequence[str]) -> bool:
    """Whether there is a path whose names are these, which may be globs."""
    directory = repo.dirtree(tree)
    if len(names) == 1:
        return any(fnmatchcase(name, names[0]) for name, _checksum in directory.files)
    return any(
        fnmatchcase(name, names[0]) and _matches(repo, below, names[1:])
        for name, below, _meta in directory.dirs
    )


def _file_triggers(view: TreeView) -> Iterator[FileTrigger]:
    with tempfile.TemporaryDirectory(prefix="overlay-query-") as scratch:
        # A copy of the answer is worth its while for bases alone, and theirs is root's.
        found = rpmdb_query.tagged(view.database, TRIGGER_TAGS, Path(scratch) / "triggers.json")
    for package in found:
        yield from file_triggers_of(str(package.nevra), package.tags)


def _of_package(
    trigger: FileTrigger, table: Table, tools: Callable[[str], bool], rules: tuple[SkipRule, ...]
) -> KnownTrigger:
    why = why_never(trigger, table.triggers, tools, rules)
    return KnownTrigger(
        trigger=trigger,
        owner=trigger.package,
        state=State.SKIPPED if why else State.ACTIVE,
        why=why or "",
        tool=trigger.interpreter[0],
    )
