# SPDX-License-Identifier: LGPL-2.1-or-later
"""RPM files given by path."""

import pytest

from solver import (
    BaseMovedError,
    Goal,
    Reason,
    Source,
    UnknownPackageError,
    UnreadableRpmError,
)
from tests.solver.worlds import World, hints, names, pkg


def test_local_files_are_installed_with_their_dependencies(world: World) -> None:
    world.repo("r", "lib-1-1.noarch", "app-2-1.noarch")
    path = world.file(pkg("app-1-1.noarch", requires=["lib"]))
    app, lib = world.resolve(local=(path,)).packages
    assert (app.source, app.path, app.repo_id) == (Source.LOCAL, path, "@commandline")
    assert (app.reason, app.requested_by) == (Reason.USER, ("app-1-1.noarch",))
    assert (lib.source, lib.requested_by) == (Source.REPOSITORY, ("app-1-1.noarch",))


def test_local_files_need_no_rpm_suffix(world: World) -> None:
    path = world.file("app-1-1.noarch")
    bare = path.rename(path.with_suffix(".download"))
    (app,) = world.resolve(local=(bare,)).packages
    assert app.path == bare


def test_a_local_file_that_the_base_has_is_inactive(world: World) -> None:
    world.base("app-1-1.noarch")
    assert world.resolve(local=(world.file("app-1-1.noarch"),)).inactive == ("app-1-1.noarch",)


def test_a_local_file_does_not_move_the_base(world: World) -> None:
    world.base("libfoo-2-1.noarch")
    with pytest.raises(BaseMovedError) as caught:
        world.resolve(local=(world.file("libfoo-1-1.noarch"),))
    assert str(caught.value) == (
        "'libfoo-1-1.noarch' would replace base package libfoo-2-1.noarch "
        "with libfoo-1-1.noarch from a local file"
    )


@pytest.mark.parametrize("damage", ["absent", "garbage", "cut"])
def test_a_local_file_that_is_no_rpm_is_named(world: World, damage: str) -> None:
    path = world.file("app-1-1.noarch")
    whole = path.read_bytes()
    path.unlink()
    if damage != "absent":
        path.write_bytes(b"not an RPM" if damage == "garbage" else whole[:900])
    with pytest.raises(UnreadableRpmError) as caught:
        world.resolve(local=(world.file("fine-1-1.noarch"), path))
    causes = {
        "absent": "No such file or directory",
        "garbage": "not a rpm",
        "cut": "unexpected EOF",
    }
    assert str(caught.value) == f"cannot read {path} as an RPM: {causes[damage]}"


def test_files_of_one_goal_are_not_offered_to_the_next(world: World) -> None:
    path = world.file("app-1-1.noarch")
    with world.sack() as sack:
        assert names(sack.resolve(Goal(local=(path,)))) == ["app-1-1.noarch"]
        with pytest.raises(UnknownPackageError):
            sack.resolve(Goal(install=("app",)))
        assert names(sack.resolve(Goal(local=(path,), install=("app",)))) == ["app-1-1.noarch"]


def test_a_local_file_that_the_configuration_excludes_is_named(world: World) -> None:
    conf = world.directory / "dnf.conf"
    conf.write_text("[main]\nexcludepkgs=app\n", encoding="utf-8")
    path, stub = world.file("app-1-1.noarch"), world.layer("app-1-1.noarch")
    with world.sack(dnf_conf=conf) as sack:
        with pytest.raises(UnknownPackageError) as caught:
            sack.resolve(Goal(local=(path,)))
        assert str(caught.value) == f"no package matches '{path}'"
        assert caught.value.details == (
            "the packages in these files are excluded by the configuration",
        )
        assert hints(caught.value) == [
            "--setopt=disable_excludes=* lifts what the configuration excludes"
        ]
        with pytest.raises(UnknownPackageError):
            sack.resolve(Goal(install=("app",), layers=(stub,)))


def test_a_name_and_a_file_of_one_package_ask_for_the_file(world: World) -> None:
    world.repo("r", "app-1-1.noarch", pkg("user-1-1.noarch", requires=["app"]))
    path = world.file("app-1-1.noarch")
    app, user = world.resolve("app", "user", local=(path,)).packages
    assert (app.path, app.requested_by) == (path, ("app", "app-1-1.noarch", "user"))
    assert user.nevra.name == "user"
