# SPDX-License-Identifier: LGPL-2.1-or-later
"""Globs of single names, `*.so` or `[!a]?`, as regular expressions that take no long time.

Between two stars everything has a fixed length, so the first place that fits is as good as any
later one, and what a star has passed is not looked at again: Python's own fnmatch does the same.
"""

import re

from triggers.errors import PatternError

SET = re.compile(r"\[[!^]?\]?[^\]]*\]")
ENDS = r"(?![^/])"  # a name does


def name_expression(glob: str, text: str) -> str:
    """Returns the regular expression for one name; `text` is the pattern that it is of.

    Raises:
        PatternError: the glob means nothing.
    """
    if glob in ("", ".", ".."):
        raise PatternError(f"{glob!r} between slashes" if glob else "an empty name", text)
    if "**" in SET.sub("", glob):
        raise PatternError("'**' that is a part of a name", text)
    segments, at = [""], 0
    while at < len(glob):
        character = glob[at]
        if character == "[":
            match = SET.match(glob, at)
            if match is None:
                raise PatternError("a '[' that is not closed", text)
            segments[-1] += _set(match[0], text)
            at = match.end()
            continue
        if character in "{}":
            raise PatternError("a capture that is a part of a name", text)
        if character == "*":
            segments.append("")
        else:
            segments[-1] += "[^/]" if character == "?" else re.escape(character)
        at += 1
    if segments == ["", ""]:
        return "[^/]+"
    if len(segments) == 1:
        return segments[0]
    first, *middle, last = segments
    return first + "".join(rf"(?>[^/]*?{each})" for each in middle) + rf"[^/]*{last}{ENDS}"


def _set(word: str, text: str) -> str:
    """Returns the regular expression for a set of characters: none has the slash in it."""
    inner = word[1:-1]
    negated = inner[:1] in ("!", "^")
    inner = inner[negated:]
    if "/" in inner or not inner:
        raise PatternError("a slash in a set" if inner else "an empty set", text)
    out, at = [], 0
    while at < len(inner):
        if inner[at + 1 : at + 2] == "-" and at + 2 < len(inner):
            if inner[at] > inner[at + 2]:
                raise PatternError(f"a set from {inner[at]!r} down to {inner[at + 2]!r}", text)
            out.append(f"{re.escape(inner[at])}-{re.escape(inner[at + 2])}")
            at += 3
        else:
            out.append(re.escape(inner[at]))
            at += 1
    return f"(?!/)[{'^' if negated else ''}{''.join(out)}]"
