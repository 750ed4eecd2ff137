# SPDX-License-Identifier: LGPL-2.1-or-later
"""Requests sorted by what becomes of them before anything is solved.

A request is inactive where the base meets it already, unknown where nothing matches, refused where
only packages that would move the base match, and active otherwise. Matching is dnf's own: NEVRA
forms first, then provides, then files, so a name that the base merely provides counts as met only
where no package that has it for a name can be installed beside the base. Whether one can is found
by solving, and so by `solver.goal`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from functools import cmp_to_key
from typing import Any

import libdnf5

from solver.candidates import Candidates, nevra_of
from solver.groups import brought_by, is_described
from solver.model import BaseMove, Goal, Reason
from solver.nevra import Nevra, compare_evr
from solver.problems import moved_error, unknown_error

_GLOB = frozenset("*?[")
_OPTIONAL = libdnf5.comps.PackageType_OPTIONAL  # what is in a group for the asking, by its name


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
        hidden = {spec: _matches(known, spec) for spec in unknown}
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
    request = Request(label=spec, provided=_is_provided(candidates, spec))
    matches = _matches(candidates.visible, spec)
    matches.difference(candidates.gone)
    offered = libdnf5.rpm.PackageQuery(matches)
    offered.difference(candidates.there)
    free = libdnf5.rpm.PackageQuery(offered)
    free.difference(candidates.locked)
    if not matches.size():
        return _Verdict(request=request, state=_State.UNKNOWN)
    if spec.startswith("("):  # what matches a part of it tells nothing of the whole
        return _Verdict(request=Request(label=spec), state=_State.ACTIVE)
    if matches.size() > offered.size() and not (_wants_each(spec) and free.size()):
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


def is_met(candidates: Candidates, request: Request, transaction: Any) -> bool:
    """Tells whether the base has what a request asks for, or what obsoletes it.

    Asked of requests that brought nothing into a solved transaction, where dnf takes it so.
    """
    if request.package is not None or request.members:
        return False
    if request.label.startswith("@"):
        members = _group_members(transaction).get(request.label[1:], set())
        return not members.isdisjoint(nevra.name for nevra in candidates.base_nevras)
    if _matches(candidates.there, request.label).size():
        return True
    obsoleters = libdnf5.rpm.PackageQuery(candidates.there)
    obsoleters.filter_obsoletes(_matches(candidates.visible, request.label))
    return bool(obsoleters.size())


def roots_of(
    candidates: Candidates, requests: Iterable[Request], transaction: Any
) -> dict[str, set[Nevra]]:
    """Returns the solution's packages that each active request names itself."""
    solution = libdnf5.rpm.PackageSet(candidates.base)
    for item in transaction.get_transaction_packages():
        solution.add(item.get_package())
    members = _group_members(transaction)
    roots: dict[str, set[Nevra]] = {}
    for request in requests:
        if request.members:
            roots[request.label] = {nevra_of(package) for package in request.members}
        elif request.package is not None:
            roots[request.label] = {nevra_of(request.package)}
        elif request.label.startswith("@"):
            names = members.get(request.label[1:], set())
            roots[request.label] = {
                nevra_of(package) for package in solution if str(package.get_name()) in names
            }
        else:
            query = _matches(libdnf5.rpm.PackageQuery(solution), request.label)
            if not query.size():  # dnf installs what obsoletes a package in its place
                query = libdnf5.rpm.PackageQuery(solution)
                query.filter_obsoletes(_matches(candidates.visible, request.label))
            roots[request.label] = {nevra_of(package) for package in query}
    return roots


def with_groups(
    packages: Sequence[tuple[Any, Reason]],
    requests: Iterable[Request],
    roots: Mapping[str, set[Nevra]],
) -> list[tuple[Any, Reason]]:
    """Returns packages with their reasons, members of groups with the one that groups give."""
    members: set[Nevra] = set()
    named: set[Nevra] = set()
    for request in requests:
        found = roots.get(request.label, set())
        (members if request.members else named).update(found)
    only = members - named
    return [(each, Reason.GROUP if nevra_of(each) in only else why) for each, why in packages]


def _matches(packages: Any, spec: str) -> Any:
    query = libdnf5.rpm.PackageQuery(packages)
    query.resolve_pkg_spec(spec, libdnf5.base.GoalJobSettings(), False)
    return query


def _is_provided(candidates: Candidates, spec: str) -> bool:
    """Tells whether a base package provides what a plain spec asks for."""
    if _wants_each(spec):
        return False
    settings = libdnf5.base.ResolveSpecSettings()
    settings.set_with_nevra(False)
    settings.set_with_filenames(False)
    settings.set_with_binaries(False)
    query = libdnf5.rpm.PackageQuery(candidates.there)
    query.resolve_pkg_spec(spec, settings, False)
    return bool(query.size())


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


def _group_members(transaction: Any) -> Mapping[str, set[str]]:
    """Returns the package names of each group and environment of a transaction, by id."""
    members: dict[str, set[str]] = {}
    for item in transaction.get_transaction_groups():
        group = item.get_group()
        names = {
            str(package.get_name())
            for package in group.get_packages()
            if package.get_type() != _OPTIONAL
        }
        members.setdefault(str(group.get_groupid()), set()).update(names)
        members.setdefault(str(group.get_name()), set()).update(names)
    for item in transaction.get_transaction_environments():
        environment = item.get_environment()
        groups = [str(group) for group in environment.get_groups()]
        names = set().union(*(members.get(group, set()) for group in groups))
        members.setdefault(str(environment.get_environmentid()), set()).update(names)
        members.setdefault(str(environment.get_name()), set()).update(names)
    return members
