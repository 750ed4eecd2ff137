# SPDX-License-Identifier: LGPL-2.1-or-later
"""Scripts that failed, kept beside a commit, where they change nothing about the commit."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from layering._ostree import GLib
from layering.failures import STDIN_MAX, Failure, failures_of, keep_failures, last_lines
from layering.repo import Repo
from tests.layering.outcomes import outcome
from tests.sysroots import run
from triggers import Phase


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    return Repo.create(tmp_path / "repo", "bare-user")


def commit(repo: Repo) -> str:
    with repo.transaction():
        tree = repo.write_tree(repo.new_tree())
        checksum = repo.write_commit(tree=tree, timestamp=1)
        repo.set_ref("test", checksum)
    return checksum


def test_all_that_it_takes_to_run_a_script_again_is_read_back(repo: Repo) -> None:
    failed = outcome(3, output="one\ntwo\n")
    failed = replace(
        failed,
        invocation=replace(
            failed.invocation,
            phase=Phase.PRETRANS,
            interpreter=("/bin/sh", "-e"),
            body="exit 3 # \udcff",
            args=("1", "2"),
            stdin=b"/usr/lib/x\n\xff",
            environment=(("A", "b"), ("C", "d")),
            expand=True,
            fatal=True,
        ),
    )
    checksum = commit(repo)
    keep_failures(repo, checksum, [outcome(0), failed])
    assert failures_of(repo, checksum) == (
        Failure(how="exit status 3", output=("one", "two"), invocation=failed.invocation),
    )


def test_they_are_no_part_of_the_commit_and_go_with_it(repo: Repo) -> None:
    checksum = commit(repo)
    keep_failures(repo, checksum, [outcome(1)])
    assert commit(repo) == checksum
    run("ostree", "fsck", "--quiet", f"--repo={repo.path}")
    run("ostree", "refs", f"--repo={repo.path}", "--delete", "test")
    run("ostree", "prune", f"--repo={repo.path}", "--refs-only")
    assert not list((repo.path / "objects").glob("*/*.commit*"))


def test_where_nothing_failed_nothing_is_written(repo: Repo) -> None:
    checksum = commit(repo)
    keep_failures(repo, checksum, [outcome(0)])
    assert failures_of(repo, checksum) == ()
    assert not list((repo.path / "objects").glob("*/*.commitmeta"))


@pytest.mark.parametrize(
    "text", ["", "{}", "[1]", '[{"how": "x"}]', json.dumps([{"invocation": 3}])]
)
def test_what_another_version_wrote_is_as_if_it_were_not_there(repo: Repo, text: str) -> None:
    checksum = commit(repo)
    value = GLib.Variant("a{sv}", {"overlay.failures": GLib.Variant("s", text)})
    repo.handle.write_commit_detached_metadata(checksum, value, None)
    assert failures_of(repo, checksum) == ()


def test_the_end_of_the_output_is_what_is_kept() -> None:
    text = "\n" + "".join(f"{number}\n" for number in range(30)) + "\n\n"
    assert last_lines(text) == tuple(str(number) for number in range(10, 30))
    assert last_lines("\n") == ()


def size_beside(repo: Repo, checksum: str) -> int:
    beside = repo.path / "objects" / checksum[:2] / f"{checksum[2:]}.commitmeta"
    return beside.stat().st_size


def test_input_that_is_too_much_is_cut_after_a_line_and_said_to_be(repo: Repo) -> None:
    stdin = b"".join(b"/usr/lib/%06d\n" % number for number in range(100_000))
    failed = outcome(3)
    failed = replace(failed, invocation=replace(failed.invocation, stdin=stdin))
    checksum = commit(repo)
    keep_failures(repo, checksum, [failed])
    (kept,) = failures_of(repo, checksum)
    assert kept.invocation.stdin == stdin[: 16 * (STDIN_MAX // 16)]
    assert kept.missing == f"all but {STDIN_MAX} of 1600000 bytes of its input"


def test_however_much_failed_with_however_much_there_is_a_limit(repo: Repo) -> None:
    failed = outcome(3, output="é\n" * 8 + "\x01" * 1_000_000)
    invocation = replace(failed.invocation, stdin=b"x" * 1_000_000, body="\udcff" * 100_000)
    checksum = commit(repo)
    keep_failures(repo, checksum, [replace(failed, invocation=invocation)] * 300)
    found = failures_of(repo, checksum)
    assert size_beside(repo, checksum) < 1 << 20
    assert found[0].missing == "all but 262144 of 1000000 bytes of its input"
    assert found[-1].missing == (
        "all but 0 of 1000000 bytes of its input"
        " and all but 4096 of 100000 characters of the script"
    )
    assert len(found) < 300
