# SPDX-License-Identifier: LGPL-2.1-or-later
"""The words for one rule of libsolv's, with packages called as a person knows them.

A package is of the base, of a layer, a local file or a repository. libdnf5 calls excluded what the
base's lock hides; here it says what it would do to the base. libdnf5's own wordings:
https://github.com/rpm-software-management/dnf5/blob/main/libdnf5/base/solver_problems.cpp
"""

from collections.abc import Iterable
from typing import Any

import libdnf5

from solver.candidates import Candidates
from solver.matching import of_nevra
from solver.model import COMMANDLINE_REPO
from solver.nevra import Nevra
from solver.rules import Named, Rule, RuleKind

_MOST_NAMED = 3  # of packages that all stand for the same


def text_of(candidates: Candidates, known: Any, rule: Rule) -> str:
    """Returns what a rule says; `known` is a query of the packages that it names."""
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
            return hidden_text(candidates, known, rule.subject)
        case RuleKind.ARCHITECTURE:
            arch = candidates.base.get_vars().get_value("arch")
            return f"{subject} is not for this architecture, {arch}"
    return rule.text


def hidden_text(candidates: Candidates, known: Any, named: Named) -> str:
    """Returns why a package that there is may not be chosen."""
    called = _called(candidates, known, named)
    moved = moved_by(candidates, known, named)
    if moved:
        return f"{called} would replace base package {', '.join(map(str, moved))}"
    by_goal = any(candidates.hides(package) for package in of_nevra(known, named.nevra))
    return f"{called} is excluded by {'--exclude' if by_goal else 'the configuration'}"


def split_text(candidates: Candidates, known: Any, rule: Rule, rules: Iterable[Rule]) -> str:
    """Returns in words that base and repositories have different versions; "" if it is not that."""
    if rule.kind is not RuleKind.HIDDEN or rule.subject is None:
        return ""
    moved = moved_by(candidates, known, rule.subject)
    if not moved or not rule.subject.nevra.startswith(f"{moved[0].name}-"):
        return ""
    others = {
        _called(candidates, known, each.subject)
        for each in rules
        if each.kind is RuleKind.HIDDEN
        and each.subject
        and moved_by(candidates, known, each.subject) == moved
    }
    offered = libdnf5.rpm.PackageQuery(candidates.visible)
    offered.filter_available()
    offered.filter_nevra([str(nevra) for nevra in moved])
    only = "" if offered.size() else "only "
    base = ", ".join(map(str, moved))
    return f"the base has {base}, the repositories {only}have {some(others)}"


def moved_by(candidates: Candidates, known: Any, named: Named) -> tuple[Nevra, ...]:
    """Returns the base packages that a package would replace."""
    for package in of_nevra(known, named.nevra):
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
        for repo in (package.get_repo() for package in of_nevra(known, named.nevra))
        if str(repo.get_id()) != COMMANDLINE_REPO and str(repo.get_id()) != "@System"
    ]
    repo_id = min(twins)[2] if twins else named.repo_id
    return f"{named.nevra} from '{repo_id}'"


def some(nevras: Iterable[str]) -> str:
    """Returns a few of many, sorted, and how many more there are."""
    found = sorted(nevras)
    more = f" and {len(found) - _MOST_NAMED} more" if len(found) > _MOST_NAMED else ""
    return ", ".join(found[:_MOST_NAMED]) + more
