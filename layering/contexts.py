# SPDX-License-Identifier: LGPL-2.1-or-later
"""Which paths two sets of file contexts may label differently: found in their text alone.

A path's label comes from one line of a policy's `file_contexts`
(https://man7.org/linux/man-pages/man5/file_contexts.5.html). If two policies disagree on a path,
the line that decides for one of them is missing in the other, or stands at another place among
those that both have. So only paths that a line of the difference could match have to be looked up,
and most changes to a policy have no such line at all.

What a line could match is found without its regular expression, whose dialect is PCRE's: by the
letters that it begins with. That is too much rather than too little.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

_EVERYTHING = ("/",)
_SPECIAL = frozenset(".^$?*+|[({")
_REPEATING = frozenset("?*{")
_LINES = ("file_contexts", "file_contexts.homedirs", "file_contexts.local")
_OTHER_NAMES = ("file_contexts.subs", "file_contexts.subs_dist")


def affected(old: Mapping[str, str], new: Mapping[str, str]) -> tuple[str, ...]:
    """Returns the beginnings of all live paths on which the two could disagree, none within others.

    Both are the texts of the files of a policy by name; one that is missing is empty.
    """
    found: set[str] = set()
    for name in _LINES:
        before, after = (_lines(each.get(name, "")) for each in (old, new))
        in_both = set(before) & set(after)
        if [line for line in before if line in in_both] != [
            line for line in after if line in in_both
        ]:
            return _EVERYTHING
        different = set(before) ^ set(after)
        found.update(literal_beginning(line.split(maxsplit=1)[0]) for line in different)
    for name in _OTHER_NAMES:
        before, after = (_lines(each.get(name, "")) for each in (old, new))
        found.update(line.split(maxsplit=1)[0] for line in set(before) ^ set(after))
    for _ in _OTHER_NAMES:  # they are applied one after the other
        found |= set(_under_other_names(found, (old, new)))
    return _outermost(found)


def literal_beginning(regex: str) -> str:
    """Returns what every path begins with that a regular expression of file_contexts matches."""
    letters: list[str] = []
    at, depth = 0, 0
    while at < len(regex):
        letter = regex[at]
        if letter == "\\" and at + 1 < len(regex) and not regex[at + 1].isalnum():
            letters.append(regex[at + 1])
            at += 2
        elif letter in _SPECIAL or letter == "\\":
            if letter in _REPEATING:
                letters = letters[:-1]
            break
        else:
            letters.append(letter)
            at += 1
    for letter in _outside_classes(regex[at:]):
        depth += {"(": 1, ")": -1}.get(letter, 0)
        if letter == "|" and depth <= 0:
            return ""
    return "".join(letters)


def _outside_classes(regex: str) -> Iterator[str]:
    """Yields the letters of a regular expression that mean something by themselves."""
    escaped = inside = False
    for letter in regex:
        if escaped:
            escaped = False
        elif letter == "\\":
            escaped = True
        elif inside:
            inside = letter != "]"
        elif letter == "[":
            inside = True
        else:
            yield letter


def _lines(text: str) -> list[str]:
    stripped = (line.strip() for line in text.splitlines())
    return [" ".join(line.split()) for line in stripped if line and not line.startswith("#")]


def _under_other_names(
    found: Iterable[str], policies: Sequence[Mapping[str, str]]
) -> Iterator[str]:
    """Yields where paths that begin so lie by the names that a policy has for their directories."""
    pairs = {
        tuple(line.split(maxsplit=1))
        for policy in policies
        for name in _OTHER_NAMES
        for line in _lines(policy.get(name, ""))
        if len(line.split()) == 2
    }
    for alias, original in pairs:
        for path in found:
            if path.startswith(original):
                yield alias + path[len(original) :]
            elif original.startswith(path):
                yield alias


def _outermost(beginnings: set[str]) -> tuple[str, ...]:
    kept: list[str] = []
    for path in sorted(each or "/" for each in beginnings):
        if not kept or not path.startswith(kept[-1]):
            kept.append(path)
    return tuple(kept)
