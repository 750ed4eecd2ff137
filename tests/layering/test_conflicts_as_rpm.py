# SPDX-License-Identifier: LGPL-2.1-or-later
"""Every pair of kinds of files at one path: rpm's verdict, tree and file states, and ours.

Where ours is another one, a row of `REFUSED` or `OTHERWISE` has the reason; nothing else may be.
"""

import itertools
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from layering.union import Union
from tests.layering.rpmjudge import VARIANTS, World, listing, make_world, package, states
from tests.rpms import File
from tests.sysroots import DATABASE

pytestmark = [pytest.mark.root, pytest.mark.slow]

CHANGES = ("same", "changed", "chmod")  # what happens to the base's file before it is the base
GRID = "/usr/grid"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """The kind of a path in the first package and in the second."""

    first: str
    second: str
    change: str = "same"

    @property
    def path(self) -> str:
        return f"{GRID}/{self.first}-{self.second}-{self.change}"

    @property
    def alike(self) -> bool:
        """Whether the two headers say the same of the path."""
        one, other = VARIANTS[self.first], VARIANTS[self.second]
        return one is not None and other is not None and _header(one) == _header(other)

    @property
    def nobodys(self) -> bool:
        """Whether the base has a file there that its package does not bring."""
        return self.change == "changed" and self.first in ("none", "ghost", "ghostconfig")

    @property
    def directories(self) -> tuple[bool, bool]:
        one, other = VARIANTS[self.first], VARIANTS[self.second]
        return one is not None and one.directory, other is not None and other.directory


def _header(file: File) -> tuple[object, ...]:
    return (
        file.content,
        file.mode,
        file.user,
        file.link,
        file.directory,
        "ghost" in file.directives,
    )


def _capabilities(case: Case) -> bool:
    return (case.first == "caps") != (case.second == "caps") and case.alike


def _silent(case: Case) -> bool:
    kind = VARIANTS[case.second]
    brought = kind is not None and not {"%config", "%ghost"} & {
        kind.directives[:7],
        kind.directives[:6],
    }
    return case.first == "none" and case.nobodys and brought


def _over_a_file(case: Case) -> bool:
    return case.nobodys and case.directories[1]


# What rpm installs and we refuse.
REFUSED: Mapping[str, Callable[[Case], bool]] = {
    "capabilities are content: none is lost, or gained, by the way": _capabilities,
    "a file that no package owns is somebody's work: rpm overwrites it without a word": _silent,
    "a directory takes no file's place: rpm deletes the file": _over_a_file,
}

# What rpm installs otherwise.
OTHERWISE: Mapping[str, Callable[[Case], bool]] = {
    "what the base has made of its own package's file stays: rpm undoes it": lambda case: (
        case.alike
    ),
    "%config(missingok) comes where another package's ghost is not there": lambda case: (
        case.first in ("ghost", "ghostconfig") and case.second == "missingok" and not case.nobodys
    ),
}


def cases(*changes: str) -> list[Case]:
    kinds = itertools.product(VARIANTS, VARIANTS, changes)
    return [Case(first=a, second=b, change=c) for a, b, c in kinds if b != "none"]


def brought(found: Sequence[Case], place: int) -> dict[str, File | None]:
    return {case.path: VARIANTS[(case.first, case.second)[place]] for case in found}


def changed(root: Path) -> None:
    """Does to the base's files what the cases say."""
    for case in cases("changed", "chmod"):
        path = root / case.path[1:]
        if case.change == "chmod":
            if path.exists() and not path.is_symlink():
                path.chmod(0o711 if path.is_dir() else 0o600)
        elif path.is_symlink():
            path.unlink()
            path.symlink_to("elsewhere")
        elif not path.is_dir():
            path.parent.mkdir(exist_ok=True)
            path.write_bytes((path.read_bytes() if path.exists() else b"") + b" changed")


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("rpms")


@pytest.fixture(scope="module")
def world(directory: Path) -> World:
    first = package(directory, "a-1-1.x86_64", brought(cases(*CHANGES), 0))
    return make_world(directory / "world", first, change=changed)


@pytest.fixture(scope="module")
def empty(directory: Path) -> World:
    return make_world(directory / "empty", package(directory, "empty-1-1.x86_64", {}))


def assert_same_tree(
    world: World, rpms: Sequence[Path], found: Sequence[Case], *, force: bool = False
) -> int:
    """Installs the packages both ways, and returns how many paths were compared."""
    root = world.rpm(*rpms, force=force)
    layers = world.layers(*rpms)
    united = world.ours(layers, frozenset("abcd") if force else frozenset())
    assert isinstance(root, Path) and isinstance(united, Union), (root, united)
    theirs, ours = listing(root, GRID), world.listing_of_ours(layers, united, GRID)
    before = listing(world.root, GRID)
    excused = {case.path for case in found if any(row(case) for row in OTHERWISE.values())}
    for path in theirs.keys() | ours.keys():
        if path in excused and theirs.get(path) != ours.get(path):
            assert path not in before or ours[path] == before[path], path
        else:
            assert ours.get(path) == theirs.get(path), path
    assert world.states_of_ours(layers, united) == states(root / DATABASE)
    return len(theirs)


def test_a_layer_over_a_base_is_refused_as_rpm_refuses_it(directory: Path, world: World) -> None:
    found = cases(*CHANGES)
    second = package(directory, "b-1-1.x86_64", brought(found, 1))
    theirs, ours = world.rpm(second, test=True), world.ours(world.layers(second))
    assert isinstance(theirs, set) and isinstance(ours, set)
    alone = {case.path for case in found if any(row(case) for row in REFUSED.values())}
    assert ours == theirs | alone
    assert theirs.isdisjoint(alone)
    assert (len(found), len(theirs), len(alone)) == (1950, 1404, 46)


def test_what_is_not_refused_is_installed_as_rpm_installs_it(directory: Path, world: World) -> None:
    every = package(directory, "b-2-1.x86_64", brought(cases(*CHANGES), 1))
    refused = world.ours(world.layers(every))
    assert isinstance(refused, set)
    found = [case for case in cases(*CHANGES) if case.path not in refused]
    second = package(directory, "b-3-1.x86_64", brought(found, 1))
    assert assert_same_tree(world, [second], found) > 1900


def test_what_is_forced_is_installed_as_rpm_installs_it(directory: Path, world: World) -> None:
    found = [case for case in cases(*CHANGES) if not _file_and_directory(case)]
    second = package(directory, "b-4-1.x86_64", brought(found, 1))
    assert assert_same_tree(world, [second], found, force=True) > 1900


def _file_and_directory(case: Case) -> bool:
    """rpm puts a directory in a file's place, or fails half-way: neither is done here."""
    if _over_a_file(case):
        return True
    there = case.first != "none" and not case.first.startswith("ghost")
    comes = not case.second.startswith("ghost")
    return there and comes and len(set(case.directories)) > 1


def test_layers_beside_each_other_are_refused_as_rpm_refuses_them(
    directory: Path, empty: World
) -> None:
    found = cases("same")
    rpms = [package(directory, f"{name}-5-1.x86_64", brought(found, at)) for at, name in _NAMES]
    theirs, ours = empty.rpm(*rpms, test=True), empty.ours(empty.layers(*rpms))
    assert isinstance(theirs, set) and isinstance(ours, set)
    alone = {case.path for case in found if _capabilities(case)}
    assert ours == theirs | alone
    assert theirs.isdisjoint(alone)
    installable = [case for case in found if case.path not in ours]
    rpms = [package(directory, f"{n}-6-1.x86_64", brought(installable, at)) for at, n in _NAMES]
    assert assert_same_tree(empty, rpms, installable) > 100
    assert assert_same_tree(empty, rpms[::-1], installable) > 100


def test_of_two_forced_layers_the_later_stands_as_with_rpm(directory: Path, empty: World) -> None:
    found = [case for case in cases("same") if not _file_and_directory(case)]
    rpms = [package(directory, f"{name}-7-1.x86_64", brought(found, at)) for at, name in _NAMES]
    assert assert_same_tree(empty, rpms, found, force=True) > 400


_NAMES = ((0, "a"), (1, "b"))
# Kinds whose verdict is rpm's in every pair.
_PLAIN = sorted(kind for kind in VARIANTS if kind not in ("caps", "missingok"))


@pytest.mark.parametrize("seed", range(4))
def test_a_random_set_is_free_of_conflicts_if_rpm_finds_none_in_any_pair(
    directory: Path, empty: World, seed: int
) -> None:
    """rpm compares a package with the one before it alone; here the order is of no consequence."""
    chosen = random.Random(seed)
    paths = [f"{GRID}/{at}" for at in range(200)]
    names = ("a", "b", "c", "d")
    kinds = {name: {path: chosen.choice(_PLAIN) for path in paths} for name in names}
    rpms = _packages(directory, f"{seed}", kinds)
    refused = _refused_in_pairs(empty, list(rpms.values()))
    every = [rpms[name] for name in chosen.sample(names, 4)]
    assert empty.ours(empty.layers(*every)) == refused
    assert 100 < len(refused) < 200


@pytest.mark.parametrize("seed", range(4))
def test_a_random_set_over_a_base_is_installed_as_rpm_installs_it(
    directory: Path, seed: int
) -> None:
    """Each path is free, or has kinds that get on with each other, in four packages."""
    chosen = random.Random(seed)
    sets = tuple(_getting_on())
    names = ("a", "b", "c", "d")
    kinds: dict[str, dict[str, str]] = {name: {} for name in names}
    for at in range(200):
        family = chosen.choice(sets)
        for name in names:
            kinds[name][f"{GRID}/{at}"] = chosen.choice((*family, "none"))
    rpms = _packages(directory, f"{seed}.1", kinds)
    world = make_world(directory / f"random-{seed}", rpms["a"])
    layered = [rpms[name] for name in chosen.sample(names[1:], 3)]
    assert assert_same_tree(world, layered, []) > 100


def _refused_in_pairs(world: World, rpms: Sequence[Path]) -> set[str]:
    refused: set[str] = set()
    for pair in [*((rpm,) for rpm in rpms), *itertools.combinations(rpms, 2)]:
        theirs = world.rpm(*pair, test=True)
        refused |= theirs if isinstance(theirs, set) else set()
    return refused


_ELF = ("none", "elf32", "elf32b", "elf64", "elf64b", "one755")


def test_of_two_word_sizes_the_same_file_stands_as_with_rpm(directory: Path) -> None:
    """In a base and two layers, whoever comes first."""
    kinds: dict[str, dict[str, str]] = {name: {} for name in "abc"}
    for at, trio in enumerate(itertools.product(_ELF, repeat=3)):
        # Of several equal 32-bit files rpm lets one pass for installed, if the 64-bit one is last.
        if trio[1] != trio[2] or trio[1] not in ("elf32", "elf32b"):
            for name, kind in zip("abc", trio, strict=True):
                kinds[name][f"{GRID}/{at}"] = kind
    rpms = _packages(directory, "elf", kinds)
    world = make_world(directory / "elf", rpms["a"])
    found = world.ours(world.layers(rpms["b"], rpms["c"]))
    theirs = _refused_in_pairs(world, [rpms["b"], rpms["c"]])
    assert isinstance(found, set) and found == theirs
    assert (len(kinds["a"]), len(found)) == (204, 124)
    for each in kinds.values():
        for path in found:
            del each[path]
    rpms = _packages(directory, "elf2", kinds)
    for order in ("bc", "cb"):
        layered = [rpms[name] for name in order]
        assert assert_same_tree(make_world(directory / f"elf-{order}", rpms["a"]), layered, []) > 50


def _getting_on() -> Iterator[tuple[str, ...]]:
    yield ("one", "config", "noreplace", "ghost", "ghostconfig")
    yield ("dir", "ghost")
    yield ("link", "ghost")
    yield ("configlink", "link")
    yield ("setuid", "ghost")
    yield ("games", "ghost")


def _packages(
    directory: Path, version: str, kinds: Mapping[str, Mapping[str, str]]
) -> dict[str, Path]:
    return {
        name: package(
            directory,
            f"{name}-{version}-9.x86_64",
            {path: VARIANTS[kind] for path, kind in found.items()},
        )
        for name, found in kinds.items()
    }
