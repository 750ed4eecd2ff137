# SPDX-License-Identifier: LGPL-2.1-or-later
"""The order of installation is librpm's, which is asked."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

import pytest
import rpm
from hypothesis import given, settings
from hypothesis import strategies as st

from solver import Dependency, Nevra, OrderItem, install_order
from solver.order import Sense, satisfies
from tests.solver.headers import Dep, header


def dependency(dep: Dep) -> Dependency:
    return Dependency(name=dep.name, flags=dep.flags, version=dep.version)


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """What a package says, for librpm and for us."""

    name: str
    requires: Sequence[Dep] = ()
    provides: Sequence[Dep] = ()
    recommends: Sequence[Dep] = ()
    order_with: Sequence[Dep] = ()
    files: Sequence[str] = ()

    @property
    def nevra(self) -> str:
        return f"{self.name}-1-1.noarch"

    def item(self) -> OrderItem:
        return OrderItem(
            nevra=Nevra.parse(self.nevra),
            requires=tuple(map(dependency, self.requires)),
            provides=tuple(map(dependency, (Dep(f"{self.name} = 1-1"), *self.provides))),
            files=frozenset(self.files),
            recommends=tuple(map(dependency, self.recommends)),
            order_with=tuple(map(dependency, self.order_with)),
        )

    def header(self) -> object:
        return header(
            self.nevra,
            requires=self.requires,
            provides=self.provides,
            recommends=self.recommends,
            order_with=self.order_with,
            files=self.files,
        )


def needing(name: str, *needs: str, pre: Sequence[str] = (), **more: Sequence[str]) -> Package:
    """A package that needs others, some of them for its %pre."""
    strong = [Dep(text, int(Sense.SCRIPT_PRE)) for text in pre]
    provides = [Dep(text) for text in more.get("provides", ())]
    requires = [*map(Dep, needs), *strong]
    return Package(name=name, requires=requires, provides=provides, files=more.get("files", ()))


def order(*packages: Package) -> list[str]:
    return [nevra.name for nevra in install_order([each.item() for each in packages])]


def order_of_librpm(packages: Sequence[Package]) -> list[str]:
    transaction = rpm.TransactionSet()
    transaction.setVSFlags(-1)
    for package in sorted(packages, key=lambda each: each.nevra):
        transaction.addInstall(package.header(), None, "i")
    transaction.check()
    transaction.order()
    return [str(element.N()) for element in transaction]


def test_what_provides_comes_first() -> None:
    assert order(needing("a", "b"), needing("b", "c"), needing("c")) == ["c", "b", "a"]


@pytest.mark.parametrize(
    ("needed", "provider"),
    [
        ("virtual", needing("b", provides=["virtual"])),
        ("virtual >= 2", needing("b", provides=["virtual = 3"])),
        ("/usr/bin/tool", needing("b", files=["/usr/bin/tool"])),
        ("libb.so.1(B_1)(64bit)", needing("b", provides=["libb.so.1(B_1)(64bit)"])),
    ],
)
def test_whatever_is_provided_counts(needed: str, provider: Package) -> None:
    # Without the need, c would be installed before b.
    assert order(needing("c"), provider) == ["c", "b"]
    assert order(needing("c", needed), provider) == ["b", "c"]


def test_a_version_that_does_not_fit_orders_nothing() -> None:
    assert order(needing("c", "b >= 2"), needing("b")) == ["c", "b"]


@pytest.mark.parametrize("sense", [Sense.RPMLIB, Sense.META, Sense.PRETRANS, Sense.MISSINGOK])
def test_dependencies_that_say_nothing_about_time_are_left_out(sense: int) -> None:
    unordered = Package(name="c", requires=[Dep("b", int(sense))])
    assert order(unordered, needing("b")) == ["c", "b"]


def test_what_a_package_has_by_itself_orders_nothing() -> None:
    assert order(needing("c", "v", provides=["v"]), needing("b", provides=["v"])) == ["c", "b"]


def test_a_scriptlets_needs_survive_a_circle() -> None:
    # Whichever way round the circle is cut, %pre of one finds the other in place.
    for first, second in (("a", "b"), ("b", "a")):
        assert order(needing(first, pre=[second]), needing(second, first)) == [second, first]


def test_a_package_of_32_bits_waits_for_those_of_64() -> None:
    items = [
        OrderItem(
            nevra=Nevra.parse(f"{name}-1-1.x86_64"),
            requires=(),
            provides=(),
            files=frozenset(),
            colour=colour,
        )
        for name, colour in (("a", 2), ("b", 2), ("c", 1))
    ]
    assert [nevra.name for nevra in install_order(items)] == ["b", "a", "c"]


def test_a_long_chain_needs_no_stack() -> None:
    chain = [needing(f"p{at:05}", f"p{at + 1:05}") for at in range(3000)]
    assert order(*chain)[0] == "p02999"


NAMES = [f"p{at}" for at in range(9)]
SENSES = [
    0,
    Sense.SCRIPT_PRE,
    Sense.SCRIPT_POST,
    Sense.SCRIPT_PREUN,
    Sense.PREREQ,
    Sense.META,
    Sense.META | Sense.SCRIPT_PRE,
    Sense.MISSINGOK,
    Sense.MISSINGOK | Sense.SCRIPT_POST,
    Sense.INTERP | Sense.SCRIPT_POST,
    Sense.PRETRANS,
    Sense.POSTTRANS,
]
RICH = ["({} or {})", "({} and {} and {})", "({} if {} else {})", "({} with {})", "({} without {})"]
RICH += ["(({} and {}) if {})", "({} unless {} else {})", "(({} or {}) and ({} or {}))"]
RICH += ["({} >= 2 or {} = 1)"]
names = st.sampled_from(NAMES)
paths = st.sampled_from(["/usr/bin/a", "/usr/lib/b"])
rich = st.builds(
    lambda form, parts: form.format(*parts),
    st.sampled_from(RICH),
    st.lists(names, min_size=4, max_size=4),
)
needs = st.builds(
    Dep,
    st.one_of(names, names, st.sampled_from(["v1", "v2"]), paths, rich),
    st.sampled_from([int(sense) for sense in SENSES]),
)
# rpmbuild sorts what a header says and keeps one of each.
several = st.lists(needs, max_size=4).map(lambda found: sorted({*found}, key=_sort_key))


def _sort_key(dep: Dep) -> tuple[str, int]:
    return dep.text, dep.sense


worlds = st.lists(names, min_size=2, max_size=9, unique=True).flatmap(
    lambda chosen: st.tuples(
        *(
            st.builds(
                Package,
                name=st.just(name),
                requires=several,
                provides=st.lists(st.sampled_from([Dep("v1"), Dep("v2")]), max_size=1),
                recommends=st.lists(needs, max_size=1),
                order_with=st.lists(needs, max_size=1),
                files=st.lists(paths, max_size=1),
            )
            for name in chosen
        )
    )
)


@settings(max_examples=400, database=None, deadline=None)
@given(packages=worlds, seed=st.integers(0, 9))
def test_the_order_is_librpms_to_the_last_tie(packages: Sequence[Package], seed: int) -> None:
    shuffled = [*packages]
    random.Random(seed).shuffle(shuffled)
    assert order(*shuffled) == order_of_librpm(packages)


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
