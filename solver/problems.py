# SPDX-License-Identifier: LGPL-2.1-or-later
"""Failures explained: whose request it was, the chain from it to what stops it, and what that is.

What libsolv's rules say is read by `solver.rules`; here packages get the names a person knows them
by (of the base, of a layer, a local file, a repository), and excludes their reason: libdnf5 calls
excluded what the base's lock hides, here it says what it would do to the base. What a person can do
is found by solving again, see `solver.hints`.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import libdnf5

from solver.candidates import Candidates
from solver.errors import BaseMovedError, SolverError, UnknownPackageError, UnsatisfiableError
from solver.identity import nevra_of
from solver.model import COMMANDLINE_REPO, BaseMove, Link
from solver.nevra import Nevra
from solver.rules import Named, Rule, RuleKind, in_order, read_problems

_SONAME = re.compile(r"([^/()]+\.so\.)[0-9]")
_GROUP_NOT_FOUND = libdnf5.base.GoalProblem_NOT_FOUND
_MOST_NAMED = 3  # of packages that all stand for the same


def unknown_error(
    candidates: Candidates, specs: Sequence[str], hidden: Mapping[str, Any]
) -> UnknownPackageError:
    """Returns the error for specs without a match; `hidden` has packages that excludes hide."""
    links = []
    for spec, packages in sorted(hidden.items()):
        named = [
            Named(nevra=str(nevra_of(package)), repo_id=str(package.get_repo_id()))
            for package in packages
        ]
        said = {_hidden(candidates, packages, each) for each in named}
        links += [Link(kind=RuleKind.HIDDEN, text=text, relation=spec) for text in sorted(said)]
    error = UnknownPackageError(specs, [spec for spec in hidden if hidden[spec].size()])
    error.chain = tuple(links)
    error.details = tuple(link.text for link in links)
    return error


def problem_chain(candidates: Candidates, transaction: Any) -> tuple[Link, ...]:
    """Returns what stops a transaction, each thing once, from the requests to the ends."""
    problems = []
    for event in transaction.get_resolve_logs():
        if event.get_solver_problems() is not None:
            for rules in read_problems(str(event.to_string())):
                problems.append(tuple(_links(candidates, rules)))
    ordered = sorted(problems, key=lambda links: [link.text for link in links])
    return tuple(dict.fromkeys(link for links in ordered for link in links))


def problem_lines(candidates: Candidates, transaction: Any) -> tuple[str, ...]:
    """Returns the same in words."""
    return tuple(link.text for link in problem_chain(candidates, transaction))


def unknown_groups(transaction: Any) -> tuple[str, ...]:
    """Returns the group specs that libdnf5 found no group for."""
    return tuple(
        sorted(
            f"@{event.get_spec()}"
            for event in transaction.get_resolve_logs()
            if event.get_problem() == _GROUP_NOT_FOUND
        )
    )


def moved_error(moves: Sequence[BaseMove], chain: Sequence[Link] = ()) -> SolverError:
    """Returns the error for requests that only a change of the base would meet."""
    error = BaseMovedError(moves, [link.text for link in chain])
    error.chain = tuple(chain)
    return error


def unsatisfiable_error(requests: Sequence[str], chain: Sequence[Link]) -> SolverError:
    """Returns the error for requests that have no solution."""
    ends = [link.text for link in chain if link.kind not in {RuleKind.NEEDS, RuleKind.VERSIONS}]
    ends += [link.text for link in chain]
    cause = ends[0] if ends else "the solver gives no reason"
    error = UnsatisfiableError(requests, cause, [link.text for link in chain])
    error.chain = tuple(chain)
    return error


def _links(candidates: Candidates, rules: Sequence[Rule]) -> Iterator[Link]:
    """Yields what the rules of one problem say, in order."""
    named = [each for rule in rules for each in (rule.subject, rule.other) if each]
    known = libdnf5.rpm.PackageQuery(candidates.everything)
    known.filter_nevra(sorted({each.nevra for each in named}))
    declared = [_as_declared(known, rule) for rule in rules]
    needed = {rule.relation for rule in declared if rule.kind is RuleKind.NEEDS}
    met = {relation: _providers(known, relation) for relation in needed}
    said: dict[str, None] = {}
    for rule in in_order(declared, lambda each, relation: each.nevra in met[relation]):
        text = _split(candidates, known, rule, declared) or _text(candidates, known, rule)
        if text not in said:
            said[text] = None
            yield _link(candidates, known, rule, text)
        if rule.kind is not RuleKind.NOTHING_PROVIDES:
            continue
        for fact in _versions(candidates, rule.relation):
            if fact not in said:
                said[fact] = None
                yield Link(kind=RuleKind.VERSIONS, text=fact, relation=rule.relation)


def _as_declared(known: Any, rule: Rule) -> Rule:
    """Returns a conflict with the package that declares it first; libdnf5 says it either way."""
    if rule.kind is RuleKind.BOTH and rule.subject and rule.other:
        first, second = sorted((rule.subject, rule.other), key=lambda named: named.nevra)
        return Rule(kind=rule.kind, text=rule.text, subject=first, other=second)
    if rule.kind is not RuleKind.CONFLICTS or rule.subject is None:
        return rule
    for package in _of_nevra(known, rule.subject.nevra):
        if rule.relation in {str(reldep.to_string()) for reldep in package.get_conflicts()}:
            return rule
    return Rule(
        kind=rule.kind,
        text=rule.text,
        subject=rule.other,
        relation=rule.relation,
        other=rule.subject,
    )


def _link(candidates: Candidates, known: Any, rule: Rule, text: str) -> Link:
    kind = rule.kind
    if kind is RuleKind.HIDDEN and rule.subject and _moved(candidates, known, rule.subject):
        kind = RuleKind.MOVES_BASE
    return Link(
        kind=kind,
        text=text,
        package=rule.subject.nevra if rule.subject else "",
        relation=rule.relation,
        other=rule.other.nevra if rule.other else "",
    )


def _text(candidates: Candidates, known: Any, rule: Rule) -> str:
    if rule.subject is None:
        return rule.text
    subject = _called(candidates, known, rule.subject)
    other = _called(candidates, known, rule.other) if rule.other else ""
    match rule.kind:
        case RuleKind.NEEDS:
            return f"{subject} needs {rule.relation}"
        case RuleKind.NOTHING_PROVIDES:
            return f"nothing provides {rule.relation} needed by {subject}"
        case RuleKind.CONFLICTS | RuleKind.OBSOLETES:
            named = rule.other and rule.other.nevra.startswith(f"{rule.relation}-")
            whose = other if named else f"{rule.relation}, which {other} provides"
            does = "conflicts with" if rule.kind is RuleKind.CONFLICTS else "obsoletes"
            return f"{subject} {does} {whose}"
        case RuleKind.BOTH:
            return f"cannot install both {subject} and {other}"
        case RuleKind.HIDDEN:
            return _hidden(candidates, known, rule.subject)
        case RuleKind.ARCHITECTURE:
            arch = candidates.base.get_vars().get_value("arch")
            return f"{subject} is not for this architecture, {arch}"
    return rule.text


def _hidden(candidates: Candidates, known: Any, named: Named) -> str:
    """Returns why a package that there is may not be chosen."""
    called = _called(candidates, known, named)
    moved = _moved(candidates, known, named)
    if moved:
        return f"{called} would replace base package {', '.join(map(str, moved))}"
    by_goal = any(candidates.hides(package) for package in _of_nevra(known, named.nevra))
    return f"{called} is excluded by {'--exclude' if by_goal else 'the configuration'}"


def _split(candidates: Candidates, known: Any, rule: Rule, rules: Iterable[Rule]) -> str:
    """Returns in words that base and repositories have different versions; "" if it is not that."""
    if rule.kind is not RuleKind.HIDDEN or rule.subject is None:
        return ""
    moved = _moved(candidates, known, rule.subject)
    if not moved or not rule.subject.nevra.startswith(f"{moved[0].name}-"):
        return ""
    others = {
        _called(candidates, known, each.subject)
        for each in rules
        if each.kind is RuleKind.HIDDEN
        and each.subject
        and _moved(candidates, known, each.subject) == moved
    }
    offered = libdnf5.rpm.PackageQuery(candidates.visible)
    offered.filter_available()
    offered.filter_nevra([str(nevra) for nevra in moved])
    only = "" if offered.size() else "only "
    base = ", ".join(map(str, moved))
    return f"the base has {base}, the repositories {only}have {_some(others)}"


def _moved(candidates: Candidates, known: Any, named: Named) -> tuple[Nevra, ...]:
    """Returns the base packages that a package would replace."""
    for package in _of_nevra(known, named.nevra):
        if candidates.locked.contains(package):
            return candidates.replaced_by(package)
    return ()


def _called(candidates: Candidates, known: Any, named: Named) -> str:
    """Returns what a person knows a package by."""
    if not named.repo_id:
        return f"base package {named.nevra}"
    layers = {str(stub.nevra) for stub in candidates.stubs.values()}
    if named.repo_id == COMMANDLINE_REPO:
        return f"{named.nevra} from a {'layer' if named.nevra in layers else 'local file'}"
    # Of repositories that have the same, it must not matter which was loaded first.
    twins = [
        (repo.get_priority(), repo.get_cost(), str(repo.get_id()))
        for repo in (package.get_repo() for package in _of_nevra(known, named.nevra))
        if str(repo.get_id()) != COMMANDLINE_REPO and str(repo.get_id()) != "@System"
    ]
    repo_id = min(twins)[2] if twins else named.repo_id
    return f"{named.nevra} from '{repo_id}'"


def _of_nevra(packages: Any, nevra: str) -> Any:
    query = libdnf5.rpm.PackageQuery(packages)
    query.filter_nevra([nevra])
    return query


def _versions(candidates: Candidates, needed: str) -> tuple[str, ...]:
    """Returns which other versions there are of what nothing provides."""
    name = needed.split(maxsplit=1)[0]
    if name.startswith("("):  # a rich dependency has no one name
        return ()
    offers = libdnf5.rpm.PackageQuery(candidates.visible)
    offers.filter_available()
    has, offered = _some(_providers(candidates.installed, name)), _some(_providers(offers, name))
    library = _SONAME.match(name)
    if has:
        return (f"the base has {has}, the repositories {_offer(offered)}",)
    if offered:
        return (f"the repositories {_offer(offered)}",)
    return _other_sonames(candidates, library[1]) if library else ()


def _offer(offered: str) -> str:
    return f"only have {offered}" if offered else "have no other"


def _other_sonames(candidates: Candidates, library: str) -> tuple[str, ...]:
    """Returns which base packages bring another version of a library, and which version."""
    known = candidates.sonames.get(library)
    if known is None:
        query = libdnf5.rpm.PackageQuery(candidates.installed)
        query.filter_provides([f"{library}*"], libdnf5.common.QueryCmp_GLOB)
        known = candidates.sonames[library] = tuple(
            _says_sonames(package, library)
            for package in sorted(query, key=lambda one: str(one.get_nevra()))
        )
    return known


def _says_sonames(package: Any, library: str) -> str:
    names = {str(reldep.get_name()) for reldep in package.get_provides()}
    # A library with versioned symbols provides one name for each set of them, in parentheses.
    found = {name.partition("(")[0] for name in names if name.startswith(library)}
    return f"the base has {package.get_nevra()} with {', '.join(sorted(found))}"


def _providers(packages: Any, relation: str) -> frozenset[str]:
    query = libdnf5.rpm.PackageQuery(packages)
    query.filter_provides([relation])
    return frozenset(str(nevra_of(package)) for package in query)


def _some(nevras: Iterable[str]) -> str:
    found = sorted(nevras)
    more = f" and {len(found) - _MOST_NAMED} more" if len(found) > _MOST_NAMED else ""
    return ", ".join(found[:_MOST_NAMED]) + more
