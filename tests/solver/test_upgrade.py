# SPDX-License-Identifier: LGPL-2.1-or-later
"""An upgrade: the best version of what is layered, the base as it is, nothing fetched in vain."""

from dataclasses import replace

import pytest

from solver import (
    BaseMovedError,
    Goal,
    LayerStub,
    Source,
    Transaction,
    UnknownPackageError,
    UnsatisfiableError,
)
from solver.solution import file_digest
from tests.solver.worlds import Pkg, World, hints, names, pkg, without_payload


def upgrade(world: World, *specs: str, layers: tuple[LayerStub, ...] = ()) -> Transaction:
    return world.resolve(*specs, layers=layers, upgrade=True)


def layer_of(world: World, repo_id: str, nevra: str) -> LayerStub:
    """Makes the layer that importing a repository's package gives: of that file's digest."""
    (rpm,) = (world.directory / "repos" / repo_id).glob(f"{nevra}.rpm")
    stub = world.directory / f"{nevra}.stub"
    stub.write_bytes(without_payload(rpm.read_bytes()))
    return replace(world.layer(nevra), digest=file_digest(rpm), path=stub)


def test_the_newest_version_is_taken_though_an_older_layer_exists(world: World) -> None:
    layers = (world.layer("app-1-1.noarch"), world.layer("lib-1-1.noarch"))
    world.repo("r", pkg("app-2-1.noarch", requires=["lib"]), "lib-1-1.noarch", "lib-3-1.noarch")
    app, lib = upgrade(world, "app", layers=layers).packages
    assert (str(app.nevra), app.source) == ("app-2-1.noarch", Source.REPOSITORY)
    assert (str(lib.nevra), lib.source) == ("lib-3-1.noarch", Source.REPOSITORY)


def test_a_layer_serves_where_the_repository_has_the_same_file(world: World) -> None:
    world.repo("r", "app-1-1.noarch")
    stub = layer_of(world, "r", "app-1-1.noarch")
    (app,) = upgrade(world, "app", layers=(stub,)).packages
    assert (app.source, app.digest, app.download_size) == (Source.LAYER, stub.digest, 0)


def test_a_rebuild_under_the_same_name_replaces_the_layer(world: World) -> None:
    stub = world.layer("app-1-1.noarch")
    world.repo("r", "app-1-1.noarch")
    (app,) = upgrade(world, "app", layers=(stub,)).packages
    assert (app.source, app.repo_id) == (Source.REPOSITORY, "r")
    assert app.digest != stub.digest


def test_a_rebuild_counts_where_the_preferred_repository_has_it(world: World) -> None:
    world.repo("a", "app-1-1.noarch")
    stub = layer_of(world, "a", "app-1-1.noarch")
    world.repo("b", pkg("app-1-1.noarch", tags="Url: https://example.org"))
    (app,) = upgrade(world, "app", layers=(stub,)).packages
    assert (app.source, app.digest) == (Source.LAYER, stub.digest)
    goal = Goal(install=("app",), layers=(stub,), upgrade=True)
    with world.sack(setopts=(("b.priority", "50"),)) as sack:
        (app,) = sack.resolve(goal).packages
    assert (app.source, app.repo_id) == (Source.REPOSITORY, "b")


def test_a_rebuild_that_does_not_fit_leaves_the_layer_where_it_is(world: World) -> None:
    layers = (world.layer(pkg("app-1-1.noarch", requires=["lib"])), world.layer("lib-1-1.noarch"))
    world.repo("r", pkg("app-1-1.noarch", requires=["nowhere"]), "lib-2-1.noarch")
    app, lib = upgrade(world, "app", layers=layers).packages
    assert (app.source, str(lib.nevra)) == (Source.LAYER, "lib-2-1.noarch")
    assert (lib.requested_by, app.requested_by) == (("app",), ("app",))


@pytest.mark.parametrize("priority", ["10", "99", "150"])
def test_a_newer_version_is_found_whatever_its_repositorys_priority(
    world: World, priority: str
) -> None:
    stub = world.layer("app-1-1.noarch")
    world.repo("r", "app-2-1.noarch")
    goal = Goal(install=("app",), layers=(stub,), upgrade=True)
    with world.sack(setopts=(("r.priority", priority),)) as sack:
        assert names(sack.resolve(goal)) == ["app-2-1.noarch"]


def test_a_layer_that_no_repository_has_any_more_still_serves(world: World) -> None:
    stub = world.layer(pkg("app-1-1.noarch", requires=["lib"]))
    world.repo("r", "lib-2-1.noarch")
    app, lib = upgrade(world, "app", layers=(stub,)).packages
    assert (app.source, str(lib.nevra)) == (Source.LAYER, "lib-2-1.noarch")


def test_layers_alone_are_an_upgrade_without_repositories(world: World) -> None:
    stub = world.layer("app-1-1.noarch")
    world.repo("r", "app-2-1.noarch")
    with world.sack(load_repositories=False) as sack:
        transaction = sack.resolve(Goal(install=("app",), layers=(stub,), upgrade=True))
    assert names(transaction) == ["app-1-1.noarch"]


def test_a_local_package_stays_as_it_was_given(world: World) -> None:
    stub = world.layer("app-1-1.noarch")
    world.repo("r", "app-2-1.noarch")
    for local in (stub.path, world.file("app-1-1.noarch")):
        transaction = world.resolve(local=(local,), layers=(stub,), upgrade=True)
        assert names(transaction) == ["app-1-1.noarch"]


def test_what_obsoletes_a_layer_takes_its_place(world: World) -> None:
    stub = world.layer("app-1-1.noarch")
    world.repo("r", pkg("newapp-1-1.noarch", obsoletes=["app < 2"], provides=["app = 2"]))
    assert names(upgrade(world, "app", layers=(stub,))) == ["newapp-1-1.noarch"]


def test_a_request_that_the_new_base_meets_is_inactive(world: World) -> None:
    world.base("app-1-1.noarch")
    stub = world.layer("app-1-1.noarch")
    world.repo("r", "app-2-1.noarch")
    transaction = upgrade(world, "app", layers=(stub,))
    assert (transaction.packages, transaction.inactive) == ((), ("app",))


def test_a_version_that_would_move_the_base_is_held_back(world: World) -> None:
    world.base("libfoo-1-1.noarch")
    layers = (world.layer("app-1-1.noarch"), world.layer("tool-1-1.noarch"))
    world.repo("r", pkg("app-3-1.noarch", requires=["libfoo >= 2"]), "libfoo-2-1.noarch")
    world.repo("r", "app-2-1.noarch", "tool-2-1.noarch")
    transaction = upgrade(world, "app", "tool", layers=layers)
    assert names(transaction) == ["app-2-1.noarch", "tool-2-1.noarch"]
    assert transaction.held_back == (
        "app-3-1.noarch from 'r' needs libfoo >= 2",
        "the base has libfoo-1-1.noarch, the repositories only have libfoo-2-1.noarch from 'r'",
    )


def test_nothing_is_held_back_where_the_newest_fits(world: World) -> None:
    world.repo("r", "app-2-1.noarch", "app-1-1.noarch")
    assert upgrade(world, "app").held_back == ()


def test_a_request_that_the_new_base_shuts_out_is_named_with_its_base_package(
    world: World,
) -> None:
    world.base("libfoo-2-1.noarch")
    stub = world.layer(pkg("app-1-1.noarch", requires=["libfoo < 2"]))
    world.repo("r", "fine-1-1.noarch", pkg("app-1-1.noarch", requires=["libfoo < 2"]))
    with pytest.raises(UnsatisfiableError) as caught:
        upgrade(world, "app", "fine", layers=(stub,))
    problem = str(caught.value)
    assert problem.startswith("cannot install 'app': nothing provides libfoo < 2 needed by app-1-1")
    assert caught.value.requests == ("app",)
    assert caught.value.details == (
        "nothing provides libfoo < 2 needed by app-1-1.noarch from a layer",
        "the base has libfoo-2-1.noarch, the repositories have no other",
        "nothing provides libfoo < 2 needed by app-1-1.noarch from 'r'",
    )
    assert hints(caught.value) == ["leave out 'app'"]


def test_a_request_that_conflicts_with_the_new_base_is_named_with_its_base_package(
    world: World,
) -> None:
    world.base("libfoo-2-1.noarch")
    world.repo("r", "fine-1-1.noarch", pkg("app-1-1.noarch", conflicts=["libfoo >= 2"]))
    with pytest.raises(BaseMovedError) as caught:
        upgrade(world, "app", "fine")
    assert str(caught.value) == "'app' would remove base package libfoo-2-1.noarch"
    assert caught.value.requests == ("app",)


def test_another_version_of_a_library_in_the_base_is_named(world: World) -> None:
    world.base(
        pkg("libfoo2-2-1.x86_64", provides=["libfoo.so.2()(64bit)", "libfoo.so.2(V)(64bit)"])
    )
    stub = world.layer(pkg("app-1-1.x86_64", requires=["libfoo.so.1()(64bit)"]))
    with pytest.raises(UnsatisfiableError) as caught:
        upgrade(world, "app", layers=(stub,))
    assert str(caught.value) == (
        "cannot install 'app': nothing provides libfoo.so.1()(64bit) needed by app-1-1.x86_64 "
        "from a layer"
    )
    assert caught.value.details[1:] == ("the base has libfoo2-2-1.x86_64 with libfoo.so.2",)


def test_a_request_that_is_gone_is_named(world: World) -> None:
    world.repo("r", "app-1-1.noarch")
    with pytest.raises(UnknownPackageError) as caught:
        upgrade(world, "app", "gone")
    assert caught.value.requests == ("gone",)


OFFERED: list[str | Pkg] = [
    pkg("app-2-1.noarch", requires=["lib", "mta"], recommends=["docs"]),
    "lib-2-1.noarch",
    "docs-1-1.noarch",
    pkg("exim-1-1.noarch", provides=["mta"]),
    pkg("zmail-9-1.noarch", provides=["mta"]),
    pkg("rich-1-1.noarch", requires=["(lib if app)"]),
]


@pytest.mark.parametrize("specs", [("app",), ("app", "rich"), ("rich",), ("zmail", "app")])
def test_without_newer_versions_an_upgrade_is_the_present_set(
    world: World, specs: tuple[str, ...]
) -> None:
    world.repo("r", *OFFERED)
    present = world.resolve(*specs)
    layers = tuple(layer_of(world, "r", str(package.nevra)) for package in present.packages)
    kept = world.resolve(*specs, layers=layers)
    upgraded = upgrade(world, *specs, layers=layers)
    assert upgraded == kept
    assert names(upgraded) == names(present)
    assert {package.source for package in upgraded.packages} == {Source.LAYER}


def test_which_layers_are_offered_does_not_change_the_upgrade(world: World) -> None:
    world.repo("r", *OFFERED)
    fresh = world.resolve("app")
    old = tuple(world.layer(nevra) for nevra in ("app-1-1.noarch", "lib-1-1.noarch"))
    assert names(upgrade(world, "app", layers=old)) == names(fresh)
