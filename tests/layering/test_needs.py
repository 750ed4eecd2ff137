# SPDX-License-Identifier: LGPL-2.1-or-later
"""Who needs whom, and the shortest ways there, against rpm and a search by hand."""

import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from layering.dependencygraph import Chain, Graph
from layering.needs import Need, Needs, capability, needs_among
from layering.treeneeds import tree_needs
from solver import Dependency, Nevra, Sense, ordering_parts, satisfies
from tests.rpms import File, Spec, build_rpm

_SIGNS = {"<": Sense.LESS, ">": Sense.GREATER, "=": Sense.EQUAL}


def nevra(name: str) -> Nevra:
    return Nevra.parse(f"{name}-1-1.noarch")


def dep(text: str) -> Dependency:
    if text.startswith("(") or " " not in text:
        return Dependency(name=text, flags=0, version="")
    name, signs, version = text.split()
    return Dependency(name=name, flags=sum(_SIGNS[sign] for sign in signs), version=version)


def package(name: str, *requires: str, **more: Sequence[str]) -> Needs:
    kinds = {kind: tuple(map(dep, texts)) for kind, texts in more.items()}
    provides = (dep(f"{name} = 1-1"), *kinds.pop("provides", ()))
    return Needs(nevra=nevra(name), requires=tuple(map(dep, requires)), provides=provides, **kinds)


def told(needs: Sequence[Need]) -> list[str]:
    return [
        f"{n.source.name} {'~' if n.weak else '>'} {n.target.name}: {', '.join(n.capabilities)}"
        for n in needs
    ]


def test_a_need_is_a_requirement_that_the_other_provides() -> None:
    found = needs_among(
        [
            package("app", "lib >= 2", "libx.so.1", "lib < 9", "nowhere", "rpmlib(X)"),
            package("lib", provides=["lib = 3", "libx.so.1"]),
            package("old", provides=["lib = 1", "libx.so.2"]),
        ]
    )
    assert told(found) == [
        "app > lib: lib < 9, lib >= 2, libx.so.1",
        "app > old: lib < 9",
    ]


def test_what_a_package_meets_itself_ties_it_to_nobody() -> None:
    found = needs_among([package("a", "x", provides=["x"]), package("b", provides=["x"])])
    assert found == ()


def test_parts_of_rich_requirements_count_where_somebody_provides_them() -> None:
    found = needs_among(
        [package("a", "(b or c)", "(b if x)", "(nowhere or c)"), package("b"), package("c")]
    )
    assert told(found) == ["a > b: (b if x), (b or c)", "a > c: (b or c), (nowhere or c)"]


def test_what_is_wanted_is_weak_unless_it_is_required_too() -> None:
    found = needs_among(
        [
            package("a", "b", recommends=["b", "c"]),
            package("b"),
            package("c"),
            package("d", supplements=["(a and b)"]),
        ]
    )
    assert told(found) == [
        "a > b: b",
        "a ~ c: c",
        "a ~ d: (a and b)",
        "b ~ d: (a and b)",
    ]


def test_a_required_path_is_its_owners() -> None:
    found = needs_among([package("a", "/bin/sh"), package("b")], owners={"/bin/sh": [nevra("b")]})
    assert told(found) == ["a > b: /bin/sh"]


def test_a_capability_reads_as_in_a_spec_file() -> None:
    texts = ["lib", "lib >= 2:1-1", "lib < 3", "lib = 1"]
    assert [capability(dep(text)) for text in texts] == texts


def test_the_needs_of_a_tree_are_those_that_rpm_tells(tmp_path: Path) -> None:
    specs = {
        "app": Spec(requires=["lib >= 1", "/usr/bin/tool", "cap"], recommends=["more"]),
        "lib": Spec(requires=["cap"]),
        "tool": Spec(files={"/usr/bin/tool": File(mode=0o755)}, provides=["cap = 2"]),
        "more": Spec(),
    }
    rpms = [build_rpm(tmp_path, f"{name}-1-1.noarch", spec) for name, spec in specs.items()]
    database = tmp_path / "db"
    command = ["rpm", "--dbpath", str(database), "-U", "--justdb", "--nodeps", "--noverify"]
    subprocess.run([*command, *map(str, rpms)], check=True, capture_output=True)
    packages, needs = tree_needs(database, {"/bin": "/usr/bin"})
    assert [each.name for each in packages] == ["app", "lib", "more", "tool"]
    ours = {(n.source.name, n.target.name) for n in needs if not n.weak}
    query = ["rpm", "--dbpath", str(database), "-q", "--qf", "%{name}\n"]
    theirs = set()
    for name in specs:
        asked = subprocess.run([*query, "-R", name], check=True, capture_output=True, text=True)
        for line in asked.stdout.splitlines():
            if line != name and not line.startswith("rpmlib("):
                provider = subprocess.run(
                    [*query, "--whatprovides", line.split()[0]],
                    check=True,
                    capture_output=True,
                    text=True,
                ).stdout.split()
                theirs |= {(name, each) for each in provider if each != name}
    assert ours == theirs != set()
    assert ("app", "more") in {(n.source.name, n.target.name) for n in needs if n.weak}


_often = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])

NAMES = "abcdef"
_texts = st.builds(
    lambda name, rest: f"{name}{rest}",
    st.sampled_from(NAMES),
    st.sampled_from(["", " = 1", " >= 1", " < 2", " > 1", " = 2", " >= 1-1", " < 1-1"]),
)
_rich = st.builds(
    lambda a, b, word: f"({a} {word} {b})", _texts, _texts, st.sampled_from(["or", "and", "if"])
)
worlds = st.lists(
    st.tuples(
        st.lists(st.one_of(_texts, _rich), max_size=3),
        st.lists(_texts.filter(lambda text: "<" not in text and ">" not in text), max_size=2),
        st.lists(_texts, max_size=1),
    ),
    min_size=1,
    max_size=len(NAMES),
)


def made(world: list[tuple[list[str], list[str], list[str]]]) -> list[Needs]:
    return [
        package(name, *requires, provides=provides, recommends=recommends)
        for name, (requires, provides, recommends) in zip(NAMES, world, strict=False)
    ]


@_often
@given(worlds)
def test_every_need_is_met_by_its_target_and_no_met_requirement_is_forgotten(
    world: list[tuple[list[str], list[str], list[str]]],
) -> None:
    packages = made(world)
    needs = needs_among(packages)
    by_nevra = {each.nevra: each for each in packages}
    asked = {(need.source, need.target): set(need.capabilities) for need in needs if not need.weak}
    for one in packages:
        for other in packages:
            expected = set()
            for require in one.requires:
                for part in ordering_parts(require):
                    mine = any(satisfies(has, part) for has in one.provides)
                    theirs = any(satisfies(has, part) for has in by_nevra[other.nevra].provides)
                    if theirs and not mine:
                        expected.add(capability(require))
            assert asked.get((one.nevra, other.nevra), set()) == expected
    assert needs_among(packages[::-1]) == needs


@_often
@given(worlds, st.sets(st.integers(0, 5), min_size=1, max_size=3), st.integers(0, 5))
def test_chains_are_all_of_the_shortest_and_nothing_else(
    world: list[tuple[list[str], list[str], list[str]]], roots: set[int], goal: int
) -> None:
    packages = made(world)
    needs = needs_among(packages)
    named = frozenset(packages[at % len(packages)].nevra for at in roots)
    target = packages[goal % len(packages)].nevra
    found = Graph({"r": named}, needs).chains(target)
    strong = [need for need in needs if not need.weak]
    expected = list(by_hand(named, strong, target)) or list(by_hand(named, needs, target))
    ways = [[str(step.package) for step in chain.steps] for chain in found]
    assert ways == sorted([str(each) for each in way] for way in expected)
    every = {(need.source, need.target): need.capabilities for need in needs}
    for chain in found:
        for before, after in zip(chain.steps, chain.steps[1:], strict=False):
            assert after.capabilities == every[before.package, after.package]


def by_hand(roots: frozenset[Nevra], needs: Sequence[Need], target: Nevra) -> Iterator[list[Nevra]]:
    """All ways of the first length at which there is one: breadth first, without repetition."""
    ways = [[root] for root in roots]
    for _ in NAMES:
        arrived = [way for way in ways if way[-1] == target]
        if arrived:
            yield from arrived
            return
        ways = [
            [*way, need.target]
            for way in ways
            for need in needs
            if need.source == way[-1] and need.target not in way
        ]


def test_each_request_has_chains_of_its_own() -> None:
    packages = [package("a", "c"), package("b", "d"), package("d", "c"), package("c")]
    roots = {"x": frozenset({nevra("a")}), "y": frozenset({nevra("b")}), "z": frozenset[Nevra]()}
    found = Graph(roots, needs_among(packages)).chains(nevra("c"))
    assert [shown(chain) for chain in found] == ["x: a c", "y: b d c"]


def shown(chain: Chain) -> str:
    return f"{chain.request}: {' '.join(step.package.name for step in chain.steps)}"
