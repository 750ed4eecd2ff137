# SPDX-License-Identifier: LGPL-2.1-or-later
"""Scripts of packages that are nothing but calls of known tools.

Such a script gives way: to a row of the catalog, which runs once for all of them, or to nothing
where only a running system would have heard of it. A script with one more command is not
recognised, and runs as it is. What decides whether a call is reached (`if [ $1 -eq 0 ]`, `[ -x
TOOL ] &&`) is of no interest, as a row makes its cache from what there is: once too often does no
harm.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from triggers.declared import DeclaredTrigger
from triggers.forms import FORMS, Form
from triggers.target import captures_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Recognised:
    """What a script that does nothing else asks for: runs of rows; without any, nothing at all."""

    calls: tuple[tuple[DeclaredTrigger, tuple[str, ...]], ...]  # with values of their captures


# What surrounds calls in the snippets that packages have copied for years, and changes no tree.
_AROUND = re.compile(
    r"|:|true|set -e|exit 0|umask 0?022|then|else|fi"
    r"|(?:/usr)?/?(?:bin/)?touch --no-create /usr/share/icons(?:/[\w.+-]+)?/?"
)
_TEST = (
    r'(?:\[|test) (?:"?\$\{?1\}?"? (?:-eq|-ne|-gt|-ge|-lt|-le|==?|!=) "?\d"?'
    r"|-[xdef] /[\w./+-]+)(?: \])?"
)
_CONDITION = re.compile(rf"(?:el)?if {_TEST}(?: && {_TEST})*")
_GUARD = re.compile(rf"{_TEST} && ")
_SILENT = re.compile(r" ?(?:&>|>&|[12]?>>?) ?/dev/null| ?2>&1")
_LONGEST = 4096
_PLACES = r"(?:(?:/usr)?/s?bin/|/usr/lib/systemd/|/usr/lib[^/ ]*(?:/[^/ ]+)?/glib-2\.0/)?"


def _pattern(form: Form) -> re.Pattern[str]:
    place = "" if form.tool.startswith("/") else _PLACES
    return re.compile(rf"(?:HOME=/root )?{place}(?:{form.tool}){form.words}")


_COMPILED = tuple((form, _pattern(form)) for form in FORMS)


def recognised(
    interpreter: Sequence[str], body: str | None, rows: Sequence[DeclaredTrigger]
) -> Recognised | None:
    """Returns what a script asks of `rows`, None if it does anything beside, or nothing at all."""
    if len(body or "") > _LONGEST:
        return None
    if body is None:
        commands = [" ".join(interpreter)]
    elif len(interpreter) == 1 and interpreter[0].rpartition("/")[2] in ("sh", "bash", "dash"):
        commands = list(_commands(body))
    else:
        return None
    named = {row.name: row for row in rows}
    found, known = [], False
    for command in commands:
        if _AROUND.fullmatch(command) or _CONDITION.fullmatch(command):
            continue
        form = _form_of(command)
        if form is None or (form[0].row and form[0].row not in named):
            return None
        known = True
        if form[0].row:
            row = named[form[0].row]
            values = dict(form[0].captures) | form[1].groupdict()
            if any(name not in values for name in captures_of(row)):
                return None
            found.append((row, tuple(values[name] for name in captures_of(row))))
    return Recognised(calls=tuple(dict.fromkeys(found))) if known else None


def _commands(body: str) -> Iterator[str]:
    """Yields the simple commands of a shell script, spaced once, without what keeps them quiet.

    Quotes, substitutions, pipes and the like stay in, and fit no form.
    """
    for line in body.replace("\\\n", " ").splitlines():
        if line.lstrip().startswith("#"):
            continue
        for part in line.split(";"):
            text = " ".join(part.split())
            text = re.sub(r"^(?:then|else) ", "", text)
            guard = _GUARD.match(text)
            text = text[guard.end() :] if guard else text
            text = re.sub(r" ?\|\| ?(?:true|:|/bin/true)$", "", text)
            yield _SILENT.sub("", text).strip()


def _form_of(command: str) -> tuple[Form, re.Match[str]] | None:
    for form, pattern in _COMPILED:
        match = pattern.fullmatch(command)
        if match:
            return form, match
    return None
