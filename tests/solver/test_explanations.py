# SPDX-License-Identifier: LGPL-2.1-or-later
"""Each kind of failure, in a world of its own, as a person reads it: cause, chain, and hints."""

from itertools import permutations, product
from textwrap import dedent
from typing import Any

import pytest

from layering.cli.failure import failure
from solver import Goal, SolverError
from tests.solver.worlds import World, names, pkg


def told(world: World, goal: Goal, **config: Any) -> str:
    """Returns the whole message of a goal that fails."""
    with world.sack(**config) as sack, pytest.raises(SolverError) as caught:
        sack.resolve(goal)
    return "\n".join(failure(caught.value).lines())


def says(text: str) -> str:
    """Returns a message as a test has it."""
    return dedent(text).strip()


def test_nothing_provides_what_a_chain_needs(world: World) -> None:
    world.repo("r", pkg("app-1-1.noarch", requires=["mid"]), pkg("mid-1-1.noarch", requires=["x"]))
    assert told(world, Goal(install=("app",))) == says("""
        error: cannot install 'app': nothing provides x needed by mid-1-1.noarch from 'r'
          app-1-1.noarch from 'r' needs mid
    """)


def test_programs_are_told_the_chain_as_data(world: World) -> None:
    world.repo("r", pkg("app-1-1.noarch", requires=["mid"]), pkg("mid-1-1.noarch", requires=["x"]))
    with pytest.raises(SolverError) as caught:
        world.resolve("app")
    record: dict[str, Any] = failure(caught.value).record()
    assert [(link["kind"], link["package"], link["relation"]) for link in record["chain"]] == [
        ("needs", "app-1-1.noarch", "mid"),
        ("nothing-provides", "mid-1-1.noarch", "x"),
    ]


def test_a_package_needs_exactly_another_version_of_a_base_package(world: World) -> None:
    world.base("mesa-libGL-24.1-1.x86_64")
    world.repo("updates", "mesa-libGL-24.1-3.x86_64")
    world.repo("free", pkg("mesa-freeworld-24.1-3.x86_64", requires=["mesa-libGL = 24.1-3"]))
    assert told(world, Goal(install=("mesa-freeworld",))) == says("""
        error: 'mesa-freeworld' would replace base package mesa-libGL-24.1-1.x86_64 \
with mesa-libGL-24.1-3.x86_64 from 'updates'
          mesa-freeworld-24.1-3.x86_64 from 'free' needs mesa-libGL = 24.1-3
          the base has mesa-libGL-24.1-1.x86_64, the repositories only have \
mesa-libGL-24.1-3.x86_64 from 'updates'
        hint: a base with mesa-libGL-24.1-3.x86_64 would do: see 'overlay upgrade --check'
        hint: to change the base: overlay override replace mesa-libGL-24.1-3.x86_64 \
--install mesa-freeworld
    """)


def test_a_package_needs_a_newer_base_package(world: World) -> None:
    world.base("lib-1-1.noarch")
    world.repo("r", "lib-1-1.noarch", "lib-2-1.noarch", "lib-3-1.noarch")
    world.repo("r", pkg("app-1-1.noarch", requires=["lib >= 2"]))
    assert told(world, Goal(install=("app",))) == says("""
        error: 'app' would replace base package lib-1-1.noarch with lib-3-1.noarch from 'r'
          app-1-1.noarch from 'r' needs lib >= 2
          the base has lib-1-1.noarch, the repositories have lib-2-1.noarch from 'r', \
lib-3-1.noarch from 'r'
        hint: a base with lib-3-1.noarch would do: see 'overlay upgrade --check'
        hint: to change the base: overlay override replace lib-3-1.noarch --install app
    """)


def test_a_package_needs_an_older_base_package(world: World) -> None:
    world.base("lib-2-1.noarch")
    world.repo("r", "lib-1-1.noarch", pkg("app-1-1.noarch", requires=["lib = 1-1"]))
    assert told(world, Goal(install=("app",))) == says("""
        error: 'app' would replace base package lib-2-1.noarch with lib-1-1.noarch from 'r'
          app-1-1.noarch from 'r' needs lib = 1-1
          the base has lib-2-1.noarch, the repositories only have lib-1-1.noarch from 'r'
        hint: to change the base: overlay override replace lib-1-1.noarch --install app
    """)


def test_a_version_that_nobody_has_is_told_beside_those_that_there_are(world: World) -> None:
    world.base("lib-1-1.noarch")
    world.repo("r", "lib-2-1.noarch", pkg("app-1-1.noarch", requires=["lib >= 3"]))
    assert told(world, Goal(install=("app",))) == says("""
        error: cannot install 'app': nothing provides lib >= 3 needed by app-1-1.noarch from 'r'
          the base has lib-1-1.noarch, the repositories only have lib-2-1.noarch
    """)


def test_a_request_conflicts_with_a_base_package(world: World) -> None:
    world.base("lib-1-1.noarch")
    world.repo("r", pkg("enemy-1-1.noarch", conflicts=["lib < 3"]))
    assert told(world, Goal(install=("enemy",))) == says("""
        error: 'enemy' would remove base package lib-1-1.noarch
          enemy-1-1.noarch from 'r' conflicts with lib < 3, which base package \
lib-1-1.noarch provides
        hint: to change the base: overlay override remove lib --install enemy
    """)


def test_two_requests_conflict(world: World) -> None:
    world.repo("r", "cat-1-1.noarch", pkg("dog-1-1.noarch", conflicts=["cat"]), "fine-1-1.noarch")
    assert told(world, Goal(install=("fine", "dog", "cat"))) == says("""
        error: cannot install 'cat', 'dog': dog-1-1.noarch from 'r' conflicts with \
cat-1-1.noarch from 'r'
        hint: leave out 'cat'
        hint: leave out 'dog'
    """)


def test_what_a_request_needs_obsoletes_a_base_package(world: World) -> None:
    world.base("lib-1-1.noarch")
    world.repo("r", pkg("newlib-1-1.noarch", obsoletes=["lib < 2"]))
    world.repo("r", pkg("app-1-1.noarch", requires=["newlib"]))
    assert told(world, Goal(install=("app",))) == says("""
        error: 'app' would replace base package lib-1-1.noarch with newlib-1-1.noarch from 'r'
          app-1-1.noarch from 'r' needs newlib
          newlib-1-1.noarch from 'r' would replace base package lib-1-1.noarch
        hint: to change the base: overlay override remove lib --install app
    """)


def test_what_a_request_needs_is_excluded_by_configuration(world: World) -> None:
    world.repo("r", "lib-1-1.noarch", pkg("app-1-1.noarch", requires=["lib"]))
    conf = world.directory / "dnf.conf"
    conf.write_text("[main]\nexcludepkgs=lib\n", encoding="utf-8")
    assert told(world, Goal(install=("app",)), dnf_conf=conf) == says("""
        error: cannot install 'app': lib-1-1.noarch from 'r' is excluded by the configuration
          app-1-1.noarch from 'r' needs lib
        hint: --setopt=disable_excludes=* lifts what the configuration excludes
    """)


def test_what_a_request_needs_is_excluded_by_the_command(world: World) -> None:
    world.repo("r", "lib-1-1.noarch", pkg("app-1-1.noarch", requires=["lib"]))
    assert told(world, Goal(install=("app",), exclude=("other*", "lib*"))) == says("""
        error: cannot install 'app': lib-1-1.noarch from 'r' is excluded by --exclude
          app-1-1.noarch from 'r' needs lib
        hint: leave out --exclude=lib*
    """)


def test_an_excluded_request_is_told_from_an_unknown_one(world: World) -> None:
    world.repo("r", "app-1-1.noarch")
    assert told(world, Goal(install=("app",), exclude=("app",))) == says("""
        error: no package matches 'app'
          app-1-1.noarch from 'r' is excluded by --exclude
        hint: leave out --exclude=app
    """)


def test_a_package_is_there_for_another_architecture_alone(world: World) -> None:
    world.repo("r", "app-1-1.aarch64")
    assert told(world, Goal(install=("app",))) == says("""
        error: cannot install 'app': app-1-1.aarch64 from 'r' is not for this architecture, x86_64
    """)


def test_an_older_version_fits(world: World) -> None:
    world.repo("r", "app-1-1.noarch", pkg("app-2-1.noarch", requires=["x"]))
    world.repo("r", pkg("app-3-1.noarch", requires=["y"]))
    assert told(world, Goal(install=("app",))) == says("""
        error: cannot install 'app': nothing provides y needed by app-3-1.noarch from 'r'
        hint: an older version fits: overlay install app-1-1.noarch
    """)
    assert names(world.resolve("app-1-1.noarch")) == ["app-1-1.noarch"]


def test_a_layered_package_cannot_stay_with_a_new_one(world: World) -> None:
    world.repo("r", "lib-1-1.noarch", "lib-2-1.noarch", pkg("new-1-1.noarch", requires=["lib = 2"]))
    old = world.layer(pkg("old-1-1.noarch", requires=["lib = 1"]))
    goal = Goal(install=("old", "new"), layers=(old,), standing=frozenset({"old"}))
    assert told(world, goal) == says("""
        error: cannot install 'new', 'old': cannot install both lib-1-1.noarch from 'r' and \
lib-2-1.noarch from 'r'
          new-1-1.noarch from 'r' needs lib = 2
          old-1-1.noarch from a layer needs lib = 1
        hint: to go on without: --uninstall old
    """)


def test_a_rich_dependency_has_no_part_that_fits(world: World) -> None:
    world.repo("r", pkg("app-1-1.noarch", requires=["(one or two)"]))
    world.repo("r", pkg("one-1-1.noarch", requires=["x"]), pkg("two-1-1.noarch", requires=["y"]))
    assert told(world, Goal(install=("app",))) == says("""
        error: cannot install 'app': nothing provides x needed by one-1-1.noarch from 'r'
          app-1-1.noarch from 'r' needs (one or two)
          nothing provides y needed by two-1-1.noarch from 'r'
    """)


def test_a_condition_holds_because_of_a_base_package(world: World) -> None:
    world.base("lib-1-1.noarch")
    world.repo("r", "lib-2-1.noarch", pkg("app-1-1.noarch", requires=["(lib >= 2 if lib)"]))
    assert told(world, Goal(install=("app",))).splitlines()[:3] == [
        "error: 'app' would replace base package lib-1-1.noarch with lib-2-1.noarch from 'r'",
        "  app-1-1.noarch from 'r' needs (lib >= 2 if lib)",
        "  the base has lib-1-1.noarch, the repositories only have lib-2-1.noarch from 'r'",
    ]


def test_a_file_and_a_request_for_another_version_of_it(world: World) -> None:
    world.repo("r", "app-2-1.noarch", pkg("user-1-1.noarch", requires=["app >= 2"]))
    file = world.file("app-1-1.noarch")
    assert told(world, Goal(install=("user",), local=(file,))) == says("""
        error: cannot install 'app-1-1.noarch', 'user': cannot install both app-1-1.noarch \
from a local file and app-2-1.noarch from 'r'
          user-1-1.noarch from 'r' needs app >= 2
        hint: leave out 'app-1-1.noarch'
        hint: leave out 'user'
    """)


def test_names_that_are_almost_so(world: World) -> None:
    world.repo("r", "htop-1-1.noarch", "other-1-1.noarch")
    assert told(world, Goal(install=("hotp",))) == says("""
        error: no package matches 'hotp'
        hint: names like 'hotp': htop
        hint: run 'overlay refresh-md' if a repository has it since recently
    """)


def test_a_disabled_repository_that_is_cached_has_it(world: World) -> None:
    world.repo("extra", "lib-1-1.noarch", "app-1-1.noarch")
    world.repo("r", pkg("user-1-1.noarch", requires=["lib"]))
    without = {"disable_repos": ("extra",)}
    assert "enablerepo" not in told(world, Goal(install=("user",)), **without)
    world.resolve("lib")
    assert told(world, Goal(install=("user",)), **without) == says("""
        error: cannot install 'user': nothing provides lib needed by user-1-1.noarch from 'r'
        hint: add --enablerepo=extra
    """)


def test_several_requests_that_fail_alone_are_left_out_together(world: World) -> None:
    world.repo("r", pkg("one-1-1.noarch", requires=["x"]), pkg("two-1-1.noarch", requires=["y"]))
    world.repo("r", "fine-1-1.noarch")
    assert told(world, Goal(install=("fine", "two", "one"))) == says("""
        error: cannot install 'one', 'two': nothing provides x needed by one-1-1.noarch from 'r'
          nothing provides y needed by two-1-1.noarch from 'r'
        hint: leave out 'one', 'two'
    """)


def test_the_only_new_request_is_not_to_be_left_out(world: World) -> None:
    world.repo("r", pkg("one-1-1.noarch", requires=["x"]), "fine-1-1.noarch")
    goal = Goal(install=("fine", "one"), standing=frozenset({"fine"}))
    assert "hint" not in told(world, goal)


def test_an_override_that_another_request_does_not_fit_is_not_offered(world: World) -> None:
    world.base("lib-1-1.noarch")
    world.repo("r", "lib-2-1.noarch", pkg("app-1-1.noarch", requires=["lib = 2"]))
    old = world.layer(pkg("old-1-1.noarch", requires=["lib = 1"]))
    alone = told(world, Goal(install=("app",)))
    both = told(world, Goal(install=("app", "old"), layers=(old,), standing=frozenset({"old"})))
    assert both == "\n".join(line for line in alone.splitlines() if "hint" not in line)


def test_no_hint_is_given_that_would_not_do(world: World) -> None:
    world.base("lib-1-1.noarch", pkg("tool-1-1.noarch", requires=["lib = 1"]))
    world.repo("r", "lib-2-1.noarch", pkg("app-2-1.noarch", requires=["lib = 2", "x"]))
    world.repo("r", pkg("app-1-1.noarch", requires=["y"]))
    assert "hint" not in told(world, Goal(install=("app",), exclude=("z",)))


def test_messages_are_the_same_in_any_order_of_requests_and_repositories(world: World) -> None:
    world.base("lib-1-1.noarch", pkg("tool-1-1.noarch", requires=["lib = 1"]))
    for repo_id in ("a", "b", "c"):
        world.repo(repo_id, "lib-2-1.noarch", pkg("app-1-1.noarch", requires=["mid", "lib >= 2"]))
    world.repo("b", pkg("mid-1-1.noarch", requires=["lib = 2", "(x or y)"]), "cat-1-1.noarch")
    world.repo("c", pkg("mid-2-1.noarch", requires=["z"]), pkg("dog-1-1.noarch", conflicts=["cat"]))
    paths = tuple((each, str(world.directory / "repos" / each)) for each in ("a", "b", "c"))
    for wanted in (("app", "cat"), ("cat", "dog"), ("lib-2", "dog"), ("nix", "app")):
        found = {
            told(world, Goal(install=specs), repos_from_path=repos)
            for specs, repos in product(permutations(wanted), permutations(paths))
        }
        assert len(found) == 1, wanted
