# SPDX-License-Identifier: LGPL-2.1-or-later
"""Ctrl-C while something is fetched: the process ends soon, and the next fetch goes on."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from layering.progress import silent
from layering.refspec import Refspec
from layering.remotes import fetch_head, fetch_tree, is_complete
from layering.repo import Repo
from tests.remotes import REMOTE, Served, client_of, fsck, make_remote, serving
from tests.sysroots import PROJECT, run

WORLD = Refspec(remote=REMOTE, branch="base")
FILES = 60

# What `overlay` does: the main thread fetches, and Ctrl-C is an exception like any other.
PROGRAM = """
import sys
from pathlib import Path
from layering.progress import silent
from layering.refspec import Refspec
from layering.remotes import fetch_head, fetch_tree
from layering.repo import Repo

repo, world = Repo.open(Path(sys.argv[1])), Refspec.parse("world:base")
try:
    fetch_tree(repo, world, fetch_head(repo, world, silent).commit, silent)
except KeyboardInterrupt:
    with repo.transaction():  # what the caller does meanwhile is not in the pull's way
        repo.set_ref("cleaned/up", None)
    print("interrupted")
"""


@pytest.fixture
def served(scratch: Path) -> Iterator[Served]:
    remote, tree = make_remote(scratch / "remote"), scratch / "tree"
    tree.mkdir()
    for number in range(FILES):
        (tree / str(number)).write_bytes(os.urandom(100))
    run("ostree", "commit", f"--repo={remote}", "--branch=base", f"--tree=dir={tree}")
    with serving(remote) as server:
        yield server


@pytest.fixture
def repo(scratch: Path, served: Served) -> Repo:
    return client_of(scratch / "repo", served.url)


def content(served: Served) -> list[str]:
    return [path for path in served.requests if path.endswith(".filez")]


def interrupted(repo: Repo, served: Served, *, after: int, by: signal.Signals) -> float:
    """Fetches the tree in another process, signals it once it has asked for so many files.

    Returns how many seconds it took to end.
    """
    command = [sys.executable, "-c", PROGRAM, str(repo.path)]
    environment = {**os.environ, "PYTHONPATH": str(PROJECT)}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while len(content(served)) < after and time.monotonic() < deadline:
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(by)
    started = time.monotonic()
    said, _errors = process.communicate(timeout=60)
    assert said == ("" if by is signal.SIGKILL else "interrupted\n")
    return time.monotonic() - started


def goes_on(repo: Repo, served: Served) -> int:
    """Fetches the tree again, all of it, and returns how many files it asked for."""
    served.delay = 0.0
    served.silent.clear()
    fsck(repo)
    served.requests.clear()
    head = fetch_head(repo, WORLD, silent)
    fetch_tree(repo, WORLD, head.commit, silent)
    assert is_complete(repo, head.commit)
    assert "Verifying content integrity of 1 commit" in fsck(repo)
    assert not list((repo.path / "tmp").glob("staging-*"))
    return len(content(served))


def test_ctrl_c_ends_a_slow_pull_and_the_next_goes_on_from_there(
    repo: Repo, served: Served
) -> None:
    served.delay = 0.2
    assert interrupted(repo, served, after=30, by=signal.SIGINT) < 5
    assert goes_on(repo, served) < FILES - 10


def test_ctrl_c_does_not_wait_for_a_server_that_is_silent(repo: Repo, served: Served) -> None:
    served.silent.set()
    assert interrupted(repo, served, after=1, by=signal.SIGINT) < 10  # libostree: 30 and more
    assert goes_on(repo, served)


def test_a_pull_that_is_killed_leaves_a_repository_that_goes_on(repo: Repo, served: Served) -> None:
    served.delay = 0.2
    interrupted(repo, served, after=30, by=signal.SIGKILL)
    assert goes_on(repo, served) < FILES - 10
