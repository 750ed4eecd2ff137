# SPDX-License-Identifier: LGPL-2.1-or-later
import io
import os
import subprocess
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from layering._ostree import GLib, OSTree
from layering.errors import BrokenObjectError, RepoError, UnknownRevisionError
from layering.mtree import put_file
from layering.objects import Commit, DirMeta, FileInfo, ObjectKind, bytes_variant
from layering.repo import Repo
from tests.trees import commit_tree, describe


@pytest.fixture
def repo(scratch: Path) -> Repo:
    return Repo.create(scratch / "repo", "bare-user-only")


def ostree(repo: Repo, *arguments: str) -> str:
    command = ["ostree", f"--repo={repo.path}", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def test_a_written_tree_reads_back_and_passes_fsck(repo: Repo) -> None:
    lines = ["d usr 0755", "d usr/bin 0755", "f usr/bin/bash 0755 content", "l usr/sbin bin"]
    commit = commit_tree(repo, *lines)
    assert describe(repo, repo.commit_of(commit).root_tree) == lines
    assert "no errors found" in ostree(repo, "fsck")
    assert ostree(repo, "cat", commit, "/usr/bin/bash") == "content"


@pytest.mark.root
def test_owner_mode_and_xattrs_are_exact(scratch: Path) -> None:
    repo = Repo.create(scratch / "repo", "bare")
    commit = commit_tree(
        repo,
        "f usr/x 04711 uid=12 gid=13 xattr:user.a=1 text",
        "d usr/d 01777 gid=7 xattr:user.b=2",
    )
    repo.checkout(commit, scratch / "checkout")
    file, directory = scratch / "checkout/usr/x", scratch / "checkout/usr/d"
    assert (file.stat().st_mode, file.stat().st_uid, file.stat().st_gid) == (0o104711, 12, 13)
    assert (directory.stat().st_mode, directory.stat().st_gid) == (0o41777, 7)
    assert os.getxattr(file, "user.a") == b"1"
    assert os.getxattr(directory, "user.b") == b"2"
    assert file.samefile(repo.object_path(_checksum(repo, commit, "/usr/x")))
    assert "no errors found" in ostree(repo, "fsck")


def test_a_stream_and_bytes_of_equal_content_are_one_object(repo: Repo) -> None:
    content = os.urandom(3 << 20)
    with repo.transaction():
        streamed = repo.write_regular(io.BytesIO(content), length=len(content), mode=0o644)
        inline = repo.write_regular(content, length=len(content), mode=0o644)
    assert streamed == inline
    assert b"".join(repo.file_chunks(streamed)) == content
    assert repo.file_info(streamed) == FileInfo(
        uid=0, gid=0, mode=0o644, size=3 << 20, target=None, xattrs=()
    )


def test_a_stream_that_ends_early_writes_no_object(repo: Repo) -> None:
    with pytest.raises(EOFError, match=r"^stream ended 2 bytes early$"), repo.transaction():
        repo.write_regular(io.BytesIO(b"abc"), length=5, mode=0o644)
    assert list((repo.path / "objects").rglob("*.file")) == []


def test_a_link_target_that_is_not_utf8_is_refused(repo: Repo) -> None:
    with pytest.raises(UnicodeDecodeError), repo.transaction():
        repo.write_symlink(b"\xff")


def test_refs_and_objects_of_a_transaction_land_together(repo: Repo) -> None:
    with repo.transaction():
        commit = repo.write_commit(tree=repo.write_tree(repo.new_tree()), timestamp=1)
        repo.set_ref("overlay/layer/a", commit)
        assert repo.refs() == {}
    assert repo.refs() == repo.refs("overlay") == {"overlay/layer/a": commit}
    with repo.transaction():
        repo.set_ref("overlay/layer/a", None)
    assert repo.refs() == {}


def test_an_exception_leaves_no_object(repo: Repo) -> None:
    with pytest.raises(KeyboardInterrupt), repo.transaction():
        repo.write_tree(repo.new_tree())
        raise KeyboardInterrupt
    assert [path for path in (repo.path / "objects").rglob("*") if path.is_file()] == []


def test_an_exception_leaves_neither_ref_nor_commit(repo: Repo) -> None:
    with pytest.raises(KeyboardInterrupt), repo.transaction():
        commit = repo.write_commit(tree=repo.write_tree(repo.new_tree()), timestamp=1)
        with repo.transaction():
            repo.set_ref("overlay/layer/a", commit)
        raise KeyboardInterrupt
    assert repo.refs() == {}
    assert list((repo.path / "objects").rglob("*.commit")) == []
    commit_tree(repo, "f x 0644 the next transaction works")
    assert "no errors found" in ostree(repo, "fsck")


def test_files_land_before_any_commit_does_and_refs_last(
    repo: Repo, monkeypatch: pytest.MonkeyPatch
) -> None:
    # libostree moves what landed one by one: a kill between two moves leaves either of them.
    landings: list[tuple[set[str], set[str]]] = []
    land = repo.handle.commit_transaction

    def landing(cancellable: None) -> None:
        staged = {path.suffix for path in (repo.path / "tmp").glob("staging-*/??/*")}
        landings.append((staged, set(repo.refs())))
        land(cancellable)

    monkeypatch.setattr(repo.handle, "commit_transaction", landing)
    with repo.transaction():
        for name in ("a", "b"):
            checksum = repo.write_regular(name.encode(), length=1, mode=0o644)
            tree = repo.new_tree()
            put_file(tree, name, checksum)
            repo.set_ref(name, repo.write_commit(tree=repo.write_tree(tree), timestamp=1))
    files = {".file", ".dirtree", ".dirmeta"}
    assert [staged for staged, _refs in landings] == [
        files,
        {".commit", ".file", ".dirtree"},
        {".commit"},
    ]
    assert [refs for _staged, refs in landings] == [set(), set(), set()]
    assert set(repo.refs()) == {"a", "b"}


def test_a_ref_outside_a_transaction_is_a_mistake_of_the_caller(repo: Repo) -> None:
    with pytest.raises(RuntimeError, match=r"set_ref\(a\) outside a transaction"):
        repo.set_ref("a", None)


@pytest.mark.parametrize("hold", [Repo.transaction, Repo.held])
def test_no_prune_runs_meanwhile(
    repo: Repo, hold: Callable[[Repo], AbstractContextManager[None]]
) -> None:
    other = Repo.open(repo.path).handle

    def locked_exclusively() -> bool:
        try:
            other.lock_push(OSTree.RepoLockType.EXCLUSIVE, None)
        except GLib.Error:
            return False
        other.lock_pop(OSTree.RepoLockType.EXCLUSIVE, None)
        return True

    (repo.path / "config").write_text(
        (repo.path / "config").read_text() + "lock-timeout-secs=0\n", encoding="utf-8"
    )
    other.reload_config(None)
    with hold(repo):
        assert not _in_thread(locked_exclusively)
    assert _in_thread(locked_exclusively)


def test_equal_inputs_give_an_equal_commit_whatever_the_clock(repo: Repo) -> None:
    def write(metadata: dict[str, GLib.Variant]) -> str:
        with repo.transaction():
            tree = repo.write_tree(repo.new_tree())
            return repo.write_commit(
                tree=tree, subject="a subject", timestamp=1234567890, metadata=metadata
            )

    one = {"b.text": GLib.Variant("s", "text"), "a.raw": bytes_variant(b"\0\xff")}
    commit = write(one)
    assert commit == write(dict(reversed(one.items())))
    read = repo.commit_of(commit)
    assert (read.timestamp, read.subject, read.parent) == (1234567890, "a subject", None)
    assert (read.text("b.text"), read.raw("a.raw")) == ("text", b"\0\xff")
    assert (read.text("a.raw"), read.raw("none")) == (None, None)
    assert "1234567890" in ostree(repo, "log", "--raw", commit) or "2009-02-13" in ostree(
        repo, "log", commit
    )


def test_a_commit_knows_its_parent_and_its_root(repo: Repo) -> None:
    first = commit_tree(repo, "f a")
    with repo.transaction():
        tree = repo.write_tree(repo.tree_of(first))
        second = repo.write_commit(tree=tree, parent=first, timestamp=2)
    read = repo.commit_of(second)
    assert read == Commit(
        checksum=second,
        parent=first,
        timestamp=2,
        subject="",
        metadata=read.metadata,
        root_tree=tree[0],
        root_meta=tree[1],
    )
    assert repo.dirmeta(read.root_meta) == DirMeta()


def test_a_checkout_takes_a_ref_or_a_checksum(repo: Repo, scratch: Path) -> None:
    commit = commit_tree(repo, "f usr/a 0644 text", ref="my/ref")
    for at, revision in enumerate(["my/ref", commit]):
        repo.checkout(revision, scratch / str(at))
        assert (scratch / str(at) / "usr/a").read_text() == "text"
    repo.checkout(commit, scratch / "sub", subpath="/usr")
    assert sorted(path.name for path in (scratch / "sub").iterdir()) == ["a"]


def test_errors_say_what_and_where(repo: Repo, scratch: Path) -> None:
    with pytest.raises(UnknownRevisionError) as unknown:
        repo.checkout("no/such", scratch / "x")
    assert str(unknown.value) == f"no such commit: no/such in repository {repo.path}"
    assert not (scratch / "x").exists()
    assert repo.try_resolve("a..b//") is None
    assert repo.try_resolve("0" * 64) is None
    with pytest.raises(RepoError) as missing:
        Repo.open(scratch / "none")
    assert str(missing.value) == (
        f"cannot open: opening repo: opendir({scratch}/none): No such file or directory: "
        f"repository {scratch}/none"
    )
    with pytest.raises(RepoError, match=f"^cannot read dirtree {'0' * 64}: No such metadata"):
        repo.dirtree("0" * 64)


def test_a_broken_directory_is_reported_by_its_checksum(repo: Repo) -> None:
    tree = repo.commit_of(commit_tree(repo, "f a 0644 text")).root_tree
    repo.object_path(tree, ObjectKind.DIRTREE).write_bytes(b"\x01\x02\x03")
    with pytest.raises(BrokenObjectError) as raised:
        repo.dirtree(tree)
    assert str(raised.value) == f"broken object {tree}: an offset points outside"


def test_a_full_disk_says_so_and_what_helps(scratch: Path) -> None:
    repo = Repo.create(scratch / "repo", "bare-user-only")
    config = (repo.path / "config").read_text()
    # Asking for more space than there is stands for a disk that is nearly full.
    (repo.path / "config").write_text(config + "min-free-space-size=900TB\n", encoding="utf-8")
    repo = Repo.open(repo.path)
    with pytest.raises(RepoError) as raised, repo.transaction():
        repo.write_regular(b"text", length=4, mode=0o644)
    assert str(raised.value).startswith("cannot write: Writing content object: min-free-space-size")
    assert str(raised.value).endswith(f": repository {repo.path}")
    assert raised.value.__notes__ == [
        "free some space, or remove old deployments with 'overlay cleanup'"
    ]


def _checksum(repo: Repo, commit: str, path: str) -> str:
    return ostree(repo, "ls", "-C", commit, path).split()[4]


def _in_thread(call: object) -> bool:
    """Runs `call` in a thread of its own: libostree keeps its locks per thread."""
    assert callable(call)
    result: list[bool] = []
    thread = threading.Thread(target=lambda: result.append(bool(call())))
    thread.start()
    thread.join()
    return result[0]


def test_loose_objects_are_named_as_their_kind(repo: Repo) -> None:
    commit = commit_tree(repo, "f a 0644 text")
    read = repo.commit_of(commit)
    for checksum, kind in (
        (commit, ObjectKind.COMMIT),
        (read.root_tree, ObjectKind.DIRTREE),
        (read.root_meta, ObjectKind.DIRMETA),
        (repo.dirtree(read.root_tree).files[0][1], ObjectKind.FILE),
    ):
        assert repo.object_path(checksum, kind).is_file()
