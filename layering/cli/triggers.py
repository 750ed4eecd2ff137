# SPDX-License-Identifier: LGPL-2.1-or-later
"""`overlay triggers`: what runs when paths of a tree change, who says so, what of it is wrong."""

import shlex
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from layering.cli.options import Settings, shown_options
from layering.cli.output import show_json
from layering.cli.printable import printable
from layering.cli.render import counted, table
from layering.cli.session import cache_directory
from layering.errors import SysrootError
from layering.sysroot import Sysroot

if TYPE_CHECKING:
    from layering.triggerlist import KnownTrigger, TriggerList
    from triggers import DeclaredTrigger, DropInError, FileTrigger


@click.command(epilog="Example: overlay triggers -v; overlay triggers --check ./x.toml")
@click.argument("words", metavar="[REV | FILE…]", nargs=-1)
@click.option("--check", is_flag=True, help="Look for what is wrong with drop-in files.")
@shown_options
@click.pass_obj
def triggers(settings: Settings, /, *, words: tuple[str, ...], check: bool) -> int:
    """List the triggers of a tree, and what becomes of each.

    REV is a deployment by number, a commit or a ref; without one it is the pending deployment. With
    --check FILE… these files are looked at as if they were the host's, without one all drop-ins of
    the tree and the host; the exit status is 1 if any is wrong.
    """
    if check and words:
        return _check_files(settings, [Path(word) for word in words])
    if len(words) > 1:
        raise click.UsageError(f"one REV, and not {len(words)}: files go with --check")
    from layering.triggerlist import listed

    sysroot = Sysroot.open(settings.sysroot)
    cache = cache_directory(sysroot, settings.stateroot)
    revision = words[0] if words else None
    with listed(sysroot, settings.stateroot, revision, cache) as found:
        if check:
            drop_ins = sum(each.owner != "built-in" for each in found.declared)
            return _tell_checked(settings, found.problems, drop_ins + len(found.problems))
        if settings.json:
            show_json(_document(found))
            return 0
        for line in _blocks(found) if settings.verbose else _tables(found):
            print(printable(line))
        for problem in found.problems:
            print(f"warning: trigger left out: {_in_one_line(str(problem))}", file=sys.stderr)
    return 0


def _check_files(settings: Settings, files: Sequence[Path]) -> int:
    from layering.triggerlist import checked_files

    try:
        sysroot = Sysroot.open(settings.sysroot)
    except SysrootError:
        sysroot = None  # a machine that packages are made on
    problems = checked_files(sysroot, settings.stateroot, files)
    return _tell_checked(settings, problems, len(files))


def _tell_checked(settings: Settings, problems: Sequence["DropInError"], count: int) -> int:
    if settings.json:
        show_json({"version": 1, "problems": _problems(problems)})
    for problem in () if settings.json else problems:
        hint = f" ({problem.hint})" if problem.hint else ""
        print(_in_one_line(f"{problem}{hint}"))
    if not problems and not settings.json:
        print(f"{counted(count, 'drop-in')}, nothing wrong.")
    return 1 if problems else 0


def _in_one_line(text: str) -> str:
    return printable(text).replace("\n", "\\n")  # a file's name may have newlines


def _tables(found: "TriggerList") -> Iterator[str]:
    rows = []
    for each in found.declared:
        trigger = _declared(each)
        shown = f"by {each.why}" if each.state == "shadowed" else _watched(trigger.paths)
        rows.append((f"  {trigger.name}", trigger.origin, str(each.state), shown))
    yield "Declared, in the order in which they run:"
    yield from table(rows)
    rows = []
    for each in found.of_packages:
        file = _of_package(each)
        rows.append(
            (f"  {file.package}", f"{file.phase}", str(each.state), _watched(file.prefixes))
        )
    if rows:
        yield "Of packages:"
        yield from table(rows)


def _blocks(found: "TriggerList") -> Iterator[str]:
    for each in found.declared:
        trigger = _declared(each)
        owner = "" if trigger.origin == each.owner else f", {each.owner}"
        yield f"{trigger.name} ({trigger.origin}{owner})"
        yield from _fields(_declared_fields(each, trigger))
    for each in found.of_packages:
        file = _of_package(each)
        yield f"{file.phase} of {file.package}"
        yield from _fields(_package_fields(each, file))


def _fields(fields: Iterator[tuple[str, Sequence[str]]]) -> Iterator[str]:
    for name, values in fields:
        for number, value in enumerate(values):
            head = "" if number else f"{name}:"
            yield f"     {head:<11} {value}".rstrip()


def _declared_fields(
    known: "KnownTrigger", trigger: "DeclaredTrigger"
) -> Iterator[tuple[str, Sequence[str]]]:
    yield "state", [_told(known)]
    yield "set off by", trigger.paths
    yield "not by", trigger.but
    if not trigger.on_removal:
        yield "removal", ["leaves it alone"]
    if not trigger.skipped:
        yield "command", _command(known, trigger)
        yield "environment", [f"{name}={value}" for name, value in trigger.environment]
    yield "reads", trigger.reads
    yield "writes", trigger.writes
    yield "caches", trigger.caches
    yield "after", trigger.after
    yield "before", trigger.before
    if trigger.fatal:
        yield "failure", ["ends the operation"]
    yield "reason", [trigger.reason]


def _package_fields(
    known: "KnownTrigger", trigger: "FileTrigger"
) -> Iterator[tuple[str, Sequence[str]]]:
    yield "state", [_told(known)]
    yield "set off by", trigger.prefixes
    yield "priority", [str(trigger.priority)]
    yield "command", [shlex.join(trigger.interpreter), *_indented(trigger.body)]


def _command(known: "KnownTrigger", trigger: "DeclaredTrigger") -> list[str]:
    line = " ".join((known.tool or trigger.tools[0], *trigger.arguments))
    if trigger.body is None:
        return [line]
    return [f"/bin/sh SCRIPT {line}", *_indented(trigger.body)]


def _indented(body: str) -> list[str]:
    return [f"  {line}".rstrip() for line in body.strip().splitlines()]


def _told(known: "KnownTrigger") -> str:
    """Returns the state with its reason."""
    if known.state == "shadowed":
        return f"shadowed by {known.why}"
    return f"{known.state}: {known.why}" if known.why else str(known.state)


def _watched(paths: Sequence[str]) -> str:
    more = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
    return f"{paths[0]}{more}" if paths else ""


def _declared(known: "KnownTrigger") -> "DeclaredTrigger":
    from triggers import DeclaredTrigger

    assert isinstance(known.trigger, DeclaredTrigger)
    return known.trigger


def _of_package(known: "KnownTrigger") -> "FileTrigger":
    from triggers import FileTrigger

    assert isinstance(known.trigger, FileTrigger)
    return known.trigger


def _document(found: "TriggerList") -> dict[str, object]:
    return {
        "version": 1,
        "checksum": found.view.commit,
        "base_checksum": found.view.base_commit,
        "declared": [_declared_document(each) for each in found.declared],
        "of_packages": [_package_document(each) for each in found.of_packages],
        "problems": _problems(found.problems),
    }


def _declared_document(known: "KnownTrigger") -> dict[str, object]:
    trigger = _declared(known)
    return {
        "name": trigger.name,
        "origin": trigger.origin,
        "owner": known.owner,
        "state": str(known.state),
        "why": known.why,
        "tool": known.tool,
        "paths": [*trigger.paths],
        "but": [*trigger.but],
        "tools": [*trigger.tools],
        "arguments": [*trigger.arguments],
        "body": trigger.body,
        "environment": dict(trigger.environment),
        "reads": [*trigger.reads],
        "writes": [*trigger.writes],
        "caches": [*trigger.caches],
        "before": [*trigger.before],
        "after": [*trigger.after],
        "on_removal": trigger.on_removal,
        "first": trigger.first,
        "fatal": trigger.fatal,
        "reason": trigger.reason,
    }


def _package_document(known: "KnownTrigger") -> dict[str, object]:
    trigger = _of_package(known)
    return {
        "package": trigger.package,
        "kind": str(trigger.phase),
        "priority": trigger.priority,
        "state": str(known.state),
        "why": known.why,
        "prefixes": [*trigger.prefixes],
        "interpreter": [*trigger.interpreter],
        "body": trigger.body,
    }


def _problems(problems: Sequence["DropInError"]) -> list[dict[str, str]]:
    return [
        {"path": each.path, "owner": each.owner, "what": each.what, "hint": each.hint}
        for each in problems
    ]
