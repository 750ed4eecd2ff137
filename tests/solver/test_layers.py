# SPDX-License-Identifier: LGPL-2.1-or-later
"""Layers of the pending tree: preferred while they fit, enough where there is nothing else."""

import pytest

from solver import Goal, Reason, Source, UnknownPackageError, UnsatisfiableError
from tests.solver.worlds import World, names, pkg


def test_a_layer_is_kept_though_the_repository_has_a_newer_version(world: World) -> None:
    stub = world.layer(pkg("app-1-1.noarch", requires=["lib"]))
    world.repo("r", "app-2-1.noarch", "lib-1-1.noarch")
    app, lib = world.resolve("app", layers=(stub,)).packages
    assert (app.nevra, app.digest, app.path) == (stub.nevra, stub.digest, stub.path)
    assert (app.source, app.repo_id, app.download_size) == (Source.LAYER, "@layers", 0)
    assert (lib.source, lib.requested_by) == (Source.REPOSITORY, ("app",))


def test_a_layer_is_kept_though_the_repository_has_the_same_version(world: World) -> None:
    stub = world.layer("app-1-1.noarch")
    world.repo("r", "app-1-1.noarch")
    assert world.resolve("app", layers=(stub,)).packages[0].digest == stub.digest


def test_a_layer_is_kept_though_the_repository_obsoletes_it(world: World) -> None:
    stub = world.layer("app-1-1.noarch")
    world.repo("r", pkg("newapp-1-1.noarch", obsoletes=["app"], provides=["app"]))
    assert names(world.resolve("app", layers=(stub,))) == ["app-1-1.noarch"]


def test_a_layer_gives_way_where_a_request_needs_a_newer_version(world: World) -> None:
    layers = (world.layer("lib-1-1.noarch"), world.layer(pkg("old-1-1.noarch", requires=["lib"])))
    world.repo("r", "lib-2-1.noarch", "old-2-1.noarch")
    world.repo("r", pkg("new-1-1.noarch", requires=["lib >= 2"]))
    transaction = world.resolve("old", "new", layers=layers)
    assert names(transaction) == ["lib-2-1.noarch", "new-1-1.noarch", "old-1-1.noarch"]


def test_a_layer_gives_way_where_a_request_names_another_version(world: World) -> None:
    stub = world.layer("app-1-1.noarch")
    world.repo("r", "app-2-1.noarch")
    assert names(world.resolve("app-2", layers=(stub,))) == ["app-2-1.noarch"]


def test_a_layer_is_kept_where_an_older_dependency_fits_it(world: World) -> None:
    stub = world.layer("lib-1-1.noarch")
    world.repo("r", "lib-2-1.noarch", pkg("app-1-1.noarch", requires=["tool"]))
    world.repo("r", pkg("tool-1-1.noarch", requires=["lib"]))
    world.repo("r", pkg("tool-2-1.noarch", requires=["lib >= 2"]))
    transaction = world.resolve("app", layers=(stub,))
    assert names(transaction) == ["app-1-1.noarch", "lib-1-1.noarch", "tool-1-1.noarch"]
    assert names(world.resolve("app"))[1:] == ["lib-2-1.noarch", "tool-2-1.noarch"]


def test_layers_are_chosen_freely_where_they_do_not_fit(world: World) -> None:
    # The layer's own requirement is gone from the repository, its successor has another.
    layers = (world.layer(pkg("app-1-1.noarch", requires=["gone"])),)
    world.repo("r", pkg("app-2-1.noarch", requires=["lib"]), "lib-1-1.noarch")
    assert names(world.resolve("app", layers=layers)) == ["app-2-1.noarch", "lib-1-1.noarch"]


def test_layers_that_nothing_needs_any_more_are_dropped(world: World) -> None:
    layers = (world.layer(pkg("app-1-1.noarch", requires=["lib"])), world.layer("lib-1-1.noarch"))
    world.repo("r", "other-1-1.noarch")
    assert names(world.resolve("other", layers=layers)) == ["other-1-1.noarch"]


def test_layers_are_enough_without_any_repository(world: World) -> None:
    world.base("glibc-1-1.x86_64")
    layers = (
        world.layer(pkg("app-1-1.noarch", requires=["lib", "glibc"], recommends=["docs"])),
        world.layer("lib-1-1.noarch"),
        world.layer("docs-1-1.noarch"),
        world.layer("gone-1-1.noarch"),
    )
    world.repo("r", "app-2-1.noarch", "more-1-1.noarch")
    with world.sack(load_repositories=False) as sack:
        packages = sack.resolve(Goal(install=("app",), layers=layers)).packages
        assert [(package.nevra.name, package.reason) for package in packages] == [
            ("app", Reason.USER),
            ("docs", Reason.WEAK),
            ("lib", Reason.DEPENDENCY),
        ]
        with pytest.raises(UnknownPackageError):
            sack.resolve(Goal(install=("more",), layers=layers))
        with pytest.raises(UnsatisfiableError):
            sack.resolve(Goal(install=("app",), layers=layers[:1]))


def test_the_layer_of_a_local_file_stays_requested(world: World) -> None:
    stub = world.layer("app-1-1.noarch")
    world.repo("r", "app-2-1.noarch")
    (app,) = world.resolve(local=(stub.path,), layers=(stub,)).packages
    assert (app.source, app.digest, app.reason) == (Source.LAYER, stub.digest, Reason.USER)
    assert app.requested_by == ("app-1-1.noarch",)


def test_a_local_file_is_preferred_to_the_layer_of_the_same_name(world: World) -> None:
    stub = world.layer("app-1-1.noarch")
    path = world.file("app-1-1.noarch")
    (app,) = world.resolve(local=(path,), layers=(stub,)).packages
    assert (app.source, app.path) == (Source.LOCAL, path)
    newer = world.file("app-2-1.noarch")
    (app,) = world.resolve("app", local=(newer,), layers=(stub,)).packages
    assert (app.path, app.requested_by) == (newer, ("app", "app-2-1.noarch"))


def test_a_file_takes_the_place_of_its_layer_though_a_name_asks_for_it_too(world: World) -> None:
    stub = world.layer("app-1-1.noarch")
    path = world.file("app-1-1.noarch")
    world.repo("r", "app-1-1.noarch")
    (app,) = world.resolve("app", local=(path,), layers=(stub,)).packages
    assert (app.path, app.requested_by) == (path, ("app", "app-1-1.noarch"))
    with world.sack(load_repositories=False) as sack:
        (app,) = sack.resolve(Goal(install=("app",), local=(path,), layers=(stub,))).packages
    assert app.path == path


def test_a_layer_is_inactive_once_the_base_has_it(world: World) -> None:
    world.base("app-2-1.noarch")
    stub = world.layer("app-1-1.noarch")
    transaction = world.resolve("app", layers=(stub,))
    assert (transaction.packages, transaction.inactive) == ((), ("app",))
