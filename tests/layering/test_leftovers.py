# SPDX-License-Identifier: LGPL-2.1-or-later
from pathlib import Path

from layering.leftovers import LEFTOVERS, remove_leftovers


def test_leftovers_go_and_their_neighbours_stay(tmp_path: Path) -> None:
    (tmp_path / "usr/etc").mkdir(parents=True)
    for leftover in LEFTOVERS:
        (tmp_path / leftover.path).touch()
    (tmp_path / "usr/etc/passwd").touch()
    (tmp_path / "usr/etc/group.old").touch()
    remove_leftovers(tmp_path)
    remove_leftovers(tmp_path)
    assert sorted(path.name for path in (tmp_path / "usr/etc").iterdir()) == ["group.old", "passwd"]


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
