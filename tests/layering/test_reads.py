# SPDX-License-Identifier: LGPL-2.1-or-later
"""Few records stand for what a script looked at, and hold in no tree that differs in any of it."""

import random
from collections.abc import Iterable
from pathlib import Path

import pytest

from layering.reads import How, gathered, holds, packed, unpacked
from layering.repo import Repo
from layering.sandboxview import View
from tests.layering.test_sandboxview import view
from triggers import Observed


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    return Repo.create(tmp_path / "repo", mode="bare-user-only")


def observed(looked: Iterable[str] = (), listed: Iterable[str] = ()) -> Observed:
    return Observed(looked=frozenset(looked), listed=frozenset(listed))


def summary(seen: View, what: Observed) -> list[str]:
    return [f"{read.how} {read.path}" for read in gathered(seen, what)]


def test_records_survive_being_kept(repo: Repo) -> None:
    seen = view(repo, "f usr/c")
    reads = gathered(seen, observed(["/usr/c", "/usr/d\ne"], ["/usr"]))
    assert unpacked(packed(reads)) == reads
    assert unpacked(packed(())) == ()


def test_a_directory_that_was_gone_through_is_one_record(repo: Repo) -> None:
    seen = view(repo, *(f"f usr/d/{number}" for number in range(10)))
    looked = [f"/usr/d/{number}" for number in range(5)]
    assert summary(seen, observed(looked, ["/usr/d"])) == ["S /usr/d"]
    assert summary(seen, observed(looked[1:], ["/usr/d"])) == [
        "N /usr/d",
        "L /usr/d/1",
        "L /usr/d/2",
        "L /usr/d/3",
        "L /usr/d/4",
    ]


def test_a_tree_that_was_gone_through_is_one_record(repo: Repo) -> None:
    seen = view(repo, "f usr/d/e/a", "f usr/d/f/b", "f usr/d/f/g/c", "f usr/d/f/g/l")
    looked = ["/usr/d/e", "/usr/d/e/a", "/usr/d/f", "/usr/d/f/b", "/usr/d/f/g", "/usr/d/f/g/c"]
    listed = ["/usr/d", "/usr/d/e", "/usr/d/f", "/usr/d/f/g"]
    assert summary(seen, observed(looked, listed)) == ["T /usr/d"]


def test_a_link_that_leads_out_is_a_record_of_its_own(repo: Repo) -> None:
    lines = ["f usr/d/a", "l usr/d/b a", "l usr/d/c ../e/f"]
    looked = ["/usr/d/a", "/usr/d/b", "/usr/d/c"]
    seen = view(repo, *lines, "f usr/e/f 0644 one")
    what = observed(looked, ["/usr/d"])
    assert summary(seen, what) == ["S /usr/d", "L /usr/d/c"]
    assert not holds(view(repo, *lines, "f usr/e/f 0644 two"), gathered(seen, what))


def test_a_directory_behind_a_link_is_recorded_by_the_links_path(repo: Repo) -> None:
    lines = ["f usr/d/a 0644 one", "f usr/other/a 0644 two"]
    seen = view(repo, *lines, "l usr/to d")
    reads = gathered(seen, observed(["/usr/to/a"], ["/usr/to"]))
    assert not holds(view(repo, *lines, "l usr/to other"), reads)


def test_whatever_changes_of_what_was_looked_at_no_record_holds(repo: Repo) -> None:
    generator = random.Random(7)
    for _ in range(12):
        names = [f"usr/{a}/{b}/{c}" for a in "ab" for b in "cd" for c in "efg"]
        files = {name: f"f {name} 0644 {generator.random()}" for name in names}
        seen = view(repo, *files.values())
        looked = generator.sample(names, generator.randint(1, len(names)))
        above = {name.rpartition("/")[0] for name in names} | {"usr/a", "usr/b"}
        listed = generator.sample(sorted(above), generator.randint(0, len(above)))
        what = observed([f"/{each}" for each in looked], [f"/{each}" for each in listed])
        reads = gathered(seen, what)
        assert holds(seen, reads)
        changed = generator.choice(looked)
        assert not holds(view(repo, *(files | {changed: f"f {changed} 0600"}).values()), reads)
        gone = {name: line for name, line in files.items() if name != changed}
        assert not holds(view(repo, *gone.values()), reads)
        if listed:
            new = generator.choice(listed) + "/new"
            assert not holds(view(repo, *files.values(), f"f {new}"), reads)


def test_a_thousand_files_that_were_gone_through_are_few_records(repo: Repo) -> None:
    names = [f"usr/d/{number % 20}/{number}" for number in range(1000)]
    seen = view(repo, *(f"f {name}" for name in names))
    directories = ["/usr/d", *(f"/usr/d/{number}" for number in range(20))]
    what = observed([f"/{name}" for name in names], directories)
    assert [read.how for read in gathered(seen, what)] == [How.BELOW]
