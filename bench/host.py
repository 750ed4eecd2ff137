# SPDX-License-Identifier: LGPL-2.1-or-later
"""The host that is measured on: a sysroot with the padded base deployed, and ways back to that.

What resets do, a prune included, happens between measurements.
"""

import json
from dataclasses import dataclass
from pathlib import Path

from bench import padding
from bench.measure import Run, measured, plain, say
from bench.padding import Padded
from bench.shape import Shape
from fixtures import host as fixture
from fixtures.forest import World
from layering.repo import Repo

TREE = "base/minimal"
REQUEST = "strace"


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """A sysroot whose only deployment is the padded base."""

    path: Path
    padded: Padded

    @property
    def repo(self) -> str:
        """Returns ostree's option for the repository."""
        return f"--repo={self.path}/ostree/repo"

    @property
    def sysroot(self) -> str:
        """Returns ostree's and overlay's option for the sysroot."""
        return f"--sysroot={self.path}"

    @property
    def deployment(self) -> Path:
        """Returns the deployed base."""
        return next(self.path.glob(f"ostree/deploy/*/deploy/{self.padded.commit}.0"))

    def install(self, *words: str) -> Run:
        """Measures `overlay install` of what is given, else of the request."""
        command = ["overlay", self.sysroot, "--progress=json", "install", "-y"]
        return measured([*command, *(words or (REQUEST,))])

    def deploy(self, commit: str, *options: str) -> Run:
        """Measures libostree's own deployment of a commit."""
        stateroot = f"--os={fixture.STATEROOT}"
        command = ["ostree", "admin", "deploy", self.sysroot, stateroot, *options, commit]
        return measured(command)

    def newest(self) -> str:
        """Returns the checksum of what would be booted next."""
        told = json.loads(plain(["overlay", self.sysroot, "--json", "status"]))
        return str(told["deployments"][0]["checksum"])

    def to_base(self) -> None:
        """Takes every deployment away but the base's."""
        while self._deployments() > 1:
            plain(["ostree", "admin", "undeploy", self.sysroot, "0"])

    def forget(self, kind: str = "") -> None:
        """Forgets layers, merged trees and triggers' results, or one kind of these; objects, too.

        Metadata and packages stay cached.
        """
        self.to_base()
        branch = f"overlay/{kind}".rstrip("/")
        refs = plain(["ostree", "refs", self.repo, "--list", branch]).split()
        if refs:
            plain(["ostree", "refs", self.repo, "--delete", *refs])
        plain(["ostree", "prune", self.repo, "--refs-only"])

    def layer(self) -> str:
        """Returns the ref of the request's layer."""
        refs = plain(["ostree", "refs", self.repo, "--list", f"overlay/layer/{REQUEST}"]).split()
        return refs[0]

    def _deployments(self) -> int:
        return len(list(self.path.glob("ostree/deploy/*/deploy/*.origin")))


def create(path: Path, world: World, shape: Shape, files: int, tree: str = TREE) -> Host:
    """Makes a host with a base of `files` files: a tree of the world, padded."""
    say(f"making a host with {files} files")
    fixture.create(path, world, tree)
    repo = Repo.open(path / "ostree/repo")
    padded = padding.pad(repo, world.trees[tree], shape, files)
    host = Host(path=path, padded=padded)
    host.deploy(padding.REF, "--karg=root=LABEL=root", "--karg=rw")
    # The tree that was padded goes; from here on the padded one is what the host follows.
    plain(["ostree", "admin", "undeploy", host.sysroot, "1"])
    plain(["ostree", "refs", host.repo, "--delete", f"{fixture.REMOTE}:{tree}"])
    return host
