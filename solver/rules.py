# SPDX-License-Identifier: LGPL-2.1-or-later
"""libsolv's rules as libdnf5 words them, read back into what they say of which packages.

libdnf5's Python bindings hand a problem out as text only: `SolverProblems.get_problems()` is a
vector that Python cannot look into. The wording is that of `libdnf5/base/solver_problems.cpp`; what
it does not match is kept as it is, as a rule of the kind OTHER.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

_BULLET = re.compile(r"^\s*(?:Problem(?: (?P<number>\d+))?: |- )(?P<rule>.*)$")


class RuleKind(StrEnum):
    """What a rule says, as `--progress json` has it."""

    NEEDS = "needs"
    NOTHING_PROVIDES = "nothing-provides"
    CONFLICTS = "conflicts"
    OBSOLETES = "obsoletes"
    BOTH = "one-of-two"  # two that have one name, and cannot be there together
    HIDDEN = "excluded"
    MOVES_BASE = "moves-base"  # our own: hidden because the base stays
    ARCHITECTURE = "architecture"
    VERSIONS = "versions"  # our own: which other versions there are
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """A package as a rule names it."""

    nevra: str
    repo_id: str = ""  # "": it is installed


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule of a problem."""

    kind: RuleKind
    text: str  # libdnf5's own
    subject: Named | None = None
    relation: str = ""
    other: Named | None = None


Provides = Callable[[Named, str], bool]

_A = r"(?P<a>\S+)(?: from (?P<a_repo>\S+))?"
_B = r"(?P<b>\S+)(?: from (?P<b_repo>\S+))?"
_PACKAGE = rf"(?:installed )?package {_A}"
# Each wording, and what it says. The first that matches counts.
_WORDINGS = tuple(
    (re.compile(pattern), kind)
    for pattern, kind in (
        (
            rf"{_PACKAGE} requires (?P<relation>.+), but none of the providers can be installed",
            RuleKind.NEEDS,
        ),
        (rf"nothing provides (?P<relation>.+) needed by {_A}", RuleKind.NOTHING_PROVIDES),
        (
            rf"{_PACKAGE} conflicts with (?P<relation>.+) provided by (?!itself$){_B}",
            RuleKind.CONFLICTS,
        ),
        (
            rf"{_PACKAGE} (?:implicitly )?obsoletes (?P<relation>.+) provided by {_B}",
            RuleKind.OBSOLETES,
        ),
        (rf"cannot install both {_A} and {_B}", RuleKind.BOTH),
        (rf"{_PACKAGE} is filtered out by (?:exclude|modular) filtering", RuleKind.HIDDEN),
        (rf"{_PACKAGE} does not have a compatible architecture", RuleKind.ARCHITECTURE),
        (rf"{_A} has inferior architecture", RuleKind.ARCHITECTURE),
    )
)
# What follows from the other rules of a problem, or says nothing at all.
_EMPTY = frozenset(
    {
        "",
        "cannot install the best candidate for the job",
        "conflicting requests",
        "problem with installed package",
    }
)


def read_problems(text: str) -> tuple[tuple[Rule, ...], ...]:
    """Returns the rules of each problem in what libdnf5 writes of a failed solve."""
    problems: list[list[Rule]] = [[]]
    for line in text.splitlines():
        match = _BULLET.match(line)
        rule = match["rule"].strip() if match else line.strip()
        if match and not line.lstrip().startswith("-"):
            problems.append([])
        if rule not in _EMPTY:
            problems[-1].append(read_rule(rule))
    return tuple(tuple(rules) for rules in problems if rules)


def read_rule(text: str) -> Rule:
    """Returns what one line says."""
    for pattern, kind in _WORDINGS:
        match = pattern.fullmatch(text)
        if match is not None:
            found = match.groupdict()
            return Rule(
                kind=kind,
                text=text,
                subject=_named(found, "a"),
                relation=found.get("relation") or "",
                other=_named(found, "b"),
            )
    return Rule(kind=RuleKind.OTHER, text=text)


def in_order(rules: Iterable[Rule], provides: Provides) -> tuple[Rule, ...]:
    """Returns rules from the request to what stops it: each after the one that leads to it.

    Rules of the same distance are in the order of their texts, so that the order in which libsolv
    came upon them does not show.
    """
    waiting = sorted(set(rules), key=_rank)
    leads = {
        rule: [
            other
            for other in waiting
            if other is not rule
            and rule.kind is RuleKind.NEEDS
            and any(
                named and provides(named, rule.relation) for named in (other.subject, other.other)
            )
        ]
        for rule in waiting
    }
    led = {other for others in leads.values() for other in others}
    level = [rule for rule in waiting if rule not in led and rule.kind is RuleKind.NEEDS]
    ordered: dict[Rule, int] = {}
    depth = 0
    while level:
        for rule in level:
            ordered[rule] = depth
        following = {other for rule in level for other in leads[rule] if other not in ordered}
        level = [rule for rule in waiting if rule in following]
        depth += 1
    # What ends a chain stands behind all chains, however long.
    return tuple(
        sorted(
            waiting,
            key=lambda rule: (
                rule.kind is not RuleKind.NEEDS,
                ordered.get(rule, depth),
                waiting.index(rule),
            ),
        )
    )


def _rank(rule: Rule) -> tuple[object, ...]:
    packages = (each.nevra if each else "" for each in (rule.subject, rule.other))
    return (rule.kind is not RuleKind.NEEDS, *packages, rule.relation, rule.text)


def _named(found: dict[str, str | None], key: str) -> Named | None:
    nevra = found.get(key)
    if not nevra:
        return None
    repo_id = found.get(f"{key}_repo") or ""
    return Named(nevra=nevra, repo_id="" if repo_id == "@System" else repo_id)
