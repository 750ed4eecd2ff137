# SPDX-License-Identifier: LGPL-2.1-or-later
"""The base is never moved: what it has counts as met, what would change it is refused."""

from typing import Any

import pytest

from solver import (
    BaseMovedError,
    Goal,
    UnsatisfiableError,
)
from solver.candidates import Candidates
from tests.rpms import File
from tests.solver.worlds import World, hints, names, pkg


@pytest.mark.parametrize(
    "spec", ["tool", "tool-1-1", "tool >= 1", "virtual-tool", "/usr/bin/tool", "too*", "/usr/bin/*"]
)
def test_requests_that_the_base_meets_are_inactive(world: World, spec: str) -> None:
    files = {"/usr/bin/tool": File(mode=0o755)}
    world.base(pkg("tool-1-1.x86_64", provides=["virtual-tool"], files=files))
    world.repo("r", "tool-2-1.x86_64", "other-1-1.noarch")
    transaction = world.resolve(spec, "other")
    assert (names(transaction), transaction.inactive) == (["other-1-1.noarch"], (spec,))


def test_a_name_beats_what_the_base_merely_provides(world: World) -> None:
    world.base(pkg("vim-1-1.noarch", provides=["vi"]))
    world.repo("r", "vi-3-1.noarch")
    assert names(world.resolve("vi")) == ["vi-3-1.noarch"]


def test_an_upgrade_in_the_repository_does_not_move_the_base(world: World) -> None:
    world.base("libfoo-1-1.x86_64", pkg("tool-1-1.x86_64", requires=["libfoo"]))
    world.repo("r", "libfoo-2-1.x86_64", "tool-2-1.x86_64")
    world.repo("r", pkg("other-1-1.noarch", requires=["libfoo >= 1", "tool"]))
    assert names(world.resolve("other")) == ["other-1-1.noarch"]


def test_an_older_provider_is_taken_where_the_newest_would_move_the_base(world: World) -> None:
    world.base("libfoo-1-1.noarch")
    world.repo(
        "r",
        pkg("app-1-1.noarch", requires=["editor"]),
        pkg("good-editor-1-1.noarch", provides=["editor"]),
        pkg("an-editor-1-1.noarch", provides=["editor"], obsoletes=["libfoo"]),
    )
    assert names(world.resolve("app")) == ["app-1-1.noarch", "good-editor-1-1.noarch"]


@pytest.mark.parametrize("spec", ["libfoo-2", "libfoo-2-1.x86_64", "libfoo >= 2"])
def test_a_newer_version_of_a_base_package_is_refused(world: World, spec: str) -> None:
    world.base("libfoo-1-1.x86_64")
    world.repo("r", "libfoo-2-1.x86_64", "libfoo-2-1.i686")
    with pytest.raises(BaseMovedError) as caught:
        world.resolve(spec)
    error = caught.value
    assert str(error) == (
        f"'{spec}' would replace base package libfoo-1-1.x86_64 with libfoo-2-1.x86_64 from 'r'"
    )
    assert hints(error) == [
        "a base with libfoo-2-1.x86_64 would do: see 'overlay upgrade --check'",
        "to change the base: overlay override replace libfoo-2-1.x86_64",
    ]
    assert [(move.requests, str(move.base)) for move in error.moves] == [
        ((spec,), "libfoo-1-1.x86_64")
    ]
    assert error.requests == (spec,)


def test_multilib_of_a_base_package_is_taken_at_its_own_version(world: World) -> None:
    world.base("libfoo-1-1.x86_64")
    world.repo("r", "libfoo-1-1.i686", "libfoo-2-1.i686")
    assert names(world.resolve("libfoo.i686")) == ["libfoo-1-1.i686"]


def test_a_package_that_obsoletes_a_base_package_is_refused(world: World) -> None:
    world.base("libfoo-1-1.noarch")
    world.repo("r", pkg("newfoo-1-1.noarch", obsoletes=["libfoo < 2"]))
    with pytest.raises(BaseMovedError) as caught:
        world.resolve("newfoo")
    assert str(caught.value) == (
        "'newfoo' would replace base package libfoo-1-1.noarch with newfoo-1-1.noarch from 'r'"
    )


def test_a_package_that_obsoletes_an_older_base_package_is_fine(world: World) -> None:
    world.base("libfoo-2-1.noarch")
    world.repo("r", pkg("newfoo-1-1.noarch", obsoletes=["libfoo < 2"]))
    assert names(world.resolve("newfoo")) == ["newfoo-1-1.noarch"]


def test_a_package_that_conflicts_with_the_base_is_refused(world: World) -> None:
    world.base("libfoo-1-1.noarch")
    world.repo("r", pkg("enemy-1-1.noarch", conflicts=["libfoo"]))
    with pytest.raises(BaseMovedError) as caught:
        world.resolve("enemy")
    assert str(caught.value) == "'enemy' would remove base package libfoo-1-1.noarch"
    assert caught.value.details == (
        "enemy-1-1.noarch from 'r' conflicts with base package libfoo-1-1.noarch",
    )


def test_a_package_that_needs_a_newer_base_package_is_refused(world: World) -> None:
    world.base("libfoo-1-1.noarch")
    world.repo("r", "libfoo-2-1.noarch", "fine-1-1.noarch")
    world.repo("r", pkg("app-1-1.noarch", requires=["libfoo >= 2"]))
    with pytest.raises(BaseMovedError) as caught:
        world.resolve("fine", "app")
    assert str(caught.value) == (
        "'app' would replace base package libfoo-1-1.noarch with libfoo-2-1.noarch from 'r'"
    )
    assert caught.value.details == (
        "app-1-1.noarch from 'r' needs libfoo >= 2",
        "the base has libfoo-1-1.noarch, the repositories only have libfoo-2-1.noarch from 'r'",
    )


def test_a_kernel_is_not_added_beside_the_bases(world: World) -> None:
    world.base(pkg("kernel-core-1-1.x86_64", provides=["installonlypkg(kernel)", "kernel"]))
    kernel = {"provides": ["installonlypkg(kernel)", "kernel"]}
    world.repo("r", pkg("kernel-core-2-1.x86_64", **kernel))
    world.repo("r", pkg("module-2-1.x86_64", requires=["kernel-core = 2-1"]))
    with pytest.raises(BaseMovedError) as caught:
        world.resolve("module")
    assert str(caught.value) == (
        "'module' would replace base package kernel-core-1-1.x86_64 "
        "with kernel-core-2-1.x86_64 from 'r'"
    )


def test_a_tree_gets_one_kernel(world: World) -> None:
    kernel = {"provides": ["installonlypkg(kernel)"]}
    world.repo("r", pkg("kernel-1-1.x86_64", **kernel), pkg("kernel-2-1.x86_64", **kernel))
    world.repo("r", pkg("module-1-1.x86_64", requires=["kernel = 1-1"]))
    assert names(world.resolve("module", "kernel-1-1")) == [
        "kernel-1-1.x86_64",
        "module-1-1.x86_64",
    ]
    with pytest.raises(UnsatisfiableError):
        world.resolve("module", "kernel-2-1")


def test_a_solution_that_moves_the_base_is_refused_even_if_the_solver_allows_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    locked = Candidates.limit

    def unlocked(candidates: Candidates, **limits: Any) -> None:
        locked(candidates, **{**limits, "lock_base": False})

    monkeypatch.setattr(Candidates, "limit", unlocked)
    world.base("libfoo-1-1.noarch")
    world.repo("r", "libfoo-2-1.noarch", pkg("app-1-1.noarch", requires=["libfoo >= 2"]))
    with pytest.raises(BaseMovedError) as caught:
        world.resolve("app")
    assert str(caught.value) == (
        "'app' would replace base package libfoo-1-1.noarch with libfoo-2-1.noarch from 'r'"
    )


def test_excludes_of_the_configuration_do_not_unlock_the_base(world: World) -> None:
    world.base("libfoo-1-1.noarch")
    world.repo("r", pkg("newfoo-1-1.noarch", obsoletes=["libfoo"]))
    conf = world.directory / "dnf.conf"
    conf.write_text("[main]\nexcludepkgs=libfoo\n", encoding="utf-8")
    with world.sack(dnf_conf=conf) as sack:
        assert sack.resolve(Goal(install=("libfoo",))).inactive == ("libfoo",)
        with pytest.raises(BaseMovedError):
            sack.resolve(Goal(install=("newfoo",)))


def test_a_request_that_only_holds_without_a_base_package_is_named(world: World) -> None:
    world.base("lib-1-1.noarch")
    world.repo("r", pkg("app-1-1.noarch", requires=["nowhere"]))
    with pytest.raises(BaseMovedError) as caught:
        world.resolve("(app if lib)")
    assert str(caught.value) == "'(app if lib)' would remove base package lib-1-1.noarch"
    assert caught.value.details == ("nothing provides nowhere needed by app-1-1.noarch from 'r'",)


def test_a_rich_request_is_not_met_by_a_part_of_it(world: World) -> None:
    world.base("lib-1-1.noarch")
    world.repo("r", "app-1-1.noarch", "lib-2-1.noarch")
    assert names(world.resolve("(lib and app)")) == ["app-1-1.noarch"]
    assert world.resolve("(lib or app)").inactive == ("(lib or app)",)
