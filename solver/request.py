# SPDX-License-Identifier: LGPL-2.1-or-later
"""Requests sorted by what becomes of them before anything is solved.

A request is inactive where the base meets it already, unknown where nothing matches, refused where
only packages that would move the base match, and active otherwise. Matching is dnf's own: NEVRA
forms first, then provides, then files, so a name that the base merely provides counts as met only
where no package has it for a name.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from functools import cmp_to_key
from typing import Any

import libdnf5

from solver.candidates import Candidates, nevra_of
from solver.model import BaseMove, Goal
from solver.nevra import Nevra, compare_evr
from solver.problems import moved_error, unknown_error

_GLOB = frozenset("*?[")


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One thing to install: a spec, or a package of the command line."""

    label: str  # what the user knows it by: the spec; the NEVRA of a file
    package: Any = None  # libdnf5's package of a file; None for a spec


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


def sort_requests(candidates: Candidates, goal: Goal, known: Any) -> SortedRequests:
    """Sorts a goal's requests; `known` is a query of all packages, excluded ones as well.

    Raises:
        UnknownPackageError: specs that nothing matches; all of them.
        BaseMovedError: requests that only packages match which would move the base.
    """
    verdicts = [
        *(_judge_file(candidates, package) for package in candidates.local),
        *(_judge_spec(candidates, spec) for spec in sorted(set(goal.install))),
    ]
    unknown = [verdict.request.label for verdict in verdicts if verdict.state is _State.UNKNOWN]
    if unknown:
        hidden = [spec for spec in unknown if _matches(known, spec).size()]
        raise unknown_error(unknown, hidden)
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
    if nevra_of(package) in candidates.base_nevras:
        return _Verdict(request=request, state=_State.INACTIVE)
    if candidates.locked.contains(package):
        moves = _direct_moves(candidates, request.label, [package])
        return _Verdict(request=request, state=_State.REFUSED, moves=moves)
    return _Verdict(request=request, state=_State.ACTIVE)


def _judge_spec(candidates: Candidates, spec: str) -> _Verdict:
    request = Request(label=spec)
    if spec.startswith("@"):  # groups are libdnf5's business as a whole
        return _Verdict(request=request, state=_State.ACTIVE)
    matches = _matches(candidates.visible, spec)
    offered = libdnf5.rpm.PackageQuery(matches)
    offered.difference(candidates.installed)
    free = libdnf5.rpm.PackageQuery(offered)
    free.difference(candidates.locked)
    if not matches.size():
        return _Verdict(request=request, state=_State.UNKNOWN)
    if matches.size() > offered.size() and not (_wants_each(spec) and free.size()):
        return _Verdict(request=request, state=_State.INACTIVE)
    if not free.size():
        moves = _direct_moves(candidates, spec, offered)
        return _Verdict(request=request, state=_State.REFUSED, moves=moves)
    return _Verdict(request=request, state=_State.ACTIVE)


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
        if request.package is not None:
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


def _matches(packages: Any, spec: str) -> Any:
    query = libdnf5.rpm.PackageQuery(packages)
    query.resolve_pkg_spec(spec, libdnf5.base.GoalJobSettings(), False)
    return query


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
        names = {str(package.get_name()) for package in group.get_packages()}
        members.setdefault(str(group.get_groupid()), set()).update(names)
        members.setdefault(str(group.get_name()), set()).update(names)
    for item in transaction.get_transaction_environments():
        environment = item.get_environment()
        groups = [str(group) for group in environment.get_groups()]
        names = set().union(*(members.get(group, set()) for group in groups))
        members.setdefault(str(environment.get_environmentid()), set()).update(names)
        members.setdefault(str(environment.get_name()), set()).update(names)
    return members
