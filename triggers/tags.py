# SPDX-License-Identifier: LGPL-2.1-or-later
"""Reads scriptlet and trigger arrays out of a header, given as a mapping of tag number to value.

A header is untrusted: an index may point past its array, arrays may differ in length, a value may
have another type than rpm writes. Each of these is an error that names the package.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from triggers.errors import BrokenScriptTagsError
from triggers.phase import INSTALL_PREFIXES_TAG, RPM_VERSION_TAG, Phase, ScriptFlags, TriggerTags

TagValue = int | bytes | str | Sequence[int] | Sequence[bytes] | Sequence[str]
Tags = Mapping[int, TagValue]

DEFAULT_PRIORITY = 1000000  # RPMTRIGGER_DEFAULT_PRIORITY


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """What sets a trigger off: a path prefix, or a package name with a version range."""

    name: str
    sense: int = 0  # rpmsenseFlags
    version: str = ""
    position: int = 0  # among all conditions of the family: rpm goes by it, not by the script's


@dataclass(frozen=True, slots=True, kw_only=True)
class TriggerEntry:
    """One script of a trigger family as the header has it."""

    phase: Phase
    interpreter: tuple[str, ...]
    body: str
    flags: ScriptFlags
    conditions: tuple[Condition, ...]
    priority: int


def texts(tags: Tags, tag: int, package: str) -> tuple[str, ...]:
    """Returns the strings under `tag`, none if it is absent.

    Bytes that are no UTF-8 survive as surrogate escapes, so that a body runs as it was written.
    """
    value = tags.get(tag, ())
    items = (value,) if isinstance(value, bytes | str | int) else tuple(value)
    return tuple(_text(item, tag, package) for item in items)


def numbers(tags: Tags, tag: int, package: str) -> tuple[int, ...]:
    """Returns the integers under `tag`, none if it is absent."""
    value = tags.get(tag, ())
    items = (value,) if isinstance(value, bytes | str | int) else tuple(value)
    return tuple(_number(item, tag, package) for item in items)


def flags_of(values: Sequence[int], position: int) -> ScriptFlags:
    """Returns the script flags at `position`; older packages carry none."""
    return ScriptFlags(values[position] & 7) if position < len(values) else ScriptFlags.NONE


def install_prefixes(tags: Tags, package: str) -> tuple[str, ...]:
    """Returns where a relocatable package is: it is never moved, so where it was built for."""
    return texts(tags, INSTALL_PREFIXES_TAG, package)


def rpm_version(tags: Tags, package: str) -> str:
    """Returns the version of the rpm that built the package, "" if it does not say."""
    return next(iter(texts(tags, RPM_VERSION_TAG, package)), "")


def trigger_entries(tags: Tags, family: TriggerTags, package: str) -> Iterator[TriggerEntry]:
    """Yields one entry for each script of `family`, in the header's order.

    Raises:
        BrokenScriptTagsError: the arrays do not fit together.
    """
    bodies = texts(tags, family.scripts, package)
    programs = texts(tags, family.programs, package)
    if len(programs) != len(bodies):
        what = f"{len(bodies)} trigger scripts with {len(programs)} interpreters"
        raise BrokenScriptTagsError(what, package)
    script_flags = numbers(tags, family.script_flags, package)
    priorities = numbers(tags, family.priorities, package) if family.priorities is not None else ()
    conditions = _conditions(tags, family, len(bodies), package)
    for position, body in enumerate(bodies):
        phase = _phase(family, conditions[position], package)
        priority = priorities[position] if position < len(priorities) else DEFAULT_PRIORITY
        yield TriggerEntry(
            phase=phase,
            interpreter=(programs[position],),
            body=body,
            flags=flags_of(script_flags, position),
            conditions=tuple(conditions[position]),
            priority=priority,
        )


def _conditions(
    tags: Tags, family: TriggerTags, scripts: int, package: str
) -> tuple[list[Condition], ...]:
    names = texts(tags, family.names, package)
    index = numbers(tags, family.index, package)
    senses = numbers(tags, family.senses, package)
    versions = texts(tags, family.versions, package)
    if not len(names) == len(index) == len(senses) == len(versions):
        what = f"{len(names)} trigger names, {len(index)} indexes, {len(senses)} flags"
        raise BrokenScriptTagsError(f"{what}, {len(versions)} versions", package)
    grouped: tuple[list[Condition], ...] = tuple([] for _ in range(scripts))
    rows = zip(names, index, senses, versions, strict=True)
    for position, (name, script, sense, version) in enumerate(rows):
        if not 0 <= script < scripts:
            raise BrokenScriptTagsError(f"trigger index {script} of {scripts} scripts", package)
        condition = Condition(name=name, sense=sense, version=version, position=position)
        grouped[script].append(condition)
    return grouped


def _phase(family: TriggerTags, conditions: Sequence[Condition], package: str) -> Phase:
    # rpm, too, goes by the first condition: a spec file cannot mix them in one script.
    sense = conditions[0].sense if conditions else 0
    for bit, phase in family.phases.items():
        if sense & bit:
            return phase
    raise BrokenScriptTagsError(f"trigger of unknown kind {sense:#x}", package)


def _text(item: object, tag: int, package: str) -> str:
    if isinstance(item, bytes):
        return item.decode("utf-8", "surrogateescape")
    if isinstance(item, str):
        return item
    raise BrokenScriptTagsError(f"tag {tag} is no string", package)


def _number(item: object, tag: int, package: str) -> int:
    if isinstance(item, int):
        return item
    raise BrokenScriptTagsError(f"tag {tag} is no number", package)
