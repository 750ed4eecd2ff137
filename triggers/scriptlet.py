# SPDX-License-Identifier: LGPL-2.1-or-later
"""The plain scriptlets of a package, parsed from its header.

A scriptlet may have a body, an interpreter, or both: `%post -p /sbin/ldconfig` has no body, and rpm
then runs the program with no argument at all, not even the instance count.
https://rpm.org/docs/latest/man/rpm-scriptlets.7
"""

from dataclasses import dataclass

from triggers.phase import SCRIPT_TAGS, Phase, ScriptFlags
from triggers.tags import Tags, flags_of, install_prefixes, numbers, rpm_version, texts

SHELL = ("/bin/sh",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scriptlet:
    """One plain scriptlet."""

    package: str  # NEVRA
    phase: Phase
    interpreter: tuple[str, ...]
    body: str | None  # None: the interpreter alone is the script
    flags: ScriptFlags = ScriptFlags.NONE
    install_prefixes: tuple[str, ...] = ()
    rpm_version: str = ""  # of the rpm that built the package


def scriptlets_of(package: str, tags: Tags) -> tuple[Scriptlet, ...]:
    """Returns every plain scriptlet of the package with NEVRA `package`, in the order of `Phase`.

    Raises:
        BrokenScriptTagsError: a tag has a type that rpm never writes.
    """
    prefixes, built_by = install_prefixes(tags, package), rpm_version(tags, package)
    found: list[Scriptlet] = []
    for phase, row in SCRIPT_TAGS.items():
        body = texts(tags, row.body, package)
        program = texts(tags, row.program, package)
        if not body and not program:
            continue
        scriptlet = Scriptlet(
            package=package,
            phase=phase,
            interpreter=program or SHELL,
            body=body[0] if body else None,
            flags=flags_of(numbers(tags, row.flags, package), 0),
            install_prefixes=prefixes,
            rpm_version=built_by,
        )
        found.append(scriptlet)
    return tuple(found)
