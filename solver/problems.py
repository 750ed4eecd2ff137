# SPDX-License-Identifier: LGPL-2.1-or-later
"""Failures explained: whose request it was, the chain from it to what stops it, and what that is.

What libsolv's rules say is read by `solver.rules`, and worded by `solver.wording`. libsolv names a
rule once for each package that it holds for, and problems in the order it came upon them; here each
thing is said once, and the order is of the chain and of the texts. What a person can do is found by
solving again, see `solver.hints`.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import libdnf5

from solver.candidates import Candidates
from solver.errors import BaseMovedError, SolverError, UnknownPackageError, UnsatisfiableError
from solver.identity import nevra_of
from solver.matching import of_nevra, providers
from solver.model import BaseMove, Link
from solver.otherversions import other_versions
from solver.rules import Named, Rule, RuleKind, in_order, read_problems
from solver.wording import hidden_text, moved_by, split_text, text_of

_GROUP_NOT_FOUND = libdnf5.base.GoalProblem_NOT_FOUND


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
        said = {hidden_text(candidates, packages, each) for each in named}
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
    met = {relation: providers(known, relation) for relation in needed}
    said: dict[str, None] = {}
    for rule in in_order(declared, lambda each, relation: each.nevra in met[relation]):
        text = split_text(candidates, known, rule, declared) or text_of(candidates, known, rule)
        if text not in said:
            said[text] = None
            yield _link(candidates, known, rule, text)
        if rule.kind is not RuleKind.NOTHING_PROVIDES:
            continue
        for fact in other_versions(candidates, rule.relation):
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
    for package in of_nevra(known, rule.subject.nevra):
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
    if kind is RuleKind.HIDDEN and rule.subject and moved_by(candidates, known, rule.subject):
        kind = RuleKind.MOVES_BASE
    return Link(
        kind=kind,
        text=text,
        package=rule.subject.nevra if rule.subject else "",
        relation=rule.relation,
        other=rule.other.nevra if rule.other else "",
    )
