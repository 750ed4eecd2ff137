# SPDX-License-Identifier: LGPL-2.1-or-later
"""Treefiles: the YAML description of a base tree, in the keys of rpm-ostree's treefile.

Those keys are read that say something about the tree itself
(https://coreos.github.io/rpm-ostree/treefile/); a key that is not known is an error, because
ignoring it would compose another tree than the one described. `include` is read first, lists and
mappings are joined, and the including file's single values win.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path

import yaml

from layering.errors import LayeringError

# What libostree takes for a ref name (ostree_validate_rev).
_REF = re.compile(r"[\w\d][-._\w\d]*(/[\w\d][-._\w\d]*)*", re.ASCII)


class TreefileError(LayeringError):
    """A treefile cannot be read or says something wrong."""

    def __init__(self, path: Path, what: str) -> None:
        super().__init__(f"treefile {path}: {what}")
        self.path = path


@dataclass(frozen=True, slots=True, kw_only=True)
class AddedFile:
    """A file from beside the treefile that the tree gets."""

    source: Path
    target: str  # absolute path in the tree


@dataclass(frozen=True, slots=True, kw_only=True)
class Treefile:
    """What a base tree is made from; a field's name is the treefile's key with `_` for `-`."""

    ref: str = ""
    repos: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    exclude_packages: tuple[str, ...] = ()
    releasever: str = ""
    recommends: bool = True
    units: tuple[str, ...] = ()  # systemd units to enable
    default_target: str = ""
    selinux: bool = False  # whether the tree is labelled by the policy that it brings
    initramfs_args: tuple[str, ...] = ()
    remove_files: tuple[str, ...] = ()  # paths in the tree, without leading slash
    add_files: tuple[AddedFile, ...] = ()
    postprocess: tuple[str, ...] = ()  # scripts, run in the sandbox after all triggers
    automatic_version_prefix: str = ""
    add_commit_metadata: Mapping[str, str] = field(default_factory=dict)


_LISTS = frozenset(
    "repos packages exclude_packages units initramfs_args remove_files postprocess".split()
)
_TEXTS = frozenset("ref releasever default_target automatic_version_prefix".split())
_SWITCHES = frozenset("recommends selinux".split())
# As in rpm-ostree, an element of these may name several.
_WORDS = frozenset("packages exclude_packages units".split())
_KNOWN = frozenset(field.name for field in fields(Treefile))

_Values = dict[str, object]  # what treefiles say: keys that are absent are not there


def read_treefile(path: Path) -> Treefile:
    """Returns a treefile with what it includes.

    Raises:
        TreefileError: naming the file and the key that is wrong.
    """
    tree = Treefile(**_read(path, above=()))  # type: ignore[arg-type]  # each checked by _value
    for key in ("ref", "repos", "packages"):
        if not getattr(tree, key):
            raise TreefileError(path, f"has no {key!r}")
    if not _REF.fullmatch(tree.ref):
        raise TreefileError(path, f"'ref' is no name of a ref: {tree.ref!r}")
    for added in tree.add_files:
        if not added.source.is_file():
            raise TreefileError(path, f"'add-files' names no file: {added.source}")
    return tree


def _read(path: Path, *, above: tuple[Path, ...]) -> _Values:
    real = path.resolve()
    if real in above:
        raise TreefileError(path, "includes itself")
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = str(error.strerror).lower() if isinstance(error, OSError) else "it is not UTF-8"
        raise TreefileError(path, f"cannot be read: {why}") from None  # all is said
    values, includes = _parsed(text, path)
    merged: _Values = {}
    for include in includes:
        merged = _merged(merged, _read(include, above=(*above, real)))
    return _merged(merged, values)


def _parsed(text: str, path: Path) -> tuple[_Values, tuple[Path, ...]]:
    """Returns what one file says itself, and the files that it includes, in order."""
    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise TreefileError(path, f"is not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(document, dict):
        raise TreefileError(path, "is not a mapping of keys to values")
    values: _Values = {}
    includes: tuple[Path, ...] = ()
    for key, value in document.items():
        name = str(key).replace("-", "_")
        if name == "include":
            texts = _texts(path, "include", [value] if isinstance(value, str) else value)
            includes = tuple(path.parent / text for text in texts)
        elif name not in _KNOWN:
            raise TreefileError(path, f"unknown key {str(key)!r}")
        else:
            values[name] = _value(path, name, value)
    return values, includes


def _merged(included: _Values, including: _Values) -> _Values:
    merged = included | including
    for name, theirs in included.items():
        ours = including.get(name)
        if isinstance(theirs, tuple) and isinstance(ours, tuple):
            merged[name] = tuple(dict.fromkeys((*theirs, *ours)))
        elif isinstance(theirs, dict) and isinstance(ours, dict):
            merged[name] = theirs | ours
    return merged


def _value(path: Path, name: str, value: object) -> object:
    key = name.replace("_", "-")
    if name in _LISTS:
        texts = _texts(path, key, value)
        words = tuple(word for text in texts for word in text.split())
        return words if name in _WORDS else texts
    if name in _TEXTS:
        return _text(path, key, value)
    if name in _SWITCHES:
        if not isinstance(value, bool):
            raise TreefileError(path, f"{key!r} is neither true nor false")
        return value
    if name == "add_files":
        return _added_files(path, value)
    if not isinstance(value, dict):
        raise TreefileError(path, f"{key!r} is not a mapping")
    return {_text(path, key, one): _text(path, key, other) for one, other in value.items()}


def _text(path: Path, key: str, value: object) -> str:
    # A number with a point has lost its zeros (1.10), and `yes` its spelling, by the time it is
    # read.
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        raise TreefileError(path, f"{key!r} has {value!r}, which is not a text: quote it")
    return str(value)


def _texts(path: Path, key: str, value: object) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise TreefileError(path, f"{key!r} is not a list")
    return tuple(_text(path, key, item) for item in value)


def _added_files(path: Path, value: object) -> tuple[AddedFile, ...]:
    found = []
    for pair in value if isinstance(value, list) else [None]:
        if not (isinstance(pair, list) and [type(each) for each in pair] == [str, str]):
            raise TreefileError(path, "'add-files' is not a list of pairs [source, target]")
        source, target = pair
        parts = [part for part in target.split("/") if part]
        # All else of a tree's top level is the host's, and in no commit.
        if len(parts) < 2 or parts[0] not in ("usr", "etc") or ".." in parts:
            raise TreefileError(path, f"'add-files' target is not in /usr or /etc: {target!r}")
        found.append(AddedFile(source=path.parent / source, target="/" + "/".join(parts)))
    return tuple(found)
