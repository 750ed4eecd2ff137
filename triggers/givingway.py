# SPDX-License-Identifier: LGPL-2.1-or-later
"""Packages' file triggers that give way: to a declared trigger that knows better, or to the host.

They only call a known tool. Whether one does is no matter of what has changed, so a list of a
tree's triggers can tell it as well.
"""

from collections.abc import Callable, Iterable, Sequence

from triggers.change import name_of
from triggers.declared import DeclaredTrigger
from triggers.declaredsteps import KNOWN, called
from triggers.filetrigger import FileTrigger
from triggers.pattern import compiled
from triggers.phase import RULES
from triggers.policy import skip_reason
from triggers.recognised import recognised
from triggers.skiprule import SkipRule
from triggers.target import Target

FOR_THE_HOST = "it only tells a running system, or fills a cache in /var that the host makes"


def known(declared: Iterable[DeclaredTrigger]) -> list[DeclaredTrigger]:
    """Returns the rows that scripts of packages may ask for: of the catalog, or in such a place."""
    return [each for each in declared if each.name in KNOWN]


def gives_way(
    trigger: FileTrigger, declared: Sequence[DeclaredTrigger], tools: Callable[[str], bool]
) -> str | None:
    """Returns why a file trigger that only calls a known tool does not run, None if it does."""
    if trigger.flags:
        return None
    found = recognised(trigger.interpreter, trigger.body, known(declared))
    if found is None:
        return None
    if not found.calls:
        return FOR_THE_HOST
    for row, captures in found.calls:
        patterns = (compiled(each) for each in (*row.paths, *row.writes))
        prefixes = tuple(prefix for each in patterns for prefix in each.prefixes)
        covered = all(
            f"{prefix}/".startswith(prefixes) or f"/usr{prefix}/".startswith(prefixes)
            for prefix in trigger.prefixes
        )
        tool = Target(trigger=row, captures=captures).tool(tools)
        if not (row.supersedes and covered and tool):
            return None
    names = ", ".join(dict.fromkeys(called(row) for row, _ in found.calls))
    return f"{names} does it if it has to be done"


def why_never(
    trigger: FileTrigger,
    declared: Sequence[DeclaredTrigger],
    tools: Callable[[str], bool],
    rules: Iterable[SkipRule] = (),
) -> str | None:
    """Returns why a file trigger runs after no change of the tree, None if it may run."""
    name = name_of(trigger.package)
    if not RULES[trigger.phase].runs:
        return RULES[trigger.phase].reason
    if any(rule.matches(name, trigger.phase) for rule in rules):
        return "turned off in the configuration"
    reason = skip_reason(name, trigger.phase, trigger.prefixes)
    return reason or gives_way(trigger, declared, tools)
