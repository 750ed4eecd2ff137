# SPDX-License-Identifier: LGPL-2.1-or-later
"""Requests that the base meets under another name: dormant where no package can be had for them."""

import pytest

from solver import BaseMovedError, Goal, UnsatisfiableError
from tests.rpms import File
from tests.solver.worlds import Pkg, World, hints, names, pkg

PROVIDES = pkg("bar-ng-2-1.noarch", provides=["bar = 2"])
EXPELS = pkg("bar-ng-2-1.noarch", provides=["bar = 2"], conflicts=["bar"])
SUCCEEDS = pkg("bar-ng-2-1.noarch", provides=["bar = 2"], obsoletes=["bar < 2"])
SUCCEEDS_SILENTLY = pkg("bar-ng-2-1.noarch", obsoletes=["bar < 2"])

both = pytest.mark.parametrize("upgrade", [True, False])


@both
@pytest.mark.parametrize("base", [EXPELS, SUCCEEDS, SUCCEEDS_SILENTLY])
@pytest.mark.parametrize("offered", [("other-1-1.noarch",), ("other-1-1.noarch", "bar-1-1.noarch")])
def test_a_layer_that_the_base_drives_out_leaves_its_request_dormant(
    world: World, base: Pkg, offered: tuple[str, ...], upgrade: bool
) -> None:
    world.base(base)
    stub = world.layer("bar-1-1.noarch")
    world.repo("r", *offered)
    transaction = world.resolve("bar", layers=(stub,), upgrade=upgrade)
    assert (transaction.packages, transaction.inactive) == ((), ("bar",))
    transaction = world.resolve("bar", "other", layers=(stub,), upgrade=upgrade)
    assert names(transaction) == ["other-1-1.noarch"]
    assert (transaction.inactive, transaction.held_back) == (("bar",), ())
    assert transaction.packages[0].requested_by == ("other",)


@both
@pytest.mark.parametrize(
    "offered",
    [
        pkg("bar-3-1.noarch", obsoletes=["bar-ng"]),
        pkg("bar-3-1.noarch", conflicts=["bar-ng"]),
        pkg("bar-3-1.noarch", requires=["lib >= 2"]),
        pkg("bar-3-1.noarch", requires=["nowhere"]),
    ],
    ids=["obsoletes", "conflicts", "moves", "broken"],
)
@pytest.mark.parametrize("spec", ["bar", "bar >= 2"])
def test_a_request_that_the_base_provides_never_moves_it_nor_blocks(
    world: World, spec: str, offered: Pkg, upgrade: bool
) -> None:
    world.base(PROVIDES, "lib-1-1.noarch")
    world.repo("r", offered, "other-1-1.noarch", "lib-2-1.noarch")
    transaction = world.resolve(spec, "other", upgrade=upgrade)
    assert (names(transaction), transaction.inactive) == (["other-1-1.noarch"], (spec,))


@both
def test_a_package_of_the_name_is_taken_though_the_base_provides_it(
    world: World, upgrade: bool
) -> None:
    world.base(PROVIDES)
    world.repo("r", "bar-1-1.noarch")
    transaction = world.resolve("bar", upgrade=upgrade)
    assert (names(transaction), transaction.inactive) == (["bar-1-1.noarch"], ())


def test_an_older_version_that_fits_keeps_a_request_active(world: World) -> None:
    world.base(PROVIDES)
    world.repo("r", "bar-1-1.noarch", pkg("bar-3-1.noarch", conflicts=["bar-ng"]))
    transaction = world.resolve("bar", upgrade=True)
    assert (names(transaction), transaction.inactive) == (["bar-1-1.noarch"], ())
    with pytest.raises(BaseMovedError) as caught:  # as dnf: the newest, or a word about it
        world.resolve("bar")
    assert str(caught.value) == "'bar' would remove base package bar-ng-2-1.noarch"


def test_an_upgrade_drops_a_layer_that_no_repository_has_for_the_bases_successor(
    world: World,
) -> None:
    world.base(PROVIDES)
    stub = world.layer("bar-1-1.noarch")
    world.repo("r", "other-1-1.noarch")
    transaction = world.resolve("bar", layers=(stub,), upgrade=True)
    assert (transaction.packages, transaction.inactive) == ((), ("bar",))


def test_a_layer_of_a_provided_name_is_not_dropped_by_accident(world: World) -> None:
    world.base(PROVIDES)
    stub = world.layer("bar-1-1.noarch")
    goal = Goal(install=("bar",), layers=(stub,), upgrade=True)
    with world.sack() as sack:  # no repository at all
        assert names(sack.resolve(goal)) == ["bar-1-1.noarch"]
    world.repo("r", "other-1-1.noarch")
    assert names(world.resolve("bar", layers=(stub,))) == ["bar-1-1.noarch"]  # no upgrade
    with world.sack(load_repositories=False) as sack:
        assert names(sack.resolve(goal)) == ["bar-1-1.noarch"]
    gone = (("gone", str(world.directory / "gone")), ("r", str(world.directory / "repos" / "r")))
    with world.sack(repos_from_path=gone, setopts=(("gone.skip_if_unavailable", "1"),)) as sack:
        assert names(sack.resolve(goal)) == ["bar-1-1.noarch"]


def test_a_local_layer_of_a_provided_name_stays(world: World) -> None:
    world.base(PROVIDES)
    stub = world.layer("bar-1-1.noarch")
    world.repo("r", "other-1-1.noarch")
    transaction = world.resolve("bar", local=(stub.path,), layers=(stub,), upgrade=True)
    assert (names(transaction), transaction.inactive) == (["bar-1-1.noarch"], ())


def test_a_request_for_a_version_is_not_met_by_another(world: World) -> None:
    world.base(EXPELS)
    world.repo("r", "bar-1-1.noarch")
    with pytest.raises(BaseMovedError) as caught:
        world.resolve("bar-1-1.noarch")
    assert str(caught.value) == "'bar-1-1.noarch' would remove base package bar-ng-2-1.noarch"
    assert hints(caught.value) == [
        "to change the base: overlay override remove bar-ng --install bar-1-1.noarch",
    ]


def test_a_command_of_the_base_is_not_a_package_of_that_name(world: World) -> None:
    world.base(pkg("multi-1-1.noarch", files={"/usr/bin/bar": File(mode=0o755)}))
    world.repo("r", pkg("bar-1-1.noarch", requires=["nowhere"]))
    with pytest.raises(UnsatisfiableError) as caught:
        world.resolve("bar")
    assert str(caught.value) == (
        "cannot install 'bar': nothing provides nowhere needed by bar-1-1.noarch from 'r'"
    )


def test_a_dormant_request_is_layered_again_once_the_base_no_longer_provides_it(
    world: World,
) -> None:
    world.repo("r", "bar-1-1.noarch")
    transaction = world.resolve("bar", upgrade=True)
    assert (names(transaction), transaction.inactive) == (["bar-1-1.noarch"], ())


def test_a_glob_is_dormant_only_where_all_of_it_is(world: World) -> None:
    world.base(SUCCEEDS_SILENTLY)
    world.repo("r", "bar-1-1.noarch", "bark-1-1.noarch")
    transaction = world.resolve("bar*")
    assert (names(transaction), transaction.inactive) == (["bark-1-1.noarch"], ())
    transaction = world.resolve("ba[r]", "bark")
    assert (names(transaction), transaction.inactive) == (["bark-1-1.noarch"], ("ba[r]",))


COMPS = """<?xml version="1.0" encoding="UTF-8"?>
<comps>
  <group>
    <id>tools</id><name>Tools</name><description/><uservisible>true</uservisible>
    <packagelist><packagereq type="mandatory">hammer</packagereq></packagelist>
  </group>
</comps>
"""


def test_a_group_whose_packages_the_base_has_is_dormant(world: World) -> None:
    world.base("hammer-1-1.noarch")
    world.repo("r", "other-1-1.noarch", "hammer-1-1.noarch", comps=COMPS)
    transaction = world.resolve("@tools", "other")
    assert (names(transaction), transaction.inactive) == (["other-1-1.noarch"], ("@tools",))


def test_a_group_of_which_nothing_exists_is_not_met(world: World) -> None:
    world.repo("r", "other-1-1.noarch", comps=COMPS)
    transaction = world.resolve("@tools", "other")
    assert (names(transaction), transaction.inactive) == (["other-1-1.noarch"], ())
