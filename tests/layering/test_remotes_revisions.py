# SPDX-License-Identifier: LGPL-2.1-or-later
"""Going to a commit of a branch by its version or checksum."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from layering._ostree import GLib
from layering.progress import silent
from layering.refspec import Refspec
from layering.remotes import (
    Head,
    RemoteError,
    fetch_head,
    fetch_tree,
    find_revision,
    is_complete,
)
from layering.repo import Repo
from tests.remotes import REMOTE, Served, client_of, fsck, serving
from tests.sysroots import run
from tests.trees import make_tree

BRANCH = "test/base"
WORLD = Refspec(remote=REMOTE, branch=BRANCH)


def grow(
    path: Path, versions: Sequence[str], branch: str = BRANCH, *, bound: bool = True
) -> list[str]:
    """Puts commits on a branch, one after the other, and returns them, the newest last."""
    repo = Repo.create(path, "archive")
    commits = list[str]()
    parent = repo.refs().get(branch)
    with repo.transaction():
        tree = repo.write_tree(make_tree(repo, "f usr/bin/tool 0755 text"))
        for version in versions:
            metadata = {"version": GLib.Variant("s", version)} if version else {}
            if bound:
                metadata["ostree.ref-binding"] = GLib.Variant("as", [branch])
            parent = repo.write_commit(
                tree=tree, parent=parent, timestamp=1_700_000_000, metadata=metadata
            )
            commits.append(parent)
        repo.set_ref(branch, parent)
    return commits


@pytest.fixture
def remote(scratch: Path) -> Path:
    return scratch / "remote"


@pytest.fixture
def served(remote: Path) -> Iterator[Served]:
    remote.mkdir()
    with serving(remote) as server:
        yield server


@pytest.fixture
def repo(scratch: Path, served: Served) -> Repo:
    return client_of(scratch / "repo", served.url)


def found(repo: Repo, revision: str, *, offline: bool = False) -> str:
    return find_revision(repo, WORLD, revision, silent, offline=offline).commit


def test_a_commit_is_found_by_version_and_checksum(repo: Repo, remote: Path) -> None:
    one, two, three = grow(remote, ["1", "2.0", "3"])
    head = find_revision(repo, WORLD, "2.0", silent)
    assert head == Head(commit=two, timestamp=1_700_000_000, version="2.0")
    assert found(repo, "version=1") == one
    assert found(repo, three) == three
    assert found(repo, f"revision={two}") == two
    assert found(repo, one[:8]) == one
    assert found(repo, f"revision={one[:20]}") == one
    fsck(repo)


def test_the_branch_stays_at_its_head(repo: Repo, remote: Path) -> None:
    one, _two, three = grow(remote, ["1", "2", "3"])
    fetch_tree(repo, WORLD, found(repo, "1"), silent)
    assert is_complete(repo, one) and not is_complete(repo, three)
    assert fetch_head(repo, WORLD, silent, offline=True).commit == three
    fsck(repo)


def test_the_newest_of_several_with_one_version_is_meant(repo: Repo, remote: Path) -> None:
    commits = grow(remote, ["1", "2", "2", "3"])
    assert found(repo, "2") == commits[2]


def test_a_version_that_looks_like_a_checksum_is_a_version(repo: Repo, remote: Path) -> None:
    one, _two = grow(remote, ["20240101", "20240102"])
    assert found(repo, "20240101") == one


def test_history_is_fetched_no_further_than_needed(
    repo: Repo, remote: Path, served: Served
) -> None:
    commits = grow(remote, [str(number) for number in range(60)])
    assert found(repo, "59") == commits[59]
    asked = [path for path in served.requests if path.endswith(".commit")]
    assert len(asked) == 1
    assert found(repo, "55") == commits[55]
    asked = [path for path in served.requests if path.endswith(".commit")]
    assert len(asked) == 9
    assert found(repo, "0") == commits[0]
    asked = [path for path in served.requests if path.endswith(".commit")]
    assert len(asked) == len(set(asked)) == 60


def test_offline_only_what_is_here_is_looked_at(repo: Repo, remote: Path, served: Served) -> None:
    commits = grow(remote, [str(number) for number in range(20)])
    assert found(repo, "15") == commits[15]
    served.requests.clear()
    assert found(repo, "12", offline=True) == commits[12]
    assert found(repo, commits[12], offline=True) == commits[12]
    for revision in ("1", f"revision={commits[1]}"):
        with pytest.raises(RemoteError) as caught:
            found(repo, revision, offline=True)
        what = "version '1'" if revision == "1" else f"commit '{commits[1]}'"
        assert str(caught.value) == (
            f"no {what} in world:test/base: the latest are 19, 18, 17, 16, 15"
        )
        assert caught.value.__notes__ == [
            "only what is here was looked at: try again without --cache-only"
        ]
    assert served.requests == []


def test_a_version_that_never_was_is_said_with_those_that_were(repo: Repo, remote: Path) -> None:
    grow(remote, ["1", "2", "", "3"])
    unnamed = run("ostree", "rev-parse", f"--repo={remote}", f"{BRANCH}^").strip()
    with pytest.raises(RemoteError) as caught:
        found(repo, "9")
    assert str(caught.value) == (
        f"no version '9' in world:test/base: the latest are 3, {unnamed}, 2, 1"
    )
    assert not hasattr(caught.value, "__notes__")


def test_a_branch_of_one_commit_has_one_version(repo: Repo, remote: Path) -> None:
    grow(remote, ["1"])
    with pytest.raises(RemoteError) as caught:
        found(repo, "version=9")
    assert str(caught.value) == "no version '9' in world:test/base: it has 1"


def test_history_that_the_remote_dropped_ends_there(repo: Repo, remote: Path) -> None:
    commits = grow(remote, ["1", "2", "3"])
    run("ostree", "prune", f"--repo={remote}", "--refs-only", "--depth=1")
    assert found(repo, "2") == commits[1]
    with pytest.raises(RemoteError) as caught:
        found(repo, "1")
    assert str(caught.value) == "no version '1' in world:test/base: the latest are 3, 2"


def test_a_commit_of_another_branch_is_refused(repo: Repo, remote: Path) -> None:
    grow(remote, ["1", "2"])
    (other,) = grow(remote, ["7"], "test/other")
    for revision in (other, f"revision={other}"):
        with pytest.raises(RemoteError) as caught:
            found(repo, revision)
        assert str(caught.value) == (f"no commit '{other}' in world:test/base: the latest are 2, 1")


def test_a_commit_that_left_the_history_is_known_by_its_binding(
    repo: Repo, remote: Path, scratch: Path
) -> None:
    (old,) = grow(remote, ["1"])
    run("ostree", "refs", f"--repo={remote}", "--delete", BRANCH)
    grow(remote, ["2"])
    assert found(repo, old) == old


def test_a_commit_without_binding_is_known_by_the_history(repo: Repo, remote: Path) -> None:
    one, _two, three = grow(remote, ["1", "2", "3"], bound=False)
    assert (found(repo, one), found(repo, three)) == (one, three)


def test_a_commit_that_nobody_has_is_said_so(repo: Repo, remote: Path, served: Served) -> None:
    grow(remote, ["1"])
    nobody = "0123456789abcdef" * 4
    with pytest.raises(RemoteError) as caught:
        found(repo, nobody)
    assert str(caught.value) == f"no commit {nobody}: remote world at {served.url}"


def test_less_than_eight_digits_name_no_commit(repo: Repo, remote: Path) -> None:
    (commit,) = grow(remote, ["1"])
    with pytest.raises(RemoteError) as caught:
        found(repo, f"revision={commit[:7]}")
    assert str(caught.value) == f"no commit '{commit[:7]}' in world:test/base: it has 1"


def test_a_beginning_that_fits_two_commits_is_refused(
    repo: Repo, remote: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Of 17 commits, two begin with the same digit.
    monkeypatch.setattr("layering.revisions._ABBREVIATED", re.compile("[0-9a-f]"))
    commits = grow(remote, [f"v{number}" for number in range(17)])
    digits = [commit[0] for commit in commits]
    digit = next(digit for digit in digits if digits.count(digit) > 1)
    fitting = [commit for commit in reversed(commits) if commit[0] == digit]
    for number in range(17):
        found(repo, f"v{number}")  # the whole history is here
    with pytest.raises(RemoteError) as caught:
        found(repo, digit)
    assert str(caught.value) == (
        f"more than one commit begins with '{digit}' in world:test/base: {', '.join(fitting)}"
    )


def test_a_local_branch_has_a_history_too(repo: Repo, scratch: Path, served: Served) -> None:
    local = scratch / "local"
    commits = grow(local, ["1", "2"])
    here = Refspec(remote=None, branch=BRANCH)
    assert find_revision(Repo.open(local), here, "1", silent).commit == commits[0]
    assert find_revision(Repo.open(local), here, commits[1], silent).commit == commits[1]
    with pytest.raises(RemoteError) as caught:
        find_revision(Repo.open(local), here, "3", silent)
    assert str(caught.value) == "no version '3' in test/base: the latest are 2, 1"
    assert not hasattr(caught.value, "__notes__")
    assert served.requests == []
