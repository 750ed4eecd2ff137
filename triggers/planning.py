# SPDX-License-Identifier: LGPL-2.1-or-later
"""Turns a change of a tree into the scripts to run: rpm's order, our policy, the declared triggers.

Pure: the same change gives the same plan. A scriptlet that only calls a tool for which there is a
row in the catalog gives way to that, which runs once for all.
"""

from collections.abc import Sequence

from triggers import declaredsteps
from triggers.change import TreeChange, name_of
from triggers.draft import Draft, label_of
from triggers.errors import UnsupportedScriptletError
from triggers.filetrigger import FileTrigger
from triggers.givingway import FOR_THE_HOST, gives_way, known
from triggers.invocation import Invocation, Plan
from triggers.lua import LUA, lua_run
from triggers.order import Source, Step, after, before
from triggers.phase import RULES, Phase, ScriptFlags
from triggers.policy import skip_reason
from triggers.recognised import recognised
from triggers.scriptlet import Scriptlet
from triggers.skiprule import SkipRule

EVERY_PACKAGE = "*"

_AT_THE_END = frozenset({Phase.TRANSFILETRIGGERIN, Phase.TRANSFILETRIGGERPOSTUN})
# They are set off by files, and read files: the same gives the same.
_REMEMBERED = _AT_THE_END | {Phase.FILETRIGGERIN, Phase.FILETRIGGERPOSTUN}


def plan(
    change: TreeChange,
    *,
    noscripts: frozenset[str] = frozenset(),
    skip: Sequence[SkipRule] = (),
) -> Plan:
    """Returns what to run for `change`.

    `noscripts` holds names or NEVRAs of new packages whose own scripts do not run; "*" means all.
    `skip` turns off scripts of any package, of the base's as well.

    Raises:
        UnsupportedScriptletError: a script that would have to run needs what the tree lacks.
        TriggerOrderError: what declared triggers say of one another leaves no order.
    """
    new = frozenset(each.package for each in change.added)
    going = frozenset(each.package for each in change.removed)
    draft = Draft(change=change, new=new, going=going, noscripts=noscripts, rules=tuple(skip))
    paths = declaredsteps.Paths.of(change)
    early = [each for each in before(change) if _wanted(each, draft)]
    late = [each for each in after(change) if _wanted(each, draft)]
    head = [_invocation(each, change) for each in early if each.source.phase is Phase.PRETRANS]
    head += declaredsteps.sysusers(draft, paths)
    head += [_invocation(each, change) for each in early if each.source.phase is not Phase.PRETRANS]
    first, last = declaredsteps.others(draft, paths)
    tail = [_invocation(each, change) for each in late if each.source.phase not in _AT_THE_END]
    tail += first
    tail += [_invocation(each, change) for each in late if each.source.phase in _AT_THE_END]
    return Plan(before=tuple(head), after=(*tail, *last), skipped=tuple(draft.skipped))


def _wanted(step: Step, draft: Draft) -> bool:
    """Whether a step runs itself; why not goes to the draft."""
    source = step.source
    reason = _off(step, draft)
    if reason is None and isinstance(source, Scriptlet) and not RULES[source.phase].fatal:
        reason = _scriptlet_gives_way(source, draft)
    if reason is None and isinstance(source, FileTrigger):
        reason = gives_way(source, draft.change.declared, draft.change.tools)
    if reason is not None:
        draft.skip(source.phase, source.package, label_of(source), reason)
        return False
    if isinstance(source, FileTrigger):
        draft.fired.append(source)
    return True


def _off(step: Step, draft: Draft) -> str | None:
    """Why a script does not run, whatever it does; what a person said comes first."""
    source = step.source
    name = name_of(source.package)
    if not RULES[source.phase].runs:
        return RULES[source.phase].reason
    if source.flags & ScriptFlags.QFORMAT and source.package in draft.going:
        return "its body is a query of its package (-q), which the tree no longer has"
    if any(rule.matches(name, source.phase) for rule in draft.rules):
        return "turned off in the configuration"
    if source.package in draft.new and draft.noscripts & {name, source.package, EVERY_PACKAGE}:
        return "scripts of this package are turned off"
    prefixes = source.prefixes if isinstance(source, FileTrigger) else ()
    return skip_reason(name, source.phase, prefixes)


def _scriptlet_gives_way(scriptlet: Scriptlet, draft: Draft) -> str | None:
    """Why a scriptlet that only calls known tools does not run; notes what it asked for."""
    if scriptlet.flags:
        return None
    found = recognised(scriptlet.interpreter, scriptlet.body, known(draft.change.declared))
    if found is None:
        return None
    for row, captures in found.calls:
        draft.asked.setdefault((row.name, captures), f"asked for by {label_of(scriptlet)}")
    names = ", ".join(dict.fromkeys(declaredsteps.called(row) for row, _ in found.calls))
    return f"{names} runs once for all" if names else FOR_THE_HOST


def _invocation(step: Step, change: TreeChange) -> Invocation:
    source = step.source
    reads = step.lines is not None
    stdin = "".join(f"{line}\n" for line in step.lines or ()).encode("utf-8", "surrogateescape")
    if source.flags & (ScriptFlags.EXPAND | ScriptFlags.QFORMAT) and not change.tools("rpm"):
        raise _unsupported(source, "rpm has to write its body out (-e, -q), and the tree has none")
    interpreter, body, args = source.interpreter, source.body, tuple(map(str, step.args))
    if interpreter[0] == LUA:
        args = (*interpreter[1:], *args)
        interpreter, body = _lua(source, len(args), change, reads=reads)
    return Invocation(
        phase=source.phase,
        owner=source.package,
        label=label_of(source),
        interpreter=interpreter,
        body=body,
        args=args if body is not None else (),
        stdin=stdin if reads else None,
        environment=_prefix_variables(source.install_prefixes),
        expand=bool(source.flags & ScriptFlags.EXPAND),
        query=source.package if source.flags & ScriptFlags.QFORMAT else None,
        fatal=RULES[source.phase].fatal,
        memo=source.phase in _REMEMBERED
        and not source.flags & (ScriptFlags.EXPAND | ScriptFlags.QFORMAT),
        why=step.why,
    )


def _lua(
    source: Source, arguments: int, change: TreeChange, *, reads: bool
) -> tuple[tuple[str, ...], str]:
    run = lua_run(
        source.body or "",
        arguments=arguments,
        reads=reads,
        prefixes=source.install_prefixes,
        rpm_version=source.rpm_version,
        formatted=bool(source.flags & ScriptFlags.QFORMAT),
        tools=change.tools,
    )
    if run is None:
        raise _unsupported(source, "it is Lua, and the tree has neither rpmlua nor rpm")
    return run.interpreter, run.body


def _unsupported(source: Source, what: str) -> UnsupportedScriptletError:
    return UnsupportedScriptletError(what, label_of(source), name_of(source.package))


def _prefix_variables(prefixes: Sequence[str]) -> tuple[tuple[str, str], ...]:
    numbered = [(f"RPM_INSTALL_PREFIX{at}", prefix) for at, prefix in enumerate(prefixes)]
    return (("RPM_INSTALL_PREFIX", prefixes[0]), *numbered) if prefixes else ()
