# SPDX-License-Identifier: LGPL-2.1-or-later
"""Going to another base: `upgrade`, `rebase`, `deploy`, `reset`, and requests that go dormant.

The branch, version by version       1: base-1 setup-1   2: base-2 setup-1 tool-1
In the repository of packages        app-1 needs lib; lib-1; tool-1
"""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from layering import progress
from layering.allowances import Asked
from layering.change import Changed, ChangeOptions
from layering.client import Client, Reset
from layering.errors import BadRequestError
from layering.kargs import EditKind, KargEdit
from layering.metadata_read import read
from layering.newbase import DowngradeError
from layering.proposal import Proposal
from layering.remote_errors import RemoteError
from layering.repo import Repo
from layering.repositories import RepositoryOptions
from layering.sysroot import Sysroot
from layering.sysroot_errors import BrokenOriginError, OriginError
from solver import Nevra, SolverError
from tests.rpms import File, Spec, build_rpm, make_repo
from tests.sysroots import REF, TestSysroot, run
from tests.upstream import BIG, REFSPEC, Upstream, following_host, upstream

pytestmark = pytest.mark.root

PLAIN = f"[origin]\nrefspec={REFSPEC}\n"


@dataclass
class World:
    """A branch with two versions, a repository of packages, and a host that has the first one."""

    up: Upstream
    host: TestSysroot
    packages: Path
    rpms: dict[str, Path]
    first: str

    def client(self) -> Client:
        sysroot = Sysroot.open(self.host.path, writable=True)
        return Client(sysroot, None, self.host.path.with_name("cache"), progress.silent)

    def options(self, **more: object) -> ChangeOptions:
        where = RepositoryOptions(from_path=(("tests", str(self.packages)),))
        return replace(ChangeOptions(repositories=where), **more)  # type: ignore[arg-type]

    def install(self, *specs: str) -> Changed:
        return self.client().install(specs, self.options(), yes)

    def upgrade(self, **more: object) -> Changed:
        return self.client().upgrade(self.options(**more), yes)

    def publish_second(self, *more: str) -> str:
        names = ("base-2-1.noarch", "setup-1-1.noarch", *more)
        return self.up.publish("2", [self.rpms[name] for name in names])

    def origin(self, index: int = 0) -> str:
        sysroot = Sysroot.open(self.host.path)
        return sysroot.deployments[index].origin.format()

    def files(self, index: int = 0) -> set[str]:
        sysroot = Sysroot.open(self.host.path)
        return {path.name for path in (sysroot.deployments[index].path / "usr/bin").iterdir()}


def yes(_proposal: Proposal) -> bool:
    return True


def tool(name: str) -> dict[str, File]:
    return {f"/usr/bin/{name.partition('-')[0]}": File(content=name.encode(), mode=0o755)}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    directory = tmp_path_factory.mktemp("rpms")
    names = ("base-1-1", "base-2-1", "setup-1-1", "tool-1-1", "lib-1-1", "lib-2-1")
    specs = {f"{name}.noarch": Spec(files=tool(name)) for name in names}
    specs["app-1-1.noarch"] = Spec(files=tool("app-1"), requires=["lib"])
    specs["addon-1-1.noarch"] = Spec(files=tool("addon-1"), requires=["base = 1"])
    return {nevra: build_rpm(directory, nevra, spec) for nevra, spec in specs.items()}


@pytest.fixture
def world(scratch: Path, built: dict[str, Path]) -> Iterator[World]:
    packages = scratch / "packages"
    packages.mkdir()
    for nevra in ("app-1-1.noarch", "lib-1-1.noarch", "tool-1-1.noarch", "addon-1-1.noarch"):
        shutil.copy(built[nevra], packages)
    make_repo(packages)
    with upstream(scratch / "upstream") as up:
        first = up.publish("1", [built["base-1-1.noarch"], built["setup-1-1.noarch"]])
        host = following_host(scratch / "host", up)
        yield World(up=up, host=host, packages=packages, rpms=built, first=first)


def test_with_nothing_new_and_nothing_layered_one_look_at_the_branch_is_all(world: World) -> None:
    changed = world.upgrade()
    assert (changed.unchanged, changed.deployment) == (True, None)
    assert len(world.up.asked) <= 4
    assert world.up.sent(".filez") == world.up.sent(".dirtree") == 0


def test_an_upgrade_of_an_unlayered_host_deploys_the_new_base_itself(world: World) -> None:
    second = world.publish_second()
    changed = world.upgrade()
    assert changed.deployment is not None
    assert (changed.deployment.checksum, changed.deployment.version) == (second, "2")
    assert world.origin() == PLAIN
    base = changed.proposal.base
    assert base is not None
    assert (base.version_before, base.version_after) == ("1", "2")
    old, new = (Nevra.parse(f"base-{version}-1.noarch") for version in "12")
    assert base.packages.upgraded == ((old, new),)
    world.host.fsck()


def test_what_was_asked_for_is_layered_on_the_new_base_with_the_layers_that_are_there(
    world: World,
) -> None:
    world.install("app")
    second = world.publish_second()
    for rpm in world.packages.glob("*.rpm"):
        rpm.unlink()  # so that fetching one would fail
    changed = world.upgrade()
    assert changed.deployment is not None
    assert changed.deployment.base_checksum == second
    assert changed.proposal.kept == ("app-1-1.noarch", "lib-1-1.noarch")
    assert world.files() >= {"app", "lib", "base", "setup"}
    world.host.fsck()


def test_an_upgrade_takes_better_versions_of_layers_where_the_base_stays(world: World) -> None:
    world.install("app")
    shutil.copy(world.rpms["lib-2-1.noarch"], world.packages)
    make_repo(world.packages)
    changed = world.client().upgrade(
        world.options(
            repositories=RepositoryOptions(
                from_path=(("tests", str(world.packages)),), refresh=True
            )
        ),
        yes,
    )
    assert [(old, new.nevra) for old, new in changed.proposal.changed] == [
        ("1-1", "lib-2-1.noarch")
    ]
    assert changed.proposal.base is None
    assert world.upgrade().unchanged


def test_a_no_costs_no_more_than_the_description_of_the_new_base(world: World) -> None:
    world.install("app")
    world.publish_second()
    shown: list[Proposal] = []

    def no(proposal: Proposal) -> bool:
        shown.append(proposal)
        return False

    changed = world.client().upgrade(world.options(), no)
    assert (changed.confirmed, changed.deployment) == (False, None)
    assert shown[0].base is not None
    fetched = [world.up.directory / path.lstrip("/") for path in set(world.up.asked)]
    assert sum(path.stat().st_size for path in fetched if path.is_file()) < 1_000_000
    assert world.up.sent(".filez") < 40
    assert not any("big" in str(path) for path in fetched)
    world.host.fsck()
    assert world.upgrade().deployment is not None
    assert (Sysroot.open(world.host.path).deployments[0].path / "usr/lib/big").stat().st_size == BIG


def test_a_request_that_does_not_fit_the_new_base_is_named_before_the_tree_is_fetched(
    world: World,
) -> None:
    world.install("addon", "app")
    world.publish_second()
    before = world.origin()
    with pytest.raises(SolverError) as caught:
        world.upgrade()
    assert "addon" in str(caught.value)
    assert "to go on without: --uninstall addon" in caught.value.__notes__
    assert world.up.sent(".filez") < 40
    assert world.origin() == before
    changed = world.upgrade(uninstall=("addon",))
    assert changed.deployment is not None
    assert changed.deployment.origin.requested == ("app",)


def test_a_request_that_the_base_meets_goes_dormant_and_comes_back_when_it_no_longer_does(
    world: World,
) -> None:
    world.install("tool")
    second = world.publish_second("tool-1-1.noarch")
    changed = world.upgrade()
    assert changed.deployment is not None
    assert changed.deployment.checksum == second  # the base itself: nothing is left to layer
    assert changed.proposal.inactive == ("tool",)
    assert changed.deployment.origin.requested == ("tool",)
    third = world.up.publish("3", [world.rpms["base-2-1.noarch"]])
    changed = world.upgrade()
    assert changed.deployment is not None
    assert changed.deployment.base_checksum == third
    assert [package.nevra for package in changed.proposal.added] == ["tool-1-1.noarch"]
    assert changed.proposal.returning == ("tool",)


def test_a_package_that_came_as_a_file_goes_along_to_another_release(world: World) -> None:
    world.client().install([str(world.rpms["lib-2-1.noarch"])], world.options(), yes)
    second = world.publish_second()
    changed = world.upgrade()
    assert changed.deployment is not None
    assert changed.deployment.base_checksum == second
    assert changed.proposal.kept == ("lib-2-1.noarch",)
    assert changed.proposal.download_size == 0


def test_a_dormant_request_can_be_dropped(world: World) -> None:
    world.install("setup")
    changed = world.client().uninstall(["setup"], ChangeOptions(), yes)
    assert changed.deployment is not None
    assert world.origin() == PLAIN


def test_an_older_commit_needs_consent(world: World) -> None:
    world.up.publish("0", [world.rpms["base-1-1.noarch"]], timestamp=1_600_000_000)
    with pytest.raises(DowngradeError) as caught:
        world.upgrade()
    assert str(caught.value) == (
        f"{REFSPEC} would go back from 1 of 2023-11-14T22:13:20Z to 0 of 2020-09-13T12:26:40Z"
    )
    assert caught.value.__notes__ == ["say --allow-downgrade if that is meant"]
    changed = world.client().upgrade(world.options(), yes, allow_downgrade=True)
    assert changed.deployment is not None
    assert changed.deployment.version == "0"


def test_what_went_back_is_not_announced_as_an_upgrade(world: World) -> None:
    commit = world.up.publish("0", [world.rpms["base-1-1.noarch"]], timestamp=1_600_000_000)
    available = world.client().available(world.options())
    assert available.found is None
    assert available.older is not None
    assert available.older.commit == commit
    with pytest.raises(DowngradeError):
        world.client().rebase(REFSPEC, world.options(), yes)


def test_an_unattended_upgrade_leaves_a_held_base_alone(world: World) -> None:
    world.client().deploy("1", world.options(), yes)
    world.publish_second()
    changed = world.client().upgrade(world.options(), yes, unattended=True)
    assert changed.unchanged
    assert world.upgrade().deployment is not None


def test_requests_that_an_emptied_origin_lost_are_not_dropped_in_silence(world: World) -> None:
    world.install("app")
    deployment = Sysroot.open(world.host.path).deployments[0]
    deployment.path.with_name(f"{deployment.path.name}.origin").write_text("")
    with pytest.raises(BadRequestError) as caught:
        world.install("tool")
    assert str(caught.value) == (
        f"the origin asks for nothing, but its tree was made for app: {deployment.id}"
    )
    changed = world.client().rebase(REFSPEC, world.options(install=("app", "tool")), yes)
    assert changed.deployment is not None
    assert changed.deployment.origin.requested == ("app", "tool")


@pytest.mark.parametrize("content", [b"garbage line\n", b"[origin]\nrefspec=\xff\n"])
def test_an_origin_that_cannot_be_read_is_named_as_what_it_is(world: World, content: bytes) -> None:
    deployment = Sysroot.open(world.host.path).deployments[0]
    deployment.path.with_name(f"{deployment.path.name}.origin").write_bytes(content)
    with pytest.raises(BrokenOriginError) as caught:
        Sysroot.open(world.host.path)
    assert str(caught.value).startswith("a deployment's origin cannot be read: ")


def test_nothing_goes_on_from_a_pending_deployment_whose_requests_are_not_known(
    world: World,
) -> None:
    world.install("app")
    deployment = Sysroot.open(world.host.path).deployments[0]
    origin = deployment.path.with_name(f"{deployment.path.name}.origin")
    origin.write_text("[origin]\nrefspec=a:b\nbaserefspec=a:b\n")
    with pytest.raises(OriginError) as caught:
        world.install("tool")
    assert str(caught.value).startswith(f"cannot go on from {deployment.id}, ")


def test_deploy_holds_the_base_at_a_version_until_the_next_upgrade(world: World) -> None:
    second = world.publish_second()
    world.upgrade()
    world.install("app")
    with pytest.raises(DowngradeError):
        world.client().deploy("1", world.options(), yes)
    changed = world.client().deploy("1", world.options(), yes, allow_downgrade=True)
    assert changed.deployment is not None
    assert changed.deployment.base_checksum == world.first
    assert changed.deployment.origin.override_commit == world.first
    assert changed.deployment.origin.requested == ("app",)
    changed = world.upgrade()
    assert changed.deployment is not None
    assert changed.deployment.base_checksum == second
    assert changed.deployment.origin.override_commit is None


def test_a_rebase_keeps_the_requests_and_can_drop_some(world: World) -> None:
    world.install("app", "tool")
    other = world.up.publish("9", [world.rpms["base-2-1.noarch"]], ref="test/other")
    changed = world.client().rebase("test/other", world.options(uninstall=("tool",)), yes)
    assert changed.deployment is not None
    assert changed.deployment.base_checksum == other
    assert changed.deployment.origin.refspec == "up:test/other"
    assert changed.deployment.origin.requested == ("app",)
    changed = world.client().rebase(f"up:{REF}", world.options(uninstall_all=True), yes)
    assert changed.deployment is not None
    assert (changed.deployment.checksum, world.origin()) == (world.first, PLAIN)


def test_a_branch_of_the_host_itself_is_followed_without_any_network(world: World) -> None:
    run("ostree", "refs", f"--repo={world.host.repo}", "--create=mine", world.first)
    changed = world.client().rebase(":mine", world.options(), yes)
    assert changed.deployment is not None
    assert changed.deployment.origin.refspec == "mine"
    assert world.upgrade().unchanged
    assert world.up.asked == []


def test_reset_gives_back_the_unlayered_origin_and_the_base_itself(world: World) -> None:
    world.install("app")
    assert world.origin() != PLAIN
    changed = world.client().reset(Reset(overlays=True, overrides=True), ChangeOptions(), yes)
    assert changed.deployment is not None
    assert (changed.deployment.checksum, world.origin()) == (world.first, PLAIN)


def test_a_deployment_of_a_bare_commit_follows_nothing(world: World) -> None:
    world.host.deploy(world.first)
    with pytest.raises(BadRequestError) as caught:
        world.upgrade()
    assert str(caught.value) == "the deployment follows no branch: it was made from a bare commit"
    assert caught.value.__notes__ == ["'overlay rebase REFSPEC' chooses one"]
    assert world.client().rebase(REFSPEC, world.options(), yes).deployment is not None


def test_what_is_available_is_told_without_the_tree(world: World) -> None:
    assert world.client().available(world.options()).found is None
    second = world.publish_second()
    found = world.client().available(world.options()).found
    assert found is not None
    assert (found.commit, found.version) == (second, "2")
    assert world.up.sent(".filez") == world.up.sent(".dirtree") == 0


def test_kernel_arguments_go_on_through_an_install_and_an_upgrade(world: World) -> None:
    edit = KargEdit(kind=EditKind.APPEND, text="nosmt")
    changed = world.client().change_kargs([edit])
    assert changed.deployment is not None
    assert changed.after == (*changed.before, "nosmt")
    world.install("app")
    world.publish_second()
    upgraded = world.upgrade()
    assert upgraded.deployment is not None
    assert set(upgraded.deployment.kargs) >= {"root=LABEL=test", "quiet", "nosmt"}


def test_what_holds_for_one_branch_alone_does_not_go_to_another(world: World) -> None:
    deployment = Sysroot.open(world.host.path).deployments[0]
    path = deployment.path.with_name(f"{deployment.path.name}.origin")
    custom = "custom-url=https://example.org/os\ncustom-description=mine\n"
    path.write_text(f"{PLAIN}{custom}")
    world.install("app")
    assert custom in world.origin()
    world.up.publish("9", [world.rpms["base-2-1.noarch"]], ref="test/other")
    world.client().rebase("test/other", world.options(), yes)
    assert "custom" not in world.origin()
    assert "requested=app;" in world.origin()


def test_of_a_tree_that_another_tool_layered_it_is_said_where_its_packages_come_from(
    world: World,
) -> None:
    """As if rpm-ostree had layered a package that no repository has any more."""
    commit = run(
        *("ostree", "commit", f"--repo={world.host.repo}", "--branch=theirs"),
        *(f"--tree=ref={world.first}", f"--parent={world.first}", "--bootable"),
        "--add-metadata=rpmostree.clientlayer=true",
    ).strip()
    world.host.deploy(commit)
    deployment = Sysroot.open(world.host.path).deployments[0]
    path = deployment.path.with_name(f"{deployment.path.name}.origin")
    path.write_text(f"[origin]\nbaserefspec={REFSPEC}\n[packages]\nrequested=gone;\n")
    with pytest.raises(SolverError) as caught:
        world.install("app")
    assert caught.value.__notes__[-1] == (
        "the pending tree is not overlay's: what it layers comes from the repositories once"
    )


def test_the_beginning_of_a_commit_is_told_how_long_it_has_to_be(world: World) -> None:
    with pytest.raises(RemoteError) as caught:
        world.client().deploy(world.first[:7], world.options(), yes)
    assert caught.value.__notes__[0] == "the beginning of a commit has 8 digits at least"
    assert world.client().deploy(world.first[:8], world.options(), yes).deployment is not None


def test_what_packages_are_allowed_goes_along_to_another_base(world: World) -> None:
    asked = Asked(noscripts=("app", "lib"))
    world.client().install(["app"], world.options(allow=asked), yes)
    world.publish_second()
    changed = world.upgrade()
    assert changed.deployment is not None
    assert not changed.proposal.allowances  # nothing of it is new
    tree = read(Repo.open(world.host.repo).commit_of(changed.deployment.checksum))
    assert tree.allowances.to_dict() == {"noscripts": ("app", "lib")}
