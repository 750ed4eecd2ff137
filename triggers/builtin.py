# SPDX-License-Identifier: LGPL-2.1-or-later
"""The built-in triggers of a plan: which rows of the catalog a change calls for.

A cache is rebuilt once, whoever wants it: a row does not run where a package's own file trigger
names its tool and fires on the same paths. The initramfs is last: it holds what the others made.
"""

import re
from collections.abc import Iterable, Sequence

from triggers.catalog import BUILTINS, INITRAMFS, SYSUSERS, Builtin, Target, targets
from triggers.draft import Draft, label_of
from triggers.filetrigger import FileTrigger, PathList, watched
from triggers.invocation import Invocation
from triggers.phase import Phase


def sysusers(draft: Draft, paths: PathList) -> list[Invocation]:
    """Returns the step that makes users, if a new package says so in a file or in its header.

    Files are read first: what a header has is mostly what its package's files say, which a file of
    the same name in /etc may override.
    """
    added = {path for each in draft.change.added for path in each.files}
    found = [each for each in targets(SYSUSERS, paths) if added.intersection(each.paths)]
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
            # rpm, too, refuses a package whose users cannot be made.
            fatal=True,
            why=f"new: {found[0].paths[0]}" if found else f"asked for by {asking[0].package}",
        )
    ]


def caches(draft: Draft, paths: PathList) -> tuple[list[Invocation], list[Invocation]]:
    """Returns the rows that precede the transaction's file triggers, and all others."""
    first: list[Invocation] = []
    last: list[Invocation] = []
    for builtin in BUILTINS:
        wanted = {target.captures: target for target in targets(builtin, paths)}
        for name, captures in draft.asked:
            if name == builtin.name and captures not in wanted:
                wanted[captures] = Target(builtin=builtin, captures=captures, paths=())
        for captures in sorted(wanted):
            invocation = _builtin(draft, wanted[captures])
            if invocation:
                (first if builtin.first else last).append(invocation)
    return first, last


def initramfs(draft: Draft, paths: PathList) -> list[Invocation]:
    """Returns the step that makes the initramfs of the tree's kernel anew, if that may change it.

    It stops the operation if it fails: a tree with a new kernel does not boot without.
    """
    kernel = draft.change.kernel
    found = [path for each in targets(INITRAMFS, paths) for path in each.paths]
    if kernel is None or not found:
        return []
    if not any(map(draft.change.tools, INITRAMFS.tools)):
        draft.skip(Phase.BUILTIN, INITRAMFS.name, INITRAMFS.name, _no_tool(INITRAMFS))
        return []
    return [
        Invocation(
            phase=Phase.BUILTIN,
            owner=INITRAMFS.name,
            label=f"{INITRAMFS.name} {kernel.version}",
            interpreter=dracut(kernel.version, kernel.arguments),
            environment=INITRAMFS.environment,
            fatal=True,
            why=_changed(sorted(found)),
        )
    ]


def dracut(version: str, arguments: Sequence[str]) -> tuple[str, ...]:
    """Returns the command that makes the initramfs beside the kernel of that version."""
    image = f"/usr/lib/modules/{version}/initramfs.img"
    return (*INITRAMFS.tools, *INITRAMFS.arguments, "--kver", version, *arguments, image)


def _builtin(draft: Draft, target: Target) -> Invocation | None:
    builtin = target.builtin
    label = " ".join((builtin.name, *target.captures))
    twin = next((each for each in draft.fired if _does_the_same(each, target)), None)
    if twin:
        draft.skip(Phase.BUILTIN, builtin.name, label, f"{label_of(twin)} does it")
        return None
    tool = target.tool(draft.change.tools)
    if tool is None:
        draft.skip(Phase.BUILTIN, builtin.name, label, _no_tool(builtin))
        return None
    arguments = target.arguments()
    asked = draft.asked.get((builtin.name, target.captures), "")
    return Invocation(
        phase=Phase.BUILTIN,
        owner=builtin.name,
        label=label,
        interpreter=("/bin/sh",) if builtin.body else (tool, *arguments),
        body=builtin.body,
        args=(tool, *arguments) if builtin.body else (),
        environment=builtin.environment,
        why=_changed(target.paths) if target.paths else asked,
    )


def _does_the_same(trigger: FileTrigger, target: Target) -> bool:
    """Whether a trigger that fires names the target's tool and fires on one of its paths."""
    builtin = target.builtin
    names = (tool.rpartition("/")[2] for tool in (*builtin.tools, *builtin.aliases))
    text = " ".join((*trigger.interpreter, trigger.body))
    if not any(re.search(rf"(?<![\w.-]){re.escape(name)}(?![\w.-])", text) for name in names):
        return False
    if not target.paths:
        return True
    return any(path.startswith(watched(trigger)) for path in target.paths)


def _no_tool(builtin: Builtin) -> str:
    return f"the tree has no {' or '.join(_bare(builtin.tools))}"


def _bare(tools: Iterable[str]) -> tuple[str, ...]:
    return tuple(tool for tool in tools if "/" not in tool)


def _changed(paths: Sequence[str]) -> str:
    more = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
    return f"changed: {paths[0]}{more}"
