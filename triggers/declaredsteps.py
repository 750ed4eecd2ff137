# SPDX-License-Identifier: LGPL-2.1-or-later
"""The declared triggers of a plan: which of them a change calls for.

A cache is rebuilt once, whoever wants it: a row of the catalog does not run where a package's own
file trigger names its tool and fires on the same paths. The initramfs is the table's last row: it
holds what the others made.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from triggers.catalog import CATALOG, INITRAMFS, SYSUSERS
from triggers.change import TreeChange
from triggers.declared import BUILT_IN, DeclaredTrigger
from triggers.declaredorder import in_order
from triggers.draft import Draft, label_of
from triggers.filetrigger import FileTrigger, PathList, watched
from triggers.invocation import Invocation
from triggers.pattern import compiled
from triggers.phase import Phase
from triggers.target import Target, targets

# Packages and their scripts know these by their tools.
KNOWN = frozenset(
    each.name for each in CATALOG if not each.skipped and each not in (SYSUSERS, INITRAMFS)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Paths:
    """What came to a tree, and that with what went."""

    brought: PathList
    changed: PathList

    @classmethod
    def of(cls, change: TreeChange) -> "Paths":
        """Returns the paths of a change. A ghost is no file, so it is not among them."""
        brought = {path for each in change.added for path in each.files if path not in each.ghosts}
        changed = brought.union(change.removed_paths)
        return cls(brought=PathList(brought), changed=PathList(changed))


def sysusers(draft: Draft, paths: Paths) -> list[Invocation]:
    """Returns the step that makes users, if a new package says so in a file or in its header.

    Files are read first: what a header has is mostly what its package's files say, which a file of
    the same name in /etc may override.
    """
    found = list(targets(SYSUSERS, paths.brought))
    asking = [each for each in draft.change.added if each.accounts]
    if not found and not asking:
        return []
    tool = next(filter(draft.change.tools, SYSUSERS.tools), None)
    if tool is None:
        draft.skip(Phase.BUILTIN, SYSUSERS.name, SYSUSERS.name, _no_tool(SYSUSERS))
        return []
    files = tuple(sorted(each.captures[0] for each in found))
    lines = dict.fromkeys(line for each in asking for line in each.accounts)
    text = "".join(f"{line}\n" for line in lines)
    return [
        Invocation(
            phase=Phase.BUILTIN,
            owner=SYSUSERS.name,
            label=SYSUSERS.name,
            interpreter=(tool, *draft.change.sysusers_config, *files, *(["-"] if text else [])),
            stdin=text.encode() if text else None,
            fatal=SYSUSERS.fatal,
            origin=SYSUSERS.origin,
            why=f"new: {found[0].paths[0]}" if found else f"asked for by {asking[0].package}",
        )
    ]


def others(draft: Draft, paths: Paths) -> tuple[list[Invocation], list[Invocation]]:
    """Returns the triggers that precede the transaction's file triggers, and all others.

    Raises:
        TriggerOrderError: what the triggers say of one another leaves no order.
    """
    first: list[Invocation] = []
    last: list[Invocation] = []
    for trigger in in_order(draft.change.declared):
        if trigger is not SYSUSERS:
            (first if trigger.first else last).extend(_runs(trigger, draft, paths))
    return first, last


def dracut(version: str, arguments: Sequence[str]) -> tuple[str, ...]:
    """Returns the command that makes the initramfs beside the kernel of that version."""
    image = f"/usr/lib/modules/{version}/initramfs.img"
    return (*INITRAMFS.tools, *INITRAMFS.arguments, "--kver", version, *arguments, image)


def called(trigger: DeclaredTrigger) -> str:
    """Returns what to call a trigger where it stands in for a package's script."""
    return f"the {BUILT_IN} {trigger.name}" if trigger.origin == BUILT_IN else trigger.origin


def _runs(trigger: DeclaredTrigger, draft: Draft, paths: Paths) -> list[Invocation]:
    if trigger.skipped and trigger.origin == BUILT_IN:
        return []  # nearly every package has a manual page: `overlay triggers` tells it once
    if trigger is INITRAMFS and draft.change.kernel is None:
        return []
    asking = _asking(trigger, draft.change, paths)
    wanted = {target.captures: target for target in targets(trigger, asking)}
    for name, captures in draft.asked:
        if name == trigger.name and captures not in wanted:
            wanted[captures] = Target(trigger=trigger, captures=captures)
    made = [_invocation(draft, wanted[captures], paths) for captures in sorted(wanted)]
    return [each for each in made if each]


def _asking(trigger: DeclaredTrigger, change: TreeChange, paths: Paths) -> PathList:
    """Returns the paths that count for a trigger."""
    changed = paths.changed if trigger.on_removal else paths.brought
    if trigger.name not in change.anew:
        return changed
    places = [each for text in trigger.paths for each in compiled(text).directories]
    there = {path for files in change.base_files(places) for path in files}
    return PathList(there.difference(change.removed_paths).union(changed))


def _invocation(draft: Draft, target: Target, paths: Paths) -> Invocation | None:
    trigger = target.trigger
    reason = _idle(draft, target)
    if reason is not None and (swept := _swept(draft, target, reason)):
        return swept
    if reason is not None:
        draft.skip(Phase.BUILTIN, trigger.name, target.label, reason)
        return None
    label, kernel = target.label, draft.change.kernel
    command = (target.tool(draft.change.tools) or "", *target.filled(trigger.arguments))
    if trigger is INITRAMFS and kernel:
        label = f"{label} {kernel.version}"
        command = dracut(kernel.version, kernel.arguments)
    asked = draft.asked.get((trigger.name, target.captures), "")
    return Invocation(
        phase=Phase.BUILTIN,
        owner=trigger.name,
        label=label,
        interpreter=("/bin/sh",) if trigger.body else command,
        body=trigger.body,
        args=command if trigger.body else (),
        environment=trigger.environment,
        fatal=trigger.fatal,
        origin=trigger.origin,
        memo=True,
        reads=target.filled(trigger.reads),
        writes=target.filled(trigger.writes),
        why=_because(target, paths) if target.paths else asked,
    )


def _idle(draft: Draft, target: Target) -> str | None:
    """Returns why a target's trigger does not run, None if it does."""
    if target.trigger.skipped:
        return target.trigger.skipped
    twin = next((each for each in draft.fired if _does_the_same(each, target)), None)
    if twin:
        return f"{label_of(twin)} does it"
    return _no_tool(target.trigger) if target.tool(draft.change.tools) is None else None


def _swept(draft: Draft, target: Target, reason: str) -> Invocation | None:
    """Returns the step that takes away the caches of a tool that the tree has lost."""
    trigger, change = target.trigger, draft.change
    gone = sorted(set(change.removed_paths).intersection(target.paths))
    lost = target.tool(change.tools) is None and not trigger.skipped
    if not (gone and lost and trigger.caches and change.tools("rm")):
        return None
    return Invocation(
        phase=Phase.BUILTIN,
        owner=trigger.name,
        label=target.label,
        interpreter=("rm", "-f", "--", *target.filled(trigger.caches)),
        origin=trigger.origin,
        memo=True,
        writes=target.filled(trigger.caches),
        why=f"removed: {gone[0]}, and {reason}",
    )


def _does_the_same(trigger: FileTrigger, target: Target) -> bool:
    """Whether a trigger that fires names the target's tool and fires on one of its paths."""
    row = target.trigger
    if row.name not in KNOWN:
        return False
    names = (tool.rpartition("/")[2] for tool in (*row.tools, *row.aliases))
    text = " ".join((*trigger.interpreter, trigger.body))
    if not any(re.search(rf"(?<![\w.-]){re.escape(name)}(?![\w./-])", text) for name in names):
        return False
    if not target.paths:
        return True
    return any(path.startswith(watched(trigger)) for path in target.paths)


def _no_tool(trigger: DeclaredTrigger) -> str:
    return f"the tree has no {' or '.join(_bare(trigger.tools))}"


def _bare(tools: Iterable[str]) -> tuple[str, ...]:
    """Returns the tools to name: those that are looked for by name, all if there is none."""
    tools = tuple(tools)
    return tuple(tool for tool in tools if "/" not in tool) or tools


def _because(target: Target, paths: Paths) -> str:
    changed = [path for path in target.paths if path in paths.changed]
    if not changed:
        return f"the trigger is new: {target.paths[0]}"
    more = f" and {len(changed) - 1} more" if len(changed) > 1 else ""
    return f"changed: {changed[0]}{more}"
