# SPDX-License-Identifier: LGPL-2.1-or-later
"""Two packages that make one path a file, a directory and a link to elsewhere, in every order.

Whatever they plant: rpm installs it and we make the same tree of it, or it is refused. What we
refuse alone is listed. Links are followed inside the tree, by rpm in its root and by us.
"""

import itertools
import subprocess
from pathlib import Path

import pytest

from layering.union import Union
from tests.layering.rpmjudge import World, listing, make_world, package
from tests.rpms import File
from tests.sysroots import DATABASE

pytestmark = [pytest.mark.root, pytest.mark.slow]

PLACE = "/usr/n"
LISTED = File(directory=True)
SHAPES: dict[str, dict[str, File]] = {
    "file": {"x": File(content=b"file")},
    "listed": {"x": LISTED, "x/a": File(content=b"a")},
    "empty": {"x": LISTED},
    "implied": {"x/a": File(content=b"a")},
    "deep": {"x/a/b": File(content=b"b")},
    "link": {"x": File(link="real")},
    "absolute": {"x": File(link="/usr/n/real")},
    "out": {"x": File(link="../../../../../usr/n/real")},
    "dangling": {"x": File(link="nowhere")},
    "root": {"x": File(link="/")},
}
# Links of one layer that another layer's files would go through. rpm follows the link if its
# package happens to come first, and breaks down half-way if not.
THROUGH_A_LAYER = {
    f"{first} {second}"
    for first in ("implied", "deep")
    for second in ("link", "absolute", "out", "root")
}


def files(shape: str) -> dict[str, File | None]:
    return {f"{PLACE}/{path}": file for path, file in SHAPES[shape].items()}


@pytest.fixture(scope="module")
def rpms(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Each shape as two packages, and the directory that the links lead to."""
    directory = tmp_path_factory.mktemp("rpms")
    made = {
        f"{name}-{shape}": package(directory, f"{name}_{shape}-1-1.noarch", files(shape))
        for name in "ab"
        for shape in SHAPES
    }
    real: dict[str, File | None] = {f"{PLACE}/real": LISTED, f"{PLACE}/real/r": File(content=b"r")}
    return made | {"real": package(directory, "real-1-1.noarch", real)}


def by_rpm(world: World, *packages: Path) -> dict[str, object] | None:
    """What rpm makes of it, None if it refuses or breaks down."""
    root = world.directory / f"rpm-{len(list(world.directory.iterdir()))}"
    subprocess.run(["cp", "-a", str(world.root), str(root)], check=True)
    command = ["rpm", "-U", f"--root={root}", f"--dbpath=/{DATABASE}", "--nodeps", "--noplugins"]
    done = subprocess.run([*command, *map(str, packages)], capture_output=True, check=False)
    return None if done.returncode else dict(seen(root))


def by_us(world: World, *packages: Path) -> dict[str, object] | None:
    layers = world.layers(*packages)
    united = world.ours(layers)
    if not isinstance(united, Union):
        return None
    checkout = world.directory / f"tree-{len(list(world.directory.iterdir()))}"
    with world.repo.transaction():
        commit = world.repo.write_commit(tree=(united.root_tree, united.root_meta), timestamp=1)
    world.repo.checkout(commit, checkout)
    return dict(seen(checkout))


def seen(root: Path) -> dict[str, object]:
    top = {f"/{path.name}": "top" for path in root.iterdir() if path.name not in ("etc", ".etc")}
    return {**listing(root, PLACE), **top}


def verdict(theirs: dict[str, object] | None, ours: dict[str, object] | None) -> str:
    if theirs is None or ours is None:
        return f"{'installed' if theirs else 'refused'}/{'installed' if ours else 'refused'}"
    return "same" if theirs == ours else "another tree"


def test_over_a_base_rpms_tree_or_none(rpms: dict[str, Path], tmp_path: Path) -> None:
    installed = set()
    for first in SHAPES:
        world = make_world(tmp_path / first, rpms["real"], rpms[f"a-{first}"])
        for second in SHAPES:
            layer = rpms[f"b-{second}"]
            theirs = by_rpm(world, layer)
            assert by_us(world, layer) == theirs, f"{first} {second}"
            if theirs is not None:
                installed.add(f"{first} {second}")
    assert {"link implied", "absolute deep", "out implied", "listed empty"} < installed
    assert installed.isdisjoint({"link listed", "file implied", "dangling deep", "listed root"})


def test_beside_each_other_rpms_tree_or_none(rpms: dict[str, Path], tmp_path: Path) -> None:
    world = make_world(tmp_path / "world", rpms["real"])
    refused_alone = set()
    for first, second in itertools.product(SHAPES, SHAPES):
        pair = (rpms[f"a-{first}"], rpms[f"b-{second}"])
        theirs, ours = by_rpm(world, *pair), by_us(world, *pair)
        if ours is None and theirs is not None:
            refused_alone.add(f"{first} {second}")
        else:
            assert ours == theirs, f"{first} {second}"
    assert refused_alone <= THROUGH_A_LAYER
