# SPDX-License-Identifier: LGPL-2.1-or-later
"""Requests sorted by what becomes of them before anything is solved.

A request is inactive where the base meets it already, unknown where nothing matches, refused where
only packages that would move the base match, and active otherwise. Matching is dnf's own: NEVRA
forms first, then provides, then files, so a name that the base merely provides counts as met only
where no package that has it for a name can be installed beside the base. Whether one can is found
by solving, and so by `solver.goal`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum, auto
from functools import cmp_to_key
from typing import Any

import libdnf5

from solver.candidates import Candidates
from solver.groups import brought_by, is_described
from solver.identity import nevra_of
from solver.matching import matches, provides_spec
from solver.model import BaseMove, Goal
from solver.nevra import compare_evr
from solver.problems import moved_error, unknown_error

_GLOB = frozenset("*?[")


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One thing to install: a spec, or a package of the command line."""

    label: str  # what the user knows it by: the spec; the NEVRA of a file
    package: Any = None  # libdnf5's package of a file; None for a spec
    members: tuple[Any, ...] = ()  # of a group that no repository describes: layers that it brought
    provided: bool = False  # the base provides it: it blocks nothing if no package can be had


@dataclass(frozen=True, slots=True, kw_only=True)
class SortedRequests:
    """A goal's requests after sorting."""

    active: tuple[Request, ...]
    inactive: tuple[str, ...]


class _State(Enum):
    ACTIVE = auto()
    INACTIVE = auto()
    UNKNOWN = auto()
    REFUSED = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Verdict:
    request: Request
    state: _State
    moves: tuple[BaseMove, ...] = ()


def sort_requests(
    candidates: Candidates, goal: Goal, known: Any, *, complete: bool
) -> SortedRequests:
    """Sorts a goal's requests; `known` is a query of all packages, excluded ones as well.

    `complete` says that there are repositories and that all were loaded: only then does it mean
    something that none has a package which is layered.

    Raises:
        UnknownPackageError: specs that nothing matches; all of them.
        BaseMovedError: requests that only packages match which would move the base.
    """
    verdicts = [
        *(_judge_file(candidates, package) for package in candidates.local),
        *(
            _judge_spec(candidates, spec, renewing=goal.upgrade and complete)
            for spec in sorted(set(goal.install))
        ),
    ]
    unknown = [verdict.request.label for verdict in verdicts if verdict.state is _State.UNKNOWN]
    if unknown:
        hidden = {spec: matches(known, spec) for spec in unknown}
        raise unknown_error(candidates, unknown, hidden)
    moves = [move for verdict in verdicts for move in verdict.moves]
    if moves:
        raise moved_error(moves)
    inactive = {v.request.label for v in verdicts if v.state is _State.INACTIVE}
    return SortedRequests(
        active=tuple(v.request for v in verdicts if v.state is _State.ACTIVE),
        inactive=tuple(sorted(inactive)),
    )


def _judge_file(candidates: Candidates, package: Any) -> _Verdict:
    request = Request(label=str(nevra_of(package)), package=package)
    if nevra_of(package) in candidates.met:
        return _Verdict(request=request, state=_State.INACTIVE)
    if candidates.locked.contains(package):
        moves = _direct_moves(candidates, request.label, [package])
        return _Verdict(request=request, state=_State.REFUSED, moves=moves)
    return _Verdict(request=request, state=_State.ACTIVE)


def _judge_spec(candidates: Candidates, spec: str, *, renewing: bool) -> _Verdict:
    if spec.startswith("@"):
        return _judge_group(candidates, spec)
    provided = not _wants_each(spec) and provides_spec(candidates.there, spec)
    request = Request(label=spec, provided=provided)
    found = matches(candidates.visible, spec)
    found.difference(candidates.gone)
    offered = libdnf5.rpm.PackageQuery(found)
    offered.difference(candidates.there)
    free = libdnf5.rpm.PackageQuery(offered)
    free.difference(candidates.locked)
    if not found.size():
        return _Verdict(request=request, state=_State.UNKNOWN)
    if spec.startswith("("):  # what matches a part of it tells nothing of the whole
        return _Verdict(request=Request(label=spec), state=_State.ACTIVE)
    if found.size() > offered.size() and not (_wants_each(spec) and free.size()):
        return _Verdict(request=request, state=_State.INACTIVE)
    if request.provided and (not free.size() or (renewing and _only_layers(candidates, offered))):
        return _Verdict(request=request, state=_State.INACTIVE)
    if not free.size():
        moves = _direct_moves(candidates, spec, offered)
        return _Verdict(request=request, state=_State.REFUSED, moves=moves)
    return _Verdict(request=request, state=_State.ACTIVE)


def _judge_group(candidates: Candidates, spec: str) -> _Verdict:
    """Leaves a group to libdnf5 as a whole, unless only its layers are left."""
    brought = () if is_described(candidates.base, spec) else brought_by(candidates, spec)
    members = tuple(package for package in brought if not candidates.locked.contains(package))
    missing = tuple(each for each in members if nevra_of(each) not in candidates.base_nevras)
    state = _State.INACTIVE if brought and not missing else _State.ACTIVE
    return _Verdict(request=Request(label=spec, members=missing), state=state)


def _only_layers(candidates: Candidates, packages: Any) -> bool:
    """Tells whether all packages are layers, and none of them a file that is wanted itself."""
    local = {int(package.get_id().id) for package in candidates.local}
    layers = candidates.stubs.keys() - local
    return all(int(package.get_id().id) in layers for package in packages)


def _wants_each(spec: str) -> bool:
    """Tells whether a spec is a glob of names, of which each is wanted; one file is enough."""
    return not spec.startswith("/") and not _GLOB.isdisjoint(spec)


def _direct_moves(
    candidates: Candidates, label: str, packages: Iterable[Any]
) -> tuple[BaseMove, ...]:
    """Returns what the newest of the packages would do to the base."""
    newest = max(packages, key=cmp_to_key(_compare))
    return tuple(
        BaseMove(
            requests=(label,),
            base=old,
            replacement=nevra_of(newest),
            repo_id=str(newest.get_repo_id()),
        )
        for old in candidates.replaced_by(newest)
    )


def _compare(a: Any, b: Any) -> int:
    order = compare_evr(nevra_of(a).evr, nevra_of(b).evr)
    texts = (str(a.get_nevra()), str(a.get_repo_id())), (str(b.get_nevra()), str(b.get_repo_id()))
    return order or (texts[0] > texts[1]) - (texts[0] < texts[1])
