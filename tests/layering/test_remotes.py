# SPDX-License-Identifier: LGPL-2.1-or-later
"""Fetching a branch from a remote: first its commit, then what a base is, then all of it."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from layering import description, rpmdb
from layering.base import Base, load_base
from layering.progress import Event, Kind, silent
from layering.refspec import Refspec
from layering.remotes import (
    Head,
    RemoteError,
    fetch_description,
    fetch_head,
    fetch_tree,
    is_complete,
)
from layering.repo import Repo
from layering.sysroot import Sysroot
from tests import policies
from tests.policies import xattr
from tests.remotes import REMOTE, Served, client_of, fsck, make_remote, serving
from tests.rpms import build_rpm
from tests.sysroots import REF, commit_tree, make_sysroot, make_tree, run

WORLD = Refspec(remote=REMOTE, branch=REF)
BIG = "usr/share/big"
BIG_BYTES = 2 << 20


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tree with an rpmdb and something big beside it."""
    directory = tmp_path_factory.mktemp("tree")
    made = directory / "root"
    rpm = build_rpm(directory, "world-1-1.noarch")
    make_tree(made, {BIG: os.urandom(BIG_BYTES), "usr/bin/tool": b"tool"}, [rpm])
    (made / "usr/tmp").symlink_to("../var/tmp")
    return made


@pytest.fixture
def remote(scratch: Path, tree: Path) -> Path:
    """A remote with one commit, version 1."""
    path = make_remote(scratch / "remote")
    commit_tree(path, tree, version="1")
    return path


@pytest.fixture
def served(remote: Path) -> Iterator[Served]:
    with serving(remote) as server:
        yield server


@pytest.fixture
def repo(scratch: Path, served: Served) -> Repo:
    return client_of(scratch / "repo", served.url)


def summarize(remote: Path) -> None:
    run("ostree", "summary", "--update", f"--repo={remote}")


def rev_parse(repo: Path, ref: str = REF) -> str:
    return run("ostree", "rev-parse", f"--repo={repo}", ref).strip()


def listing(repo: Path, commit: str) -> str:
    return run("ostree", "ls", "--recursive", "--checksum", "--xattrs", f"--repo={repo}", commit)


# The head


def test_a_head_is_the_commit_and_no_more(repo: Repo, remote: Path, served: Served) -> None:
    head = fetch_head(repo, WORLD, silent)
    assert head == Head(commit=rev_parse(remote), timestamp=1_700_000_000, version="1")
    assert rev_parse(repo.path, str(WORLD)) == head.commit
    assert not is_complete(repo, head.commit)
    assert served.sent < 1000
    assert "1 partial commits not verified" in fsck(repo)


@pytest.mark.parametrize("summary", [True, False])
def test_nothing_new_costs_four_small_requests(
    repo: Repo, remote: Path, served: Served, tree: Path, *, summary: bool
) -> None:
    if summary:
        summarize(remote)
    head = fetch_head(repo, WORLD, silent)
    fetch_tree(repo, WORLD, head.commit, silent)
    served.requests.clear()
    served.sent = 0
    assert fetch_head(repo, WORLD, silent) == head
    assert len(served.requests) <= 4
    assert served.sent < 2000
    assert is_complete(repo, head.commit)


def test_a_new_commit_moves_the_head_and_leaves_the_old_tree_whole(
    repo: Repo, remote: Path, tree: Path
) -> None:
    old = fetch_head(repo, WORLD, silent)
    fetch_tree(repo, WORLD, old.commit, silent)
    run("ostree", "refs", f"--repo={repo.path}", "--create=ostree/0/1/0", old.commit)
    before = listing(repo.path, old.commit)
    commit_tree(remote, tree, version="2")
    new = fetch_head(repo, WORLD, silent)
    assert (new.commit, new.version) == (rev_parse(remote), "2")
    assert is_complete(repo, old.commit) and not is_complete(repo, new.commit)
    # A run that ends here leaves a repository that others can go on with.
    run("ostree", "prune", "--refs-only", f"--repo={repo.path}")
    fsck(repo)
    assert listing(repo.path, old.commit) == before
    run("ostree", "pull", f"--repo={repo.path}", REMOTE, REF)
    assert is_complete(repo, new.commit)
    fsck(repo)


def test_offline_the_head_is_what_was_fetched_last(
    repo: Repo, remote: Path, served: Served, tree: Path
) -> None:
    head = fetch_head(repo, WORLD, silent)
    commit_tree(remote, tree, version="2")
    served.requests.clear()
    assert fetch_head(repo, WORLD, silent, offline=True) == head
    assert served.requests == []


def test_offline_a_branch_that_was_never_fetched_is_not_here(repo: Repo) -> None:
    with pytest.raises(RemoteError) as caught:
        fetch_head(repo, WORLD, silent, offline=True)
    assert str(caught.value) == (
        f"the branch world:test/base is not here yet: repository {repo.path}"
    )
    assert caught.value.__notes__ == ["fetch it first: without --cache-only"]


def test_a_local_branch_is_only_looked_up(repo: Repo, tree: Path, served: Served) -> None:
    local = Refspec(remote=None, branch="local/branch")
    commit = commit_tree(repo.path, tree, ref="local/branch", version="7")
    head = fetch_head(repo, local, silent)
    assert (head.commit, head.version) == (commit, "7")
    fetch_description(repo, local, commit, silent)
    fetch_tree(repo, local, commit, silent)
    assert served.requests == []


def test_a_local_branch_is_not_sought_at_remotes(repo: Repo) -> None:
    fetch_head(repo, WORLD, silent)
    with pytest.raises(RemoteError) as caught:
        fetch_head(repo, Refspec(remote=None, branch=REF), silent)
    assert str(caught.value) == f"the branch test/base is not here yet: repository {repo.path}"


def test_a_part_without_a_remote_stays_one(repo: Repo) -> None:
    head = fetch_head(repo, WORLD, silent)
    local = Refspec(remote=None, branch=REF)
    for fetch in (fetch_description, fetch_tree):
        with pytest.raises(RemoteError) as caught:
            fetch(repo, local, head.commit, silent)
        assert str(caught.value) == (
            f"only a part of {head.commit} is here, and test/base names no remote to fetch the "
            f"rest from: repository {repo.path}"
        )


@pytest.mark.root
def test_a_sysroot_has_remotes_in_its_repository_and_in_etc(scratch: Path, served: Served) -> None:
    made = make_sysroot(scratch / "sysroot", deploy=False)
    run("ostree", "config", f"--repo={made.repo}", "set", 'remote "one".url', served.url)
    run("ostree", "config", f"--repo={made.repo}", "set", 'remote "one".gpg-verify', "false")
    remotes = made.path / "etc/ostree/remotes.d"
    remotes.mkdir(parents=True)
    (remotes / "two.conf").write_text(f'[remote "two"]\nurl={served.url}\ngpg-verify=false\n')
    repo = Sysroot.open(made.path).repo
    one, two = (
        fetch_head(repo, Refspec(remote=name, branch=REF), silent) for name in ("one", "two")
    )
    assert one == two
    fetch_tree(repo, Refspec(remote="two", branch=REF), two.commit, silent)
    assert is_complete(repo, two.commit)
    made.fsck()


# The description


def described(repo: Repo, scratch: Path, refspec: Refspec = WORLD) -> Base:
    head = fetch_head(repo, refspec, silent)
    fetch_description(repo, refspec, head.commit, silent)
    assert not is_complete(repo, head.commit)
    return load_base(repo, head.commit, scratch / "cache")


def same_base(one: Base, other: Base) -> bool:
    def facts(base: Base) -> tuple[object, ...]:
        files = sorted(path for path in base.installroot.rglob("*") if path.is_file())
        content = [(path.relative_to(base.installroot), path.read_bytes()) for path in files]
        return (
            *(base.commit, base.timestamp, base.version, base.os_release, base.layout),
            *(base.database, base.labels, content),
        )

    return facts(one) == facts(other)


@pytest.mark.parametrize("summary", [True, False])
def test_a_description_is_enough_to_know_the_base(
    repo: Repo, remote: Path, served: Served, scratch: Path, *, summary: bool
) -> None:
    if summary:
        summarize(remote)
    base = described(repo, scratch)
    whole = load_base(Repo.open(remote), rev_parse(remote), scratch / "whole")
    assert same_base(base, whole)
    assert base.database == "/usr/share/rpm"
    assert served.sent < BIG_BYTES / 10
    fsck(repo)


def test_a_description_asks_for_nothing_twice(repo: Repo, served: Served, scratch: Path) -> None:
    base = described(repo, scratch)
    objects = [path for path in served.requests if path.startswith("/objects/")]
    assert len({path for path in objects if not path.endswith(".commitmeta")}) == len(
        [path for path in objects if not path.endswith(".commitmeta")]
    )
    served.requests.clear()
    assert base.commit is not None
    fetch_description(repo, WORLD, base.commit, silent)
    assert served.requests == []


def moved_database(tree: Path, scratch: Path) -> Path:
    """A copy of the tree with its rpmdb at /usr/lib/sysimage/rpm, and no link from elsewhere."""
    copy = scratch / "moved"
    run("cp", "-a", str(tree), str(copy))
    (copy / "usr/lib/sysimage/rpm").unlink()
    (copy / "usr/share/rpm").rename(copy / "usr/lib/sysimage/rpm")
    return copy


def linked_far(tree: Path, scratch: Path) -> Path:
    """A copy whose rpmdb and release are at the end of links through other links."""
    copy = scratch / "linked"
    run("cp", "-a", str(tree), str(copy))
    (copy / "usr/elsewhere").mkdir()
    (copy / "usr/share/rpm").rename(copy / "usr/elsewhere/db")
    (copy / "usr/there").symlink_to("/usr/elsewhere")
    (copy / "usr/share/rpm").symlink_to("../there/./x/../db")
    (copy / "usr/elsewhere/x").mkdir()
    (copy / "usr/lib/os-release").rename(copy / "usr/elsewhere/release")
    (copy / "usr/lib/os-release").symlink_to("../there/release-link")
    (copy / "usr/elsewhere/release-link").symlink_to("release")
    return copy


def no_release(tree: Path, scratch: Path) -> Path:
    """A copy whose release is a link to nowhere, and whose links go in circles."""
    copy = scratch / "none"
    run("cp", "-a", str(tree), str(copy))
    (copy / "usr/lib/os-release").unlink()
    (copy / "usr/lib/os-release").symlink_to("os-release")
    (copy / "usr/circle").symlink_to("circle")
    return copy


def with_policy(tree: Path, scratch: Path) -> Path:
    """A copy with an SELinux policy, and much beside what labels come from."""
    copy = scratch / "labelled"
    run("cp", "-a", str(tree), str(copy))
    store = {"/etc/selinux/small/active/modules": os.urandom(BIG_BYTES // 2).hex()}
    for path, text in {**policies.files(local="/usr/x a:b:c_t:s0\n"), **store}.items():
        place = copy / f"usr{path}"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
    return copy


def test_the_labels_of_a_described_base_are_its_policys(
    repo: Repo, remote: Path, tree: Path, scratch: Path
) -> None:
    commit_tree(remote, with_policy(tree, scratch), version="")
    assert described(repo, scratch).labels.xattrs(b"/usr/bin/a", 0o100755) == xattr("bin_t")


@pytest.mark.parametrize("change", [moved_database, linked_far, no_release, with_policy])
def test_a_description_follows_where_the_tree_leads(
    repo: Repo, remote: Path, served: Served, tree: Path, scratch: Path, change: object
) -> None:
    assert callable(change)
    commit_tree(remote, change(tree, scratch), version="")
    base = described(repo, scratch)
    whole = load_base(Repo.open(remote), rev_parse(remote), scratch / "whole")
    assert same_base(base, whole)
    assert served.sent < BIG_BYTES / 10


def test_rpmdbs_are_sought_where_they_are_read() -> None:
    assert description.DATABASES == rpmdb._PLACES


@pytest.mark.parametrize("mode", ["archive", "bare"])
@pytest.mark.root
def test_a_remote_can_be_a_directory(scratch: Path, tree: Path, mode: str) -> None:
    remote = make_remote(scratch / "remote", mode)
    commit = commit_tree(remote, tree)
    repo = client_of(scratch / "repo", f"file://{remote}", mode="bare")
    assert described(repo, scratch).commit == commit
    fsck(repo)
    fetch_tree(repo, WORLD, commit, silent)
    assert listing(repo.path, commit) == listing(remote, commit)
    fsck(repo)


# The tree


def test_a_tree_is_the_remote_s_to_the_last_file(
    repo: Repo, remote: Path, served: Served, scratch: Path
) -> None:
    base = described(repo, scratch)
    assert base.commit is not None
    fetched = {path for path in served.requests if path.endswith((".filez", ".dirtree"))}
    served.requests.clear()
    fetch_tree(repo, WORLD, base.commit, silent)
    assert is_complete(repo, base.commit)
    assert not list((repo.path / "state").glob("*.commitpartial"))
    assert listing(repo.path, base.commit) == listing(remote, base.commit)
    assert fetched.isdisjoint(served.requests)  # the description is not fetched again
    assert "Verifying content integrity of 1 commit objects" in fsck(repo)


def test_a_tree_that_is_here_is_not_asked_for(repo: Repo, served: Served) -> None:
    head = fetch_head(repo, WORLD, silent)
    fetch_tree(repo, WORLD, head.commit, silent)
    served.requests.clear()
    fetch_description(repo, WORLD, head.commit, silent)
    fetch_tree(repo, WORLD, head.commit, silent)
    assert served.requests == []


def test_directories_that_are_here_in_part_are_completed(
    repo: Repo, remote: Path, tree: Path, scratch: Path
) -> None:
    described(repo, scratch)  # has the directories of version 2, and few of their files
    commit_tree(remote, tree, version="2")
    head = fetch_head(repo, WORLD, silent)
    fetch_tree(repo, WORLD, head.commit, silent)
    assert listing(repo.path, head.commit) == listing(remote, head.commit)
    fsck(repo)


def test_a_tree_that_the_branch_left_meanwhile_is_still_fetched(
    repo: Repo, remote: Path, tree: Path
) -> None:
    head = fetch_head(repo, WORLD, silent)
    commit_tree(remote, tree, version="2")
    fetch_tree(repo, WORLD, head.commit, silent)
    assert is_complete(repo, head.commit)
    assert rev_parse(repo.path, str(WORLD)) == head.commit


def test_a_delta_brings_a_tree_but_never_a_description(
    repo: Repo, remote: Path, served: Served, tree: Path, scratch: Path
) -> None:
    head = fetch_head(repo, WORLD, silent)
    fetch_tree(repo, WORLD, head.commit, silent)
    commit_tree(remote, tree, version="2")
    run("ostree", "static-delta", "generate", f"--repo={remote}", REF)
    summarize(remote)
    served.requests.clear()
    described(repo, scratch)
    assert not [path for path in served.requests if path.startswith("/deltas/")]
    served.requests.clear()
    fetch_tree(repo, WORLD, rev_parse(remote), silent)
    objects = [path for path in served.requests if path.startswith("/objects/")]
    assert objects == [] and [path for path in served.requests if path.startswith("/deltas/")]
    assert listing(repo.path, rev_parse(remote)) == listing(remote, rev_parse(remote))


# What is told


def test_a_pull_tells_what_it_does_and_how_far_it_is(repo: Repo, served: Served) -> None:
    head = fetch_head(repo, WORLD, silent)
    events = list[Event]()
    served.delay = 0.3
    fetch_tree(repo, WORLD, head.commit, events.append)
    assert {(event.phase, event.item) for event in events} == {("pull", "tree of world:test/base")}
    assert [events[0].kind, events[-1].kind] == [Kind.START, Kind.END]
    between = [event for event in events if event.kind is Kind.PROGRESS]
    assert between and {event.unit for event in between} == {"objects"}
    assert all(0 <= event.done <= event.total for event in between)
    assert [event.done for event in between] == sorted(event.done for event in between)
