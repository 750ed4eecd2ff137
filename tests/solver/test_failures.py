# SPDX-License-Identifier: LGPL-2.1-or-later
"""Requests that cannot be met, explained in whole messages."""

import pytest

from solver import (
    Goal,
    UnknownPackageError,
    UnsatisfiableError,
)
from tests.solver.worlds import World, hints, pkg

COMPS = """<?xml version="1.0" encoding="UTF-8"?>
<comps>
  <group>
    <id>tools</id><name>Tools</name><description/><uservisible>true</uservisible>
    <packagelist>
      <packagereq type="mandatory">hammer</packagereq>
      <packagereq type="optional">anvil</packagereq>
    </packagelist>
  </group>
</comps>
"""


def test_names_that_are_like_one_that_nothing_has_are_told(world: World) -> None:
    world.base("bash-1-1.noarch")
    world.repo("r", "strace-1-1.noarch", "ltrace-1-1.noarch")
    with pytest.raises(UnknownPackageError) as caught:
        world.resolve("strase", "basch", "/usr/bin/nope")
    assert hints(caught.value) == [
        "names like 'basch': bash",
        "names like 'strase': strace",
        "run 'overlay refresh-md' if a repository has it since recently",
    ]


def test_all_unknown_requests_are_named_at_once(world: World) -> None:
    world.repo("r", "app-1-1.noarch")
    with pytest.raises(UnknownPackageError) as caught:
        world.resolve("nope", "app", "/no/such/path", "zilch*")
    assert str(caught.value) == "no package matches '/no/such/path', 'nope', 'zilch*'"
    assert hints(caught.value) == ["run 'overlay refresh-md' if a repository has it since recently"]


def test_an_unknown_group_is_named(world: World) -> None:
    world.repo("r", "app-1-1.noarch", comps=COMPS)
    with pytest.raises(UnknownPackageError) as caught:
        world.resolve("@nothing")
    assert str(caught.value) == "no package matches '@nothing'"


@pytest.mark.parametrize("where", ["goal", "configuration"])
def test_an_excluded_package_is_told_from_an_unknown_one(world: World, where: str) -> None:
    world.repo("r", "app-1-1.noarch")
    conf = world.directory / "dnf.conf"
    excluded = "app" if where == "configuration" else ""
    conf.write_text(f"[main]\nexcludepkgs={excluded}\n", encoding="utf-8")
    goal = Goal(install=("app",), exclude=("app",) if where == "goal" else ())
    with world.sack(dnf_conf=conf) as sack, pytest.raises(UnknownPackageError) as caught:
        sack.resolve(goal)
    assert str(caught.value) == "no package matches 'app'"
    by = "--exclude" if where == "goal" else "the configuration"
    assert caught.value.details == (f"app-1-1.noarch from 'r' is excluded by {by}",)
    assert hints(caught.value) == [
        "leave out --exclude=app"
        if where == "goal"
        else "--setopt=disable_excludes=* lifts what the configuration excludes"
    ]


def test_a_requirement_that_nothing_provides_is_explained(world: World) -> None:
    world.base("libfoo-1-1.noarch")
    world.repo("r", "libfoo-2-1.noarch", pkg("app-1-1.noarch", requires=["libfoo >= 3"]))
    with pytest.raises(UnsatisfiableError) as caught:
        world.resolve("app")
    problem = "nothing provides libfoo >= 3 needed by app-1-1.noarch from 'r'"
    assert str(caught.value) == f"cannot install 'app': {problem}"
    assert caught.value.details == (
        problem,
        "the base has libfoo-1-1.noarch, the repositories only have libfoo-2-1.noarch",
    )
    assert hints(caught.value) == []


def test_only_the_requests_that_cannot_be_met_are_blamed(world: World) -> None:
    world.repo("r", "fine-1-1.noarch", pkg("broken-1-1.noarch", requires=["nothing-has-this"]))
    with pytest.raises(UnsatisfiableError) as caught:
        world.resolve("fine", "broken")
    assert caught.value.requests == ("broken",)


def test_requests_that_exclude_each_other_are_blamed_together(world: World) -> None:
    world.repo("r", "fine-1-1.noarch", "cat-1-1.noarch", pkg("dog-1-1.noarch", conflicts=["cat"]))
    with pytest.raises(UnsatisfiableError) as caught:
        world.resolve("fine", "dog", "cat")
    assert str(caught.value) == (
        "cannot install 'cat', 'dog': dog-1-1.noarch from 'r' conflicts with "
        "cat-1-1.noarch from 'r'"
    )
