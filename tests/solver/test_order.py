# SPDX-License-Identifier: LGPL-2.1-or-later
"""The order of installation, judged by librpm where it has an opinion."""

import random
from collections.abc import Mapping, Sequence

import pytest
import rpm
from hypothesis import given, settings
from hypothesis import strategies as st

from solver import Dependency, Nevra, OrderItem, install_order
from solver.order import Sense, satisfies
from tests.solver.headers import Dep, header


def item(
    name: str,
    *,
    needs: Sequence[str] = (),
    pre: Sequence[str] = (),
    provides: Sequence[str] = (),
    files: Sequence[str] = (),
) -> OrderItem:
    requires = [Dep(text) for text in needs] + [Dep(text, Sense.SCRIPT_PRE) for text in pre]
    return OrderItem(
        nevra=Nevra.parse(f"{name}-1-1.noarch"),
        requires=tuple(map(dependency, requires)),
        provides=tuple(dependency(Dep(text)) for text in (f"{name} = 1-1", *provides)),
        files=frozenset(files),
    )


def dependency(dep: Dep) -> Dependency:
    return Dependency(name=dep.name, flags=dep.flags, version=dep.version)


def order(*items: OrderItem) -> list[str]:
    return [nevra.name for nevra in install_order(items)]


def test_what_provides_comes_first() -> None:
    assert order(item("a", needs=["b"]), item("b", needs=["c"]), item("c")) == ["c", "b", "a"]


def test_unrelated_packages_go_by_name() -> None:
    assert order(item("c"), item("a"), item("b")) == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("needed", "provider"),
    [
        ("virtual", item("z", provides=["virtual"])),
        ("virtual >= 2", item("z", provides=["virtual = 3"])),
        ("/usr/bin/tool", item("z", files=["/usr/bin/tool"])),
        ("libz.so.1(Z_1)(64bit)", item("z", provides=["libz.so.1(Z_1)(64bit)"])),
    ],
)
def test_whatever_is_provided_counts(needed: str, provider: OrderItem) -> None:
    assert order(item("a", needs=[needed]), provider) == ["z", "a"]


def test_a_version_that_does_not_fit_orders_nothing() -> None:
    assert order(item("a", needs=["z >= 2"]), item("z")) == ["a", "z"]


@pytest.mark.parametrize("sense", [Sense.RPMLIB, Sense.META])
def test_dependencies_that_say_nothing_about_time_are_left_out(sense: int) -> None:
    unordered = Dependency(name="z", flags=int(sense), version="")
    first = OrderItem(
        nevra=Nevra.parse("a-1-1.noarch"),
        requires=(unordered,),
        provides=(),
        files=frozenset(),
    )
    assert order(first, item("z")) == ["a", "z"]


def test_every_part_of_a_rich_dependency_counts() -> None:
    rich = Dependency(name="(y or (z >= 1 with libz.so()(64bit)))", flags=0, version="")
    first = OrderItem(
        nevra=Nevra.parse("a-1-1.noarch"), requires=(rich,), provides=(), files=frozenset()
    )
    assert order(first, item("y"), item("z")) == ["y", "z", "a"]


def test_what_a_package_has_by_itself_orders_nothing() -> None:
    assert order(item("a", needs=["v"], provides=["v"]), item("z", provides=["v"])) == ["a", "z"]


def test_a_scriptlets_needs_survive_a_circle() -> None:
    # Whichever way round the circle is cut, %pre of one finds the other in place.
    for first, second in (("a", "b"), ("b", "a")):
        assert order(item(first, pre=[second]), item(second, needs=[first])) == [second, first]


def test_a_circle_of_scriptlets_needs_stays_together() -> None:
    # x and y need each other by scriptlets, so nothing comes between; m closes a wider circle.
    items = [item("y", pre=["x"]), item("x", pre=["y"], needs=["m"]), item("m", needs=["y"])]
    assert order(*items, item("a", pre=["y"])) == ["m", "x", "y", "a"]


def test_a_circle_is_placed_between_what_it_needs_and_what_needs_it() -> None:
    circle = [item("m", needs=["n"]), item("n", needs=["m", "zlib"])]
    assert order(item("app", needs=["m"]), *circle, item("zlib")) == ["zlib", "m", "n", "app"]


NAMES = "abcdefg"
links = st.dictionaries(
    st.tuples(st.sampled_from(NAMES), st.sampled_from(NAMES)), st.booleans(), max_size=14
)


def world_of(links: Mapping[tuple[str, str], bool]) -> list[OrderItem]:
    return [
        item(
            name,
            needs=[to for (by, to), strong in links.items() if by == name and not strong],
            pre=[to for (by, to), strong in links.items() if by == name and strong],
        )
        for name in NAMES
    ]


@settings(database=None, deadline=None)
@given(links=links, seed=st.integers(0, 9))
def test_the_order_depends_on_the_set_alone(
    links: Mapping[tuple[str, str], bool], seed: int
) -> None:
    items = world_of(links)
    shuffled = items[:]
    random.Random(seed).shuffle(shuffled)
    assert order(*shuffled) == order(*items)
    assert sorted(order(*items)) == list(NAMES)


@settings(max_examples=60, database=None, deadline=None)
@given(links=links)
def test_what_librpm_keeps_is_kept(links: Mapping[tuple[str, str], bool]) -> None:
    """Every requirement outside of circles holds in both orders, every scriptlet's one too."""
    ours = order(*world_of(links))
    theirs = order_of_librpm(links)
    for (by, to), strong in links.items():
        same_circle = reaches(links, to, by)
        if by == to or (same_circle and not (strong and not reaches(only_strong(links), to, by))):
            continue
        assert ours.index(to) < ours.index(by)
        if not same_circle:
            assert theirs.index(to) < theirs.index(by)


def only_strong(links: Mapping[tuple[str, str], bool]) -> dict[tuple[str, str], bool]:
    return {link: strong for link, strong in links.items() if strong}


def reaches(links: Mapping[tuple[str, str], bool], start: str, goal: str) -> bool:
    seen, waiting = set(), [start]
    while waiting:
        name = waiting.pop()
        if name == goal:
            return True
        if name not in seen:
            seen.add(name)
            waiting += [to for by, to in links if by == name]
    return False


def order_of_librpm(links: Mapping[tuple[str, str], bool]) -> list[str]:
    transaction = rpm.TransactionSet()
    transaction.setVSFlags(-1)
    for name in NAMES:
        needs = [
            Dep(to, int(Sense.SCRIPT_PRE) if strong else 0)
            for (by, to), strong in links.items()
            if by == name
        ]
        transaction.addInstall(header(f"{name}-1-1.noarch", requires=needs), None, "i")
    transaction.check()
    transaction.order()
    return [str(element.N()) for element in transaction]


ranges = st.builds(
    lambda operator, version: f"n {operator} {version}" if operator else "n",
    st.sampled_from(["", "<", "<=", "=", ">=", ">"]),
    st.sampled_from(["1", "1-1", "1-2", "2", "1:1", "1~rc", "0:1-1", "2-0"]),
)


@settings(database=None)
@given(provide=ranges, require=ranges)
def test_ranges_meet_as_librpm_says(provide: str, require: str) -> None:
    has, wants = Dep(provide), Dep(require)
    provided = rpm.ds((has.name, has.flags, has.version), rpm.RPMTAG_PROVIDENAME)
    required = rpm.ds((wants.name, wants.flags, wants.version), rpm.RPMTAG_REQUIRENAME)
    assert satisfies(dependency(has), dependency(wants)) is bool(provided.Compare(required))
