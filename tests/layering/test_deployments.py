# SPDX-License-Identifier: LGPL-2.1-or-later
"""Which deployment is meant: the rules, on boot orders written as one letter a deployment.

Capitals mark what is booted, `*` follows what is pinned, `+` what is staged; letters a to m are
stateroot "one", n to z are "two".
"""

import pytest

from layering.deployments import (
    Place,
    current_of,
    dropped_next,
    is_pending,
    is_rollback,
    kept,
    rolled_back,
)


def order(text: str) -> list[Place]:
    return [
        Place(
            stateroot="one" if letter.lower() < "n" else "two",
            booted=letter.isupper(),
            pinned=text[at + 1 : at + 2] == "*",
            staged=text[at + 1 : at + 2] == "+",
        )
        for at, letter in enumerate(text)
        if letter.isalpha()
    ]


def letters(text: str, positions: list[int] | tuple[int, ...]) -> str:
    names = [letter for letter in text if letter.isalpha()]
    return "".join(names[at] for at in positions)


@pytest.mark.parametrize(
    ("text", "stateroot", "expected"),
    [
        ("ab", "one", "a"),  # not booted: the default
        ("aBc", "one", "B"),
        ("a+Bc", "one", "B"),
        ("naBz", "two", "n"),  # another stateroot's is booted
        ("nab", "one", "a"),
        ("a+bN", "one", "b"),  # what is staged has no /etc to go on from
    ],
)
def test_the_current_deployment_is_the_booted_or_else_the_default(
    text: str, stateroot: str, expected: str
) -> None:
    at = current_of(order(text), stateroot)
    assert at is not None
    assert letters(text, [at]) == expected


def test_an_empty_stateroot_has_no_current_deployment() -> None:
    assert current_of(order("ab"), "two") is None


@pytest.mark.parametrize(
    ("text", "pending", "rollback"),
    [
        ("a", "", ""),
        ("ab", "", "b"),
        ("abc", "", "b"),
        ("A", "", ""),
        ("aBc", "a", "c"),
        ("a+Bcd", "a", "c"),
        ("nAzbc", "", "bz"),
        ("anBz", "a", "z"),
        ("a+N", "a", ""),  # the first of its stateroot
    ],
)
def test_pending_comes_before_and_the_rollback_right_behind_the_current_one(
    text: str, pending: str, rollback: str
) -> None:
    places = order(text)
    everything = range(len(places))
    assert letters(text, [at for at in everything if is_pending(places, at)]) == pending
    assert sorted(letters(text, [at for at in everything if is_rollback(places, at)])) == sorted(
        rollback
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ab", "ba"),
        ("abc", "bac"),
        ("Ab", "bA"),
        ("aBc", "Bac"),  # a pending one gives way to the booted one
        ("anb", "bna"),
        ("nabz", "nbaz"),
        ("a", None),
        ("nz", None),
    ],
)
def test_rolling_back_changes_the_first_two_of_the_stateroot(
    text: str, expected: str | None
) -> None:
    found = rolled_back(order(text), "one")
    assert (letters(text, found) if found else None) == expected


@pytest.mark.parametrize(
    ("text", "pending", "rollback", "expected"),
    [
        ("aBc", True, False, "Bc"),
        ("aBc", False, True, "aB"),
        ("aBc", True, True, "B"),
        ("aBc", False, False, "aBc"),
        ("a*Bc*", True, True, "aBc"),
        ("a+Bcd", True, True, "B"),
        ("a+N", True, False, "N"),
        ("a+bN", True, True, "bN"),
        ("naBzc", True, True, "nBz"),
        ("abc", True, False, "abc"),  # not booted: the default is no pending one
        ("abc", True, True, "a"),
        ("nz", True, True, "nz"),
    ],
)
def test_what_runs_what_is_pinned_and_other_stateroots_stay(
    text: str, pending: bool, rollback: bool, expected: str
) -> None:
    found = kept(order(text), "one", pending=pending, rollback=rollback)
    assert letters(text, found) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Ab", ""),  # nothing is staged
        ("a+B", ""),
        ("a+Bc", "c"),
        ("a+cBd", "cd"),  # a pending one goes as well
        ("a+Bc*d", "d"),
        ("a+Bnc", "c"),
        ("a+Nbc", "c"),  # another stateroot's runs: its first one's /etc goes on
        ("a+N", ""),
    ],
)
def test_finalizing_keeps_what_runs_what_is_pinned_and_other_stateroots(
    text: str, expected: str
) -> None:
    assert letters(text, dropped_next(order(text))) == expected
