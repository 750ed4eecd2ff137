# SPDX-License-Identifier: LGPL-2.1-or-later
"""Small random worlds, with librpm as the judge of every answer, solved or refused."""

import itertools
import subprocess
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from solver import Goal, LayerStub, Replacing, Sack, SackConfig, SolverError, Source
from tests.solver.headers import Dep, header, would_erase, write_database, write_stub

NAMES = "abcdefgh"


@dataclass(frozen=True, slots=True)
class Kind:
    """A package's version and dependencies."""

    version: int
    requires: tuple[str, ...]
    provides: tuple[str, ...]
    conflicts: tuple[str, ...]
    obsoletes: tuple[str, ...]

    def header(self, name: str) -> Any:
        """Returns librpm's header of it."""
        own = [text for text in self.obsoletes if text.split()[0] != name]
        enemies = [text for text in self.conflicts if text.split()[0] not in (name, *self.provides)]
        return header(
            f"{name}-{self.version}-1.noarch",
            requires=[Dep(text) for text in self.requires],
            provides=[Dep(text) for text in self.provides],
            conflicts=[Dep(text) for text in enemies],
            obsoletes=[Dep(text) for text in own],
        )


names = st.sampled_from(NAMES)
ranges = st.one_of(
    names, st.builds("{} {} {}".format, names, st.sampled_from(["<", ">=", "="]), st.just("2"))
)


def few(strategy: st.SearchStrategy[str], most: int) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(strategy, max_size=most, unique=True).map(tuple)


kinds = st.builds(
    Kind,
    version=st.integers(1, 3),
    requires=few(st.one_of(ranges, st.sampled_from(["v", "w"])), 2),
    provides=few(st.sampled_from(["v", "w"]), 1),
    conflicts=few(ranges, 1),
    obsoletes=st.one_of(st.just(()), st.just(()), few(ranges, 1)),
)
worlds = st.dictionaries(names, kinds, max_size=7)


@settings(
    max_examples=40,
    deadline=None,
    database=None,
    derandomize=True,  # an example costs 0.1 s: take more of them by hand, not by chance
    suppress_health_check=list(HealthCheck),
)
@given(
    base=st.sets(names, max_size=3), offered=worlds, wanted=st.sets(names, min_size=1, max_size=2)
)
def test_answers_are_what_librpm_would_install_without_touching_the_base(
    base: set[str], offered: dict[str, Kind], wanted: set[str]
) -> None:
    with tempfile.TemporaryDirectory() as place:
        directory = Path(place)
        (directory / "root").mkdir()
        installed = [header(f"{name}-1-1.noarch") for name in sorted(base)]
        write_database(installed, directory / "root")
        headers = {name: kind.header(name) for name, kind in offered.items()}
        for made in headers.values():
            write_stub(made, directory / "repo")
        make_repository(directory / "repo")
        config = SackConfig(
            installroot=directory / "root",
            cache_dir=directory / "cache",
            repos_from_path=(("r", str(directory / "repo")),),
            setopts=(("best", "0"),),  # else only the newest choice counts, possible or not
        )
        with Sack.open(config) as sack:
            try:
                answer = sack.resolve(Goal(install=tuple(wanted)))
            except SolverError:
                assert not has_solution(headers, wanted - base, directory / "root")
                return
        chosen = {package.nevra.name for package in answer.packages}
        assert set(answer.inactive) == wanted & base
        successors = {
            text.split()[0] for name in chosen for text in offered[name].obsoletes
        }  # dnf installs what obsoletes a package in its place
        assert wanted <= chosen | base | successors
        assert chosen.isdisjoint(base)
        added = [headers[name] for name in sorted(chosen)]
        assert would_erase(added, directory / "root") == ([], [])
        assert all(package.requested_by for package in answer.packages)


plain = st.dictionaries(names, kinds.map(lambda kind: replace(kind, obsoletes=())), max_size=6)


@settings(
    max_examples=60,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
@given(
    base=plain.filter(lambda found: len(found) > 1),
    offered=plain,
    removed=st.sets(names, max_size=2),
    replaced=st.sets(names, max_size=3),
    wanted=st.sets(names, max_size=1),
)
def test_the_base_changes_where_an_override_says_so_and_nowhere_else(
    base: dict[str, Kind],
    offered: dict[str, Kind],
    removed: set[str],
    replaced: set[str],
    wanted: set[str],
) -> None:
    removed &= base.keys()
    other = {name for name in base.keys() & offered.keys() if base[name] != offered[name]}
    newer = {name for name in other if base[name].version != offered[name].version}
    replaced = (replaced & newer) - removed
    wanted -= removed
    with tempfile.TemporaryDirectory() as place:
        root, repo = Path(place) / "root", Path(place) / "repo"
        root.mkdir()
        write_database([base[name].header(name) for name in sorted(base)], root)
        headers = {name: kind.header(name) for name, kind in offered.items()}
        for made in headers.values():
            write_stub(made, repo)
        make_repository(repo)
        config = SackConfig(
            installroot=root,
            cache_dir=Path(place) / "cache",
            repos_from_path=(("r", str(repo)),),
            setopts=(("best", "0"),),
        )
        goal = Goal(
            install=tuple(wanted),
            remove=tuple(removed),
            replace=tuple(Replacing(spec=name, renewed=True) for name in sorted(replaced)),
        )
        going = sorted(f"{name}-{base[name].version}-1.noarch" for name in removed | replaced)

        def judged(chosen: Iterable[str]) -> bool:
            added = [headers[name] for name in sorted(chosen)]
            return would_erase(added, root, sorted(removed)) == ([], going)

        with Sack.open(config) as sack:
            try:
                answer = sack.resolve(goal)
            except SolverError:
                needed = replaced | (wanted - base.keys())
                rest = sorted(headers.keys() - base.keys() - needed)
                assert not (needed <= headers.keys()) or not any(
                    judged({*needed, *more})
                    for size in range(len(rest) + 1)
                    for more in itertools.combinations(rest, size)
                )
                return
        chosen = {package.nevra.name for package in answer.packages}
        assert judged(chosen)
        assert replaced <= chosen
        assert chosen.isdisjoint(base.keys() - replaced)
        gone = [str(nevra) for nevra in (*answer.removed, *(e.old for e in answer.replaced))]
        assert sorted(gone) == going


@settings(
    max_examples=25,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
@given(
    base=st.sets(names, max_size=3),
    offered=st.dictionaries(names, kinds, min_size=4, max_size=7),
    wanted=st.sets(names, min_size=1, max_size=3),
)
def test_an_upgrade_without_newer_versions_is_the_present_set_of_layers(
    base: set[str], offered: dict[str, Kind], wanted: set[str]
) -> None:
    with tempfile.TemporaryDirectory() as place:
        directory = Path(place)
        (directory / "root").mkdir()
        installed = [header(f"{name}-1-1.noarch") for name in sorted(base)]
        write_database(installed, directory / "root")
        for name, kind in offered.items():
            write_stub(kind.header(name), directory / "repo")
        make_repository(directory / "repo")
        config = SackConfig(
            installroot=directory / "root",
            cache_dir=directory / "cache",
            repos_from_path=(("r", str(directory / "repo")),),
            setopts=(("best", "0"),),
        )
        with Sack.open(config) as sack:
            goal = Goal(install=tuple(wanted))
            try:
                present = sack.resolve(goal)
            except SolverError:
                return
            layers = tuple(
                LayerStub(
                    nevra=package.nevra,
                    digest=package.digest,
                    path=directory / "repo" / f"{package.nevra}.rpm",
                )
                for package in present.packages
            )
            kept = sack.resolve(replace(goal, layers=layers))
            upgraded = sack.resolve(replace(goal, layers=layers, upgrade=True))
        assert upgraded == kept
        assert [each.nevra for each in upgraded.packages] == [
            each.nevra for each in present.packages
        ]
        assert {each.source for each in upgraded.packages} <= {Source.LAYER}


def has_solution(headers: dict[str, Any], wanted: set[str], root: Path) -> bool:
    """Tells whether librpm would take any set with the wanted ones in it, the base untouched."""
    if not wanted <= headers.keys():
        return False
    rest = sorted(headers.keys() - wanted)
    sets = (itertools.combinations(rest, size) for size in range(len(rest) + 1))
    return any(
        would_erase([headers[name] for name in sorted({*wanted, *more})], root) == ([], [])
        for more in itertools.chain.from_iterable(sets)
    )


def make_repository(directory: Path) -> None:
    directory.mkdir(exist_ok=True)
    command = ["createrepo_c", "--quiet", "--no-database", "--workers=1", str(directory)]
    subprocess.run(command, check=True, capture_output=True)
