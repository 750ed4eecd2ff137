# SPDX-License-Identifier: LGPL-2.1-or-later
"""What rpm refuses is refused, and what it does not is said: message, package, path."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from fixtures.forest import World
from tests.integration.classes import CHAPTERS
from tests.integration.hosts import Host, untouched
from tests.integration.live import LiveTree, live_tree
from tests.integration.refusals import REFUSALS, Refusal

pytestmark = [pytest.mark.world, pytest.mark.root, pytest.mark.bwrap]


@pytest.fixture(scope="module")
def rpm_tree(stable: Host, ground: Path) -> Iterator[LiveTree]:
    """The base, which rpm installs into, and each time takes away again what it could install."""
    scratch = ground / "refusals"
    scratch.mkdir()
    with live_tree(stable.checkout(), scratch, time=1) as tree:
        yield tree


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda refusal: refusal.packages.split()[0])
def test_what_is_refused_is_so_by_rpm_or_for_a_reason(
    refusal: Refusal, stable: Host, rpm_tree: LiveTree
) -> None:
    names = refusal.packages.split()
    broken = stable.world.repositories["broken"]["url"]
    ended = stable.overlay("-q", "install", "--repofrompath", f"broken,{broken}", *names)
    assert (ended.status, ended.stderr[: len(refusal.said)]) == (1, refusal.said), ended.stderr
    untouched(stable)
    assert _installed_by_rpm(rpm_tree, stable.world, names) == bool(refusal.why)


def _installed_by_rpm(tree: LiveTree, world: World, names: list[str]) -> bool:
    repositories = Path(world.repositories["broken"]["directory"]).parent
    files = [next(repositories.glob(f"*/{name}-1-1.*.rpm")) for name in names]
    tree.install(repositories, [str(file.relative_to(repositories)) for file in files])
    there = [name for name in names if tree.run("rpm", "-q", name).status == 0]
    if there:
        tree.ask("rpm", "-e", "--nodeps", "--noscripts", *there)
    return there == names


def test_every_broken_package_is_refused(world: World) -> None:
    directory = Path(world.repositories["broken"]["directory"])
    names = {path.name.rsplit("-", 2)[0] for path in directory.glob("*.rpm")}
    assert names - {name for each in REFUSALS for name in each.packages.split()} == set()


def test_the_page_calls_refused_what_is_refused() -> None:
    refused = {name for each in REFUSALS for name in each.packages.split()}
    told = {
        name
        for classes in CHAPTERS.values()
        for each in classes
        if each.becomes.startswith(("refused", "nothing is installed"))
        for name in each.cases.split()
    }
    # They come where nobody wants to go through the one's link, or watches the other.
    assert refused - told == {"case-link-directory", "case-watched-a"}
    assert told - refused == set()
