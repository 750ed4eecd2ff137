# SPDX-License-Identifier: LGPL-2.1-or-later
import subprocess
from pathlib import Path

import pytest

from layering.paths import EMPTY_BASE
from layering.repo import Repo
from layering.skeleton import FILES, SkeletonError, put_top_level, write_files
from tests.trees import describe, make_tree


def test_files_and_links_are_written_once_and_again(tmp_path: Path) -> None:
    for _ in range(2):
        write_files(tmp_path)
    assert {file.path: (tmp_path / file.path).read_text() for file in FILES} == {
        file.path: file.text for file in FILES
    }
    assert (tmp_path / "usr/lib/sysimage/rpm").readlink() == Path("../../share/rpm")
    assert (tmp_path / "usr/local").readlink() == Path("../var/usrlocal")


def test_what_is_made_at_boot_is_a_form_that_systemd_takes(tmp_path: Path) -> None:
    write_files(tmp_path)
    (text,) = (file.text for file in FILES if "tmpfiles" in file.path)
    lines = [line.split() for line in text.splitlines() if not line.startswith("#")]
    assert {fields[0] for fields in lines} == {"d", "L"}
    made = {fields[1] for fields in lines}
    # Every link of the layout that leads into /var leads to something.
    led = {target.decode() for target in EMPTY_BASE.links.values() if target.startswith(b"/var")}
    assert led <= made


def test_empty_directories_in_usr_local_give_way(tmp_path: Path) -> None:
    (tmp_path / "usr/local/share/man").mkdir(parents=True)
    (tmp_path / "usr/local/bin").mkdir()
    write_files(tmp_path)
    assert (tmp_path / "usr/local").is_symlink()


def test_a_file_in_usr_local_is_told_and_not_lost(tmp_path: Path) -> None:
    (tmp_path / "usr/local/bin").mkdir(parents=True)
    (tmp_path / "usr/local/bin/tool").write_text("x")
    with pytest.raises(SkeletonError) as caught:
        write_files(tmp_path)
    assert str(caught.value) == (
        "/usr/local is the host's own, and a script made /usr/local/bin/tool there"
    )
    assert (tmp_path / "usr/local/bin/tool").read_text() == "x"


def test_nothing_is_written_through_a_link_to_the_host(tmp_path: Path) -> None:
    host, tree = tmp_path / "host", tmp_path / "tree"
    host.mkdir()
    (tree / "usr/lib").mkdir(parents=True)
    (tree / "usr/lib/tmpfiles.d").symlink_to(host)
    with pytest.raises(OSError, match="Not a directory"):
        write_files(tree)
    assert list(host.iterdir()) == []


def test_the_top_level_is_usr_mount_points_and_links(scratch: Path) -> None:
    repo = Repo.create(scratch / "repo", "bare-user-only")
    with repo.transaction():
        # As packages may leave it: directories where links belong, and the other way round.
        tree = make_tree(repo, "d / 0700", "f usr/x", "f home/lost", "l run usr", "d opt 0700")
        put_top_level(repo, tree)
        root_tree, root_meta = repo.write_tree(tree)
    assert repo.dirmeta(root_meta).mode == 0o755
    lines = [line for line in describe(repo, root_tree) if "/" not in line.split()[1]]
    assert lines == [
        "l bin usr/bin",
        "d boot 0755",
        "d dev 0755",
        "l home var/home",
        "l lib usr/lib",
        "l lib64 usr/lib64",
        "l media run/media",
        "l mnt var/mnt",
        "l opt var/opt",
        "l ostree sysroot/ostree",
        "d proc 0755",
        "l root var/roothome",
        "d run 0755",
        "l sbin usr/sbin",
        "l srv var/srv",
        "d sys 0755",
        "d sysroot 0755",
        "d tmp 01777",
        "d usr 0755",
        "d var 0755",
    ]
    with repo.transaction():
        commit = repo.write_commit(tree=(root_tree, root_meta), timestamp=0)
        repo.set_ref("test", commit)
    subprocess.run(["ostree", "fsck", "-q", f"--repo={repo.path}"], check=True)
