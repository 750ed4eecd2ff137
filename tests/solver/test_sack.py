# SPDX-License-Identifier: LGPL-2.1-or-later
"""A sack leaves nothing behind, reads nothing of the host, and lets libdnf5's objects go."""

import gc
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from solver import (
    DownloadError,
    Goal,
    RepositoryError,
    Sack,
    SolverError,
    UnknownPackageError,
    UnreadableRpmError,
)
from solver.scratch import private_root
from tests import needs
from tests.solver.conftest import Server
from tests.solver.worlds import World, listing, pkg


def living_libdnf5_objects() -> list[str]:
    """Returns the kinds of libdnf5 objects that hang on a Base, or are one."""
    kinds = ("Base", "Package", "Repo", "Goal", "Transaction", "RpmSignature", "Reldep")
    return [
        type(thing).__name__
        for thing in gc.get_objects()
        if type(thing).__module__.startswith("libdnf5") and type(thing).__name__.startswith(kinds)
        if not isinstance(thing, Exception)
    ]


def test_the_bases_rpmdb_is_never_written_to(world: World) -> None:
    world.base("libfoo-1-1.noarch")
    world.repo("r", pkg("app-1-1.noarch", requires=["libfoo"]), "libfoo-2-1.noarch")
    before = listing(world.root)
    assert any(name.endswith("rpmdb.sqlite") for name in before)
    with world.sack() as sack:
        sack.download(sack.resolve(Goal(install=("app",))).packages)
        with pytest.raises(SolverError):
            sack.resolve(Goal(install=("libfoo-2",)))
        assert listing(world.root) == before
    assert listing(world.root) == before


def test_a_database_that_links_lead_to_is_found_inside_of_the_root_alone(world: World) -> None:
    world.base("tool-1-1.noarch")
    (database,) = world.root.rglob("rpmdb.sqlite")
    place = database.parent
    real = world.root / "usr" / "elsewhere"
    shutil.move(place, real)
    place.symlink_to(
        Path(*[".."] * (len(place.relative_to(world.root).parts) - 1), "usr/elsewhere")
    )
    assert world.resolve("tool").inactive == ("tool",)
    place.unlink()
    outside = world.directory / "host"
    shutil.move(real, outside)
    place.symlink_to(outside)
    with pytest.raises(UnknownPackageError):
        world.resolve("tool")


def test_nothing_but_the_cache_is_left_behind(world: World) -> None:
    world.base("libfoo-1-1.noarch")
    world.repo("r", "app-1-1.noarch")
    world.resolve("app", local=(world.file("other-1-1.noarch"),))
    assert {path.name for path in world.cache.iterdir()} == {"metadata"}
    with pytest.raises(RepositoryError):
        world.sack(repos_from_path=(("dead", "file:///nowhere"),))
    assert {path.name for path in world.cache.iterdir()} == {"metadata"}


def test_what_a_killed_run_left_behind_is_removed_and_a_living_one_is_not(tmp_path: Path) -> None:
    script = (
        "import os, sys, pathlib, solver.scratch\n"
        "with solver.scratch.private_root(*map(pathlib.Path, sys.argv[1:])) as root:\n"
        "    (root / 'file').touch()\n"
        "    os.kill(os.getpid(), 9)\n"
    )
    parent = tmp_path / "cache"
    command = [sys.executable, "-c", script, str(tmp_path), str(parent)]
    assert subprocess.run(command, check=False).returncode == -9
    (stale,) = parent.iterdir()
    with private_root(tmp_path, parent) as first, private_root(tmp_path, parent) as second:
        assert first.is_dir()
        assert second.is_dir()
        assert not stale.exists()
    assert list(parent.iterdir()) == []


def test_no_file_of_the_hosts_configuration_is_opened(world: World) -> None:
    needs.program("strace")
    world.base("system-release-44-1.noarch")
    world.repo("r", "app-1-1.noarch")
    script = (
        "import sys, pathlib, solver\n"
        "root, cache = map(pathlib.Path, sys.argv[1:3])\n"
        "config = solver.SackConfig(installroot=root, cache_dir=cache,\n"
        "                           repos_from_path=(('r', sys.argv[3]),))\n"
        "with solver.Sack.open(config) as sack:\n"
        "    sack.download(sack.resolve(solver.Goal(install=('app',))).packages)\n"
    )
    log = world.directory / "trace"
    command = ["strace", "-f", "-o", str(log), "-e", "trace=%file", sys.executable, "-c", script]
    arguments = [str(world.root), str(world.cache), str(world.directory / "repos" / "r")]
    subprocess.run([*command, *arguments], check=True)
    # What rpm's own macros say belongs to the host's librpm and cannot be left out.
    foreign = re.compile(
        r'"(/etc/(?:dnf|yum|distro|libdnf)[^"]*|/(?:usr/share|var/lib|var/cache|var/log)/(?:lib)?dnf'
        r'[^"]*|/var/lib/rpm[^"]*|/usr/lib/sysimage[^"]*)"'
    )
    assert foreign.findall(log.read_text(errors="replace")) == []


def test_a_closed_sack_leaves_no_object_of_libdnf5(world: World, server: Server) -> None:
    world.base("libfoo-1-1.noarch")
    world.repo("r", "app-1-1.noarch", "lib-1-1.noarch", pkg("bad-1-1.noarch", requires=["none"]))
    errors: list[BaseException] = []
    gc.collect()
    assert living_libdnf5_objects() == []
    with world.sack(repos_from_path=(("r", f"{server.url}/r"),)) as sack:
        packages = sack.resolve(Goal(install=("app", "lib"))).packages
        for goal in (
            Goal(install=("bad",)),
            Goal(install=("unknown",)),
            Goal(local=(world.directory / "no.rpm",)),
        ):
            with pytest.raises(SolverError) as caught:
                sack.resolve(goal)
            errors.append(caught.value)
        server.stop()
        with pytest.raises(DownloadError) as failed:
            sack.download(packages)
        errors.append(failed.value)
        assert living_libdnf5_objects() != []
    with pytest.raises(RepositoryError) as dead:
        world.sack(repos_from_path=(("dead", "file:///nowhere"),))
    errors.append(dead.value)
    # The exceptions are still held, with their frames; nothing of libdnf5 is.
    assert living_libdnf5_objects() == []
    assert isinstance(errors[2], UnreadableRpmError)


def test_answers_outlive_their_sack(world: World) -> None:
    world.repo("r", pkg("app-1-1.noarch", requires=["lib"]), "lib-1-1.noarch")
    with world.sack() as sack:
        transaction, repositories = sack.resolve(Goal(install=("app",))), sack.repositories()
    del sack
    gc.collect()
    assert [package.summary for package in transaction.packages] == ["test package"] * 2
    assert repositories[0].packages == 2


def test_two_sacks_live_side_by_side(world: World) -> None:
    world.repo("r", "app-1-1.noarch")
    with world.sack() as one, world.sack() as two:
        assert one.resolve(Goal(install=("app",))) == two.resolve(Goal(install=("app",)))


@pytest.mark.parametrize("module", ["libdnf5", "networkx"])
def test_heavy_libraries_are_only_imported_when_used(module: str) -> None:
    script = f"import sys; from solver import Goal, install_order; print('{module}' in sys.modules)"
    command = [sys.executable, "-c", script]
    assert subprocess.run(command, check=True, capture_output=True).stdout == b"False\n"


def test_every_public_name_is_there() -> None:
    import solver

    assert [name for name in solver.__all__ if not hasattr(solver, name)] == []
    assert solver.Sack is Sack
    with pytest.raises(AttributeError, match=r"^module 'solver' has no attribute 'Other'$"):
        _ = solver.Other
