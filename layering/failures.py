# SPDX-License-Identifier: LGPL-2.1-or-later
"""Scripts that failed over a tree, kept beside its commit: what they wrote, and all it takes to run
them again.

What a script writes may hold a time or a random name, and the checksum of a commit must not. So it
is in the commit's *detached* metadata, which is no part of the checksum and goes with the commit.
"""

import base64
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from layering._ostree import GLib, reported
from layering.repo import Repo
from triggers import Invocation, Outcome, Phase, describe_status

_KEY = "overlay.failures"
_LINES_KEPT = 20  # of what a script wrote


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A script that failed."""

    how: str  # "exit status 3"
    output: tuple[str, ...]  # its last lines
    invocation: Invocation


def keep_failures(repo: Repo, commit: str, outcomes: Iterable[Outcome]) -> None:
    """Writes beside a commit which scripts failed; nothing where none did."""
    records = [_packed(outcome) for outcome in outcomes if outcome.status]
    if not records:
        return
    # ASCII: bytes that are no UTF-8 stay what they are.
    value = GLib.Variant("a{sv}", {_KEY: GLib.Variant("s", json.dumps(records))})
    with reported(repo.path, f"cannot write beside {commit}"):
        repo.handle.write_commit_detached_metadata(commit, value, None)


def failures_of(repo: Repo, commit: str) -> tuple[Failure, ...]:
    """Returns the scripts that failed over a commit's tree, in their order, as far as is known."""
    with reported(repo.path, f"cannot read what is beside {commit}"):
        value: GLib.Variant | None = repo.handle.read_commit_detached_metadata(commit, None)[1]
    found = value.lookup_value(_KEY, GLib.VariantType.new("s")) if value is not None else None
    if found is None:
        return ()
    try:
        return tuple(_unpacked(record) for record in json.loads(found.get_string()))
    except (ValueError, TypeError, KeyError, AttributeError):  # of another version, perhaps
        return ()


def last_lines(output: str, count: int = _LINES_KEPT) -> tuple[str, ...]:
    """Returns the last lines of what a script wrote, without empty ones around them."""
    return tuple(line.rstrip() for line in output.strip().splitlines()[-count:])


def _packed(outcome: Outcome) -> dict[str, object]:
    invocation = outcome.invocation
    return {
        "how": describe_status(outcome),
        "output": last_lines(outcome.output),
        "invocation": {
            field.name: _plain(getattr(invocation, field.name)) for field in fields(Invocation)
        },
    }


def _unpacked(record: Mapping[str, Any]) -> Failure:
    values = {
        name: _tuples(value)
        for name, value in record["invocation"].items()
        if name in {field.name for field in fields(Invocation)}
    }
    values["phase"] = Phase(values["phase"])
    if values.get("stdin") is not None:
        values["stdin"] = base64.b64decode(values["stdin"])
    return Failure(
        how=str(record["how"]),
        output=tuple(map(str, record["output"])),
        invocation=Invocation(**values),
    )


def _plain(value: object) -> object:
    return base64.b64encode(value).decode() if isinstance(value, bytes) else value


def _tuples(value: object) -> Any:  # Any: what JSON has, by the field's own type
    if isinstance(value, Sequence) and not isinstance(value, str):
        return tuple(_tuples(each) for each in value)
    return value
