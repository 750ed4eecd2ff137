# SPDX-License-Identifier: LGPL-2.1-or-later
"""Packages fetched, cached, and refused where they are not what the metadata announced."""

import hashlib
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from solver import (
    BrokenDownloadError,
    DownloadError,
    Goal,
    Package,
    Progress,
    RepositoryError,
    Sack,
    VerifiedRpm,
)
from tests.rpms import File
from tests.solver.conftest import Server
from tests.solver.worlds import World, pkg

BIG = {"/usr/share/big": File(content=bytes(range(256)) * 4000)}


def remote(world: World, server: Server) -> dict[str, Any]:
    return {"repos_from_path": (("r", f"{server.url}/r"),)}


def fetch(sack: Sack, *specs: str) -> tuple[VerifiedRpm, ...]:
    return sack.download(sack.resolve(Goal(install=specs)).packages)


def digest(path: Path) -> str:
    return f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"


def test_packages_come_over_http_as_the_repository_has_them(world: World, server: Server) -> None:
    directory = world.repo("r", pkg("app-1-1.noarch", requires=["lib"]), "lib-1-1.noarch")
    with world.sack(**remote(world, server)) as sack:
        rpms = fetch(sack, "app")
    assert [rpm.package.nevra.name for rpm in rpms] == ["app", "lib"]
    for rpm in rpms:
        assert rpm.path.read_bytes() == (directory / rpm.path.name).read_bytes()
        assert rpm.path.is_relative_to(world.cache)


def test_a_cached_package_is_not_fetched_again(world: World, server: Server) -> None:
    world.repo("r", "app-1-1.noarch")
    with world.sack(**remote(world, server)) as sack:
        (first,) = fetch(sack, "app")
    before = len(server.asked())
    with world.sack(**remote(world, server)) as sack:
        assert fetch(sack, "app") == (first,)
    with world.sack(cache_only=True, **remote(world, server)) as sack:
        assert fetch(sack, "app") == (first,)
    assert [asked for asked in server.asked()[before:] if ".rpm" in asked] == []


@pytest.mark.parametrize("damage", ["flipped", "longer", "part", "wrong part", "empty"])
def test_a_damaged_cached_package_is_fetched_again(
    world: World, server: Server, damage: str
) -> None:
    world.repo("r", pkg("app-1-1.noarch", files=BIG, payload="w0.ufdio"))
    with world.sack(**remote(world, server)) as sack:
        (rpm,) = fetch(sack, "app")
        whole = rpm.path.read_bytes()
        half = len(whole) // 2
        rpm.path.write_bytes(
            {
                "flipped": whole[:half] + bytes([whole[half] ^ 1]) + whole[half + 1 :],
                "longer": whole + b"x",
                "part": whole[:half],
                "wrong part": b"x" * half,
                "empty": b"",
            }[damage]
        )
        if damage.endswith("part"):  # as librepo marks what it has not finished
            os.setxattr(rpm.path, "user.librepo.downloadinprogress", b"")
        before = len(server.asked())
        (again,) = fetch(sack, "app")
        assert again.path.read_bytes() == whole
        start = half if damage.endswith("part") else ""
        assert server.asked()[before] == f"/r/app-1-1.noarch.rpm {start}"


def test_a_package_that_is_not_what_the_metadata_says_is_refused(
    world: World, server: Server
) -> None:
    directory = world.repo("r", "app-1-1.noarch")
    path = directory / "app-1-1.noarch.rpm"
    good = digest(path)
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with world.sack(**remote(world, server)) as sack, pytest.raises(DownloadError) as caught:
        fetch(sack, "app")
    message = str(caught.value)
    assert message.startswith("cannot download app-1-1.noarch from repository 'r': ")
    assert good.removeprefix("sha256:") in message
    assert digest(path).removeprefix("sha256:") in message


def test_packages_of_a_file_repository_are_used_in_place(world: World) -> None:
    directory = world.repo("r", "app-1-1.noarch")
    with world.sack() as sack:
        (rpm,) = fetch(sack, "app")
    assert rpm.path == directory / "app-1-1.noarch.rpm"
    assert not list(world.cache.rglob("*.rpm"))


def test_a_place_with_odd_characters_is_found(world: World) -> None:
    odd = world.directory / "a b%20ü#"
    shutil.move(world.repo("r", "app-1:1~rc1+x-1.noarch"), odd)
    with world.sack(repos_from_path=(("r", str(odd)),)) as sack:
        (rpm,) = fetch(sack, "app")
    assert (rpm.path.parent, digest(rpm.path)) == (odd, rpm.package.digest)


def test_a_package_in_place_that_is_not_what_the_metadata_says_is_refused(world: World) -> None:
    path = world.repo("r", "app-1-1.noarch") / "app-1-1.noarch.rpm"
    good = digest(path)
    path.write_bytes(path.read_bytes() + b"x")
    with world.sack() as sack, pytest.raises(BrokenDownloadError) as caught:
        fetch(sack, "app")
    assert str(caught.value) == (
        "app-1-1.noarch from repository 'r' is broken: "
        f"expected digest {good}, found {digest(path)}"
    )
    assert path.exists()  # it is not ours to remove


def test_a_local_file_is_handed_back_unless_it_changed(world: World) -> None:
    path = world.file("app-1-1.noarch")
    with world.sack() as sack:
        packages = sack.resolve(Goal(local=(path,))).packages
        assert sack.download(packages) == (VerifiedRpm(package=packages[0], path=path),)
        old = digest(path)
        path.write_bytes(path.read_bytes() + b"x")
        with pytest.raises(BrokenDownloadError) as caught:
            sack.download(packages)
    assert str(caught.value) == (
        "app-1-1.noarch from repository '@commandline' is broken: "
        f"expected digest {old}, found {digest(path)}"
    )


def test_layers_need_no_file(world: World) -> None:
    stub = world.layer("app-1-1.noarch")
    with world.sack() as sack:
        packages = sack.resolve(Goal(install=("app",), layers=(stub,))).packages
        assert sack.download(packages) == ()


def test_packages_are_found_again_in_another_sack(world: World, server: Server) -> None:
    # The first has the base's lock in place, the second never solved anything.
    world.base("lib-1-1.noarch")
    world.repo("r", "lib-2-1.noarch", "app-1-1.noarch")
    with world.sack(**remote(world, server)) as sack:
        packages = sack.resolve(Goal(install=("app",))).packages
    with world.sack(**remote(world, server)) as sack:
        assert [rpm.package for rpm in sack.download(packages)] == list(packages)


def test_a_package_that_the_repository_dropped_is_named(world: World) -> None:
    world.repo("r", "app-1-1.noarch")
    with world.sack() as sack:
        (package,) = sack.resolve(Goal(install=("app",))).packages
    (world.directory / "repos" / "r" / "app-1-1.noarch.rpm").unlink()
    world.repo("r")
    with world.sack(refresh=True) as sack, pytest.raises(DownloadError) as caught:
        sack.download([package])
    assert str(caught.value) == (
        "cannot download app-1-1.noarch from repository 'r': "
        f"it has none with digest {package.digest}"
    )


def test_a_repository_that_went_away_is_named(world: World, server: Server) -> None:
    world.repo("r", "app-1-1.noarch", "lib-1-1.noarch")
    with world.sack(**remote(world, server)) as sack:
        packages = sack.resolve(Goal(install=("app", "lib"))).packages
        server.stop()
        with pytest.raises(DownloadError) as caught:
            sack.download(packages)
    start = "cannot download app-1-1.noarch from repository 'r': Curl error (7): "
    assert str(caught.value).startswith(start)


def test_what_is_not_cached_is_missed_when_only_the_cache_is_used(
    world: World, server: Server
) -> None:
    world.repo("r", "app-1-1.noarch")
    world.sack(**remote(world, server)).close()
    with (
        world.sack(cache_only=True, **remote(world, server)) as sack,
        pytest.raises(DownloadError) as caught,
    ):
        fetch(sack, "app")
    assert str(caught.value) == (
        "cannot download app-1-1.noarch from repository 'r': it is not in the cache"
    )


def test_progress_of_each_package_is_reported(world: World, server: Server) -> None:
    world.repo("r", "app-1-1.noarch", pkg("big-1-1.noarch", files=BIG))
    told: list[Progress] = []
    with world.sack(report=told.append, **remote(world, server)) as sack:
        rpms = fetch(sack, "app", "big")
    last: dict[str, Progress] = {one.item: one for one in told if one.phase == "download"}
    sizes: dict[str, Package] = {str(rpm.package.nevra): rpm.package for rpm in rpms}
    assert {item: (one.done, one.total, one.unit) for item, one in last.items()} == {
        item: (package.download_size, package.download_size, "bytes")
        for item, package in sizes.items()
    }


def test_an_exception_while_reporting_stops_the_download(world: World, server: Server) -> None:
    world.repo("r", "app-1-1.noarch")

    def interrupt(progress: Progress) -> None:
        if progress.phase == "download":
            raise KeyboardInterrupt

    with (
        world.sack(report=interrupt, **remote(world, server)) as sack,
        pytest.raises(KeyboardInterrupt),
    ):
        fetch(sack, "app")


def test_metadata_over_http_is_cached_too(world: World, server: Server) -> None:
    world.repo("r", "app-1-1.noarch")
    world.sack(**remote(world, server)).close()
    server.stop()
    world.sack(**remote(world, server)).close()
    with pytest.raises(RepositoryError):
        world.sack(refresh=True, **remote(world, server))
