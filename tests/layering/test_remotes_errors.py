# SPDX-License-Identifier: LGPL-2.1-or-later
"""Remotes that are unknown, out of reach, lack something, or are not to be trusted."""

import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from layering.progress import silent
from layering.refspec import Refspec
from layering.remotes import RemoteError, fetch_head, fetch_tree, find_revision
from layering.repo import Repo
from tests import needs
from tests.remotes import REMOTE, Served, client_of, fsck, make_remote, serving
from tests.sysroots import run

BRANCH = "base/minimal"
WORLD = Refspec(remote=REMOTE, branch=BRANCH)


def commit(remote: Path, branch: str = BRANCH, *options: str, content: str = "text") -> str:
    """Commits a tree of one file with the ostree command line."""
    tree = remote.with_name("tree")
    tree.mkdir(exist_ok=True)
    (tree / "file").write_text(content)
    command = ["ostree", "commit", f"--repo={remote}", f"--branch={branch}", *options]
    return run(*command, "--owner-uid=0", "--owner-gid=0", f"--tree=dir={tree}").strip()


@pytest.fixture
def remote(scratch: Path) -> Path:
    path = make_remote(scratch / "remote")
    commit(path)
    return path


@pytest.fixture
def served(remote: Path) -> Iterator[Served]:
    with serving(remote) as server:
        yield server


@pytest.fixture
def repo(scratch: Path, served: Served) -> Repo:
    return client_of(scratch / "repo", served.url)


def refused(repo: Repo, refspec: Refspec = WORLD) -> RemoteError:
    with pytest.raises(RemoteError) as caught:
        fetch_head(repo, refspec, silent)
    fsck(repo)
    return caught.value


def notes(error: RemoteError) -> list[str]:
    return getattr(error, "__notes__", [])


def test_an_unknown_remote_is_told_with_those_that_are_known(repo: Repo) -> None:
    for name in ("fedora", "updates"):
        run("ostree", "remote", "add", f"--repo={repo.path}", name, "http://127.0.0.1:1/")
    error = refused(repo, Refspec(remote="fedroa", branch=BRANCH))
    assert str(error) == "no remote 'fedroa'; there are fedora, updates, world"
    assert notes(error) == ["did you mean fedora?"]


def test_the_only_remote_is_told(repo: Repo) -> None:
    error = refused(repo, Refspec(remote="fedora", branch=BRANCH))
    assert (str(error), notes(error)) == ("no remote 'fedora'; there is world", [])


def test_where_there_is_no_remote_one_is_to_be_added(scratch: Path) -> None:
    error = refused(Repo.create(scratch / "lonely", "bare-user-only"))
    assert str(error) == "no remote 'world'; there is none"
    assert notes(error) == ["add it with 'ostree remote add world URL'"]


def test_a_remote_that_is_added_later_is_known(repo: Repo, served: Served) -> None:
    command = ["ostree", "remote", "add", "--no-gpg-verify", f"--repo={repo.path}"]
    run(*command, "later", served.url)
    assert fetch_head(repo, Refspec(remote="later", branch=BRANCH), silent)


def test_branches_that_are_near_are_told(repo: Repo, remote: Path, served: Served) -> None:
    for branch in ("base/server", "base/workstation", "other/thing"):
        commit(remote, branch)
    run("ostree", "summary", "--update", f"--repo={remote}")
    error = refused(repo, Refspec(remote=REMOTE, branch="base/minmal"))
    assert str(error) == f"no branch 'base/minmal': remote world at {served.url}"
    assert notes(error) == ["it has base/minimal, …"]
    error = refused(repo, Refspec(remote=REMOTE, branch="zzz"))
    assert notes(error) == ["it has base/minimal, base/server, base/workstation, other/thing"]


def test_a_server_without_a_summary_cannot_tell_its_branches(repo: Repo, served: Served) -> None:
    error = refused(repo, Refspec(remote=REMOTE, branch="nope"))
    assert str(error) == f"no branch 'nope', or no repository: remote world at {served.url}"
    assert notes(error) == []


@pytest.mark.parametrize("summary", [True, False])
def test_a_directory_without_the_branch_is_told(
    scratch: Path, remote: Path, *, summary: bool
) -> None:
    if summary:
        run("ostree", "summary", "--update", f"--repo={remote}")
    repo = client_of(scratch / "repo", f"file://{remote}")
    error = refused(repo, Refspec(remote=REMOTE, branch="nope"))
    assert str(error) == f"no branch 'nope': remote world at file://{remote}"
    assert notes(error) == (["it has base/minimal"] if summary else [])


def test_a_directory_that_is_gone_is_told(scratch: Path) -> None:
    repo = client_of(scratch / "repo", f"file://{scratch}/gone")
    assert str(refused(repo)) == (
        f"cannot pull world:base/minimal: opening repo: opendir({scratch}/gone): "
        f"No such file or directory: remote world at file://{scratch}/gone"
    )


def test_a_directory_without_the_commit_is_told(scratch: Path, remote: Path) -> None:
    repo = client_of(scratch / "repo", f"file://{remote}")
    nobody = "0123456789abcdef" * 4
    with pytest.raises(RemoteError) as caught:
        find_revision(repo, WORLD, nobody, silent)
    assert str(caught.value) == f"no commit {nobody}: remote world at file://{remote}"


def test_a_server_that_refuses_is_told_at_once(scratch: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and does not listen
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        repo = client_of(scratch / "repo", url)
        error = refused(repo)
    assert str(error) == (
        f"cannot pull world:base/minimal: While fetching {url}/summary.sig: "
        f"[7] Could not connect to server: remote world at {url}"
    )


def test_a_list_of_mirrors_that_cannot_be_had_is_told(scratch: Path, served: Served) -> None:
    url = f"{served.url}/none.metalink"
    repo = client_of(scratch / "repo", f"metalink={url}")
    assert str(refused(repo)) == (
        f"cannot pull world:base/minimal: While fetching {url}: Server returned HTTP 404: "
        "remote world"
    )


def test_an_object_that_the_remote_lost_is_told(repo: Repo, remote: Path, served: Served) -> None:
    head = fetch_head(repo, WORLD, silent)
    (lost,) = remote.glob("objects/*/*.filez")
    lost.unlink()
    with pytest.raises(RemoteError) as caught:
        fetch_tree(repo, WORLD, head.commit, silent)
    url = f"{served.url}/{lost.relative_to(remote)}"
    assert str(caught.value) == (
        f"cannot pull world:base/minimal: While fetching {url}: Server returned HTTP 404: "
        f"remote world at {served.url}"
    )
    fsck(repo)


def test_an_object_that_is_not_what_it_is_called_is_refused(repo: Repo, remote: Path) -> None:
    head = fetch_head(repo, WORLD, silent)
    other = commit(remote, "other", content="evil")
    shutil.copyfile(_root_object(remote, other), _root_object(remote, BRANCH))
    with pytest.raises(RemoteError) as caught:
        fetch_tree(repo, WORLD, head.commit, silent)
    assert "Corrupted dirtree object" in str(caught.value)
    fsck(repo)


def _root_object(remote: Path, rev: str) -> Path:
    shown = run("ostree", "ls", "--dironly", "--checksum", f"--repo={remote}", rev)
    checksum = shown.split()[4]
    return remote / "objects" / checksum[:2] / f"{checksum[2:]}.dirtree"


def test_space_that_is_to_stay_free_is_said_in_words_that_help(repo: Repo) -> None:
    run("ostree", "config", f"--repo={repo.path}", "set", "core.min-free-space-size", "900TB")
    head = fetch_head(repo, WORLD, silent)
    with pytest.raises(RemoteError) as caught:
        fetch_tree(repo, WORLD, head.commit, silent)
    assert "min-free-space-size" in str(caught.value)
    assert notes(caught.value) == [
        "free some space, or remove old deployments with 'overlay cleanup'"
    ]
    fsck(repo)


def test_a_commit_of_another_branch_is_not_taken_for_this_one(
    repo: Repo, remote: Path, served: Served
) -> None:
    other = commit(remote, "other")
    run("ostree", "refs", f"--repo={remote}", "--create=base/fake", other)
    assert str(refused(repo, Refspec(remote=REMOTE, branch="base/fake"))) == (
        f"cannot pull world:base/fake: Commit {other}: Commit has no requested ref ‘base/fake’ "
        f"in ref binding metadata (‘other’): remote world at {served.url}"
    )


# Signatures


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A GnuPG home with two secret keys, trusted@example.org and stranger@example.org."""
    needs.program("gpg")
    home = tmp_path_factory.mktemp("gpg")
    home.chmod(0o700)
    for name in ("trusted", "stranger"):
        gpg(home, "--quick-generate-key", f"{name}@example.org", "ed25519", "sign", "never")
        gpg(home, "--output", str(home / f"{name}.pub"), "--export", f"{name}@example.org")
    yield home
    subprocess.run(["gpgconf", "--homedir", str(home), "--kill", "all"], check=False)


def gpg(home: Path, *arguments: str) -> None:
    options = ["--homedir", str(home), "--batch", "--quiet", "--passphrase", ""]
    run("gpg", *options, "--pinentry-mode", "loopback", *arguments)


def signed(remote: Path, keys: Path, name: str) -> str:
    return commit(remote, BRANCH, f"--gpg-sign={name}@example.org", f"--gpg-homedir={keys}")


@pytest.fixture
def trusting(scratch: Path, served: Served, keys: Path) -> Repo:
    """A repository that takes only what the trusted key signed."""
    return client_of(scratch / "repo", served.url, f"--gpg-import={keys}/trusted.pub")


def test_what_a_trusted_key_signed_is_taken(trusting: Repo, remote: Path, keys: Path) -> None:
    commit = signed(remote, keys, "trusted")
    head = fetch_head(trusting, WORLD, silent)
    assert head.commit == commit
    fetch_tree(trusting, WORLD, head.commit, silent)
    fsck(trusting)


def test_what_nobody_signed_is_refused(trusting: Repo, served: Served) -> None:
    error = refused(trusting)
    assert str(error).startswith("cannot pull world:base/minimal: Commit ")
    assert str(error).endswith(
        ": GPG verification enabled, but no signatures found (use gpg-verify=false in remote "
        f"config to disable): remote world at {served.url}"
    )
    assert notes(error) == ["import the key that you trust with 'ostree remote gpg-import world'"]


def test_what_a_stranger_signed_is_refused(
    trusting: Repo, remote: Path, served: Served, keys: Path
) -> None:
    signed(remote, keys, "stranger")
    error = refused(trusting)
    assert "public key not found" in str(error)
    assert str(error).endswith(f": remote world at {served.url}")
    assert notes(error) == ["import the key that you trust with 'ostree remote gpg-import world'"]


def test_a_commit_that_is_here_already_is_verified_all_the_same(
    trusting: Repo, remote: Path, served: Served
) -> None:
    """Whoever pulled it from a remote that is not verified did not vouch for this one."""
    command = ["ostree", "remote", "add", "--no-gpg-verify", f"--repo={trusting.path}"]
    run(*command, "lax", served.url)
    lax = Refspec(remote="lax", branch=BRANCH)
    head = fetch_head(trusting, lax, silent)
    fetch_tree(trusting, lax, head.commit, silent)
    assert "no signatures found" in str(refused(trusting))
    with pytest.raises(RemoteError):
        find_revision(trusting, WORLD, head.commit, silent)
