# SPDX-License-Identifier: LGPL-2.1-or-later
"""rpm is the judge: a layered tree is what rpm itself installs, but for the conventions in a table.

Each group of packages is layered, and installed by the base's own rpm, scriptlets and all, into a
copy of the base. Both trees are then booted as far as tmpfiles.d goes, and compared path by path.
The packages of a group whose classes name no difference are compared once more, alone: among others
a convention that one of these needs would let theirs pass.
"""

from collections.abc import Iterable
from pathlib import Path

import pytest

from fixtures.forest import World
from tests.integration.classes import conventions_of, without_difference
from tests.integration.conftest import MakeHost
from tests.integration.conventions import ALWAYS
from tests.integration.groups import GROUPS, ONLY_OURS
from tests.integration.hosts import Host
from tests.integration.refusals import REFUSALS
from tests.integration.sidebyside import side_by_side

pytestmark = [pytest.mark.world, pytest.mark.root, pytest.mark.bwrap]


@pytest.mark.parametrize("repository", ["extras", "updates"])
def test_every_package_of_the_world_is_in_a_group(repository: str, world: World) -> None:
    directory = Path(world.repositories[repository]["directory"])
    names = {path.name.rsplit("-", 2)[0] for path in directory.glob("*.rpm")}
    # What the base has cannot be layered: its updates come with the next tree.
    base = Path(world.repositories["base"]["directory"])
    names -= {path.name.rsplit("-", 2)[0] for path in base.glob("*.rpm")}
    grouped = {name for group in GROUPS.values() for name in group.packages.split()}
    if repository == "updates":
        grouped = set(GROUPS["updates"].packages.split())
    refused = {name for each in REFUSALS for name in each.packages.split()}
    assert names - grouped - refused - ONLY_OURS.keys() == set()


@pytest.mark.parametrize("name", GROUPS)
def test_layered_packages_are_what_rpm_installs(
    name: str, make_host: MakeHost, scratch: Path
) -> None:
    group = GROUPS[name]
    wanted = group.packages.split()
    host = make_host(group.tree)
    used = _differences(host, wanted, scratch, verify=group.verify)
    assert used == conventions_of(wanted)


MIXED = {
    name: plain
    for name, group in GROUPS.items()
    if conventions_of(group.packages.split())
    and (plain := without_difference(group.packages.split()))
}


@pytest.mark.parametrize("name", MIXED)
def test_classes_that_name_no_difference_show_none(
    name: str, make_host: MakeHost, scratch: Path
) -> None:
    host = make_host(GROUPS[name].tree)
    used = _differences(host, MIXED[name], scratch)
    layered = [each["nevra"].rsplit("-", 2)[0] for each in host.deployments()[0]["packages"]]
    # Of what they require alone: files of a user whom another package brings come with it.
    assert used <= conventions_of(set(layered) - set(MIXED[name]))


def _differences(
    host: Host, wanted: Iterable[str], scratch: Path, *, verify: frozenset[str] = frozenset()
) -> frozenset[str]:
    """Installs packages both ways; returns the conventions used, without those that hold always."""
    host.change("install", *wanted)
    repositories = Path(host.world.repositories["extras"]["directory"]).parent
    with side_by_side(host, scratch) as pair:
        pair.install(repositories, [_file(repositories, nevra) for nevra in pair.nevras])
        return pair.compare(verify=verify) - ALWAYS


@pytest.mark.parametrize("name", ONLY_OURS)
def test_what_rpm_cannot_install_is_layered_all_the_same(
    name: str, host: Host, scratch: Path
) -> None:
    host.change("install", name)
    with side_by_side(host, scratch) as pair:
        repositories = Path(host.world.repositories["extras"]["directory"]).parent
        ended = pair.rpm.install(repositories, [_file(repositories, *pair.nevras)])
        assert ended.status != 0
        missing = pair.ours.run("rpm", "-V", "--nomtime", name)
        assert (missing.status, missing.stdout) == (0, "")


def _file(repositories: Path, nevra: str) -> str:
    name, version, release = nevra.rsplit("-", 2)
    file = f"{name}-{version.rpartition(':')[2]}-{release}.rpm"
    (found,) = repositories.glob(f"*/{file}")
    return str(found.relative_to(repositories))
