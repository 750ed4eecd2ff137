# SPDX-License-Identifier: LGPL-2.1-or-later
from pathlib import Path

from layering.leftovers import LEFTOVERS, remove_leftovers


def test_leftovers_go_and_their_neighbours_stay(tmp_path: Path) -> None:
    stores = ("targeted", "mls")
    for name in stores:
        (tmp_path / "usr/etc/selinux" / name).mkdir(parents=True)
    for leftover in LEFTOVERS:
        for name in stores:
            (tmp_path / leftover.path.replace("*", name)).touch()
    for kept in ("passwd", "group.old", "selinux/config", "selinux/targeted/seusers"):
        (tmp_path / "usr/etc" / kept).touch()
    remove_leftovers(tmp_path)
    remove_leftovers(tmp_path)
    left = (path for path in (tmp_path / "usr/etc").rglob("*") if path.is_file())
    assert sorted(str(path.relative_to(tmp_path / "usr/etc")) for path in left) == [
        "group.old",
        "passwd",
        "selinux/config",
        "selinux/targeted/seusers",
    ]


def test_a_leftover_on_the_host_is_never_reached(tmp_path: Path) -> None:
    host, tree = tmp_path / "host", tmp_path / "tree"
    host.mkdir()
    (host / "passwd-").touch()
    (tree / "usr").mkdir(parents=True)
    (tree / "usr/etc").symlink_to(host)
    remove_leftovers(tree)
    assert (host / "passwd-").exists()


def test_every_leftover_has_a_reason() -> None:
    assert all(leftover.reason for leftover in LEFTOVERS)
