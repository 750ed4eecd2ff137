# SPDX-License-Identifier: LGPL-2.1-or-later
"""Turns a change of a tree into the scripts to run: rpm's order, our policy, the built-in triggers.

Pure: the same change gives the same plan. A cache is rebuilt once, whoever wants it: a built-in
trigger does not run where a package's own file trigger names its tool and fires on the same paths,
and a scriptlet that only calls the tool gives way to either.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from triggers.catalog import BUILTINS, SYSUSERS, Builtin, Target, asked_for, targets
from triggers.change import TreeChange, name_of
from triggers.errors import UnsupportedScriptletError
from triggers.filetrigger import FileTrigger, PathList, watched
from triggers.invocation import Invocation, Plan, Skipped
from triggers.lua import LUA, lua_run
from triggers.order import Source, Step, after, before
from triggers.phase import RULES, Phase, ScriptFlags
from triggers.policy import skip_reason
from triggers.scriptlet import Scriptlet

EVERY_PACKAGE = "*"

_AT_THE_END = frozenset({Phase.TRANSFILETRIGGERIN, Phase.TRANSFILETRIGGERPOSTUN})


@dataclass(slots=True)
class _Draft:
    """A plan in the making."""

    change: TreeChange
    new: frozenset[str]  # NEVRAs of the packages that came
    noscripts: frozenset[str]
    skipped: list[Skipped] = field(default_factory=list)
    fired: list[FileTrigger] = field(default_factory=list)
    asked: dict[tuple[str, tuple[str, ...]], str] = field(default_factory=dict)

    def skip(self, phase: Phase, owner: str, label: str, reason: str) -> None:
        self.skipped.append(Skipped(phase=phase, owner=owner, label=label, reason=reason))


def plan(change: TreeChange, *, noscripts: frozenset[str] = frozenset()) -> Plan:
    """Returns what to run for `change`.

    `noscripts` holds names or NEVRAs of packages whose own scripts do not run; "*" means all.

    Raises:
        UnsupportedScriptletError: a script that would have to run needs what the tree lacks.
    """
    new = frozenset(each.package for each in change.added)
    draft = _Draft(change=change, new=new, noscripts=noscripts)
    paths = PathList({*change.removed_paths, *(p for each in change.added for p in each.files)})
    early = [each for each in before(change) if _wanted(each, draft)]
    late = [each for each in after(change) if _wanted(each, draft)]
    head = [_invocation(each, change) for each in early if each.source.phase is Phase.PRETRANS]
    head += _sysusers(draft, paths)
    head += [_invocation(each, change) for each in early if each.source.phase is not Phase.PRETRANS]
    first, last = _builtins(draft, paths)
    tail = [_invocation(each, change) for each in late if each.source.phase not in _AT_THE_END]
    tail += first
    tail += [_invocation(each, change) for each in late if each.source.phase in _AT_THE_END]
    return Plan(before=tuple(head), after=(*tail, *last), skipped=tuple(draft.skipped))


def _label(source: Source) -> str:
    return f"{source.phase}({source.package})"


def _wanted(step: Step, draft: _Draft) -> bool:
    """Whether a step runs itself; why not goes to the draft."""
    source = step.source
    name = name_of(source.package)
    prefixes = source.prefixes if isinstance(source, FileTrigger) else ()
    reason = skip_reason(name, source.phase, prefixes)
    if source.package in draft.new and draft.noscripts & {name, source.package, EVERY_PACKAGE}:
        reason = "scripts of this package are turned off"
    if reason is None and isinstance(source, Scriptlet) and not RULES[source.phase].fatal:
        reason = _scriptlet_gives_way(source, draft)
    if reason is None and isinstance(source, FileTrigger):
        reason = _trigger_gives_way(source, draft)
    if reason is not None:
        draft.skip(source.phase, source.package, _label(source), reason)
        return False
    if isinstance(source, FileTrigger):
        draft.fired.append(source)
    return True


def _scriptlet_gives_way(scriptlet: Scriptlet, draft: _Draft) -> str | None:
    """Why a scriptlet that only calls known tools does not run; notes what it asked for."""
    if scriptlet.flags:
        return None
    calls = asked_for(scriptlet.interpreter, scriptlet.body)
    for builtin, captures in calls:
        draft.asked.setdefault((builtin.name, captures), f"asked for by {_label(scriptlet)}")
    names = ", ".join(dict.fromkeys(builtin.name for builtin, _ in calls))
    return f"the built-in {names} runs once for all" if calls else None


def _trigger_gives_way(trigger: FileTrigger, draft: _Draft) -> str | None:
    """Why a file trigger that only calls a known tool, where we know better how, does not run."""
    calls = asked_for(trigger.interpreter, trigger.body) if not trigger.flags else ()
    if len(calls) != 1:
        return None
    builtin = calls[0][0]
    covered = all(
        f"{prefix}/".startswith(builtin.prefixes) or f"/usr{prefix}/".startswith(builtin.prefixes)
        for prefix in trigger.prefixes
    )
    if not (builtin.supersedes and covered and any(map(draft.change.tools, builtin.tools))):
        return None
    return f"the built-in {builtin.name} does it if it has to be done"


def _invocation(step: Step, change: TreeChange) -> Invocation:
    source = step.source
    if source.flags & ScriptFlags.QFORMAT:
        what = "a query format in its body (-q) is not supported"
        raise UnsupportedScriptletError(what, _label(source), name_of(source.package))
    reads = step.lines is not None
    stdin = "".join(f"{line}\n" for line in step.lines or ()).encode("utf-8", "surrogateescape")
    interpreter, body, args = source.interpreter, source.body, tuple(map(str, step.args))
    if interpreter[0] == LUA:
        run = lua_run(
            body or "",
            arguments=len(args),
            reads=reads,
            prefixes=source.install_prefixes,
            tools=change.tools,
        )
        if run is None:
            what = "it is Lua, and the tree has neither rpmlua nor rpm"
            raise UnsupportedScriptletError(what, _label(source), name_of(source.package))
        interpreter, body = run.interpreter, run.body
    return Invocation(
        phase=source.phase,
        owner=source.package,
        label=_label(source),
        interpreter=interpreter,
        body=body,
        args=args if body is not None else (),
        stdin=stdin if reads else None,
        environment=_prefix_variables(source.install_prefixes),
        expand=bool(source.flags & ScriptFlags.EXPAND),
        fatal=RULES[source.phase].fatal,
        why=step.why,
    )


def _prefix_variables(prefixes: Sequence[str]) -> tuple[tuple[str, str], ...]:
    numbered = [(f"RPM_INSTALL_PREFIX{at}", prefix) for at, prefix in enumerate(prefixes)]
    return (("RPM_INSTALL_PREFIX", prefixes[0]), *numbered) if prefixes else ()


def _sysusers(draft: _Draft, paths: PathList) -> list[Invocation]:
    """The step that makes users, if a new package says so in a file."""
    added = {path for each in draft.change.added for path in each.files}
    found = [each for each in targets(SYSUSERS, paths) if added.intersection(each.paths)]
    if not found:
        return []
    tool = found[0].tool(draft.change.tools)
    if tool is None:
        draft.skip(Phase.BUILTIN, SYSUSERS.name, SYSUSERS.name, _no_tool(SYSUSERS))
        return []
    files = tuple(sorted(each.captures[0] for each in found))
    return [
        Invocation(
            phase=Phase.BUILTIN,
            owner=SYSUSERS.name,
            label=SYSUSERS.name,
            interpreter=(tool, *draft.change.sysusers_config, *files),
            # rpm, too, refuses a package whose users cannot be made.
            fatal=True,
            why=f"new: {found[0].paths[0]}",
        )
    ]


def _builtins(draft: _Draft, paths: PathList) -> tuple[list[Invocation], list[Invocation]]:
    """The built-in triggers that precede the transaction's file triggers, and all others."""
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


def _builtin(draft: _Draft, target: Target) -> Invocation | None:
    builtin = target.builtin
    label = " ".join((builtin.name, *target.captures))
    twin = next((each for each in draft.fired if _does_the_same(each, target)), None)
    if twin:
        draft.skip(Phase.BUILTIN, builtin.name, label, f"{_label(twin)} does it")
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
