# SPDX-License-Identifier: LGPL-2.1-or-later
"""Fetching on a running system, whose sysroot is mounted read-only: in a sandbox that looks so."""

import tempfile
from pathlib import Path

import pytest

from tests.remotes import make_remote, serving
from tests.sysroots import REF, commit_tree, make_sysroot, make_tree, run

pytestmark = [pytest.mark.root, pytest.mark.bwrap]

PROGRAM = f"""
import os
from pathlib import Path
from layering.progress import silent
from layering.refspec import Refspec
from layering.remotes import fetch_head, fetch_tree, is_complete
from layering.sysroot import Sysroot

sysroot, world = Sysroot.open(Path("/"), writable=True), Refspec.parse("world:{REF}")
with sysroot.lock():
    head = fetch_head(sysroot.repo, world, silent)
    print(head.commit, head.version, is_complete(sysroot.repo, head.commit))
    fetch_tree(sysroot.repo, world, head.commit, silent)
    print(is_complete(sysroot.repo, head.commit))
    with sysroot.repo.transaction():
        sysroot.repo.set_ref("held", head.commit)
"""


def test_a_running_system_fetches_from_a_remote_of_its_etc(ground: Path, scratch: Path) -> None:
    made = make_sysroot(Path(tempfile.mkdtemp(prefix="remotes-", dir=ground)) / "sysroot")
    remote, tree = make_remote(scratch / "remote"), scratch / "tree"
    make_tree(tree, files={"usr/share/new": b"new"})
    new = commit_tree(remote, tree, version="2")
    (etc,) = made.path.glob("ostree/deploy/*/deploy/*.0/etc")
    (etc / "ostree/remotes.d").mkdir(parents=True)
    with serving(remote) as served:
        conf = f'[remote "world"]\nurl={served.url}\ngpg-verify=false\n'
        (etc / "ostree/remotes.d/world.conf").write_text(conf)
        assert made.booted(PROGRAM) == f"{new} 2 False\nTrue\n"
    assert run("ostree", "rev-parse", f"--repo={made.repo}", f"world:{REF}", "held").split() == (
        [new, new]
    )
    made.fsck()
