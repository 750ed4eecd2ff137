# SPDX-License-Identifier: LGPL-2.1-or-later
"""Base packages are removed and replaced where a goal says so, and no others are."""

from dataclasses import replace

import pytest

from solver import (
    BaseMovedError,
    ConfigurationError,
    Goal,
    OverrideError,
    Reason,
    Replacing,
    Transaction,
    UnknownPackageError,
)
from tests.solver.worlds import World, hints, names, pkg


def new(*specs: str, repo: str = "") -> tuple[Replacing, ...]:
    """Replacements that are asked for just now."""
    return tuple(Replacing(spec=spec, repo_id=repo, renewed=True) for spec in specs)


def replaced(transaction: Transaction) -> list[tuple[str, str]]:
    return [(str(each.old), str(each.new)) for each in transaction.replaced]


# Removing


def test_a_removed_package_goes_and_all_others_stay(world: World) -> None:
    world.base("nano-1-1.x86_64", "lib-1-1.x86_64")
    world.repo("r", "nano-2-1.x86_64", "lib-2-1.x86_64")
    transaction = world.resolve(remove=("nano",))
    assert [str(each) for each in transaction.removed] == ["nano-1-1.x86_64"]
    assert (names(transaction), transaction.resting) == ([], ())


def test_what_only_the_removed_one_needed_stays(world: World) -> None:
    world.base(pkg("nano-1-1.x86_64", requires=["lib"]), "lib-1-1.x86_64")
    transaction = world.resolve(remove=("nano",))
    assert [str(each) for each in transaction.removed] == ["nano-1-1.x86_64"]


def test_removing_takes_every_architecture_of_the_name(world: World) -> None:
    world.base("lib-1-1.x86_64", "lib-1-1.i686")
    transaction = world.resolve(remove=("lib",))
    assert [str(each) for each in transaction.removed] == ["lib-1-1.i686", "lib-1-1.x86_64"]


def test_all_that_need_a_removed_package_are_named(world: World) -> None:
    world.base(
        "lib-1-1.x86_64",
        pkg("app-1-1.x86_64", requires=["lib"]),
        pkg("tool-1-1.x86_64", requires=["app"]),
    )
    with pytest.raises(OverrideError) as caught:
        world.resolve(remove=("lib",))
    assert str(caught.value) == (
        "cannot remove or replace lib-1-1.x86_64: needed by app-1-1.x86_64, tool-1-1.x86_64"
    )
    assert hints(caught.value) == [
        "to remove all of them: overlay override remove lib app tool",
        "--install PACKAGE in the same command puts what provides the same in its place",
    ]
    transaction = world.resolve(remove=("lib", "app", "tool"))
    assert len(transaction.removed) == 3


def test_a_removal_of_what_the_base_lacks_rests(world: World) -> None:
    world.base("lib-1-1.x86_64")
    transaction = world.resolve(remove=("nano",))
    assert (transaction.removed, transaction.resting) == ((), ("nano",))


def test_what_provides_the_same_takes_the_place_in_one_operation(world: World) -> None:
    world.base(pkg("mta-1-1.x86_64", provides=["smtp"]), pkg("app-1-1.x86_64", requires=["smtp"]))
    world.repo(
        "r",
        pkg("other-1-1.x86_64", provides=["smtp"], conflicts=["mta"]),
        pkg("third-1-1.x86_64", provides=["smtp"], obsoletes=["mta"]),
    )
    for spec in ("other", "third"):
        transaction = world.resolve(spec, remove=("mta",))
        assert names(transaction) == [f"{spec}-1-1.x86_64"]
        assert [str(each) for each in transaction.removed] == ["mta-1-1.x86_64"]


def test_a_request_that_the_removed_one_met_is_met_by_another(world: World) -> None:
    world.base(pkg("nano-1-1.x86_64", provides=["editor"]))
    world.repo("r", pkg("vim-1-1.x86_64", provides=["editor"]), "nano-2-1.x86_64")
    assert world.resolve("editor").inactive == ("editor",)
    assert names(world.resolve("editor", remove=("nano",))) == ["vim-1-1.x86_64"]


def test_a_removed_package_does_not_come_back_as_a_layer(world: World) -> None:
    world.base("nano-1-1.x86_64")
    world.repo("r", "nano-2-1.x86_64", pkg("app-1-1.x86_64", recommends=["nano"]))
    assert names(world.resolve("app", remove=("nano",))) == ["app-1-1.x86_64"]


# Replacing


@pytest.mark.parametrize(
    ("spec", "version"), [("jq", "3"), ("jq-1", "1"), ("jq-3-1.x86_64", "3"), ("j?-1-1", "1")]
)
def test_a_base_package_is_replaced_up_or_down(world: World, spec: str, version: str) -> None:
    world.base("jq-2-1.x86_64", "lib-1-1.x86_64")
    world.repo("r", "jq-1-1.x86_64", "jq-3-1.x86_64", "lib-2-1.x86_64")
    transaction = world.resolve(replace=new(spec))
    assert replaced(transaction) == [("jq-2-1.x86_64", f"jq-{version}-1.x86_64")]
    (package,) = transaction.packages
    assert (package.reason, package.requested_by) == (Reason.OVERRIDE, (str(package.nevra),))


def test_a_replacement_comes_from_the_repository_that_is_named(world: World) -> None:
    world.base("jq-2-1.x86_64")
    world.repo("old", "jq-1-1.x86_64")
    world.repo("new", "jq-3-1.x86_64")
    transaction = world.resolve(replace=new("jq", repo="old"))
    assert replaced(transaction) == [("jq-2-1.x86_64", "jq-1-1.x86_64")]


def test_a_file_replaces_a_base_package(world: World) -> None:
    world.base("jq-2-1.x86_64")
    world.repo("r", "jq-3-1.x86_64")
    path = world.file("jq-1-1.x86_64")
    transaction = world.resolve(replace=(Replacing(path=path),))
    assert replaced(transaction) == [("jq-2-1.x86_64", "jq-1-1.x86_64")]
    assert transaction.packages[0].path == path


def test_what_is_needed_by_the_replacement_comes_along(world: World) -> None:
    world.base("jq-1-1.x86_64")
    world.repo("r", pkg("jq-2-1.x86_64", requires=["onig"]), "onig-1-1.x86_64")
    transaction = world.resolve(replace=new("jq"))
    assert [(str(p.nevra), p.reason, p.requested_by) for p in transaction.packages] == [
        ("jq-2-1.x86_64", Reason.OVERRIDE, ("jq-2-1.x86_64",)),
        ("onig-1-1.x86_64", Reason.DEPENDENCY, ("jq-2-1.x86_64",)),
    ]


def test_each_architecture_of_a_package_is_replaced(world: World) -> None:
    world.base("lib-1-1.x86_64", "lib-1-1.i686")
    world.repo("r", "lib-2-1.x86_64", "lib-2-1.i686")
    assert replaced(world.resolve(replace=new("lib"))) == [
        ("lib-1-1.i686", "lib-2-1.i686"),
        ("lib-1-1.x86_64", "lib-2-1.x86_64"),
    ]


def test_base_packages_that_would_have_to_follow_are_named(world: World) -> None:
    world.base("lib-1-1.x86_64", pkg("app-1-1.x86_64", requires=["lib = 1-1"]))
    world.repo("r", "lib-2-1.x86_64", pkg("app-2-1.x86_64", requires=["lib = 2-1"]))
    with pytest.raises(OverrideError) as caught:
        world.resolve(replace=new("lib"))
    assert str(caught.value) == (
        "cannot remove or replace lib-1-1.x86_64: app-1-1.x86_64 would have to be replaced with it"
    )
    assert hints(caught.value) == [
        "to override all of them: overlay override replace lib-2-1.x86_64 app-2-1.x86_64"
    ]
    together = world.resolve(replace=new("lib-2-1.x86_64", "app-2-1.x86_64"))
    assert len(together.replaced) == 2


def test_a_replacement_that_obsoletes_another_base_package_is_refused(world: World) -> None:
    world.base("jq-1-1.x86_64", "libjq-1-1.x86_64")
    world.repo("r", pkg("jq-2-1.x86_64", obsoletes=["libjq"]))
    with pytest.raises(BaseMovedError) as caught:
        world.resolve(replace=new("jq"))
    assert "would replace base package libjq-1-1.x86_64" in str(caught.value)
    transaction = world.resolve(replace=new("jq"), remove=("libjq",))
    assert [str(each) for each in transaction.removed] == ["libjq-1-1.x86_64"]


def test_a_request_for_a_replaced_package_is_met(world: World) -> None:
    world.base("jq-1-1.x86_64")
    world.repo("r", "jq-2-1.x86_64", pkg("app-1-1.x86_64", requires=["jq >= 2"]))
    transaction = world.resolve("jq", "app", replace=new("jq"))
    assert transaction.inactive == ("jq",)
    assert names(transaction) == ["app-1-1.x86_64", "jq-2-1.x86_64"]


def test_a_replacement_of_what_the_base_has_rests(world: World) -> None:
    world.base("jq-2-1.x86_64")
    world.repo("r", "jq-2-1.x86_64", "other-1-1.x86_64")
    same = world.file("jq-2-1.x86_64")
    gone = world.file("gone-1-1.x86_64")
    for given, resting in (
        (new("jq"), "jq"),
        ((Replacing(path=same),), "jq-2-1.x86_64"),
        ((Replacing(path=gone),), "gone-1-1.x86_64"),
        ((Replacing(spec="gone", repo_id="r"),), "gone"),
        (new("other"), "other"),
    ):
        transaction = world.resolve(replace=given)
        assert (transaction.replaced, transaction.resting) == ((), (resting,))


def test_a_replacement_that_is_nowhere_is_an_error(world: World) -> None:
    world.base("jq-2-1.x86_64")
    world.repo("r", "other-1-1.x86_64")
    for given in (new("jq-9"), new("jq"), (Replacing(spec="jq", repo_id="r"),)):
        with pytest.raises(UnknownPackageError) as caught:
            world.resolve(replace=given)
        assert str(caught.value) == f"no package matches '{given[0].spec}'"
    assert hints(caught.value)[-1] == "'overlay override reset jq' takes the base's again"


# Holding


def test_a_layered_replacement_is_kept_until_an_upgrade(world: World) -> None:
    world.base("jq-1-1.x86_64")
    world.repo("r", "jq-3-1.x86_64", "app-1-1.x86_64")
    layer = world.layer("jq-2-1.x86_64")
    followed = Replacing(spec="jq", repo_id="r")
    goal = Goal(install=("app",), layers=(layer,), replace=(followed,))
    with world.sack() as sack:
        assert replaced(sack.resolve(goal)) == [("jq-1-1.x86_64", "jq-2-1.x86_64")]
        later = sack.resolve(replace(goal, upgrade=True))
        assert replaced(later) == [("jq-1-1.x86_64", "jq-3-1.x86_64")]


def test_a_file_holds_its_version_over_an_upgrade(world: World) -> None:
    world.base("jq-1-1.x86_64")
    world.repo("r", "jq-3-1.x86_64")
    layer = world.layer("jq-2-1.x86_64")
    goal = Goal(layers=(layer,), replace=(Replacing(path=layer.path),), upgrade=True)
    with world.sack() as sack:
        assert replaced(sack.resolve(goal)) == [("jq-1-1.x86_64", "jq-2-1.x86_64")]


@pytest.mark.parametrize("repo", ["", "r"])
def test_a_held_version_that_is_asked_for_again_is_found_in_its_repository(
    world: World, repo: str
) -> None:
    world.base("jq-1-1.x86_64")
    world.repo("r", "jq-1-1.x86_64", "jq-2-1.x86_64")
    layer = world.layer("jq-2-1.x86_64")
    held = Replacing(path=layer.path)
    transaction = world.resolve(layers=(layer,), replace=(held, *new("jq", repo=repo)))
    assert replaced(transaction) == [("jq-1-1.x86_64", "jq-2-1.x86_64")]
    assert (transaction.replaced[0].replacing.repo_id, transaction.resting) == (repo, ())


def test_what_is_replaced_just_now_comes_back_from_a_removal(world: World) -> None:
    world.base("jq-1-1.x86_64", "nano-1-1.x86_64")
    world.repo("r", "jq-2-1.x86_64", "nano-2-1.x86_64")
    transaction = world.resolve(
        remove=("jq", "nano"), replace=(*new("jq"), Replacing(spec="nano", repo_id="r"))
    )
    assert replaced(transaction) == [("jq-1-1.x86_64", "jq-2-1.x86_64")]
    assert [str(each) for each in transaction.removed] == ["nano-1-1.x86_64"]


def test_a_layer_whose_override_is_reset_does_not_stay(world: World) -> None:
    world.base("jq-1-1.x86_64")
    world.repo("r", "jq-2-1.x86_64", "app-1-1.x86_64")
    transaction = world.resolve("app", layers=(world.layer("jq-2-1.x86_64"),))
    assert names(transaction) == ["app-1-1.x86_64"]


def test_of_many_that_need_it_those_are_named_that_do_so_directly(world: World) -> None:
    chain = [pkg(f"p{n}-1-1.x86_64", requires=[f"p{n - 1}"]) for n in range(1, 30)]
    world.base("p0-1-1.x86_64", *chain)
    with pytest.raises(OverrideError) as caught:
        world.resolve(remove=("p0",))
    assert str(caught.value) == (
        "cannot remove or replace p0-1-1.x86_64: "
        "needed by p1-1-1.x86_64, and through these by 28 more"
    )
    assert len(caught.value.moves) == 29
    assert hints(caught.value) == [
        "--install PACKAGE in the same command puts what provides the same in its place"
    ]


def test_of_many_packages_a_message_names_ten_and_of_each_one_line(world: World) -> None:
    many = [str(number) for number in range(10, 25)]
    needing = [pkg(f"app{n}-1-1.x86_64", requires=[f"lib{n}", f"lib{n} = 1"]) for n in many]
    world.base(*(f"lib{n}-1-1.x86_64" for n in many), *needing)
    with pytest.raises(OverrideError) as caught:
        world.resolve(remove=tuple(f"lib{n}" for n in many))
    libs, apps = (", ".join(f"{name}{n}-1-1.x86_64" for n in many[:10]) for name in ("lib", "app"))
    assert str(caught.value) == (
        f"cannot remove or replace {libs} and 5 more: needed by {apps} and 5 more"
    )
    *lines, last = caught.value.details
    told = {line.partition(" needs ")[0] for line in lines}
    assert (len(lines), len(told), last) == (10, 10, "and 5 more of the kind")


def test_only_overrides_that_something_stands_against_are_named(world: World) -> None:
    world.base(
        "lib-1-1.x86_64",
        pkg("jq-1-1.x86_64", requires=["lib"]),
        pkg("app-1-1.x86_64", requires=["lib"]),
    )
    layer = world.layer(pkg("jq-2-1.x86_64", requires=["lib"]))
    with pytest.raises(OverrideError) as caught:
        world.resolve(layers=(layer,), remove=("lib",), replace=(Replacing(path=layer.path),))
    assert str(caught.value).startswith("cannot remove or replace lib-1-1.x86_64: ")


def test_what_needs_a_removed_package_is_named_whatever_else_is_asked(world: World) -> None:
    world.base("lib-1-1.x86_64", pkg("app-1-1.x86_64", requires=["lib"]), "jq-1-1.x86_64")
    world.repo("r", "jq-2-1.x86_64", pkg("more-1-1.x86_64", requires=["app"]))
    with pytest.raises(OverrideError) as caught:
        world.resolve("more", remove=("lib",), replace=new("jq"))
    assert str(caught.value) == (
        "cannot remove or replace lib-1-1.x86_64: needed by app-1-1.x86_64"
    )


def test_a_repository_that_is_not_there_is_named(world: World) -> None:
    world.base("jq-1-1.x86_64")
    with pytest.raises(ConfigurationError) as caught:
        world.resolve(replace=new("jq", repo="nope"))
    assert str(caught.value) == "repo=nope: no repository of this id is enabled"
    assert hints(caught.value) == []


def test_a_repository_that_is_not_enabled_is_named_with_what_enables_it(world: World) -> None:
    world.base("jq-1-1.x86_64")
    world.repo("r", "jq-2-1.x86_64")
    with world.sack(disable_repos=("r",)) as sack, pytest.raises(ConfigurationError) as caught:
        sack.resolve(Goal(replace=new("jq", repo="r")))
    assert hints(caught.value) == ["'--enablerepo r' enables it for this command"]


def test_a_location_under_the_id_of_another_repository_is_refused(world: World) -> None:
    world.base("jq-1-1.x86_64")
    directory = world.repo("r", "jq-2-1.x86_64")
    with (
        pytest.raises(ConfigurationError) as caught,
        world.sack(repos_from_path=(("r", str(directory)),) * 2),
    ):
        pass
    assert str(caught.value) == "--repofrompath r: there is a repository of this id"
    assert hints(caught.value) == ["'--enablerepo r' uses that one; or choose another id"]


# Offering


def test_a_request_that_needs_newer_base_packages_is_told_which_command_would_do(
    world: World,
) -> None:
    world.base("libgl-1-1.x86_64", pkg("libegl-1-1.x86_64", requires=["libgl = 1-1"]))
    world.repo(
        "r",
        "libgl-2-1.x86_64",
        pkg("libegl-2-1.x86_64", requires=["libgl = 2-1"]),
        pkg("freeworld-1-1.x86_64", requires=["libgl = 2-1"]),
    )
    with pytest.raises(BaseMovedError) as caught:
        world.resolve("freeworld")
    assert hints(caught.value)[-1] == (
        "to change the base: overlay override replace libegl-2-1.x86_64 libgl-2-1.x86_64 "
        "--install freeworld"
    )
    done = world.resolve("freeworld", replace=new("libegl-2-1.x86_64", "libgl-2-1.x86_64"))
    assert len(done.packages) == 3


def test_a_package_that_conflicts_with_one_of_the_base_may_take_its_place(world: World) -> None:
    world.base("mta-1-1.x86_64")
    world.repo("r", pkg("other-1-1.x86_64", conflicts=["mta"]))
    with pytest.raises(BaseMovedError) as caught:
        world.resolve("other")
    assert hints(caught.value)[-1] == (
        "to change the base: overlay override remove mta --install other"
    )


def test_no_command_is_offered_that_would_not_do(world: World) -> None:
    world.base("libgl-1-1.x86_64", pkg("egl-1-1.x86_64", requires=["libgl = 1-1"]))
    world.repo("r", "libgl-2-1.x86_64")
    with pytest.raises(BaseMovedError) as caught:
        world.resolve("libgl-2")
    assert not any("override" in hint for hint in hints(caught.value))


def test_the_bases_own_version_is_no_override_to_offer(world: World) -> None:
    world.base("jq-1-1.x86_64")
    world.repo("r", "jq-1-1.x86_64", "jq-2-1.x86_64")
    with pytest.raises(BaseMovedError) as caught:
        world.resolve("jq-1", replace=new("jq"))
    assert not any("override" in hint for hint in hints(caught.value))
