# SPDX-License-Identifier: LGPL-2.1-or-later
"""rpm is the judge: a layered tree is what rpm itself installs, but for the conventions in a table.

Each group of packages is layered, and installed by the base's own rpm, scriptlets and all, into a
copy of the base. Both trees are then booted as far as tmpfiles.d goes, and compared path by path.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from fixtures.forest import World
from tests.integration.conftest import MakeHost
from tests.integration.conventions import Tree, unexplained, unlinked
from tests.integration.hosts import Host
from tests.integration.live import LiveTree, live_tree
from tests.integration.manifest import manifest

pytestmark = [pytest.mark.world, pytest.mark.root, pytest.mark.bwrap]


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Packages that are installed together."""

    packages: str
    tree: str = "base/minimal"
    first: str = ""  # those that rpm installs in a transaction before
    verify: frozenset[str] = frozenset()  # what `rpm -V` says of ours and not of rpm's own


GROUPS = {
    "strace": Group(packages="strace"),
    "tools": Group(packages="htop jq tree"),
    "daemons": Group(packages="memcached redis dnsmasq-base"),
    "graphical": Group(packages="mousepad galculator case-mime", tree="base/workstation"),
    "paths": Group(
        packages="""case-abi-fixed case-abi-follows case-boot-file case-caps case-etc case-ghost
            case-hardlinks case-identical-a case-identical-b case-links case-names
            case-opt case-opt-space case-same-as-base case-setuid case-sizes case-tmpfiles
            case-unmerged-paths case-user-pre case-user-sysusers case-usr-local
            case-var-dirs case-var-file""",
        # The files for /boot are in /usr/lib/ostree-boot.
        verify=frozenset(
            {
                "missing     /boot/case",
                "missing     /boot/case.img",
                "missing     /boot/case/inner",
            }
        ),
    ),
    "scripts": Group(
        packages="""case-post-appends case-post-chmods case-post-deletes case-post-directory
            case-post-fails case-post-renames case-post-replaces case-post-var case-lua-post
            case-python-post case-script-order case-sandbox case-unit case-unit-enabled""",
    ),
    "triggers": Group(
        packages="""case-filetrigger case-transfiletrigger case-watched-a case-watched-b
            case-triggerin tree case-conflict-a""",
        # The order of two that do not need each other is free, and its %triggerprein would in the
        # other one ask for a directory that rpm has not made by then.
        first="case-post-appends case-triggerin",
    ),
    "payloads": Group(
        packages="""case-payload-bzip2 case-payload-gzip case-payload-lzma case-payload-none
            case-payload-xz case-many-files case-empty case-versions case-conflict-b""",
    ),
    "dependencies": Group(
        packages="""case-rich case-weak case-supplements case-provider-a case-provider-b jq
            greet-any""",
    ),
    "old": Group(packages="greet-old"),
    "new": Group(packages="greet-new"),
}


# Caches that the world's packages leave to somebody else, where Fedora's have a trigger: ours has
# them built in, and beside rpm these run once. The bytes are compared like all others.
CACHES = (
    ("update-desktop-database", "--quiet", "/usr/share/applications"),
    ("gtk-update-icon-cache", "--force", "--quiet", "/usr/share/icons/hicolor"),
)


def test_every_corner_case_is_in_a_group(world: World) -> None:
    directory = Path(world.repositories["extras"]["directory"])
    names = {path.name.rsplit("-", 2)[0] for path in directory.glob("*.noarch.rpm")}
    cases = {name for name in names if name.startswith(("case-", "greet-"))}
    grouped = {name for group in GROUPS.values() for name in group.packages.split()}
    assert cases - grouped == set()


@pytest.mark.parametrize("name", GROUPS)
def test_layered_packages_are_what_rpm_installs(
    name: str, make_host: MakeHost, scratch: Path
) -> None:
    group = GROUPS[name]
    host = make_host(group.tree)
    first = group.first.split()
    host.change("install", *dict.fromkeys([*first, *group.packages.split()]))
    pending = host.deployments()[0]
    nevras = [package["nevra"] for package in pending["packages"]]
    time = pending["timestamp"]
    with (
        live_tree(host.checkout(1), scratch, time=time) as rpm,
        live_tree(host.checkout(0), scratch, time=time) as ours,
    ):
        _install(rpm, host, [nevra for nevra in nevras if _name(nevra) in first])
        _install(rpm, host, [nevra for nevra in nevras if _name(nevra) not in first])
        for tool, *arguments in CACHES:
            if (rpm.root / "usr/bin" / tool).exists():
                rpm.ask(tool, *arguments)
        rpm.boot()
        theirs = Tree(root=rpm.root, entries=manifest(rpm.root, by_name=True))
        mine = Tree(root=ours.root, entries=manifest(ours.root, by_name=True))
        found = list(unexplained(theirs, mine))
        assert not found, "\n".join(found)
        assert unlinked(mine) == []
        assert _database(ours) == _database(rpm)
        assert _verified(ours, nevras) - _verified(rpm, nevras) == group.verify


def _install(tree: LiveTree, host: Host, nevras: Sequence[str]) -> None:
    if not nevras:
        return
    repositories = Path(host.world.repositories["extras"]["directory"]).parent
    files = [_file(repositories, nevra) for nevra in nevras]
    tree.install(repositories, files)
    installed = set(tree.ask("rpm", "-qa", "--qf", "%{NEVRA}\n").split())
    assert {nevra.replace("-0:", "-") for nevra in nevras} <= installed


def _file(repositories: Path, nevra: str) -> str:
    name, version, release = nevra.rsplit("-", 2)
    file = f"{name}-{version.rpartition(':')[2]}-{release}.rpm"
    found = [path for path in repositories.glob(f"*/{file}") if path.parent.name != "updates"]
    return str(found[0].relative_to(repositories))


def _name(nevra: str) -> str:
    return nevra.rsplit("-", 2)[0]


def _database(tree: LiveTree) -> set[str]:
    """Packages by the digest of their header, and the state of each of their files."""
    packages = tree.ask("rpm", "-qa", "--qf", "%{NEVRA} %{SHA256HEADER} %{INSTALLTID}\n")
    lines = {line.rpartition(" ")[0] for line in packages.splitlines()}
    states = "[%{=NEVRA} %{FILENAMES} %{FILESTATES}\n]"
    return lines | set(tree.ask("rpm", "-qa", "--qf", states).splitlines())


def _verified(tree: LiveTree, nevras: Sequence[str]) -> set[str]:
    # Deployed files have no times: every image has the same.
    return set(tree.run("rpm", "-V", "--nomtime", *nevras).stdout.splitlines())
