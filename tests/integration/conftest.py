# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the integration tests stand on: the built world, and fresh hosts in it.

`OVERLAY_TEST_WORLD` names the document that `./dev world` prints; without it they are skipped.
The hosts are made on a tmpfs that vanishes with the test process: making and removing tens of
thousands of links takes no time there, and no test can reach the files of the built world.
"""

import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from fixtures import host as hosts_of_fixtures
from fixtures.forest import World
from tests import needs
from tests.integration.hosts import Host, Objects, command

MakeHost = Callable[..., Host]
MINIMAL = "base/minimal"


@pytest.fixture(scope="session")
def built() -> World:
    """The test distribution where it was built; nothing there is ever changed."""
    answer = json.loads(needs.world_document().read_text(encoding="utf-8"))
    return World(
        directory=Path(answer["world"]),
        repositories=answer["repositories"],
        ostree_repo=Path(answer["ostree_repo"]),
        trees=answer["trees"],
    )


@pytest.fixture(scope="session")
def world(built: World, ground: Path) -> World:
    """The test distribution with the minimal tree copied to where hosts can link to it."""
    copied = replace(built, ostree_repo=ground / "world")
    command("ostree", "init", "--mode=bare", f"--repo={copied.ostree_repo}")
    _copy(MINIMAL, built, copied)
    return copied


def _copy(tree: str, built: World, copied: World) -> None:
    repo = f"--repo={copied.ostree_repo}"
    if tree not in command("ostree", "refs", repo).split():
        command("ostree", "pull-local", repo, built.ostree_repo, tree)


@pytest.fixture
def scratch(ground: Path) -> Iterator[Path]:
    """A directory on the tmpfs, for the test alone."""
    directory = Path(tempfile.mkdtemp(prefix="test-", dir=ground))
    yield directory
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture
def make_host(built: World, world: World, scratch: Path) -> Iterator[MakeHost]:
    """Makes fresh hosts, each a second's work, and removes them after the test.

    Whatever was done to them, scripts that ran included, has left their repositories whole.
    """
    made: dict[Path, tuple[Host, Objects]] = {}

    def make(tree: str = MINIMAL, *, directory: Path | None = None) -> Host:
        if tree not in world.trees:
            needs.absent(f"the world of OVERLAY_TEST_WORLD has no tree {tree}")
        _copy(tree, built, world)
        path = directory or scratch / f"host-{len(made)}"
        hosts_of_fixtures.create(path, world, tree)
        host = Host(path=path, world=world, tree=tree)
        made[path] = (host, host.objects())
        return host

    yield make
    try:
        for host, fresh in made.values():
            _whole(host, fresh)
    finally:
        for path in made:
            if path.exists():
                hosts_of_fixtures.remove(path)


def _whole(host: Host, fresh: Objects) -> None:
    """Fails unless `ostree fsck` is content; a repository that nothing was done to need not ask."""
    if host.path.exists() and host.objects() != fresh:
        host.fsck()


@pytest.fixture
def host(make_host: MakeHost) -> Host:
    """A fresh host with the minimal tree."""
    return make_host()


@contextmanager
def fresh_host(path: Path, built: World, world: World, tree: str) -> Iterator[Host]:
    """Gives a host that several tests share, and whose repository must be whole at the end."""
    _copy(tree, built, world)
    host = Host(path=path, world=world, tree=tree)
    hosts_of_fixtures.create(host.path, world, tree)
    try:
        yield host
        host.fsck()
    finally:
        hosts_of_fixtures.remove(host.path)


@pytest.fixture(scope="session")
def stable(built: World, world: World, ground: Path) -> Iterator[Host]:
    """A host with the minimal tree that no test changes."""
    with fresh_host(ground / "stable", built, world, MINIMAL) as host:
        yield host
