# SPDX-License-Identifier: LGPL-2.1-or-later
from pathlib import Path

import pytest

from layering.policystore import CONFIG, settle, settled
from layering.repo import Repo
from tests.trees import commit_tree

OURS = "store-root=/etc/selinux\n"


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("", OURS),
        ("module-store = direct\n", f"module-store = direct\n{OURS}"),
        ("module-store = direct", f"module-store = direct\n{OURS}"),
        ("store-root = /var/lib/selinux\nexpand-check=0\n", f"expand-check=0\n{OURS}"),
        (f"{OURS}store-root=/srv\n", OURS),
        ("# store-root=/etc/selinux\n", f"# store-root=/etc/selinux\n{OURS}"),
    ],
)
def test_the_store_is_kept_in_etc(text: str, wanted: str) -> None:
    assert settled(text) == wanted


@pytest.mark.parametrize("text", [OURS, "a=b\nstore-root = /etc/selinux\n# end\n"])
def test_what_says_so_already_is_not_touched(text: str) -> None:
    assert settled(text) == text


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    return Repo.create(tmp_path / "repo", "bare-user")


def root_with(directory: Path, text: str) -> Path:
    (directory / CONFIG).parent.mkdir(parents=True)
    (directory / CONFIG).write_text(text)
    return directory


def test_a_composed_tree_is_told(repo: Repo, tmp_path: Path) -> None:
    root = root_with(tmp_path / "root", "module-store = direct\n")
    settle(repo, None, root)
    assert (root / CONFIG).read_text() == f"module-store = direct\n{OURS}"


def test_where_the_base_has_decided_it_stays_so(repo: Repo, tmp_path: Path) -> None:
    root = root_with(tmp_path / "root", "module-store = direct\n")
    settle(repo, commit_tree(repo, f"f {CONFIG} 0644 module-store = direct"), root)
    assert (root / CONFIG).read_text() == "module-store = direct\n"


def test_what_a_layer_brings_to_a_base_without_is_told(repo: Repo, tmp_path: Path) -> None:
    root = root_with(tmp_path / "root", "module-store = direct\n")
    settle(repo, commit_tree(repo, "d usr/etc/selinux"), root)
    assert OURS in (root / CONFIG).read_text()


def test_a_tree_without_libsemanage_gets_no_configuration_of_it(repo: Repo, tmp_path: Path) -> None:
    (tmp_path / "root/usr/etc").mkdir(parents=True)
    settle(repo, None, tmp_path / "root")
    assert not (tmp_path / "root/usr/etc/selinux").exists()


def test_a_link_out_of_the_tree_is_not_written_through(repo: Repo, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.write_text("module-store = direct\n")
    (tmp_path / "root/usr/etc/selinux").mkdir(parents=True)
    (tmp_path / "root" / CONFIG).symlink_to(outside)
    settle(repo, None, tmp_path / "root")
    assert outside.read_text() == "module-store = direct\n"
