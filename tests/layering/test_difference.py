# SPDX-License-Identifier: LGPL-2.1-or-later
from pathlib import Path

import pytest

from layering.difference import difference
from layering.errors import UnknownRevisionError
from layering.metadata import TreeMetadata
from layering.packagediff import PackageDifference, compare_packages
from layering.repo import Repo
from layering.sysroot_errors import RpmdbError
from solver import Nevra
from tests.rpms import build_rpm
from tests.sysroots import commit_tree, make_tree
from tests.trees import commit_tree as commit_lines
from tests.trees import make_tree as lines_of


@pytest.fixture
def repo(scratch: Path) -> Repo:
    return Repo.create(scratch / "repo", "bare-user-only")


def nevras(*texts: str) -> tuple[Nevra, ...]:
    return tuple(map(Nevra.parse, texts))


def pair(before: str, after: str) -> tuple[Nevra, Nevra]:
    return Nevra.parse(before), Nevra.parse(after)


def commit(repo: Repo, packages: tuple[Nevra, ...], *lines: str) -> str:
    """A commit that lists these packages."""
    with repo.transaction():
        return repo.write_commit(
            tree=repo.write_tree(lines_of(repo, *lines)),
            timestamp=0,
            metadata=TreeMetadata(packages=packages).pack(),
        )


def test_packages_are_paired_by_name_and_architecture() -> None:
    before = nevras("up-1-1.x86_64", "down-2-1.x86_64", "gone-1-1.x86_64", "same-1-1.noarch")
    after = nevras("up-1-2.x86_64", "down-1:1-1.x86_64", "new-1-1.x86_64", "same-1-1.noarch")
    # An epoch weighs more than a version: down-1:1-1 is newer.
    assert compare_packages(before, after) == PackageDifference(
        added=nevras("new-1-1.x86_64"),
        removed=nevras("gone-1-1.x86_64"),
        upgraded=(
            pair("down-2-1.x86_64", "down-1:1-1.x86_64"),
            pair("up-1-1.x86_64", "up-1-2.x86_64"),
        ),
    )
    back = compare_packages(after, before)
    assert [pair[0].name for pair in back.downgraded] == ["down", "up"]
    assert back.upgraded == ()


def test_of_several_versions_none_is_lost() -> None:
    kernels = nevras("kernel-1-1.x86_64", "kernel-2-1.x86_64")
    found = compare_packages(kernels, nevras("kernel-3-1.x86_64"))
    assert found.upgraded == (pair("kernel-2-1.x86_64", "kernel-3-1.x86_64"),)
    assert found.removed == nevras("kernel-1-1.x86_64")


def test_an_architecture_is_not_an_upgrade_of_another() -> None:
    found = compare_packages(nevras("lib-1-1.i686"), nevras("lib-2-1.x86_64"))
    assert (found.added, found.removed) == (nevras("lib-2-1.x86_64"), nevras("lib-1-1.i686"))


def test_files_differ_with_their_sizes_and_new_directories_are_opened(repo: Repo) -> None:
    before = commit(repo, nevras("a-1-1.noarch"), "f usr/same", "f usr/x 0644 ab", "f usr/old/f")
    after = commit(
        repo,
        nevras("a-1-1.noarch"),
        "f usr/same",
        "f usr/x 0644 abcd",
        "d usr/new 0700",
        "f usr/new/deep/f 0644 123",
        "l usr/link same",
    )
    found = difference(repo, before, after, repo.path)
    assert (found.before, found.after, found.packages) == (before, after, PackageDifference())
    assert [
        (each.path, str(each.kind), each.size_before, each.size_after) for each in found.files
    ] == [
        ("/usr/link", "added", 0, 0),
        ("/usr/new", "added", 0, 0),
        ("/usr/new/deep", "added", 0, 0),
        ("/usr/new/deep/f", "added", 0, 3),
        ("/usr/old", "removed", 0, 0),
        ("/usr/old/f", "removed", 0, 0),
        ("/usr/x", "modified", 2, 4),
    ]


def test_a_directory_in_the_place_of_a_file_is_opened_too(repo: Repo) -> None:
    before = commit(repo, nevras("a-1-1.noarch"), "f usr/x 0644 ab")
    after = commit(repo, nevras("a-1-1.noarch"), "f usr/x/y 0644 abc")
    there = difference(repo, before, after, repo.path).files
    assert [(each.path, str(each.kind)) for each in there] == [
        ("/usr/x", "modified"),
        ("/usr/x/y", "added"),
    ]
    back = difference(repo, after, before, repo.path).files
    assert [(each.path, str(each.kind)) for each in back] == [
        ("/usr/x", "modified"),
        ("/usr/x/y", "removed"),
    ]


def test_a_tree_of_somebody_elses_has_its_rpmdb_read(repo: Repo, scratch: Path) -> None:
    rpm = build_rpm(scratch, "world-1-1.noarch")
    make_tree(scratch / "tree", rpms=[rpm])
    theirs = commit_tree(repo.path, scratch / "tree")
    ours = commit(repo, nevras("world-2-1.noarch"), "f usr/x")
    found = difference(repo, theirs, ours, scratch / "cache")
    assert found.packages.upgraded == (pair("world-1-1.noarch", "world-2-1.noarch"),)


def test_what_is_no_commit_or_has_no_packages_is_an_error(repo: Repo, scratch: Path) -> None:
    plain = commit_lines(repo, "f usr/x")
    with pytest.raises(UnknownRevisionError, match=r"^no such commit: none in repository"):
        difference(repo, plain, "none", scratch / "cache")
    with pytest.raises(RpmdbError, match=r"^no rpmdb\.sqlite in "):
        difference(repo, plain, plain, scratch / "cache")
