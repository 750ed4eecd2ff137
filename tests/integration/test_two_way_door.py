# SPDX-License-Identifier: LGPL-2.1-or-later
"""Either tool goes on from what the other left: from rpm-ostree's deployments, and from ours.

The base has base-1; rpm-ostree has layered tool-1 on it, and cached no layer of ours. The
repository of packages has app-1, which needs lib; lib-1; tool-1.
"""

import io
import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import redirect_stdout
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from fixtures import rpmostree
from fixtures.rpmostree import Asked, Layered
from layering import progress
from layering.change import Changed, ChangeOptions
from layering.cli import main
from layering.client import Client, Reset
from layering.deployments import Deployment
from layering.errors import BadRequestError, MissingLayerError
from layering.overriding import OverrideEdit
from layering.repo import Repo
from layering.repositories import RepositoryOptions
from layering.sysroot import Sysroot
from solver import SolverError, UnknownPackageError
from tests.rpmostree_reader import layered_info, package_list, values, written_back
from tests.rpms import File, Spec, build_rpm, make_repo
from tests.sysroots import REF, STATEROOT, TestSysroot, make_sysroot, make_tree, run

pytestmark = pytest.mark.root

BASE = ("base", 0, "1", "1", "noarch")
TOOL = ("tool", 0, "1", "1", "noarch")
OTHER = ("other", 0, "1", "1", "noarch")
NEWER = ("other", 2, "3", "1", "noarch")
ASKED = Asked(refspec=REF, requested=("tool",))
DIGEST = "1" * 64


@dataclass
class World:
    """A host whose tree rpm-ostree made, the base beneath it, and a repository of packages."""

    host: TestSysroot
    packages: Path
    tree: Path  # what rpm-ostree made of base and tool

    def client(self) -> Client:
        sysroot = Sysroot.open(self.host.path, writable=True)
        return Client(sysroot, None, self.host.path.with_name("cache"), progress.silent)

    def options(self, **more: Any) -> ChangeOptions:
        where = RepositoryOptions(from_path=(("tests", str(self.packages)),))
        return replace(ChangeOptions(repositories=where), **more)

    def by_rpm_ostree(self, layered: Layered, asked: Asked, more: str = "") -> str:
        """Deploys what rpm-ostree would have made; `more` goes to the end of its origin."""
        commit = rpmostree.commit(self.host.repo, self.host.commit, layered, self.tree)
        rpmostree.deploy(self.host.path, STATEROOT, commit, asked.origin() + more)
        return commit

    def install(self, *specs: str) -> Deployment:
        return deployed(self.client().install(specs, self.options(), lambda _: True))

    def uninstall(self, *specs: str, options: ChangeOptions | None = None) -> Deployment:
        given = options or self.options()
        return deployed(self.client().uninstall(specs, given, lambda _: True))

    def pending(self) -> Deployment:
        return Sysroot.open(self.host.path).deployments[0]

    def status(self) -> dict[str, Any]:
        shown = io.StringIO()
        with redirect_stdout(shown):
            assert main([f"--sysroot={self.host.path}", "--json", "status"]) == 0
        first: dict[str, Any] = json.loads(shown.getvalue())["deployments"][0]
        return first


def deployed(changed: Changed) -> Deployment:
    assert changed.deployment is not None
    return changed.deployment


def in_rpmdb(directory: Path, database: str) -> set[str]:
    """Returns the names of the packages in a deployment's rpmdb, as rpm tells them."""
    copy = directory.parent / "rpmdb-copy"
    shutil.copytree(directory / database, copy)
    try:
        return set(run("rpm", "-qa", f"--dbpath={copy}", "--qf", "%{NAME}\\n").split())
    finally:
        shutil.rmtree(copy)


@pytest.fixture(scope="module")
def rpms(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    directory = tmp_path_factory.mktemp("rpms")
    needs = {"app": ["lib"]}
    return {
        name: build_rpm(
            directory,
            f"{name}-1-1.noarch",
            Spec(
                files={f"/usr/bin/{name}": File(content=name.encode(), mode=0o755)},
                requires=needs.get(name, ()),
            ),
        )
        for name in ("base", "app", "lib", "tool")
    }


@pytest.fixture
def world(scratch: Path, rpms: dict[str, Path]) -> Iterator[World]:
    packages = scratch / "packages"
    packages.mkdir()
    for name in ("app", "lib", "tool"):
        shutil.copy(rpms[name], packages)
    make_repo(packages)
    tree = scratch / "tree"
    make_tree(tree, rpms=[rpms["base"], rpms["tool"]])
    yield World(
        host=make_sysroot(scratch / "host", rpms=[rpms["base"]]), packages=packages, tree=tree
    )


# Reading what rpm-ostree left


@pytest.mark.parametrize("version", rpmostree.VERSIONS)
def test_a_deployment_of_any_version_is_understood(world: World, version: int) -> None:
    commit = world.by_rpm_ostree(
        Layered(version=version, packages=("tool",), pkglist=(BASE, TOOL)), ASKED
    )
    shown = world.status()
    assert (shown["checksum"], shown["base_checksum"]) == (commit, world.host.commit)
    assert shown["origin"]["refspec"] == REF
    assert (shown["version"], shown["requested"]) == ("1", ["tool"])
    assert (shown["packages"], shown["inactive"]) == ([], [])
    assert layered_info(world.host.repo, commit).packages == ("tool",)  # and the reader is right


def test_overrides_and_local_packages_are_shown(world: World) -> None:
    asked = replace(
        ASKED,
        requested_local=(f"{DIGEST}:mine-1-1.noarch",),
        remove=("gone",),
        replace_local=(f"{DIGEST}:other-2:3-1.noarch",),
        replace=("repo=updates,vim,vim-common",),
    )
    layered = Layered(
        packages=("tool",),
        removed=(OTHER,),
        replaced_local=((NEWER, OTHER),),
        replaced_remote={"repo=updates": ((NEWER, OTHER),)},
        repositories=(("updates", 1_700_000_000),),
        pkglist=(BASE, TOOL),
    )
    world.by_rpm_ostree(layered, asked)
    shown = world.status()
    assert shown["requested_local"] == [f"{DIGEST}:mine-1-1.noarch"]
    assert shown["overrides"] == {
        "remove": ["gone"],
        "replace": ["repo=updates,vim,vim-common", f"{DIGEST}:other-2:3-1.noarch"],
        "inactive": ["gone", "vim", "vim-common"],
        "removed": ["other-1-1.noarch"],
        "replaced": [
            {"old": "other-1-1.noarch", "new": "other-2:3-1.noarch", "source": source}
            for source in ("", "repo=updates")
        ],
    }


# Going on from it


def test_an_install_goes_on_with_the_requests_and_makes_layers_of_all(world: World) -> None:
    before = world.by_rpm_ostree(Layered(packages=("tool",), pkglist=(BASE, TOOL)), ASKED)
    made = world.install("app")
    assert made.base_checksum == world.host.commit
    assert made.origin.requested == ("app", "tool")
    assert in_rpmdb(made.path, "usr/share/rpm") == {"app", "base", "lib", "tool"}
    shown = world.status()
    assert [(each["nevra"], each["requested_by"]) for each in shown["packages"]] == [
        ("app-1-1.noarch", ["app"]),
        ("lib-1-1.noarch", ["app"]),
        ("tool-1-1.noarch", ["tool"]),
    ]
    assert before in {each.checksum for each in Sysroot.open(world.host.path).deployments}
    world.host.fsck()


def test_what_only_others_understand_stays_in_the_origin(world: World) -> None:
    asked = replace(
        ASKED,
        custom_url="https://example.org/os",
        custom_description="An example",
        override_commit=world.host.commit,
    )
    world.by_rpm_ostree(Layered(packages=("tool",)), asked, "\n[vendor]\nchannel=stable\n")
    made = world.install("app")
    assert values(made.origin.format()) == {
        ("origin", "baserefspec"): REF,
        ("origin", "custom-url"): "https://example.org/os",
        ("origin", "custom-description"): "An example",
        ("origin", "override-commit"): world.host.commit,
        ("packages", "requested"): "app;tool",
        ("vendor", "channel"): "stable",
    }


def test_a_request_of_rpm_ostrees_is_taken_back(world: World) -> None:
    asked = replace(ASKED, requested=("app", "tool"))
    world.by_rpm_ostree(Layered(packages=("app", "tool")), asked)
    made = world.uninstall("tool")
    assert in_rpmdb(made.path, "usr/share/rpm") == {"app", "base", "lib"}
    assert made.origin.requested == ("app",)


def test_taking_the_last_request_back_needs_no_repository(world: World) -> None:
    world.by_rpm_ostree(Layered(packages=("tool",)), ASKED)
    made = world.uninstall("tool", options=ChangeOptions())
    assert made.checksum == world.host.commit
    assert made.origin.format() == f"[origin]\nrefspec={REF}\n"


def test_what_stays_has_to_come_from_the_repositories_once(world: World) -> None:
    asked = replace(ASKED, requested=("app", "tool"))
    world.by_rpm_ostree(Layered(packages=("app", "tool")), asked)
    with pytest.raises(UnknownPackageError) as caught:
        world.uninstall("tool", options=ChangeOptions())
    assert str(caught.value) == "no package matches 'app'"
    world.install("lib")
    # From here on there are layers of our own.
    made = world.uninstall("tool", "lib", options=ChangeOptions())
    assert made.origin.requested == ("app",)


def test_a_request_that_no_repository_meets_is_named(world: World) -> None:
    asked = replace(ASKED, requested=("gone", "tool"))
    world.by_rpm_ostree(Layered(packages=("gone", "tool")), asked)
    with pytest.raises(SolverError) as caught:
        world.install("app")
    assert caught.value.requests == ("gone",)
    made = deployed(
        world.client().install(["app"], world.options(uninstall=("gone",)), lambda _: True)
    )
    assert made.origin.requested == ("app", "tool")


def test_a_local_package_whose_file_rpm_ostree_kept_is_asked_for(
    world: World, rpms: dict[str, Path]
) -> None:
    local = f"{DIGEST}:mine-1-1.noarch"
    world.by_rpm_ostree(Layered(), replace(ASKED, requested=(), requested_local=(local,)))
    with pytest.raises(MissingLayerError) as caught:
        world.install("tool")
    assert str(caught.value) == "no layer is there of what came as a file: mine-1-1.noarch"
    assert caught.value.__notes__ == [
        "give the file again: overlay install ./mine-1-1.noarch.rpm",
        "'overlay uninstall mine' drops the request",
    ]


def test_a_container_image_stays_the_base(world: World) -> None:
    image = "ostree-unverified-registry:example.org/os:1"
    world.by_rpm_ostree(Layered(packages=("tool",)), Asked(container=image, requested=("tool",)))
    made = world.install("app")
    assert made.base_checksum == world.host.commit
    assert made.origin.format() == (
        f"[origin]\ncontainer-image-reference={image}\n\n[packages]\nrequested=app;tool;\n"
    )
    with pytest.raises(BadRequestError) as caught:
        world.client().upgrade(world.options(), lambda _: True)
    assert str(caught.value) == f"the base is a container image: {image}"
    assert caught.value.__notes__ == [
        "'overlay rebase REFSPEC' goes to an OSTree branch, and keeps the requests"
    ]


@pytest.mark.parametrize(
    ("more", "lost", "hint"),
    [
        (
            {"regenerate_initramfs": True},
            "[rpmostree]",
            "take them back with 'rpm-ostree reset' and its options, then try again",
        ),
        (
            {"modules_enable": ("nodejs:20",)},
            "[modules]",
            "take them back with 'rpm-ostree reset' and its options, then try again",
        ),
    ],
)
def test_what_a_new_tree_would_lack_is_refused(
    world: World, more: dict[str, Any], lost: str, hint: str
) -> None:
    world.by_rpm_ostree(Layered(packages=("tool",)), replace(ASKED, **more))
    with pytest.raises(BadRequestError) as caught:
        world.install("app")
    assert str(caught.value) == (
        f"the pending deployment has {lost}, which would be lost: {world.pending().id}"
    )
    assert caught.value.__notes__ == [hint]


def test_a_removal_of_rpm_ostrees_goes_on_and_is_reset(world: World) -> None:
    world.by_rpm_ostree(
        Layered(packages=("tool",), removed=(BASE,), pkglist=(TOOL,)),
        replace(ASKED, remove=("base",)),
    )
    made = world.install("app")
    assert in_rpmdb(made.path, "usr/share/rpm") == {"app", "lib", "tool"}
    assert world.status()["overrides"]["removed"] == ["base-1-1.noarch"]
    edit = OverrideEdit(reset_all=True)
    back = deployed(world.client().override(edit, world.options(), lambda _: True))
    assert in_rpmdb(back.path, "usr/share/rpm") == {"app", "base", "lib", "tool"}


def test_what_rpm_ostree_holds_as_a_file_is_asked_for(world: World) -> None:
    held = f"{DIGEST}:base-2-1.noarch"
    world.by_rpm_ostree(
        Layered(packages=("tool",), replaced_local=((("base", 0, "2", "1", "noarch"), BASE),)),
        replace(ASKED, replace_local=(held,)),
    )
    with pytest.raises(MissingLayerError) as caught:
        world.install("app")
    assert str(caught.value) == "no layer is there of what is held: base-2-1.noarch"
    assert caught.value.__notes__ == [
        "give the file again: overlay override replace ./base-2-1.noarch.rpm",
        "'overlay override reset base' takes the base's again",
    ]


# What rpm-ostree finds in ours


def test_rpm_ostree_reads_the_overrides_of_ours(world: World, scratch: Path) -> None:
    newer = build_rpm(scratch, "base-2-1.noarch", Spec(files={"/usr/bin/base": File()}))
    edit = OverrideEdit(replace=(str(newer),))
    made = deployed(world.client().override(edit, world.options(), lambda _: True))
    text = made.origin.format()
    assert values(text)["overrides", "replace-local"].endswith(":base-2-1.noarch")
    assert written_back(text) == values(text)
    assert layered_info(world.host.repo, made.checksum).version == 6
    assert package_list(world.host.repo, made.checksum) == ["base-2-1.noarch"]
    metadata = Repo.open(world.host.repo).commit_of(made.checksum).metadata.unpack()
    old = ("base-1-1.noarch", "base", 0, "1", "1", "noarch")
    new = ("base-2-1.noarch", "base", 0, "2", "1", "noarch")
    assert metadata["rpmostree.replaced-base-packages"] == [(new, old)]
    assert metadata["rpmostree.removed-base-packages"] == []


def test_rpm_ostree_finds_all_that_it_asserts_in_a_tree_of_ours(world: World) -> None:
    made = world.install("app")
    info = layered_info(world.host.repo, made.checksum)
    assert (info.is_layered, info.version, info.base) == (True, 6, world.host.commit)
    assert info.packages == ("app",)
    assert package_list(world.host.repo, made.checksum) == [
        "app-1-1.noarch",
        "base-1-1.noarch",
        "lib-1-1.noarch",
    ]


def test_the_bases_own_rpmdb_is_where_rpm_ostree_looks_for_it(world: World) -> None:
    made = world.install("app")
    assert in_rpmdb(made.path, "usr/lib/sysimage/rpm-ostree-base-db") == {"base"}


def test_rpm_ostree_loses_nothing_of_an_origin_of_ours(world: World) -> None:
    made = world.install("app", str(next(world.packages.glob("tool*.rpm"))))
    text = made.origin.format()
    assert values(text)["packages", "requested"] == "app"
    assert values(text)["packages", "requested-local"].endswith(":tool-1-1.noarch")
    assert written_back(text) == values(text)


def test_without_requests_rpm_ostree_sees_an_untouched_base(world: World) -> None:
    world.install("app")
    reset = Reset(overlays=True, overrides=True)
    made = deployed(world.client().reset(reset, world.options(), lambda _: True))
    assert not layered_info(world.host.repo, made.checksum).is_layered
    assert written_back(made.origin.format()) == {("origin", "refspec"): REF}


def test_there_and_back_again(world: World) -> None:
    """We layer, rpm-ostree layers more on the same base, and we go on."""
    ours = world.install("app")
    found = layered_info(world.host.repo, ours.checksum)
    asked = Asked(refspec=REF, requested=(*found.packages, "tool"))
    theirs = world.by_rpm_ostree(Layered(packages=asked.requested), asked)
    assert layered_info(world.host.repo, theirs).base == found.base
    again = world.uninstall("tool")
    # The same base, requests and layers are the same tree, whatever lay between.
    assert again.checksum == ours.checksum
    assert again.origin == ours.origin


def test_refs_of_ours_are_none_that_rpm_ostree_throws_away(world: World) -> None:
    world.install("app")
    listed = subprocess.run(
        ["ostree", "refs", f"--repo={world.host.repo}"], capture_output=True, text=True, check=True
    )
    refs = listed.stdout.split()
    assert [ref for ref in refs if ref.startswith(("rpmostree/pkg/", "rpmostree/base/"))] == []
    assert any(ref.startswith("overlay/base/") for ref in refs)
