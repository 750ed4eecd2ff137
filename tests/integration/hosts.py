# SPDX-License-Identifier: LGPL-2.1-or-later
"""A host of the test world, and `overlay` run on it: in this process, or as one of its own."""

import io
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fixtures.forest import World
from fixtures.host import STATEROOT
from layering.cli import main

# What would tell of any write to an object, by its path.
Objects = frozenset[tuple[str | int, ...]]

PROGRAM = "import sys; from layering.cli import main; sys.exit(main())"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a command ended, and what it wrote."""

    status: int
    stdout: str
    stderr: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """A sysroot with one of the world's trees deployed."""

    path: Path
    world: World
    tree: str

    @property
    def repo(self) -> Path:
        return self.path / "ostree/repo"

    @property
    def base(self) -> str:
        """The checksum of the base commit."""
        return self.world.trees[self.tree]

    def overlay(self, *words: str) -> Ended:
        """Runs `overlay` here; `-q` and `--progress` as given, or as the default is."""
        stdout, stderr = io.StringIO(), io.StringIO()
        with redirect_stdout(stdout), redirect_stderr(stderr):
            status = main([f"--sysroot={self.path}", *words])
        return Ended(status=status, stdout=stdout.getvalue(), stderr=stderr.getvalue())

    def argv(self, *words: str) -> list[str]:
        """Returns the command that runs `overlay` as a process."""
        return [sys.executable, "-c", PROGRAM, f"--sysroot={self.path}", *words]

    def run(self, *words: str, environment: Mapping[str, str] | None = None) -> Ended:
        """Runs `overlay` as a process of its own."""
        done = subprocess.run(
            self.argv(*words),
            env={**os.environ, **(environment or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        return Ended(status=done.returncode, stdout=done.stdout, stderr=done.stderr)

    def change(self, *words: str) -> str:
        """Runs a verb that must succeed and returns the checksum of what boots next."""
        ended = self.overlay(*words)
        assert ended.status == 0, ended.stderr
        return self.checksum()

    def deployments(self) -> list[dict[str, Any]]:
        """Returns what `status --json` says."""
        ended = self.overlay("--json", "status")
        assert ended.status == 0, ended.stderr
        found: list[dict[str, Any]] = json.loads(ended.stdout)["deployments"]
        return found

    def checksum(self, index: int = 0) -> str:
        """Returns the commit of a deployment, as the ostree command line tells it."""
        return self.checkout(index).name.rpartition(".")[0]

    def checkout(self, index: int = 0) -> Path:
        """Returns the directory of a deployment, as the ostree command line tells it."""
        shown = command("ostree", "admin", "status", f"--sysroot={self.path}")
        heads = [line.split() for line in shown.splitlines() if line.startswith((" ", "*"))]
        ids = [words[-1] if words[-1][0] != "(" else words[-2] for words in heads if _names(words)]
        return self.path / "ostree/deploy" / STATEROOT / "deploy" / ids[index]

    def origin(self, index: int = 0) -> str:
        """Returns the text of a deployment's origin file."""
        checkout = self.checkout(index)
        return checkout.with_name(f"{checkout.name}.origin").read_text()

    def fsck(self) -> None:
        """Fails unless `ostree fsck` is content with the repository."""
        command("ostree", "fsck", "--quiet", f"--repo={self.repo}")

    def objects(self) -> Objects:
        """Returns the objects of the repository, each with all that a write to it changes."""
        names = ("st_ino", "st_size", "st_mtime_ns", "st_mode", "st_uid", "st_gid")
        return frozenset(
            (f"{path.parent.name}/{path.name}", *(getattr(found, name) for name in names))
            for path in (self.repo / "objects").glob("*/*")
            for found in (path.lstat(),)
        )

    def leftovers(self) -> list[Path]:
        """Returns what interrupted work left in the repository's `tmp`."""
        return [path for path in (self.repo / "tmp").iterdir() if path.name != "cache"]


def _names(words: list[str]) -> bool:
    return any(word == STATEROOT for word in words[:2])


def command(*words: str | Path) -> str:
    """Returns the standard output of a command that must succeed."""
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(map(str, words))}: {done.stdout}{done.stderr}"
    return done.stdout


def untouched(host: Host) -> None:
    """Fails unless the base is all that is deployed, and no working directory is left."""
    assert [each["checksum"] for each in host.deployments()] == [host.base]
    assert not list((host.repo / "tmp").glob("overlay-*"))
