# SPDX-License-Identifier: LGPL-2.1-or-later
"""Repositories as they are configured, loaded, and missed."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from solver import ConfigurationError, Goal, Progress, RepositoryError, UnknownPackageError
from tests.solver.worlds import World, names

NOWHERE = "http://127.0.0.1:1/repo"  # nobody listens there


def repo_file(world: World, text: str) -> Path:
    directory = world.directory / "tree" / "etc" / "yum.repos.d"
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "test.repo").write_text(text, encoding="utf-8")
    return directory


def test_repositories_come_from_the_trees_files_with_its_variables(world: World) -> None:
    world.base("system-release-44-1.noarch")
    shutil.move(world.repo("r", "app-1-1.noarch"), world.directory / "44-1-x86_64-blue")
    variables = world.directory / "vars"
    variables.mkdir()
    (variables / "colour").write_text("blue\n", encoding="utf-8")
    text = "[r]\nname=The $colour one\n"
    text += f"baseurl=file://{world.directory}/$releasever-$basearch-$colour\ngpgcheck=1\n"
    directory = repo_file(world, text)
    config: dict[str, Any] = {
        "repo_dirs": (directory,),
        "vars_dirs": (variables,),
        "repos_from_path": (),
    }
    with world.sack(**config) as sack:
        (repository,) = sack.repositories()
        assert (repository.id, repository.name) == ("r", "The blue one")
        assert repository.urls == (f"file://{world.directory}/44-1-x86_64-blue",)
        assert (repository.packages, repository.gpgcheck) == (1, True)
        assert repository.generated > 1_700_000_000
        assert repository.skipped == ""
        assert names(sack.resolve(Goal(install=("app",)))) == ["app-1-1.noarch"]


def test_a_given_releasever_wins(world: World) -> None:
    world.base("system-release-44-1.noarch")
    shutil.move(world.repo("r", "app-1-1.noarch"), world.directory / "45")
    text = f"[r]\nbaseurl=file://{world.directory}/$releasever\n"
    config: dict[str, Any] = {"repo_dirs": (repo_file(world, text),), "repos_from_path": ()}
    with world.sack(releasever="45", **config) as sack:
        assert sack.repositories()[0].packages == 1


def test_a_given_architecture_wins(world: World) -> None:
    world.repo("r", "app-1-1.aarch64", "app-1-1.x86_64")
    with world.sack(arch="aarch64") as sack:
        assert names(sack.resolve(Goal(install=("app",)))) == ["app-1-1.aarch64"]


def test_repositories_are_enabled_and_disabled_by_globs(world: World) -> None:
    for repo_id in ("one", "two", "other"):
        world.repo(repo_id, f"{repo_id}-1-1.noarch")
    with world.sack(disable_repos=("*",), enable_repos=("t*",)) as sack:
        assert [repository.id for repository in sack.repositories()] == ["two"]
        with pytest.raises(UnknownPackageError):
            sack.resolve(Goal(install=("one",)))
    with world.sack(disable_repos=("o*",)) as sack:
        assert [repository.id for repository in sack.repositories()] == ["two"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"enable_repos": ("x*",)}, "enabled repositories: no repository matches 'x*'"),
        (
            {"setopts": (("x.gpgcheck", "1"),)},
            "option 'x.gpgcheck=1': no repository matches 'x'",
        ),
        ({"setopts": (("r.wrong", "1"),)}, "option 'r.wrong=1': Option \"wrong\" not found"),
        ({"setopts": (("wrong", "1"),)}, "option 'wrong=1': Option \"wrong\" not found"),
        (
            {"setopts": (("r.gpgcheck", "maybe"),)},
            "option 'r.gpgcheck=maybe': Invalid boolean value \"maybe\"",
        ),
        (
            {"repos_from_path": (("r r", "/x"),)},
            "repository 'r r' at /x: Invalid repository id \"r r\": unexpected character ' '",
        ),
    ],
)
def test_wrong_options_are_named(world: World, options: dict[str, Any], message: str) -> None:
    world.repo("r", "app-1-1.noarch")
    with pytest.raises(ConfigurationError) as caught:
        world.sack(**options)
    assert str(caught.value) == message


def test_a_broken_repo_file_is_named(world: World) -> None:
    directory = repo_file(world, "[r\nbaseurl=x\n")
    with pytest.raises(ConfigurationError, match=r"test\.repo"):
        world.sack(repo_dirs=(directory,))


def test_a_missing_dnf_conf_is_named(world: World) -> None:
    with pytest.raises(ConfigurationError, match=r"^/no/such/dnf\.conf: "):
        world.sack(dnf_conf=Path("/no/such/dnf.conf"))


def test_a_dead_repository_is_named_with_url_and_cause(world: World) -> None:
    world.repo("alive", "app-1-1.noarch")
    directory = repo_file(world, f"[dead]\nname=Dead\nbaseurl={NOWHERE}\n")
    with pytest.raises(RepositoryError) as caught:
        world.sack(repo_dirs=(directory,))
    message = str(caught.value)
    start = f"cannot load repository 'dead' from {NOWHERE}: Curl error (7): "
    assert message.startswith(start)
    assert "\n" not in message
    assert caught.value.__notes__ == [
        "go on without it by --disablerepo=dead, or set skip_if_unavailable=1 in its .repo file"
    ]


def test_a_repository_may_be_skipped_if_it_says_so(world: World) -> None:
    world.repo("alive", "app-1-1.noarch")
    text = f"[dead]\nname=Dead\nbaseurl={NOWHERE}\nskip_if_unavailable=1\n"
    with world.sack(repo_dirs=(repo_file(world, text),)) as sack:
        alive, dead = sack.repositories()
        assert (alive.packages, alive.skipped) == (1, "")
        assert (dead.packages, dead.generated) == (0, 0)
        assert dead.skipped.startswith("Curl error (7): ")
        assert names(sack.resolve(Goal(install=("app",)))) == ["app-1-1.noarch"]


def test_of_several_dead_repositories_one_that_matters_is_named(world: World) -> None:
    text = f"[a]\nbaseurl={NOWHERE}\nskip_if_unavailable=1\n[b]\nbaseurl={NOWHERE}\n"
    with pytest.raises(RepositoryError, match=r"^cannot load repository 'b' from "):
        world.sack(repo_dirs=(repo_file(world, text),))


def test_a_repository_without_any_place_is_named(world: World) -> None:
    with pytest.raises(RepositoryError) as caught:
        world.sack(repo_dirs=(repo_file(world, "[r]\nname=R\n"),))
    assert str(caught.value) == (
        "cannot load repository 'r': it has no baseurl, mirrorlist or metalink"
    )


@pytest.mark.parametrize("damage", ["repomd", "primary"])
def test_broken_metadata_is_named(world: World, damage: str) -> None:
    directory = world.repo("r", "app-1-1.noarch") / "repodata"
    (path,) = directory.glob("repomd.xml" if damage == "repomd" else "*primary.xml*")
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(RepositoryError, match=r"^cannot load repository 'r' from file://\S+: \S"):
        world.sack()


def test_cached_metadata_is_enough(world: World) -> None:
    directory = world.repo("r", "app-1-1.noarch")
    world.sack().close()
    shutil.rmtree(directory)
    for cache_only in (False, True):
        with world.sack(cache_only=cache_only) as sack:
            assert names(sack.resolve(Goal(install=("app",)))) == ["app-1-1.noarch"]


def test_what_was_never_cached_is_missed_when_only_the_cache_is_used(world: World) -> None:
    directory = world.repo("r", "app-1-1.noarch")
    with pytest.raises(RepositoryError) as caught:
        world.sack(cache_only=True)
    assert str(caught.value) == (
        f"cannot load repository 'r' from file://{directory}: its metadata is not in the cache"
    )
    assert caught.value.__notes__ == ["leave out --cache-only (-C) to fetch it"]


def test_a_refresh_sees_what_is_new(world: World) -> None:
    world.repo("r", "app-1-1.noarch")
    world.sack().close()
    world.repo("r", "app-2-1.noarch")
    assert names(world.resolve("app")) == ["app-1-1.noarch"]
    with world.sack(refresh=True) as sack:
        assert names(sack.resolve(Goal(install=("app",)))) == ["app-2-1.noarch"]
    assert names(world.resolve("app")) == ["app-2-1.noarch"]


def test_nothing_is_fetched_when_repositories_are_not_loaded(world: World) -> None:
    directory = repo_file(world, f"[dead]\nbaseurl={NOWHERE}\n")
    with world.sack(repo_dirs=(directory,), load_repositories=False) as sack:
        assert sack.resolve(Goal()).packages == ()
    assert not list(world.cache.rglob("*.solv*"))


def test_progress_of_metadata_is_reported(world: World) -> None:
    world.repo("r", "app-1-1.noarch")
    told: list[Progress] = []
    world.sack(report=told.append).close()
    assert {(one.phase, one.item, one.unit) for one in told} == {("metadata", "r", "bytes")}
    assert told[-1].done == told[-1].total > 0


def test_an_exception_while_reporting_stops_the_load_and_comes_through(world: World) -> None:
    world.repo("r", "app-1-1.noarch")

    def interrupt(progress: Progress) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        world.sack(report=interrupt)
