# SPDX-License-Identifier: LGPL-2.1-or-later
"""rpm is the judge: a layered tree is what rpm itself installs, but for the conventions in a table.

Each group of packages is layered, and installed by the base's own rpm, scriptlets and all, into a
copy of the base. Both trees are then booted as far as tmpfiles.d goes, and compared path by path.
"""

from pathlib import Path

import pytest

from fixtures.forest import World
from tests.integration.classes import conventions_of
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
    host = make_host(group.tree)
    wanted = group.packages.split()
    host.change("install", *wanted)
    repositories = Path(host.world.repositories["extras"]["directory"]).parent
    with side_by_side(host, scratch) as pair:
        pair.install(repositories, [_file(repositories, nevra) for nevra in pair.nevras])
        used = pair.compare(verify=group.verify)
    assert used - ALWAYS <= conventions_of(wanted)


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
