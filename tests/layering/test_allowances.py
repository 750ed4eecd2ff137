# SPDX-License-Identifier: LGPL-2.1-or-later
import pytest

from layering.allowances import NEW, NOTHING, Allowances, Asked, sentences
from layering.errors import BadRequestError

LAYERED = ("app", "lib", "tool")
THIS_TIME = ("lib", "tool")  # of those, what was not there before


def names(*words: str) -> frozenset[str]:
    return frozenset(words)


@pytest.mark.parametrize(
    ("asked", "given"),
    [
        pytest.param(Asked(), NOTHING, id="nothing"),
        pytest.param(Asked(noscripts=("app",)), {"noscripts": ("app",)}, id="a name"),
        pytest.param(Asked(noscripts=("*l*",)), {"noscripts": ("lib", "tool")}, id="a glob"),
        pytest.param(Asked(noscripts=(NEW,)), {"noscripts": THIS_TIME}, id="no name: the new"),
        pytest.param(Asked(noscripts=("app", NEW)), {"noscripts": LAYERED}, id="both"),
        pytest.param(Asked(replacefiles=True), {"replacefiles": THIS_TIME}, id="files"),
        pytest.param(Asked(drop_special=True), {"drop_special": THIS_TIME}, id="devices"),
    ],
)
def test_what_is_asked_for_holds_for_the_packages_meant(
    asked: Asked, given: dict[str, tuple[str, ...]] | Allowances
) -> None:
    found = asked.for_packages(LAYERED, THIS_TIME)
    assert found.to_dict() == (given.to_dict() if isinstance(given, Allowances) else given)


def test_a_name_that_nothing_layered_has_is_an_error() -> None:
    with pytest.raises(BadRequestError) as caught:
        Asked(noscripts=("app", "nosuch")).for_packages(LAYERED, THIS_TIME)
    assert str(caught.value) == "no package of that name is layered: --noscripts=nosuch"


def test_where_nothing_is_new_there_is_nothing_to_allow_and_no_error() -> None:
    everything = Asked(noscripts=(NEW,), replacefiles=True, drop_special=True)
    assert everything and not everything.for_packages(LAYERED, ())


def test_what_was_allowed_goes_with_its_package() -> None:
    allowed = Allowances(noscripts=names("app", "lib"), replacefiles=names("lib"))
    assert allowed.only(["app", "tool"]) == Allowances(noscripts=names("app"))
    assert not allowed.only([])


def test_what_newly_applies_is_the_difference() -> None:
    before = Allowances(noscripts=names("app"))
    after = before | Allowances(noscripts=names("app", "lib"), drop_special=names("app"))
    new = Allowances(noscripts=names("lib"), drop_special=names("app"))
    assert (after - before, before - after) == (new, NOTHING)


def test_what_is_written_is_read_back_and_unknown_kinds_are_passed_over() -> None:
    allowed = Allowances(noscripts=names("b", "a"), drop_special=names("c"))
    written = allowed.to_dict()
    assert written == {"noscripts": ("a", "b"), "drop_special": ("c",)}
    assert Allowances.of(written | {"of-tomorrow": ("x",)}) == allowed


def test_each_is_said_in_words() -> None:
    every = Allowances(noscripts=names("b", "a"), replacefiles=names("a"), drop_special=names("a"))
    assert sentences(every) == (
        "a: its own scripts do not run",
        "b: its own scripts do not run",
        "a: its files may take the place of others'",
        "a: its device nodes, pipes and sockets are left out",
    )
