# SPDX-License-Identifier: LGPL-2.1-or-later
"""Package triggers: scripts that run when another package, in a version range, comes.

For one pair of packages rpm runs at most one script: that of the first condition which matches.
https://rpm.org/docs/latest/man/rpm-scriptlets.7, rpm's lib/psm.cc (handleOneTrigger).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from triggers.phase import PACKAGE_TRIGGER_TAGS, Phase, ScriptFlags
from triggers.tags import Condition, Tags, install_prefixes, trigger_entries

CompareEvr = Callable[[str, str], int]

_LESS, _GREATER, _EQUAL = 2, 4, 8


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageTrigger:
    """One package trigger."""

    package: str  # NEVRA of the package that brings it
    phase: Phase
    conditions: tuple[Condition, ...]
    interpreter: tuple[str, ...] = ("/bin/sh",)
    body: str = ""
    flags: ScriptFlags = ScriptFlags.NONE
    install_prefixes: tuple[str, ...] = ()


def package_triggers_of(package: str, tags: Tags) -> tuple[PackageTrigger, ...]:
    """Returns the package triggers of the package with NEVRA `package`, in the header's order.

    Raises:
        BrokenScriptTagsError: the arrays do not fit together.
    """
    prefixes = install_prefixes(tags, package)
    return tuple(
        PackageTrigger(
            package=package,
            phase=entry.phase,
            conditions=entry.conditions,
            interpreter=entry.interpreter,
            body=entry.body,
            flags=entry.flags,
            install_prefixes=prefixes,
        )
        for entry in trigger_entries(tags, PACKAGE_TRIGGER_TAGS, package)
    )


def first_set_off(
    triggers: Sequence[PackageTrigger], phase: Phase, name: str, evr: str, compare: CompareEvr
) -> PackageTrigger | None:
    """Returns the trigger that package `name` in version `evr` sets off, if any."""
    for trigger in triggers:
        if trigger.phase is not phase:
            continue
        if any(_holds(condition, name, evr, compare) for condition in trigger.conditions):
            return trigger
    return None


def _holds(condition: Condition, name: str, evr: str, compare: CompareEvr) -> bool:
    if condition.name != name:
        return False
    wanted = condition.sense & (_LESS | _GREATER | _EQUAL)
    if not wanted or not condition.version:
        return True
    if "-" not in condition.version:  # a condition without a release takes every release
        evr = evr.rpartition("-")[0]
    order = compare(evr, condition.version)
    return bool(wanted & (_LESS if order < 0 else _GREATER if order > 0 else _EQUAL))
