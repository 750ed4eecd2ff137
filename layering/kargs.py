# SPDX-License-Identifier: LGPL-2.1-or-later
"""Edits to kernel arguments, with libostree's meaning of each. Pure.

An argument is `KEY` or `KEY=VALUE`, kept as it is written, quotes included; a key may come several
times, with or without a value, and the order stays. Where libostree understands an edit, the result
is libostree's (https://ostreedev.github.io/ostree/reference/ostree-Kernel-arguments.html); what it
would split or refuse without saying why has an error of its own here. Beyond libostree, a value to
be replaced may itself hold `=`, as that of `root=UUID=…` does.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import assert_never

from layering.errors import LayeringError


class KargError(LayeringError):
    """An edit that cannot be one, or that the present arguments do not allow."""

    def __init__(self, what: str, hint: str = "") -> None:
        super().__init__(what)
        if hint:
            self.add_note(hint)


class EditKind(StrEnum):
    """What is done; each is the name of an option of `overlay kargs`."""

    APPEND = "append"
    APPEND_IF_MISSING = "append-if-missing"
    DELETE = "delete"
    DELETE_IF_PRESENT = "delete-if-present"
    REPLACE = "replace"


@dataclass(frozen=True, slots=True, kw_only=True)
class KargEdit:
    """One edit; `text` is `KEY[=VALUE]`, and for a replacement also `KEY=OLD=NEW`."""

    kind: EditKind
    text: str

    def __str__(self) -> str:
        return f"--{self.kind} {self.text}"


def edited(kargs: Sequence[str], edits: Sequence[KargEdit]) -> tuple[str, ...]:
    """Returns the arguments after the edits, made one after the other.

    Raises:
        KargError: an edit is malformed, or names what is not there or is there several times.
    """
    present = list(kargs)
    for edit in edits:
        _check(edit)
        _apply(present, edit)
    return tuple(present)


def _apply(present: list[str], edit: KargEdit) -> None:
    match edit.kind:
        case EditKind.APPEND:
            present.append(edit.text)
        case EditKind.APPEND_IF_MISSING:
            if edit.text not in present:
                present.append(edit.text)
        case EditKind.DELETE:
            del present[_meant(present, edit.text, edit)]
        case EditKind.DELETE_IF_PRESENT:
            if _candidates(present, edit.text):
                del present[_meant(present, edit.text, edit)]
        case EditKind.REPLACE:
            at, following = _replacement(present, edit)
            present[at] = following
        case _:
            assert_never(edit.kind)


def _check(edit: KargEdit) -> None:
    """Raises KargError unless the text of an edit is one argument, with a key."""
    text = edit.text
    if not _key(text):
        raise KargError(f"a kernel argument needs a name: '{edit}'")
    if any(not character.isprintable() for character in text):
        raise KargError(f"a control character cannot stand in a kernel argument: {text!r}")
    if _key(text) == "ostree":
        raise KargError(f"libostree itself sets 'ostree=' for each deployment: '{edit}'")
    if text.count('"') % 2:
        raise KargError(f"a quote is not closed: kernel argument '{text}'")
    outside = "".join(text.split('"')[::2])
    if any(character.isspace() for character in outside):
        key, equals, value = text.partition("=")
        hint = f"""write --{edit.kind} '{key}="{value}"'""" if equals and " " not in key else ""
        raise KargError(
            f"a kernel argument with a space needs double quotes around it: '{text}'",
            hint or "give the option once for each argument",
        )


def _key(text: str) -> str:
    return text.partition("=")[0]


def _named(present: Sequence[str], key: str) -> list[int]:
    return [at for at, text in enumerate(present) if _key(text) == key]


def _candidates(present: Sequence[str], text: str) -> list[int]:
    """Returns which arguments a text may mean: its equals; or for a bare key, all of that key."""
    exact = [at for at, one in enumerate(present) if one == text]
    if exact:
        return exact[:1]  # the same twice: either will do
    return [] if "=" in text else _named(present, text)


def _meant(present: Sequence[str], text: str, edit: KargEdit) -> int:
    """Returns the one argument that a text means; KargError if there is none, or several."""
    found = _candidates(present, text)
    if len(found) == 1:
        return found[0]
    if found:
        shown = ", ".join(present[at] for at in found)
        raise KargError(
            f"kernel argument '{text}' is there several times: {shown}",
            f"say which: --{edit.kind} {present[found[0]]}",
        )
    raise _absent(present, text)


def _absent(present: Sequence[str], text: str) -> KargError:
    same = ", ".join(present[at] for at in _named(present, _key(text)))
    what = f"no kernel argument '{text}'"
    return KargError(f"{what}: there is {same}" if same else what, "'overlay kargs' shows them")


def _replacement(present: Sequence[str], edit: KargEdit) -> tuple[int, str]:
    """Returns which argument is replaced, and by what.

    `KEY=OLD=NEW` is tried with each `=` as the one before NEW. `KEY=NEW`, and a bare `KEY`, are for
    a key that is there once.
    """
    key, _equals, value = edit.text.partition("=")
    found = _named(present, key)
    if not found:
        raise _absent(present, key)
    for old, new in _splits(value):
        for at in found:
            if present[at] == f"{key}={old}":
                return at, f"{key}={new}"
    if "=" in value:
        error = _absent(present, f"{key}={value.partition('=')[0]}")
        first = present[found[0]]
        error.add_note(f"to give {first} another value: --replace {first}=NEW")
        raise error
    if len(found) > 1:
        shown = ", ".join(present[at] for at in found)
        first = next((present[at] for at in found if "=" in present[at]), "")
        raise KargError(
            f"kernel argument '{key}' is there several times: {shown}",
            f"say which: --replace {first}=NEW" if first else "",
        )
    return found[0], edit.text


def _splits(value: str) -> Iterator[tuple[str, str]]:
    for at, character in enumerate(value):
        if character == "=":
            yield value[:at], value[at + 1 :]
