# SPDX-License-Identifier: LGPL-2.1-or-later
"""Cost follows the change, not the tree: counted in system calls, which no load can falsify.

The minimal tree is padded to the size of a workstation's. Everything up to libostree's deploy must
make fewer calls that name or list files than the tree has files, and as many on a tree five times
as large.
"""

import os
import re
import signal
import subprocess
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import pytest

from fixtures.forest import World
from fixtures.host import create, remove
from layering._ostree import Gio, GLib, OSTree
from tests.integration.hosts import Host, command

pytestmark = [pytest.mark.world, pytest.mark.root, pytest.mark.bwrap, pytest.mark.slow]

FILES_A_DIRECTORY = 40
CONTENTS = 500  # distinct ones: each is linked so many times
DEPLOYS = re.compile(r'"event\\": \\"start\\", \\"phase\\": \\"deploy\\"')


def padded(repo_path: Path, base: str, files: int) -> str:
    """Commits the tree of `base` with more files below /usr/share/padding; returns the checksum."""
    repo = OSTree.Repo.new(Gio.File.new_for_path(os.fspath(repo_path)))
    repo.open(None)
    repo.prepare_transaction(None)
    contents = [_content(repo, b"padding %d\n" % number) for number in range(CONTENTS)]
    tree = OSTree.MutableTree.new_from_commit(repo, base)
    share = tree.ensure_dir("usr")[1].ensure_dir("share")[1]
    padding = share.ensure_dir("padding")[1]
    padding.set_metadata_checksum(share.get_metadata_checksum())
    for first in range(0, files, FILES_A_DIRECTORY):
        directory = padding.ensure_dir(f"directory-{first}")[1]
        directory.set_metadata_checksum(share.get_metadata_checksum())
        for number in range(first, min(first + FILES_A_DIRECTORY, files)):
            directory.replace_file(f"file-{number}", contents[number % CONTENTS])
    # It is one, says the C documentation; the stubs only know that it is a file.
    root = cast("OSTree.RepoFile", repo.write_mtree(tree, None)[1])
    metadata = repo.load_commit(base)[1].get_child_value(0)
    commit: str = repo.write_commit_with_time(None, "padded", None, metadata, root, 1, None)[1]
    repo.transaction_set_ref(None, f"base/padded-{files}", commit)
    repo.commit_transaction(None)
    return commit


def _content(repo: OSTree.Repo, data: bytes) -> str:
    checksum: str = repo.write_regfile_inline(
        None, 0, 0, 0o100644, None, GLib.Bytes.new(data).get_data(), None
    )
    return checksum


def calls_before_deploy(host: Host, log: Path, words: Sequence[str]) -> Counter[str]:
    """Runs `overlay` under strace until it deploys and returns how often each call was made."""
    strace = ["strace", "--follow-forks", "--seccomp-bpf", "--string-limit=200"]
    strace += [f"--output={log}", "--trace=%file,getdents64,write", "--"]
    with subprocess.Popen(
        [*strace, *host.argv("--progress=json", *words)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stderr is not None
        seen = []
        for line in process.stderr:
            seen.append(line)
            if '"event": "start", "phase": "deploy"' in line:
                break
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
    before: list[str] = []
    with log.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            if DEPLOYS.search(line):
                break
            before.append(line)
        else:
            raise AssertionError(f"nothing was deployed: {''.join(seen)}")
    names = (re.match(r"\d+ +(\w+)\(", line) for line in before)
    return Counter(match[1] for match in names if match and match[1] != "write")


def size(host: Host) -> int:
    """Returns how many files and directories the deployed tree has."""
    return len(command("find", host.checkout(), "-xdev", "-not", "-type", "l").splitlines())


def test_calls_before_the_deploy_do_not_grow_with_the_tree(world: World, scratch: Path) -> None:
    counted: dict[int, Counter[str]] = {}
    sizes: dict[int, int] = {}
    for files in (20_000, 100_000):
        tree = f"base/padded-{files}"
        commit = padded(world.ostree_repo, world.trees["base/minimal"], files)
        grown = World(
            directory=world.directory,
            repositories=world.repositories,
            ostree_repo=world.ostree_repo,
            trees={tree: commit},
        )
        host = Host(path=scratch / f"host-{files}", world=grown, tree=tree)
        create(host.path, grown, tree)
        host.overlay("refresh-md")
        sizes[files] = size(host)
        counted[files] = calls_before_deploy(host, scratch / "calls", ["install", "strace"])
        remove(host.path)
    small, large = (sum(counted[files].values()) for files in (20_000, 100_000))
    told = f"{small} calls at {sizes[20_000]} files, {large} at {sizes[100_000]}: {counted}"
    assert small < 20_000, told
    assert large <= 1.5 * small, told
    print(told)  # noqa: T201  for who reads the log
