# SPDX-License-Identifier: LGPL-2.1-or-later
"""The texts of a user database, as a tree is to hold them whatever tool wrote them, and when.

New accounts follow those of the base by name, new members of a group those of the base; and the day
of an account's last change of password, which would be the day of the newest package, is left
empty: passwd(5), shadow(5). Lines of NIS (`+::::::`) stay last.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace

from layering.account_ids import Renumbering

_UID, _GID, _GROUP_GID, _LAST_CHANGE, _MEMBERS = 2, 3, 2, 2, 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """The texts of the four files."""

    passwd: str = ""
    group: str = ""
    shadow: str = ""
    gshadow: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """A database whose accounts lie in two places, for bases with nss-altfiles."""

    etc: Database
    lib: Database  # has no shadow


def combined(etc: str, lib: str) -> str:
    """Returns the lines of two files of one kind as lookups see them: those of `etc` win."""
    names = _names(etc)
    return _text([*_lines(etc), *(line for line in _lines(lib) if _name(line) not in names)])


def renumbered(database: Database, numbers: Renumbering) -> Database:
    """Returns the database with other ids."""

    def passwd(fields: list[str]) -> None:
        _replace(fields, _UID, numbers.users)
        _replace(fields, _GID, numbers.groups)

    def group(fields: list[str]) -> None:
        _replace(fields, _GROUP_GID, numbers.groups)

    return replace(
        database, passwd=_edited(database.passwd, passwd), group=_edited(database.group, group)
    )


def settled(before: Database, now: Database) -> Database:
    """Returns `now` in the one form that depends on nothing but what was added to `before`."""
    known = _names(before.shadow)

    def undated(fields: list[str]) -> None:
        if fields[0] not in known and len(fields) > _LAST_CHANGE:
            fields[_LAST_CHANGE] = ""

    return Database(
        passwd=_ordered(before.passwd, now.passwd),
        group=_ordered(before.group, _members_sorted(before.group, now.group)),
        shadow=_ordered(before.shadow, _edited(now.shadow, undated)),
        gshadow=_ordered(before.gshadow, _members_sorted(before.gshadow, now.gshadow)),
    )


def split(etc: Database, lib: Database, now: Database) -> Split:
    """Returns what goes where: an account stays where it was, and new ones go to `lib`.

    `now` is what became of both combined. Accounts in `lib` have no password, and need no shadow.
    """
    return Split(
        etc=Database(
            passwd=_those(now.passwd, _names(etc.passwd)),
            group=_those(now.group, _names(etc.group)),
            shadow=_those(now.shadow, _names(etc.shadow)),
            gshadow=_those(now.gshadow, _names(etc.gshadow)),
        ),
        lib=Database(
            passwd=_rest(etc.passwd, lib.passwd, now.passwd),
            group=_rest(etc.group, lib.group, now.group),
        ),
    )


def _those(text: str, names: Collection[str]) -> str:
    return _text([line for line in _lines(text) if _name(line) in names])


def _rest(etc: str, lib: str, now: str) -> str:
    """Lines of `now` that are not in `etc`; what both had is in `lib` as it was."""
    there = _names(etc)
    current = {_name(line): line for line in _lines(now) if _name(line) not in there}
    kept = [
        line if _name(line) in there else current.pop(_name(line))
        for line in _lines(lib)
        if _name(line) in there or _name(line) in current
    ]
    return _text([*kept, *(current[name] for name in sorted(current))])


def _ordered(before: str, now: str) -> str:
    if now == before:
        return now
    known = _names(before)
    lines = _lines(now)
    old = [line for line in lines if _name(line) in known]
    new = sorted((line for line in lines if _name(line) not in known), key=_name)
    at = next((at for at, line in enumerate(old) if line.startswith(("+", "-"))), len(old))
    return _text([*old[:at], *new, *old[at:]])


def _members_sorted(before: str, now: str) -> str:
    known = {_name(line): _member_names(line.split(":")) for line in _lines(before)}

    def edit(fields: list[str]) -> None:
        old = known.get(fields[0], [])
        members = _member_names(fields)
        if set(members) - set(old):
            new = sorted({member for member in members if member not in old})
            fields[_MEMBERS] = ",".join([*(each for each in members if each in old), *new])

    return _edited(now, edit)


def _member_names(fields: list[str]) -> list[str]:
    return [name for name in fields[_MEMBERS].split(",") if name] if len(fields) > _MEMBERS else []


def _replace(fields: list[str], at: int, numbers: Mapping[int, int]) -> None:
    if len(fields) > at and fields[at].isascii() and fields[at].isdigit():
        number = int(fields[at])
        if number in numbers:
            fields[at] = str(numbers[number])


def _edited(text: str, edit: Callable[[list[str]], None]) -> str:
    lines = []
    for line in text.split("\n"):
        fields = line.split(":")
        edit(fields)
        lines.append(":".join(fields))
    return "\n".join(lines)


def _lines(text: str) -> list[str]:
    return [line for line in text.split("\n") if line]


def _text(lines: Collection[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def _names(text: str) -> frozenset[str]:
    return frozenset(_name(line) for line in _lines(text))


def _name(line: str) -> str:
    return line.partition(":")[0]
