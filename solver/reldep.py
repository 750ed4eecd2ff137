# SPDX-License-Identifier: LGPL-2.1-or-later
"""Dependencies as a header has them: a name, flags, a version; and when one meets another.

A rich dependency `(a or b)` is one name. librpm orders by its parts, but not by all of them: of
"with" and "without" by the left side, of "if" and "unless" by what is wanted, not by the condition;
and that one may be missing is forgotten.
https://rpm-software-management.github.io/rpm/manual/boolean_dependencies.html, lib/order.cc.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntFlag

from solver.nevra import compare_evr, split_evr


class Sense(IntFlag):
    """The bits of a dependency's flags that matter here, as rpm numbers them (rpmds.h)."""

    LESS = 1 << 1
    GREATER = 1 << 2
    EQUAL = 1 << 3
    POSTTRANS = 1 << 5
    PREREQ = 1 << 6
    PRETRANS = 1 << 7
    INTERP = 1 << 8
    SCRIPT_PRE = 1 << 9
    SCRIPT_POST = 1 << 10
    SCRIPT_PREUN = 1 << 11
    SCRIPT_POSTUN = 1 << 12
    SCRIPT_VERIFY = 1 << 13
    FIND_REQUIRES = 1 << 14
    MISSINGOK = 1 << 19
    PREUNTRANS = 1 << 20
    POSTUNTRANS = 1 << 21
    RPMLIB = 1 << 24
    KEYRING = 1 << 26
    CONFIG = 1 << 28
    META = 1 << 29


_COMPARISON = Sense.LESS | Sense.GREATER | Sense.EQUAL
_OPERATORS = {"<": Sense.LESS, ">": Sense.GREATER, "=": Sense.EQUAL}
_BOTH_SIDES = ("and", "or")
_WORDS = frozenset({*_BOTH_SIDES, "if", "unless", "else", "with", "without"})
# A name may hold pairs of parentheses, as in libz.so()(64bit).
_TOKEN = re.compile(r"[<>=]+|[()]|(?:[^\s()<>=]|(?<=\S)\([^\s()]*\))+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Dependency:
    """One entry of a header's REQUIRE* or PROVIDE* arrays."""

    name: str
    flags: int
    version: str  # "[epoch:]version[-release]", "" for none


def satisfies(provide: Dependency, require: Dependency) -> bool:
    """Tells whether the ranges of two dependencies of the same name meet, as rpm compares them."""
    if provide.name != require.name:
        return False
    has, wants = Sense(provide.flags) & _COMPARISON, Sense(require.flags) & _COMPARISON
    if not (has and wants and provide.version and require.version):
        return True
    order = compare_evr(provide.version, require.version)
    if order < 0:
        return bool(has & Sense.GREATER or wants & Sense.LESS)
    if order > 0:
        return bool(has & Sense.LESS or wants & Sense.GREATER)
    # "= 1" without a release takes every release of 1
    any_release = (Sense(0), has, wants)[_without_release(provide, require)]
    return bool(has & wants or any_release & Sense.EQUAL)


def _without_release(provide: Dependency, require: Dependency) -> int:
    """Returns 1 or 2 if the first or the second alone has no release, else 0."""
    first, second = (split_evr(dep.version)[2] is None for dep in (provide, require))
    return 0 if first is second else 1 if first else 2


def ordering_parts(require: Dependency) -> Iterator[Dependency]:
    """Yields the dependency itself, or those parts of a rich one that librpm orders by."""
    if not require.name.startswith("("):
        yield require
        return
    yield from _Rich(require).parts()


class _Rich:
    """One rich dependency while it is taken apart; a broken one has no parts."""

    def __init__(self, require: Dependency) -> None:
        self._flags = require.flags & ~(_COMPARISON | Sense.MISSINGOK)
        self._tokens = _TOKEN.findall(require.name)
        self._at = 0

    def parts(self) -> list[Dependency]:
        return self._operand()

    def _peek(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def _take(self) -> str:
        token = self._peek()
        self._at += 1
        return token

    def _operand(self) -> list[Dependency]:
        """Takes one side: a name with its comparison, or all of a pair of parentheses."""
        if self._peek() != "(":
            return [self._simple()]
        self._take()
        found = self._operand()
        operator = ""
        while self._peek() not in ("", ")"):
            operator = self._take()
            right = self._operand()
            found += right if operator in _BOTH_SIDES else []
        self._take()
        return found

    def _simple(self) -> Dependency:
        name = self._take()
        if not self._peek() or self._peek()[0] not in _OPERATORS:
            return Dependency(name=name, flags=self._flags, version="")
        flags = sum(_OPERATORS[sign] for sign in self._take())
        return Dependency(name=name, flags=flags | self._flags, version=self._take())
