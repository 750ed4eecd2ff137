# SPDX-License-Identifier: LGPL-2.1-or-later
"""Patterns of paths, with captures: what sets a declared trigger off.

`*` is any part of a name and `?` one character, never a slash; `[a-z]`, `[!a-z]` one character of a
set. `**` stands for any number of names: none at all in the middle, at least one at the end.
`{name}` captures a whole name, `{name:GLOB}` one that fits, or several where GLOB has slashes;
`(a|b)` is either. Packages bring patterns, too: none may take long. So alternatives are written out
before anything is matched, and what a star has passed is not looked at again: of what has a fixed
length the first place that fits is as good as any later one (as in Python's own fnmatch).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from triggers.errors import PatternError
from triggers.filetrigger import PathList
from triggers.globs import ENDS, SET, name_expression

CAPTURE = re.compile(r"\{([a-z][a-z0-9_]*)\}")

_LONGEST = 1024
_MOST = 64  # alternatives, written out
_SPECIAL = re.compile(r"[*?\[{}]")
_WORD = re.compile(r"\[[!^]?\]?[^\]]*\]|[()|]")
_CAPTURED = re.compile(r"\{([^{}:]*)(?::((?:\[[!^]?\]?[^\]]*\]|[^\]\[{}])*))?\}")
_NAME = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pattern:
    """A pattern that can be asked."""

    text: str
    captures: tuple[str, ...]  # their names, as they come in the text
    prefixes: tuple[str, ...]  # what a path must begin with, one of them
    directories: tuple[str, ...]  # what the directory that it is in must begin with, likewise
    needles: tuple[str, ...]  # what it must have behind the prefix; the same slash may be in both
    expressions: tuple[str, ...]  # one for each prefix

    def match(self, path: str) -> tuple[str, ...] | None:
        """Returns what `path` gives for each capture, None if it does not fit."""
        for prefix, expression in zip(self.prefixes, self.expressions, strict=True):
            match = path.startswith(prefix) and _regex(expression).fullmatch(path)
            if match:
                return tuple(match[name] for name in self.captures)
        return None

    def matches(self, paths: PathList) -> Iterator[tuple[str, tuple[str, ...]]]:
        """Yields those of `paths` that fit, with what they give for each capture."""
        branches = zip(self.prefixes, self.needles, self.expressions, strict=True)
        for prefix, needle, expression in branches:
            # Most paths are told from those that fit without a regular expression, and for most
            # patterns none has to be compiled.
            start = len(prefix) - 1
            near = [path for path in paths.below(prefix) if needle in path[start:]]
            for path in near:
                match = _regex(expression).fullmatch(path)
                if match:
                    yield path, tuple(match[name] for name in self.captures)


@lru_cache(maxsize=1024)
def compiled(text: str) -> Pattern:
    """Returns the pattern that `text` says.

    Raises:
        PatternError: saying what about it is wrong.
    """
    if len(text) > _LONGEST:
        raise PatternError(f"more than {_LONGEST} characters", f"{text[:40]}…")
    if "\\" in text or not text.isprintable():
        raise PatternError("a backslash or what cannot be printed", text)
    texts = _alternatives(text)
    names = [tuple(_compiled_names(each)) for each in texts]
    if any(sorted(each) != sorted(names[0]) for each in names):
        raise PatternError("alternatives that capture different names", text)
    return Pattern(
        text=text,
        captures=names[0],
        prefixes=tuple(map(_literal_prefix, texts)),
        directories=tuple(map(_directory_prefix, texts)),
        needles=tuple(map(_needle, texts)),
        expressions=tuple(map(_expression, texts)),
    )


def _literal_prefix(text: str) -> str:
    """Returns how everything that fits a pattern without alternatives begins."""
    text = _without_names(text)
    special = _SPECIAL.search(text)
    return text[: special.start()] if special else text


def _directory_prefix(text: str) -> str:
    """Returns how the directory of everything that fits begins; it ends with a slash itself."""
    prefix = _literal_prefix(text)
    if "/" in _without_names(text)[len(prefix) :]:
        return prefix
    return prefix[: prefix.rindex("/") + 1]


def _needle(text: str) -> str:
    """Returns the longest text that stands behind the prefix of everything that fits."""
    rest = _without_names(text)[len(_literal_prefix(text)) :]
    rest = re.sub(r"\{\w+\}", "*", SET.sub("*", rest))
    return max(re.split(r"[*?{}]", rest), key=len)


@lru_cache(maxsize=1024)
def _regex(expression: str) -> re.Pattern[str]:
    return re.compile(expression, re.DOTALL)


def _without_names(text: str) -> str:
    """Returns a pattern whose captures begin with their globs, which may begin literally."""
    return re.sub(r"\{\w+:", "", text)


def filled(text: str, values: dict[str, str]) -> str:
    """Returns `text` with each `{name}` that has a value replaced by it."""
    return CAPTURE.sub(lambda match: values.get(match[1], match[0]), text)


def tool_places(tool: str, paths: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
    """Returns where a tool may be, as globs of names: what `paths` capture is filled in as such."""
    found: dict[str, None] = {}
    for text in (each for path in paths for each in _alternatives(path)):
        globs = {name: "/".join(glob) for name, glob in _parts(text) if name}
        found[filled(tool, globs)] = None
    return tuple(tuple(each.strip("/").split("/")) for each in found)


def _alternatives(text: str) -> list[str]:
    """Returns the texts that `(a|b)` stands for, in the order in which they are written."""
    done, rest = [""], text
    group: list[list[str]] | None = None  # of the parenthesis that is open
    at = 0
    for match in _WORD.finditer(rest):
        plain, word = rest[at : match.start()], match[0]
        at = match.end()
        if group is None:
            done = [each + plain for each in done]
        else:
            group[-1].append(plain)
        match word:
            case "(" if group is None:
                group = [[]]
            case "|" if group is not None:
                group.append([])
            case ")" if group is not None:
                done = [each + "".join(branch) for each in done for branch in group]
                group = None
            case "(" | "|" | ")":
                raise PatternError(f"a {word!r} that is out of place", text)
            case _ if group is None:
                done = [each + word for each in done]
            case _:
                group[-1].append(word)
        if len(done) > _MOST:
            raise PatternError(f"more than {_MOST} alternatives", text)
    if group is not None:
        raise PatternError("a '(' that is not closed", text)
    return [each + rest[at:] for each in dict.fromkeys(done)]


def _parts(text: str) -> Iterator[tuple[str, list[str]]]:
    """Yields what stands between slashes: names of captures, "" for none, and globs of names."""
    if not text.startswith("/"):
        raise PatternError("no slash at the beginning", text)
    at = 0
    while at < len(text):
        at += 1  # the slash
        if text[at : at + 1] == "{":
            match = _CAPTURED.match(text, at)
            if match is None:
                raise PatternError("a '{' that is not closed", text)
            if not _NAME.fullmatch(match[1]):
                raise PatternError(f"a capture called {match[1]!r}", text)
            name, globs = match[1], (match[2] if match[2] is not None else "*").split("/")
            if "**" in globs:
                raise PatternError("'**' in a capture", text)
        else:
            match = re.compile(rf"(?:{SET.pattern}|[^/])*").match(text, at)
            assert match is not None
            name, globs = "", [match[0]]
        at = match.end()
        if at < len(text) and text[at] != "/":
            raise PatternError("a capture that is a part of a name", text)
        yield name, globs


def _compiled_names(text: str) -> Iterator[str]:
    seen = set()
    for name, _globs in _parts(text):
        if name and name in seen:
            raise PatternError(f"two captures called {name!r}", text)
        if name:
            seen.add(name)
            yield name


def _expression(text: str) -> str:
    """Returns the regular expression for a pattern without alternatives."""
    groups = [""]  # between one ** and the next
    for name, globs in _parts(text):
        if globs == ["**"] and not name:
            groups.append("")
            continue
        inner = "/".join(name_expression(glob, text) for glob in globs)
        groups[-1] += f"/(?P<{name}>{inner})" if name else f"/{inner}"
    head, *middle = groups
    if not middle:
        return head
    last = middle.pop()
    passed = "".join(rf"(?>(?:/[^/]+)*?{each}{ENDS})" for each in middle)
    return rf"{head}{passed}(?:/[^/]+)*?{last}" if last else rf"{head}{passed}(?:/[^/]+)+"
