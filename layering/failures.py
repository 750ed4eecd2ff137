# SPDX-License-Identifier: LGPL-2.1-or-later
"""Scripts that failed over a tree, kept beside its commit: what they wrote, and all it takes to run
them again.

What a script writes may hold a time or a random name, and the checksum of a commit must not. So it
is in the commit's *detached* metadata, which is no part of the checksum and goes with the commit.

The whole of it has a limit, for what scripts get and what they hold is the packages' to choose.
What does not fit is cut, input before scripts, and said to be.
"""

import base64
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from layering._ostree import GLib, reported
from layering.repo import Repo
from triggers import Invocation, Outcome, Phase, describe_status

_KEY = "overlay.failures"
_LINES_KEPT = 20  # of what a script wrote
_LINE_MAX = 400  # characters
STDIN_MAX = 256 << 10  # bytes of what a script got to read
RECORDS_MAX = 960 << 10  # bytes of all records together, as JSON
_BODY_MAX = 4 << 10  # characters of a script, where there is no room for it all


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A script that failed."""

    how: str  # "exit status 3"
    output: tuple[str, ...]  # its last lines
    invocation: Invocation
    missing: str = ""  # what was too much to be kept: "all but 4096 characters of the script"


def keep_failures(repo: Repo, commit: str, outcomes: Iterable[Outcome]) -> None:
    """Writes beside a commit which scripts failed; nothing where none did.

    The first ones, if there are too many of them.
    """
    records = _fitting(outcome for outcome in outcomes if outcome.status)
    if not records:
        return
    # ASCII: bytes that are no UTF-8 stay what they are.
    text = f"[{','.join(records)}]"
    value = GLib.Variant("a{sv}", {_KEY: GLib.Variant("s", text)})
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


def _fitting(outcomes: Iterable[Outcome]) -> list[str]:
    """Returns the records of outcomes, each the most complete one that there is room for."""
    records: list[str] = []
    left = RECORDS_MAX
    for outcome in outcomes:
        for stdin_max, body_max in ((STDIN_MAX, None), (0, None), (0, _BODY_MAX)):
            record = json.dumps(_packed(outcome, stdin_max, body_max))
            if len(record) < left:
                records.append(record)
                left -= len(record) + 1
                break
        else:
            break
    return records


def _packed(outcome: Outcome, stdin_max: int, body_max: int | None) -> dict[str, object]:
    invocation = outcome.invocation
    missing = []
    if invocation.stdin is not None and len(invocation.stdin) > stdin_max:
        kept = _whole_lines(invocation.stdin[:stdin_max])
        missing.append(f"all but {len(kept)} of {len(invocation.stdin)} bytes of its input")
        invocation = replace(invocation, stdin=kept)
    if body_max is not None and invocation.body is not None and len(invocation.body) > body_max:
        missing.append(f"all but {body_max} of {len(invocation.body)} characters of the script")
        invocation = replace(invocation, body=invocation.body[:body_max])
    return {
        "how": describe_status(outcome),
        "output": [line[:_LINE_MAX] for line in last_lines(outcome.output)],
        "missing": " and ".join(missing),
        "invocation": {
            field.name: _plain(getattr(invocation, field.name)) for field in fields(Invocation)
        },
    }


def _whole_lines(text: bytes) -> bytes:
    """Returns it without a last line that is not complete: most scripts read paths."""
    return text[: text.rfind(b"\n") + 1] or text


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
        missing=str(record.get("missing", "")),
    )


def _plain(value: object) -> object:
    return base64.b64encode(value).decode() if isinstance(value, bytes) else value


def _tuples(value: object) -> Any:  # Any: what JSON has, by the field's own type
    if isinstance(value, Sequence) and not isinstance(value, str):
        return tuple(_tuples(each) for each in value)
    return value
