# SPDX-License-Identifier: LGPL-2.1-or-later
"""Solutions judged again, and packages attributed to requests; no solver needed."""

import pytest

from solver.errors import BaseMovedError
from solver.nevra import Nevra
from solver.transaction import Step, attribute, base_moves, check_base_stays, replaces

N = Nevra.parse


def step(nevra: str, *, inbound: bool = True, replaced: tuple[str, ...] = ()) -> Step:
    return Step(nevra=N(nevra), repo_id="r", inbound=inbound, replaces=tuple(map(N, replaced)))


@pytest.mark.parametrize(
    ("new", "old", "expected"),
    [
        ("foo-2-1.x86_64", "foo-1-1.x86_64", True),
        ("foo-1-1.x86_64", "foo-1-1.x86_64", True),
        ("foo-2-1.noarch", "foo-1-1.x86_64", True),
        ("foo-1-1.x86_64", "foo-1-1.noarch", True),
        ("foo-1-1.i686", "foo-1-1.x86_64", False),  # multilib
        ("foo-2-1.i686", "foo-1-1.x86_64", True),  # both versions would share files
        ("foo-libs-1-1.x86_64", "foo-1-1.x86_64", False),
    ],
)
def test_what_replaces_what(new: str, old: str, expected: bool) -> None:
    assert replaces(N(new), N(old)) is expected


def test_additions_beside_the_base_are_fine() -> None:
    base = {N("libfoo-1-1.x86_64")}
    check_base_stays([step("app-1-1.noarch"), step("libfoo-1-1.i686")], base, {})


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        (
            [step("libfoo-2-1.x86_64")],
            "'app' would replace base package libfoo-1-1.x86_64 with libfoo-2-1.x86_64 from 'r'",
        ),
        (
            [step("newfoo-1-1.noarch", replaced=("libfoo-1-1.x86_64",))],
            "'app' would replace base package libfoo-1-1.x86_64 with newfoo-1-1.noarch from 'r'",
        ),
        (
            [step("enemy-1-1.noarch"), step("libfoo-1-1.x86_64", inbound=False)],
            "'app' would remove base package libfoo-1-1.x86_64",
        ),
        (
            [
                step("newfoo-1-1.noarch", replaced=("libfoo-1-1.x86_64", "bash-5-1.x86_64")),
                step("libfoo-1-1.x86_64", inbound=False),
            ],
            "'app' would replace base package bash-5-1.x86_64 with newfoo-1-1.noarch from 'r' "
            "(and moves 1 more)",
        ),
    ],
)
def test_a_moved_base_package_is_named_with_request_and_replacement(
    steps: list[Step], message: str
) -> None:
    base = {N("libfoo-1-1.x86_64"), N("bash-5-1.x86_64")}
    requests = {one.nevra: ("app",) for one in steps}
    with pytest.raises(BaseMovedError) as caught:
        check_base_stays(steps, base, requests)
    assert str(caught.value) == message


def test_going_packages_that_are_not_the_bases_do_not_matter() -> None:
    assert base_moves([step("other-1-1.noarch", inbound=False)], {N("a-1-1.noarch")}, {}) == ()


def test_requests_reach_what_their_packages_need() -> None:
    a, b, c, d = (N(f"{name}-1-1.noarch") for name in "abcd")
    attributed = attribute({"x": [a], "y": [b]}, {a: [c], b: [c], c: [d], d: [a]}, [a, b, c, d])
    assert attributed == {a: ("x", "y"), b: ("y",), c: ("x", "y"), d: ("x", "y")}


def test_what_no_request_reaches_belongs_to_all() -> None:
    a, b = N("a-1-1.noarch"), N("b-1-1.noarch")
    assert attribute({"x": [a], "y": []}, {}, [a, b]) == {a: ("x",), b: ("x", "y")}
