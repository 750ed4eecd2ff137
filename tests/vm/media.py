# SPDX-License-Identifier: LGPL-2.1-or-later
"""The second disk: what a guest's HTTP server serves, and the guest cannot change.

It holds the world's rpm-md repositories and overlay's own, and an OSTree repository in archive
mode, the only one that is pulled from over HTTP
(https://ostreedev.github.io/ostree/repo/#repository-types-and-locations). There is no summary
file: which commit a ref names is then told by the ref's file alone, which the guest has a copy of
on its own disk, so that a test can publish another commit (`Machine.publish`).
"""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from fixtures.forest import World
from tests.vm import image

LABEL = "media"
REPOSITORIES = ("base", "extras", "updates")


class MediaError(Exception):
    """A part of the second disk could not be made; the message says which command failed."""


def build(target: Path, world: World, overlay: Path, refs: Sequence[str]) -> None:
    """Makes the disk at `target`; `overlay` is the directory of overlay's own repository.

    Raises:
        MediaError, image.ImageError: naming the command that failed.
    """
    with tempfile.TemporaryDirectory(prefix="media-", dir=target.parent) as name:
        directory = Path(name)
        repos = directory / "repos"
        for repository in REPOSITORIES:
            shutil.copytree(world.repositories[repository]["directory"], repos / repository)
        shutil.copytree(overlay, repos / "overlay")
        _archive(directory / "ostree", world.ostree_repo, [world.trees[ref] for ref in refs])
        image.pack(directory, target, label=LABEL)


def _archive(repo: Path, source: Path, commits: Sequence[str]) -> None:
    option = f"--repo={repo}"
    _run("ostree", "init", "--mode=archive", option)
    # The disk is thrown away: little is won by small objects, and much time lost.
    _run("ostree", "config", option, "set", "archive.zlib-level", "1")
    _run("ostree", "config", option, "set", "core.fsync", "false")
    _run("ostree", "pull-local", "--depth=-1", option, str(source), *commits)


def _run(*command: str) -> None:
    done = subprocess.run(command, stdout=sys.stderr, check=False)
    if done.returncode:
        raise MediaError(f"{' '.join(command)} ended with {done.returncode}")
