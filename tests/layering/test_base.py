# SPDX-License-Identifier: LGPL-2.1-or-later
import shutil
from pathlib import Path

import pytest

from layering import rpmdb_query
from layering.base import Base, empty_base, load_base, parse_os_release
from layering.paths import EMPTY_BASE
from layering.repo import Repo
from layering.rpmdb import database_in
from layering.sysroot_errors import RpmdbError
from tests.rpms import build_rpm
from tests.sysroots import commit_tree, make_tree
from tests.trees import commit_tree as commit_lines

RELEASE = 'NAME="Test OS"\nVERSION="1 (One)"\nVERSION_ID=1\n'


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("tree")
    rpm = build_rpm(directory, "world-1-1.noarch")
    made = directory / "root"
    make_tree(made, {"usr/lib/os-release": RELEASE.encode()}, [rpm])
    return made


@pytest.fixture
def repo(scratch: Path) -> Repo:
    return Repo.create(scratch / "repo", "bare-user-only")


def loaded(repo: Repo, tree: Path, scratch: Path, *, version: str = "44.1") -> Base:
    commit = commit_tree(repo.path, tree, version=version)
    return load_base(repo, commit, scratch / "cache")


def test_a_base_says_what_it_is(repo: Repo, tree: Path, scratch: Path) -> None:
    base = loaded(repo, tree, scratch)
    assert (base.version, base.releasever, base.timestamp) == ("44.1", "1", 1_700_000_000)
    assert base.os_release["NAME"] == "Test OS"
    assert base.database == "/usr/share/rpm"
    installed = rpmdb_query.packages(database_in(base.installroot))
    assert [str(package.nevra) for package in installed] == ["world-1-1.noarch"]
    assert base.layout.links[b"/bin"] == b"/usr/bin"
    assert base.links["/bin"] == "/usr/bin"
    assert b"/home" in base.layout.links and "/home" not in base.links


def test_the_second_look_copies_nothing(repo: Repo, tree: Path, scratch: Path) -> None:
    commit = commit_tree(repo.path, tree)
    first = load_base(repo, commit, scratch / "cache")
    inode = first.installroot.stat().st_ino
    assert load_base(repo, commit, scratch / "cache") == first
    assert first.installroot.stat().st_ino == inode


def test_a_base_whose_cache_is_gone_is_looked_at_anew(
    repo: Repo, tree: Path, scratch: Path
) -> None:
    commit = commit_tree(repo.path, tree)
    first = load_base(repo, commit, scratch / "cache")
    shutil.rmtree(scratch / "cache")
    assert load_base(repo, commit, scratch / "cache") == first
    assert rpmdb_query.packages(database_in(first.installroot))


def test_a_release_that_is_a_link_is_followed_inside_the_tree(
    repo: Repo, tree: Path, scratch: Path
) -> None:
    release = tree / "usr/lib/os-release"
    release.unlink()
    release.symlink_to("./os-release.d/../../share/release")
    (tree / "usr/lib/os-release.d").mkdir()
    (tree / "usr/share/release").symlink_to("/usr/share/release-1")
    (tree / "usr/share/release-1").write_text(RELEASE)
    try:
        assert loaded(repo, tree, scratch, version="").version == "1 (One)"
    finally:
        release.unlink()
        release.write_text(RELEASE)


def test_a_link_that_leads_nowhere_says_nothing(repo: Repo, tree: Path, scratch: Path) -> None:
    release = tree / "usr/lib/os-release"
    for target in ("os-release", "/etc/os-release", "../none"):
        release.unlink()
        release.symlink_to(target)
        base = loaded(repo, tree, scratch, version="")
        assert (base.version, base.releasever) == ("", None)
    release.unlink()
    release.write_text(RELEASE)


def test_a_commit_without_rpmdb_is_no_base(repo: Repo, scratch: Path) -> None:
    commit = commit_lines(repo, "f usr/lib/os-release")
    with pytest.raises(RpmdbError) as caught:
        load_base(repo, commit, scratch / "cache")
    assert str(caught.value) == (
        "no rpmdb.sqlite in /usr/share/rpm or /usr/lib/sysimage/rpm or /var/lib/rpm: "
        f"rpmdb of commit {commit}"
    )


def test_the_empty_base_has_no_packages(repo: Repo, scratch: Path) -> None:
    base = empty_base(repo, scratch / "cache")
    assert (base.commit, base.timestamp, base.version, base.releasever) == (None, 0, "", None)
    assert base.layout == EMPTY_BASE
    assert rpmdb_query.packages(database_in(base.installroot)) == ()


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("NAME=plain", {"NAME": "plain"}),
        ('NAME="two words"', {"NAME": "two words"}),
        ("NAME='single'", {"NAME": "single"}),
        (r'NAME="a \"quoted\" word"', {"NAME": 'a "quoted" word'}),
        ("  NAME=indented  ", {"NAME": "indented"}),
        ("NAME=", {"NAME": ""}),
        ("# NAME=comment", {}),
        ("no variable", {}),
        ('NAME="unclosed', {}),
        ("2NAME=x", {}),
    ],
)
def test_os_release_is_read_as_a_shell_would(line: str, found: dict[str, str]) -> None:
    assert parse_os_release(f"\n{line}\n") == found
