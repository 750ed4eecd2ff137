# SPDX-License-Identifier: LGPL-2.1-or-later
"""Which package sets off which package trigger."""

import pytest

from tests.triggers.roots import compare_evr
from triggers import Condition, PackageTrigger, Phase
from triggers.packagetrigger import first_set_off

LESS, GREATER, EQUAL = 2, 4, 8


def trigger(*conditions: Condition, body: str = "") -> PackageTrigger:
    return PackageTrigger(
        package="t-1-1.noarch", phase=Phase.TRIGGERIN, conditions=conditions, body=body
    )


@pytest.mark.parametrize(
    ("sense", "version", "evr", "set_off"),
    [
        (0, "", "1-1", True),
        (LESS, "2", "1-1", True),
        (LESS, "2", "2-1", False),
        (LESS | EQUAL, "2", "2-9", True),
        (EQUAL, "2-1", "2-1", True),
        (EQUAL, "2-1", "2-2", False),
        (EQUAL, "2", "2-2", True),
        (GREATER, "2", "2-2", False),
        (GREATER | EQUAL, "2", "2-2", True),
        (GREATER, "2-1", "2-2", True),
    ],
)
def test_a_version_range_decides(sense: int, version: str, evr: str, set_off: bool) -> None:
    triggers = [trigger(Condition(name="foo", sense=sense, version=version))]
    found = first_set_off(triggers, Phase.TRIGGERIN, "foo", evr, compare_evr)
    assert (found is not None) is set_off


def test_only_the_first_trigger_that_holds_is_set_off() -> None:
    one = trigger(Condition(name="bar"), body="one")
    two = trigger(Condition(name="bar"), Condition(name="foo"), body="two")
    three = trigger(Condition(name="foo"), body="three")
    found = first_set_off([one, two, three], Phase.TRIGGERIN, "foo", "1-1", compare_evr)
    assert found is two


def test_a_trigger_of_another_phase_or_name_is_not_set_off() -> None:
    triggers = [trigger(Condition(name="foo"))]
    assert first_set_off(triggers, Phase.TRIGGERPREIN, "foo", "1-1", compare_evr) is None
    assert first_set_off(triggers, Phase.TRIGGERIN, "foobar", "1-1", compare_evr) is None
