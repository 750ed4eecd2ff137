# SPDX-License-Identifier: LGPL-2.1-or-later
"""Failures explained: dnf's own words, whose request it was, and what would have to change.

libdnf5's Python bindings hand problems out as text only, so dnf's lines are kept as they are, but
for packages that the base's lock hides: dnf calls them excluded, here it says what they would do.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Any

import libdnf5

from solver.candidates import Candidates
from solver.errors import BaseMovedError, SolverError, UnknownPackageError, UnsatisfiableError
from solver.model import COMMANDLINE_REPO, BaseMove
from solver.nearmisses import near_misses

_HEAD = re.compile(r"^(?:Problem(?: \d+)?: |\s+- )+")
_HIDDEN = re.compile(r"package (\S+) from (\S+) is filtered out by exclude filtering")
_NOTHING_PROVIDES = re.compile(r"nothing provides (\S+).* needed by (\S+)")
_OF_FILE = re.compile(rf"(\S+) from {COMMANDLINE_REPO}")
_SONAME = re.compile(r"([^/()]+\.so\.)[0-9]")
_EMPTY_LINES = frozenset(
    {
        "",
        "cannot install the best candidate for the job",
        "conflicting requests",
        "problem with installed package",
    }
)
_GROUP_NOT_FOUND = libdnf5.base.GoalProblem_NOT_FOUND


def unknown_error(
    specs: Sequence[str], hidden: Sequence[str] = (), names: Iterable[str] = ()
) -> UnknownPackageError:
    """Returns the error for specs without a match; `hidden` are those that excludes hide.

    `names` are those of all packages: the ones that are like a spec are told.
    """
    error = UnknownPackageError(specs)
    for spec in hidden:
        error.add_note(
            f"packages that match '{spec}' are excluded by configuration or by --exclude"
        )
    there = frozenset(names)
    for spec in specs:
        near = () if spec in hidden else near_misses(spec, there)
        if near:
            error.add_note(f"names like '{spec}': {', '.join(near)}")
    if len(hidden) < len(specs):
        error.add_note("run 'overlay refresh-md' if a repository has it since recently")
    return error


def problem_lines(candidates: Candidates, transaction: Any) -> tuple[str, ...]:
    """Returns dnf's lines about what cannot be solved, each once, without their bullets."""
    lines: dict[str, None] = {}
    for event in transaction.get_resolve_logs():
        if event.get_solver_problems() is None:
            continue
        for raw in str(event.to_string()).splitlines():
            line = _HEAD.sub("", raw).strip()
            if line not in _EMPTY_LINES:
                lines[_say_what_files_are(candidates, _say_what_is_locked(candidates, line))] = None
    return tuple(lines)


def unknown_groups(transaction: Any) -> tuple[str, ...]:
    """Returns the group specs that libdnf5 found no group for."""
    return tuple(
        sorted(
            f"@{event.get_spec()}"
            for event in transaction.get_resolve_logs()
            if event.get_problem() == _GROUP_NOT_FOUND
        )
    )


def moved_error(moves: Sequence[BaseMove], lines: Sequence[str] = ()) -> SolverError:
    """Returns the error for requests that only a change of the base would meet."""
    error = BaseMovedError(moves, lines)
    error.add_note(
        "base packages stay as they are; ask for a version that fits them, "
        "or go to a base that has it"
    )
    return error


def unsatisfiable_error(
    candidates: Candidates, requests: Sequence[str], lines: Sequence[str]
) -> SolverError:
    """Returns the error for requests that have no solution, with what the base has instead."""
    cause = lines[0] if lines else "the solver gives no reason"
    error = UnsatisfiableError(requests, cause, lines)
    for note in dict.fromkeys(_version_hints(candidates, lines)):
        error.add_note(note)
    return error


def _say_what_files_are(candidates: Candidates, line: str) -> str:
    """Returns a line in which layers and local files are called that."""
    layers = {str(stub.nevra) for stub in candidates.stubs.values()}
    return _OF_FILE.sub(
        lambda match: f"{match[1]} from a {'layer' if match[1] in layers else 'local file'}", line
    )


def _say_what_is_locked(candidates: Candidates, line: str) -> str:
    match = _HIDDEN.search(line)
    if match is None:
        return line
    for package in candidates.locked:
        if str(package.get_nevra()) == match[1] and str(package.get_repo_id()) == match[2]:
            old = ", ".join(str(nevra) for nevra in candidates.replaced_by(package))
            said = f"package {match[1]} from {match[2]} would replace base package {old}"
            return line.replace(match[0], said)
    return line.replace(match[0], f"package {match[1]} from {match[2]} is excluded")


def _version_hints(candidates: Candidates, lines: Iterable[str]) -> Iterable[str]:
    offers = libdnf5.rpm.PackageQuery(candidates.visible)
    offers.filter_available()
    named = (match[1] for match in map(_NOTHING_PROVIDES.search, lines) if match is not None)
    libraries: set[str] = set()
    for name in dict.fromkeys(named):
        has, offered = _providers(candidates.installed, name), _providers(offers, name)
        library = _SONAME.match(name)
        if has and offered:
            yield f"the base has {has}, the repositories only offer {offered}"
        elif has:
            yield f"the base has {has}, the repositories offer no other"
        elif offered:
            yield f"the repositories only offer {offered}"
        elif library is not None and library[1] not in libraries:
            libraries.add(library[1])
            yield from _other_versions(candidates.installed, library[1])


def _other_versions(installed: Any, library: str) -> Iterable[str]:
    """Yields the base packages that bring another version of a library, and which."""
    query = libdnf5.rpm.PackageQuery(installed)
    query.filter_provides([f"{library}*"], libdnf5.common.QueryCmp_GLOB)
    for package in sorted(query, key=lambda one: str(one.get_nevra())):
        names = {str(reldep.get_name()) for reldep in package.get_provides()}
        # A library with versioned symbols provides one name for each set of them, in parentheses.
        found = {name.partition("(")[0] for name in names if name.startswith(library)}
        yield f"the base has {package.get_nevra()} with {', '.join(sorted(found))}"


def _providers(packages: Any, name: str) -> str:
    query = libdnf5.rpm.PackageQuery(packages)
    query.filter_provides([name])
    return ", ".join(sorted(str(package.get_nevra()) for package in query))
