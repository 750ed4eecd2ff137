# SPDX-License-Identifier: LGPL-2.1-or-later
"""NEVRAs read and written, and versions ordered as rpm orders them."""

import re

import libdnf5
import pytest
import rpm
from hypothesis import given, settings
from hypothesis import strategies as st

from solver.nevra import Nevra, compare_evr, compare_versions

# Ordered as https://rpm-software-management.github.io/rpm/man/rpm-version.7 has it.
ORDERED = ["1.0~~", "1.0~beta1", "1.0~rc1", "1.0~rc1^git1", "1.0", "1.0^", "1.0^20240501"]
ORDERED += ["1.0a", "1.0.1", "1.1", "1.10", "2", "2a0", "10", "20101121"]

# The characters that versions are made of, and some that only separate.
versions = st.text(alphabet="0123459abzAZ~^._+", min_size=1, max_size=8)
anything = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
releases = st.text(alphabet="019az~^._", min_size=1, max_size=5)


@pytest.mark.parametrize("left", range(len(ORDERED)))
@pytest.mark.parametrize("right", range(len(ORDERED)))
def test_versions_of_the_manual_are_in_order(left: int, right: int) -> None:
    assert compare_versions(ORDERED[left], ORDERED[right]) == (left > right) - (left < right)


@settings(database=None)
@given(epochs=st.tuples(*[st.integers(0, 2)] * 2), data=st.data())
def test_versions_are_ordered_as_rpm_does(epochs: tuple[int, int], data: st.DataObject) -> None:
    left = (str(epochs[0]), data.draw(versions), data.draw(releases))
    right = (str(epochs[1]), data.draw(versions), data.draw(releases))
    expected = rpm.labelCompare(left, right)
    assert compare_evr(_evr(left), _evr(right)) == expected


@settings(database=None)
@given(a=st.text(anything, max_size=6), b=st.text(anything, max_size=6))
def test_any_text_is_ordered_as_rpm_does(a: str, b: str) -> None:
    assert compare_versions(a, b) == libdnf5.rpm.rpmvercmp(a, b)


def test_a_missing_release_is_not_compared() -> None:
    assert compare_evr("1.0", "1.0-5") == 0
    assert compare_evr("1.0-1", "1.0-5") == -1


def test_a_missing_epoch_is_zero() -> None:
    assert compare_evr("0:1-1", "1-1") == 0
    assert compare_evr("1:1-1", "2-1") == 1


@pytest.mark.parametrize(
    ("text", "nevra"),
    [
        ("foo-1-2.noarch", Nevra(name="foo", version="1", release="2", arch="noarch")),
        (
            "gcc-c++-3:14.0~rc1^git-2.fc44.x86_64",
            Nevra(name="gcc-c++", epoch=3, version="14.0~rc1^git", release="2.fc44", arch="x86_64"),
        ),
        ("a-b-c-1.0-1.i686", Nevra(name="a-b-c", version="1.0", release="1", arch="i686")),
    ],
)
def test_a_nevra_is_read_and_written_alike(text: str, nevra: Nevra) -> None:
    assert Nevra.parse(text) == nevra
    assert str(nevra) == text


def test_an_epoch_of_zero_is_left_out() -> None:
    nevra = Nevra.parse("foo-0:1-2.noarch")
    assert (str(nevra), nevra.evr) == ("foo-1-2.noarch", "1-2")


@pytest.mark.parametrize("text", ["", "foo", "foo-1", "foo-1-2", "foo-1.noarch", "a b-1-2.noarch"])
def test_what_is_no_nevra_is_named(text: str) -> None:
    message = f"'{text}' is not of the form name-[epoch:]version-release.arch"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        Nevra.parse(text)


def _evr(label: tuple[str, str, str]) -> str:
    return f"{label[0]}:{label[1]}-{label[2]}"
