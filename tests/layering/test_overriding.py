# SPDX-License-Identifier: LGPL-2.1-or-later
"""Which override a word means."""

import pytest

from layering.originvalues import LocalPackage, Overrides, Replacement
from layering.overriding import NotOverriddenError, matching, resetting
from solver import Nevra

BASE = tuple(map(Nevra.parse, ("jq-1.7-5.x86_64", "nano-1:9-1.x86_64", "lib-1-1.x86_64")))
OVERRIDES = Overrides(
    remove=("nano",),
    replace_local=(LocalPackage(digest="00" * 32, nevra="jq-1.8-1.x86_64"),),
    replace=(Replacement(source="repo=updates", packages=("lib",)),),
)


@pytest.mark.parametrize(
    "word",
    [
        *("nano", "nano.x86_64", "nano-9", "nano-9-1", "nano-9-1.x86_64"),
        *("nano-1:9-1", "nano-1:9-1.x86_64", "na*64"),
    ],
)
def test_a_base_package_is_meant_by_any_form_of_its_nevra(word: str) -> None:
    assert matching(word, BASE) == ("nano",)


@pytest.mark.parametrize("word", ["nano-1", "nano-8", "nan", "9-1"])
def test_a_word_that_is_no_form_of_a_nevra_means_nothing(word: str) -> None:
    assert matching(word, BASE) == ()


@pytest.mark.parametrize("word", ["jq", "jq-1.8-1", "jq-1.8-1.x86_64", "jq-1.7-5.x86_64", "jq-1.7"])
def test_an_override_is_reset_by_what_is_replaced_and_by_what_replaces(word: str) -> None:
    assert resetting(OVERRIDES, [word], BASE) == Overrides(
        remove=OVERRIDES.remove, replace=OVERRIDES.replace
    )


def test_a_removal_and_what_follows_a_repository_are_reset_by_the_nevras_of_the_base() -> None:
    left = resetting(OVERRIDES, ["nano-1:9-1.x86_64", "lib-1-1.x86_64"], BASE)
    assert left == Overrides(replace_local=OVERRIDES.replace_local)


def test_an_override_of_what_the_base_lacks_is_reset_by_its_name() -> None:
    assert resetting(Overrides(remove=("gone",)), ["gone"], BASE) == Overrides()


def test_a_word_that_means_no_override_is_named() -> None:
    with pytest.raises(NotOverriddenError) as caught:
        resetting(Overrides(remove=("nano",)), ["nano", "jq-1.7", "vim"], BASE)
    assert str(caught.value) == "no override matches 'jq-1.7', 'vim': nothing to reset"
