# SPDX-License-Identifier: LGPL-2.1-or-later
"""Drop-in files: a declared trigger written down in TOML, by a package or by a person.

A file is named as its trigger, with `.toml` behind. Its one table, `[trigger]`, has the fields of
`triggers.declared.DeclaredTrigger`, with hyphens. What a file says is taken seriously: what is not
known or not allowed is an error, with what would be. https://toml.io
"""

import difflib
import json
import re
import tomllib
from collections.abc import Callable, Iterable, Mapping

from triggers.declared import DeclaredTrigger
from triggers.errors import DropInError, PatternError
from triggers.pattern import CAPTURE, compiled

SUFFIX = ".toml"
LARGEST_DROPIN = 16384  # bytes of one file

_MOST = 64  # elements of an array
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,63}")
_TOOL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_LAST_STARS = re.compile(r"/\*{1,2}$")

_PATTERNS = ("paths", "but")
_ARRAYS = (
    *_PATTERNS,
    "tools",
    "aliases",
    "arguments",
    "reads",
    "writes",
    "caches",
    "before",
    "after",
)
_CHOICES = ("on-removal", "first", "supersedes", "fatal")
_TEXTS = ("body", "skipped", "reason")
KEYS = (*_ARRAYS, *_TEXTS, "environment", *_CHOICES)
_NEEDED = {
    "paths": '["/usr/share/x/*.conf"]',
    "tools": '["x-update"]',
    "reason": '"why there is such a trigger"',
}


def check_file_name(name: str, path: str) -> None:
    """Looks whether a file of that name can be a trigger; `path` is what to call it.

    Raises:
        DropInError: it cannot.
    """
    if not _NAME.fullmatch(name.removesuffix(SUFFIX)) or not name.endswith(SUFFIX):
        hint = f"letters, digits and . _ + -, at most 64, and {SUFFIX} behind"
        raise DropInError("no name for a trigger", path, hint)


def parse(text: str, path: str) -> DeclaredTrigger:
    """Returns the trigger that a drop-in says; `path` is where it stands in the tree.

    Raises:
        DropInError: naming what is wrong: the line where the text is not TOML, else the key.
    """
    try:
        document = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # numbers may be too long, tables too deep
        what = str(error) if isinstance(error, ValueError) else "nested too deeply"
        raise DropInError(f"not TOML: {what}", path) from None
    return _Reader(_table(document, path), path).trigger()


def suggestion(word: str, known: Iterable[str]) -> str:
    """Returns what may have been meant by a word, or what there is."""
    near = difflib.get_close_matches(word.lower(), known := list(known), n=1)
    return f"did you mean {near[0]}?" if near else f"there is {', '.join(known)}"


def _table(document: Mapping[str, object], path: str) -> Mapping[str, object]:
    for name, value in document.items():
        if name == "trigger" and isinstance(value, dict):
            continue
        if name in KEYS:
            hint = "it belongs below a line that says [trigger]"
            raise DropInError(f"key {name!r} stands in no table", path, hint)
        if name == "trigger":
            what = f"[trigger] is {_shown(value)} and not a table"
            raise DropInError(what, path, "write [trigger] on a line of its own")
        what = f"unknown table [{name}]" if isinstance(value, dict) else f"unknown key {name!r}"
        raise DropInError(what, path, "there is [trigger]")
    table = document.get("trigger")
    if not isinstance(table, dict):
        hint = "a file without a byte turns off what it shadows"
        raise DropInError("there is no [trigger]", path, hint)
    for key in table:
        if key not in KEYS:
            raise DropInError(f"unknown key {key!r} in [trigger]", path, suggestion(key, KEYS))
    return table


class _Reader:
    """Takes a table's values, each as what it has to be."""

    def __init__(self, table: Mapping[str, object], path: str) -> None:
        self._table = table
        self._path = path
        self._captures: tuple[str, ...] = ()

    def trigger(self) -> DeclaredTrigger:
        for key, example in _NEEDED.items():
            if not self._table.get(key):
                raise self._error(f"{key!r} is missing", f"write {key} = {example}")
        patterns = self._patterns()
        return DeclaredTrigger(
            name=self._path.rpartition("/")[2].removesuffix(SUFFIX),
            origin=self._path,
            paths=patterns,
            but=self._but(),
            tools=self._each("tools", self._check_tool),
            aliases=self._each("aliases", self._check_alias),
            arguments=self._each("arguments", self._check_captures),
            body=self._text("body") or None,
            environment=self._environment(),
            reads=self._each("reads", self._check_place),
            writes=self._each("writes", self._check_place),
            caches=self._each("caches", self._check_file),
            before=self._each("before"),
            after=self._each("after"),
            on_removal=self._choice("on-removal", default=True),
            first=self._choice("first"),
            supersedes=self._choice("supersedes"),
            skipped=self._text("skipped"),
            fatal=self._choice("fatal"),
            reason=self._text("reason"),
        )

    def _patterns(self) -> tuple[str, ...]:
        texts = self._each("paths", self._check_pattern)
        self._captures = compiled(texts[0]).captures
        for text in texts[1:]:
            if sorted(compiled(text).captures) != sorted(self._captures):
                what = f"{_shown(text)} does not capture what {_shown(texts[0])} captures"
                raise self._error(f"'paths': {what}")
        return texts

    def _but(self) -> tuple[str, ...]:
        texts = self._each("but", self._check_pattern)
        for text in texts:
            if compiled(text).captures:
                raise self._error(f"'but' has {_shown(text)}, which captures for nothing")
        return texts

    def _each(self, key: str, check: Callable[[str, str], None] | None = None) -> tuple[str, ...]:
        value = self._table.get(key, [])
        hint = f"write {key} = {_NEEDED.get(key, '[…]')}"
        if not isinstance(value, list):
            raise self._error(f"{key!r} is {_shown(value)}, no array of texts", hint)
        if len(value) > _MOST:
            raise self._error(f"{key!r} has more than {_MOST} texts")
        for text in value:
            if not isinstance(text, str) or not text or "\0" in text:
                raise self._error(f"{key!r} has {_shown(text)}, which is no text to use", hint)
            if check:
                check(key, text)
        return tuple(dict.fromkeys(value)) if key != "arguments" else tuple(value)

    def _check_pattern(self, key: str, text: str) -> None:
        try:
            compiled(text)
        except PatternError as error:
            raise self._error(f"{key!r} has {_shown(text)}: {error.what}") from None

    def _check_tool(self, key: str, text: str) -> None:
        self._check_captures(key, text)
        if not _TOOL.fullmatch(text) and not _is_clean(text):
            hint = "write the name of a program, or its absolute path"
            raise self._error(f"{key!r} has {_shown(text)}, which names no program", hint)

    def _check_alias(self, key: str, text: str) -> None:
        if not _TOOL.fullmatch(text):
            hint = "write the name of a program, without a directory"
            raise self._error(f"{key!r} has {_shown(text)}, which names no program", hint)

    def _check_place(self, key: str, text: str) -> None:
        self._check_captures(key, text)
        stem = _LAST_STARS.sub("", text)
        if not _is_clean(stem) or re.search(r"[*?\[\]]", stem):
            hint = "write PATH, DIR/* for what is in a directory, or DIR/** for all below"
            raise self._error(f"{key!r} has {_shown(text)}, which is no place", hint)

    def _check_file(self, key: str, text: str) -> None:
        self._check_place(key, text)
        if _LAST_STARS.search(text):
            raise self._error(f"{key!r} has {_shown(text)}, which is no file", "write its path")

    def _check_captures(self, key: str, text: str) -> None:
        for match in CAPTURE.finditer(text):
            if match[1] not in self._captures:
                what = f"{key!r} has {_shown(text)}, and no path captures {match[1]!r}"
                hint = suggestion(match[1], self._captures) if self._captures else ""
                raise self._error(what, hint or "write {NAME} in 'paths' to capture a name")

    def _environment(self) -> tuple[tuple[str, str], ...]:
        value = self._table.get("environment", {})
        hint = 'write environment = { LC_ALL = "C" }'
        if not isinstance(value, dict):
            raise self._error(f"'environment' is {_shown(value)}, no table of texts", hint)
        for name, text in value.items():
            if not _VARIABLE.fullmatch(name):
                raise self._error(f"'environment' has {name!r}, which is no variable", hint)
            if not isinstance(text, str) or "\0" in text:
                raise self._error(
                    f"'environment' has {_shown(text)}, which is no text to use", hint
                )
        return tuple(sorted(value.items()))

    def _text(self, key: str) -> str:
        value = self._table.get(key, "")
        if not isinstance(value, str) or "\0" in value:
            raise self._error(f"{key!r} is {_shown(value)}, no text to use")
        return value

    def _choice(self, key: str, *, default: bool = False) -> bool:
        value = self._table.get(key, default)
        if not isinstance(value, bool):
            raise self._error(f"{key!r} is {_shown(value)}, neither true nor false")
        return value

    def _error(self, what: str, hint: str = "") -> DropInError:
        return DropInError(what, self._path, hint)


def _is_clean(path: str) -> bool:
    """Whether a path is absolute, and the shortest way to say so."""
    names = path.split("/")
    return path.startswith("/") and not {"", ".", ".."} & {*names[1:]}


def _shown(value: object) -> str:
    """Returns a value as it is written in TOML, or what it is where that is long."""
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, list):
        return "an array"
    if isinstance(value, (str, bool, int, float)):
        text = json.dumps(value, ensure_ascii=False) if isinstance(value, str) else str(value)
        text = text.lower() if isinstance(value, bool) else text
        return text if len(text) <= 100 else f"{text[:100]}…"
    return str(value)  # a date or a time
