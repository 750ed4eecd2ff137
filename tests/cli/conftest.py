# SPDX-License-Identifier: LGPL-2.1-or-later
"""A tiny host to run `overlay` on in this process, with a repository of a handful of packages.

in the base     base-1-1, setup-1-1
in repository   app-1-1 needs lib-1-1 and recommends extra-1-1; tool-1-1; base-2-1
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from layering.cli import main
from tests.rpms import File, Spec, build_rpm, make_repo
from tests.sysroots import STATEROOT, TestSysroot, make_sysroot

BASE = ("base", "setup")


def binary(name: str, text: str = "") -> dict[str, File]:
    return {f"/usr/bin/{name}": File(content=(text or name).encode(), mode=0o755)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a command ended, and what it wrote."""

    status: int
    out: str
    err: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """A sysroot, its repository, and `overlay` on it."""

    sysroot: TestSysroot
    repository: Path
    capsys: pytest.CaptureFixture[str]

    @property
    def path(self) -> Path:
        return self.sysroot.path

    @property
    def cache(self) -> Path:
        return self.path / f"ostree/deploy/{STATEROOT}/var/cache/overlay"

    def overlay(self, *words: str) -> Ended:
        self.capsys.readouterr()
        status = main([f"--sysroot={self.path}", "--progress=none", *words])
        out, err = self.capsys.readouterr()
        return Ended(status=status, out=out, err=err)

    def change(self, verb: str, *words: str) -> Ended:
        """Runs a changing verb with the repository."""
        return self.overlay(verb, f"--repofrompath=tests,{self.repository}", *words)

    def as_nobody(self, *words: str) -> Ended:
        """Runs `overlay` in a child without root, which sees what this process has imported."""
        written = [self.path.with_name(name) for name in ("out", "err")]
        child = os.fork()
        if child == 0:
            self.path.parent.chmod(0o755)
            with self.capsys.disabled():
                for number, path in enumerate(written, 1):
                    os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
                os.setgid(65534)
                os.setuid(65534)
                status = main([f"--sysroot={self.path}", "--progress=none", *words])
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(status)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        out, err = (path.read_text() for path in written)
        return Ended(status=status, out=out, err=err)

    def document(self, *words: str) -> dict[str, object]:
        ended = self.overlay("--json", *words)
        assert ended.status == 0, ended.err
        found: dict[str, object] = json.loads(ended.out)
        return found

    def requested(self) -> list[str]:
        """What the pending deployment's origin asks for, as the file says it."""
        words = self.sysroot.status().splitlines()[0].split()
        at = words[-2 if words[-1].startswith("(") else -1]  # "(pending)" may follow
        text = (self.path / f"ostree/deploy/{STATEROOT}/deploy/{at}.origin").read_text()
        lines = [line for line in text.splitlines() if line.startswith("requested=")]
        return lines[0].removeprefix("requested=").strip(";").split(";") if lines else []


@pytest.fixture(scope="session")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("repository")
    app = Spec(files=binary("app"), requires=["lib"], recommends=["extra"])
    build_rpm(directory, "app-1-1.noarch", app)
    build_rpm(directory, "lib-1-1.noarch", Spec(files={"/usr/lib/lib.so": File(content=b"lib")}))
    build_rpm(directory, "extra-1-1.noarch", Spec(files=binary("extra")))
    build_rpm(directory, "tool-1-1.noarch", Spec(files=binary("tool"), provides=["spanner"]))
    build_rpm(directory, "base-2-1.noarch", Spec(files=binary("base", "two")))
    make_repo(directory)
    return directory


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestSysroot]:
    rpms = tmp_path_factory.mktemp("base")
    base = [build_rpm(rpms, f"{name}-1-1.noarch", Spec(files=binary(name))) for name in BASE]
    with tempfile.TemporaryDirectory(prefix="overlay-test-", dir="/var/tmp") as scratch:
        yield make_sysroot(Path(scratch) / "template", rpms=base)


@pytest.fixture
def host(
    template: TestSysroot, repository: Path, scratch: Path, capsys: pytest.CaptureFixture[str]
) -> Host:
    """A fresh host, of which `capsys` belongs to `overlay`."""
    path = scratch / "host"
    subprocess.run(["cp", "-a", str(template.path), str(path)], check=True)
    sysroot = TestSysroot(path=path, commit=template.commit)
    return Host(sysroot=sysroot, repository=repository, capsys=capsys)
