# SPDX-License-Identifier: LGPL-2.1-or-later
"""The host's own settings: `/etc/overlay/overlay.toml`.

There are few, and what the file says is taken seriously: a key that is not known, or a value that
is not allowed, is an error, because ignoring it would do something else than somebody wrote down.
A file that is not there says nothing, and the defaults hold. The format is TOML: https://toml.io.
"""

import difflib
import json
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Self

from layering.errors import LayeringError

IN_ETC = Path("overlay/overlay.toml")
PATH = "/etc" / IN_ETC
_DAY = 86400  # seconds


class ConfigurationError(LayeringError):
    """A configuration file cannot be read or says something wrong."""

    def __init__(self, path: Path, what: str, hint: str = "") -> None:
        super().__init__(f"{what}: {path}")
        self.path = path
        if hint:
            self.add_note(hint)


class AutomaticPolicy(StrEnum):
    """What the timer's unattended run does about a newer base."""

    NONE = "none"
    CHECK = "check"  # looks, and changes nothing
    STAGE = "stage"  # upgrades, for the next boot


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """Everything that the file can say, with the defaults."""

    automatic: AutomaticPolicy = AutomaticPolicy.NONE
    time_limit: float = 600.0  # seconds, for each script
    skip: tuple[str, ...] = ()  # scripts that do not run: PACKAGE or PACKAGE.PHASE, with globs
    allow_top_level: tuple[str, ...] = ()  # directories of / that packages may fill, by name

    @classmethod
    def parse(cls, text: str, path: Path) -> Self:
        """Returns what `text` says; `path` is where errors say that it stands.

        Raises:
            ConfigurationError: naming the line where the text is not TOML, else the key.
        """
        try:
            document = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            # It says line and column by itself.
            raise ConfigurationError(path, f"not TOML: {error}") from None
        tables = _tables(document, path)
        upgrade, scripts, packages = (tables.get(name, {}) for name in _KEYS)
        return cls(
            automatic=_automatic(upgrade.get("automatic", AutomaticPolicy.NONE), path),
            time_limit=_seconds(scripts.get("time-limit", 600), path),
            skip=_rules(scripts.get("skip", []), path),
            allow_top_level=_top_level(packages.get("allow-top-level", []), path),
        )


# Every key by its table.
_KEYS: Mapping[str, tuple[str, ...]] = {
    "upgrade": ("automatic",),
    "scripts": ("time-limit", "skip"),
    "packages": ("allow-top-level",),
}
# Directories that are the host's, the kernel's, or have a convention of their own.
_NOT_FOR_PACKAGES = frozenset(
    (
        "bin boot dev etc home lib lib32 lib64 libx32 media mnt opt ostree proc root run sbin srv "
        "sys sysroot tmp usr var"
    ).split()
)
_NAME = re.compile(r"[A-Za-z0-9_+-][A-Za-z0-9._+-]*")
_RULE = re.compile(r"[^\s/.][^\s/]*?(\.%[a-z?*]+)?")


def load(path: Path = PATH) -> Configuration:
    """Returns what the file says, or the defaults if it does not exist.

    Raises:
        ConfigurationError: if it cannot be read, or says something wrong.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return Configuration()
    except OSError as error:
        why = (error.strerror or type(error).__name__).lower()
        raise ConfigurationError(path, f"cannot read the configuration: {why}") from error
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise ConfigurationError(path, f"not UTF-8 at line {line}") from None
    return Configuration.parse(text, path)


def add_leave_hint(error: Exception, top: str) -> None:
    """Adds to an error about the top-level directory of that name whether it can be allowed."""
    if top == "srv":
        error.add_note("/srv is the host's own: its administrator fills it")
    elif top not in _NOT_FOR_PACKAGES and _NAME.fullmatch(top):
        rule = f'allow-top-level = ["{top}"]'
        error.add_note(f"{rule} below [packages] in {PATH} allows it")


def _tables(document: Mapping[str, object], path: Path) -> dict[str, dict[str, object]]:
    """Returns the document's tables, every key of which is a known one."""
    tables: dict[str, dict[str, object]] = {}
    for name, table in document.items():
        if name not in _KEYS:
            raise ConfigurationError(path, *_unknown_table(name, table))
        if not isinstance(table, dict):
            what = f"[{name}] is {_shown(table)} and not a table"
            raise ConfigurationError(path, what, f"write [{name}] on a line of its own")
        for key in table:
            if key not in _KEYS[name]:
                what = f"unknown key {key!r} in [{name}]"
                raise ConfigurationError(path, what, _suggestion(key, _KEYS[name]))
        tables[name] = table
    return tables


def _unknown_table(name: str, value: object) -> tuple[str, str]:
    """Returns what is wrong with a name at the file's top level, and what may have been meant."""
    if isinstance(value, dict):
        meant = _suggestion(f"[{name}]", [f"[{table}]" for table in _KEYS])
        return f"unknown table [{name}]", meant
    homes = [table for table, keys in _KEYS.items() if name in keys]
    if homes:
        return f"key {name!r} stands in no table", f"it belongs below a line that says [{homes[0]}]"
    every = [key for keys in _KEYS.values() for key in keys]
    return f"unknown key {name!r} in no table", _suggestion(name, every)


def _automatic(value: object, path: Path) -> AutomaticPolicy:
    allowed = [str(policy) for policy in AutomaticPolicy]
    if isinstance(value, str) and value in allowed:
        return AutomaticPolicy(value)
    choices = ", ".join(f'"{choice}"' for choice in allowed)
    what = f"'automatic' in [upgrade] is {_shown(value)}, none of {choices}"
    word = value.lower() if isinstance(value, str) else ""
    near = difflib.get_close_matches(word, allowed, n=1)
    raise ConfigurationError(path, what, f'did you mean "{near[0]}"?' if near else "")


def _seconds(value: object, path: Path) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < _DAY:
        what = f"'time-limit' in [scripts] is {_shown(value)}, no number of seconds up to a day"
        raise ConfigurationError(path, what, "time-limit = 600 is ten minutes")
    return float(value)


def _rules(value: object, path: Path) -> tuple[str, ...]:
    rules = _texts(value, "'skip' in [scripts]", '["kmod-x", "x.%post"]', path)
    for rule in rules:
        if _RULE.fullmatch(rule) is None:
            what = f"'skip' in [scripts] has {_shown(rule)}, neither PACKAGE nor PACKAGE.%PHASE"
            raise ConfigurationError(path, what)
    return rules


def _top_level(value: object, path: Path) -> tuple[str, ...]:
    names = _texts(value, "'allow-top-level' in [packages]", '["nix"]', path)
    for name in names:
        what = f"'allow-top-level' in [packages] has {_shown(name)}"
        if name in _NOT_FOR_PACKAGES:
            raise ConfigurationError(path, f"{what}, which is not for packages to fill")
        if _NAME.fullmatch(name) is None:
            hint = "write the name of a directory of /, without a slash"
            raise ConfigurationError(path, f"{what}, which is no name", hint)
    return names


def _texts(value: object, which: str, example: str, path: Path) -> tuple[str, ...]:
    """Returns the sorted elements of an array of texts."""
    hint = f"write {which.split(chr(39))[1]} = {example}"
    if not isinstance(value, list):
        raise ConfigurationError(path, f"{which} is {_shown(value)}, no array of texts", hint)
    for each in value:
        if not isinstance(each, str):
            raise ConfigurationError(path, f"{which} has {_shown(each)}, which is no text", hint)
    return tuple(sorted(set(value)))


def _suggestion(word: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(word.lower(), known := list(known), n=1)
    return f"did you mean {near[0]}?" if near else f"there is {', '.join(known)}"


def _shown(value: object) -> str:
    """Returns a value as it is written in TOML, or what it is where that is long."""
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, list):
        return "an array"
    if isinstance(value, (str, bool, int, float)):
        return json.dumps(value, ensure_ascii=False)
    return str(value)  # a date or a time
