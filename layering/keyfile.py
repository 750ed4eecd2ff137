# SPDX-License-Identifier: LGPL-2.1-or-later
"""Key files as GLib writes them, changed line by line so that nothing else in them moves.

GLib's own parser (https://docs.gtk.org/glib/struct.KeyFile.html) drops comments and layout when it
writes a file back. An origin belongs to several tools, so what is not ours must come back byte for
byte: this keeps each line as it was read and replaces only those that a caller sets or removes.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Self

_LEADING = {" ": "\\s", "\t": "\\t"}  # escaped only where an element starts
_ANYWHERE = {"\n": "\\n", "\r": "\\r", "\\": "\\\\"}
_IN_LIST = _ANYWHERE | {";": "\\;"}
_UNESCAPED = {"s": " ", "n": "\n", "t": "\t", "r": "\r", "\\": "\\"}
_GROUP = re.compile(r"\[([^\[\]\x00-\x1f\x7f]+)\]")
_SPACE = " \t\n\v\f\r"  # what GLib calls space, whatever the locale


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line: a group's header (`key` is None), an entry, or (`group` is None) anything else."""

    text: str  # as it stands in the file, line ends included
    group: str | None = None
    key: str | None = None
    value: str = ""  # raw, as written


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyFile:
    """A key file; equal ones have equal bytes."""

    lines: tuple[Line, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Returns the file's lines; ValueError says which one isn't of a key file."""
        lines: list[Line] = []
        group: str | None = None
        for number, raw in enumerate(re.findall(r"[^\n]*\n|[^\n]+", text), start=1):
            stripped = raw.strip(_SPACE)
            key, equals, _value = stripped.partition("=")
            if not stripped or stripped.startswith("#"):
                lines.append(Line(text=raw))
            elif header := _GROUP.fullmatch(stripped):
                group = header[1]
                lines.append(Line(text=raw, group=group))
            elif not equals or not key or stripped.startswith("["):
                raise ValueError(f"line {number} is no group, key or comment: {stripped!r}")
            elif group is None:
                raise ValueError(f"line {number} stands before the first group: {stripped!r}")
            else:
                lines.append(_entry(raw, group))
        return cls(lines=tuple(lines))

    def format(self) -> str:
        """Returns the file's text."""
        return "".join(line.text for line in self.lines)

    def get(self, group: str, key: str) -> str | None:
        """Returns the raw value (the last one wins, as in GLib), or None."""
        found = [line.value for line in self.lines if (line.group, line.key) == (group, key)]
        return found[-1] if found else None

    def keys(self, group: str) -> tuple[str, ...]:
        """Returns a group's keys in their order; none if there is no such group."""
        return tuple(line.key for line in self.lines if line.group == group and line.key)

    def set(self, group: str, key: str, value: str) -> Self:
        """Gives a key a raw value where it stands, or adds it at the end of its group."""
        lines = list(self.lines)
        entry = Line(text=f"{key}={value}\n", group=group, key=key, value=value)
        at = _last(lines, lambda line: (line.group, line.key) == (group, key))
        if at is not None:
            lines[at] = lines[at] if lines[at].value == value else entry
            return type(self)(lines=tuple(lines))
        at = _last(lines, lambda line: line.group == group)
        if at is None:
            lines += [*_separator(lines), Line(text=f"[{group}]\n", group=group), entry]
        else:
            lines[at : at + 1] = [_ended(lines[at]), entry]
        return type(self)(lines=tuple(lines))

    def remove(self, group: str, key: str) -> Self:
        """Drops a key, and its group if nothing is left in it."""
        kept = [line for line in self.lines if (line.group, line.key) != (group, key)]
        if len(kept) < len(self.lines) and not any(x.group == group and x.key for x in kept):
            return type(self)(lines=tuple(_without_header(kept, group)))
        return type(self)(lines=tuple(kept))

    def remove_group(self, group: str) -> Self:
        """Drops a group with all its keys."""
        if not any(line.group == group for line in self.lines):
            return self
        kept = [line for line in self.lines if line.group != group or line.key is None]
        return type(self)(lines=tuple(_without_header(kept, group)))

    def rename(self, group: str, key: str, new: str) -> Self:
        """Gives a key another name where it stands; nothing happens if it is absent."""
        lines = tuple(
            Line(text=line.text.replace(key, new, 1), group=group, key=new, value=line.value)
            if (line.group, line.key) == (group, key)
            else line
            for line in self.lines
        )
        return type(self)(lines=lines)


def split_list(value: str) -> tuple[str, ...]:
    """Returns the elements of a raw `;`-separated list; ValueError on an unknown escape."""
    *elements, last = _unescaped(value, separator=";")
    return (*elements, last) if last else tuple(elements)


def join_list(elements: tuple[str, ...]) -> str:
    """Returns the raw value of a list, each element ended by `;`, escaped as GLib does it."""
    return "".join(f"{_escaped(element, _IN_LIST)};" for element in elements)


def unescape(value: str) -> str:
    """Returns what a raw value that is no list stands for; ValueError on an unknown escape."""
    return _unescaped(value, separator="")[0]


def escape(value: str) -> str:
    """Returns the raw value of a string."""
    return _escaped(value, _ANYWHERE)


def _unescaped(value: str, separator: str) -> list[str]:
    """Returns what stands between the separators, the last one possibly empty."""
    elements = [""]
    characters = iter(value)
    for character in characters:
        if character == separator:
            elements.append("")
        elif character != "\\":
            elements[-1] += character
        elif (escaped := next(characters, "")) in _UNESCAPED or (escaped and escaped == separator):
            elements[-1] += _UNESCAPED.get(escaped, escaped)
        else:
            raise ValueError(f"unknown escape \\{escaped}")
    return elements


def _escaped(element: str, table: dict[str, str]) -> str:
    leading = True
    out: list[str] = []
    for character in element:
        if leading and character in _LEADING:
            out.append(_LEADING[character])
            continue
        out.append(table.get(character, character))
        # GLib takes what follows a separator for another start, and line ends for nothing yet.
        leading = (leading and character in "\n\r") or (character == ";" and table is _IN_LIST)
    return "".join(out)


def _entry(raw: str, group: str) -> Line:
    key, _equals, value = raw.lstrip(_SPACE).partition("=")
    value = value.lstrip(_SPACE).removesuffix("\n").removesuffix("\r")
    return Line(text=raw, group=group, key=key.rstrip(_SPACE), value=value)


def _last(lines: list[Line], wanted: Callable[[Line], bool]) -> int | None:
    return next((at for at in range(len(lines) - 1, -1, -1) if wanted(lines[at])), None)


def _separator(lines: list[Line]) -> list[Line]:
    """Returns the blank line before a new group, which also ends a last line that has no end."""
    if not lines:
        return []
    return [Line(text="\n" if lines[-1].text.endswith("\n") else "\n\n")]


def _ended(line: Line) -> Line:
    return line if line.text.endswith("\n") else replace(line, text=f"{line.text}\n")


def _without_header(lines: list[Line], group: str) -> list[Line]:
    """Drops a group's header and the blank line right before it."""
    kept: list[Line] = []
    for line in lines:
        if line.group != group:
            kept.append(line)
        elif kept and not kept[-1].text.strip(_SPACE):
            kept.pop()
    return kept
