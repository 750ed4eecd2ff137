# SPDX-License-Identifier: LGPL-2.1-or-later
"""Package triggers: scripts that run when another package, in a version range, comes.

For one pair of packages rpm runs at most one script: that of the first condition which matches, in
the order of the header, where conditions of all scripts are sorted by name.
https://rpm.org/docs/latest/man/rpm-scriptlets.7, rpm's lib/psm.cc (handleOneTrigger).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from triggers.phase import PACKAGE_TRIGGER_TAGS, Phase, ScriptFlags
from triggers.tags import Condition, Tags, install_prefixes, rpm_version, trigger_entries

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
    rpm_version: str = ""  # of the rpm that built the package


def package_triggers_of(package: str, tags: Tags) -> tuple[PackageTrigger, ...]:
    """Returns the package triggers of the package with NEVRA `package`, in the header's order.

    Raises:
        BrokenScriptTagsError: the arrays do not fit together.
    """
    prefixes, built_by = install_prefixes(tags, package), rpm_version(tags, package)
    return tuple(
        PackageTrigger(
            package=package,
            phase=entry.phase,
            conditions=entry.conditions,
            interpreter=entry.interpreter,
            body=entry.body,
            flags=entry.flags,
            install_prefixes=prefixes,
            rpm_version=built_by,
        )
        for entry in trigger_entries(tags, PACKAGE_TRIGGER_TAGS, package)
    )


def first_set_off(
    triggers: Sequence[PackageTrigger], phase: Phase, name: str, evr: str, compare: CompareEvr
) -> PackageTrigger | None:
    """Returns the trigger that package `name` in version `evr` sets off, if any."""
    found = [
        (condition.position, number)
        for number, trigger in enumerate(triggers)
        for condition in trigger.conditions
        if trigger.phase is phase and _holds(condition, name, evr, compare)
    ]
    return triggers[min(found)[1]] if found else None


def names_asked_for(triggers: Sequence[PackageTrigger]) -> tuple[str, ...]:
    """Returns the packages that may set off triggers of one package, in the header's order."""
    rows = [(each.position, each.name) for trigger in triggers for each in trigger.conditions]
    return tuple(dict.fromkeys(name for _, name in sorted(rows)))


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
