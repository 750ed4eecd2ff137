# SPDX-License-Identifier: LGPL-2.1-or-later
"""Tiny OSTree sysroots for tests, made by the ostree and rpm command lines: nothing of ours.

The tree is a little one that libostree agrees to deploy: a kernel with its initramfs (neither of
them real), `usr/etc`, an os-release, and the usual links at the top.
"""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

# libostree makes checkouts immutable, so that tests could not remove them.
os.environ["OSTREE_SYSROOT_DEBUG"] = "mutable-deployments"

PROJECT = Path(__file__).parents[1]
KVER = "6.1.0-test"
STATEROOT = "test"
REF = "test/base"
DATABASE = "usr/share/rpm"  # where the trees keep their rpmdb

# All goes well, whatever is asked: nothing has failed.
_SYSTEMCTL = """\
#!/bin/sh
[ "$1" != is-failed ]
"""

_LINKS = {
    "bin": "usr/bin",
    "sbin": "usr/sbin",
    "lib": "usr/lib",
    "lib64": "usr/lib64",
    "home": "var/home",
    "opt": "var/opt",
    "root": "var/roothome",
    "ostree": "sysroot/ostree",
    "usr/lib/sysimage/rpm": "../../share/rpm",
}
_DIRECTORIES = ("usr/bin", "usr/sbin", "usr/lib64", "usr/etc", "boot", "dev", "proc", "sys", "run")
_MORE_DIRECTORIES = ("sysroot", "tmp", "var", "usr/lib/sysimage")


@dataclass(frozen=True, slots=True, kw_only=True)
class TestSysroot:
    """A sysroot with one deployment of one commit."""

    __test__ = False  # no test class, whatever its name says

    path: Path
    commit: str

    @property
    def repo(self) -> Path:
        return self.path / "ostree/repo"

    def deploy(self, revision: str, *options: str) -> None:
        """Deploys with the ostree command line."""
        run(
            "ostree",
            "admin",
            "deploy",
            f"--sysroot={self.path}",
            f"--os={STATEROOT}",
            *options,
            revision,
        )

    def status(self) -> str:
        """Returns what `ostree admin status` prints."""
        return run("ostree", "admin", "status", f"--sysroot={self.path}")

    def booted(self, program: str) -> str:
        """Runs a Python program as if the default deployment were booted; returns its output.

        What it stages is there for this program alone; `ostree admin finalize-staged`, run by it,
        does what a shutdown does.

        As on a real system, the sysroot and /boot are mounted read-only. The tree is too small to
        run anything: /usr is this machine's. Everything beside that is below /run.
        """
        (at,) = (self.path / f"ostree/deploy/{STATEROOT}/deploy").glob(f"{self.commit}.0")
        flag = self.path.with_name("ostree-booted")
        flag.touch()  # libostree reads metadata from it: anything but nothing must be right
        command = ["bwrap", "--bind", str(at), "/", "--ro-bind", "/usr", "/usr"]
        command += ["--ro-bind", str(self.path), "/sysroot", "--dev", "/dev", "--proc", "/proc"]
        command += ["--ro-bind", str(self.path / "boot"), "/boot", "--tmpfs", "/tmp"]
        command += ["--bind", str(self.path / f"ostree/deploy/{STATEROOT}/var"), "/var"]
        command += ["--tmpfs", "/run", "--ro-bind", str(flag), "/run/ostree-booted"]
        systemctl = self.path.with_name("systemctl")
        systemctl.write_text(_SYSTEMCTL)
        systemctl.chmod(0o755)
        command += ["--dir", "/run/ostree", "--ro-bind", str(systemctl), "/run/bin/systemctl"]
        command += [
            "--ro-bind",
            str(PROJECT),
            "/run/project",
            "--ro-bind",
            sys.prefix,
            "/run/python",
        ]
        command += ["--unshare-pid", "--die-with-parent", "--cap-add", "ALL", "--chdir", "/"]
        command += [
            "--setenv",
            "PATH",
            "/run/bin:/usr/bin",
            "--setenv",
            "PYTHONPATH",
            "/run/project",
        ]
        return run(*command, "/run/python/bin/python3", "-c", program)

    def fsck(self) -> None:
        """Fails unless `ostree fsck` is content."""
        run("ostree", "fsck", "--quiet", f"--repo={self.repo}")


def run(*command: str) -> str:
    """Returns the standard output of a command that must succeed."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stdout}{done.stderr}")
    return done.stdout


def make_tree(
    path: Path, files: Mapping[str, bytes] | None = None, rpms: Sequence[Path] = ()
) -> None:
    """Makes a tree as it would be committed; `files` by path without the leading slash."""
    for name in (*_DIRECTORIES, *_MORE_DIRECTORIES):
        (path / name).mkdir(parents=True, exist_ok=True)
    for name, target in _LINKS.items():
        (path / name).symlink_to(target)
    kernel = f"usr/lib/modules/{KVER}"
    content = {
        f"{kernel}/vmlinuz": b"kernel",
        f"{kernel}/initramfs.img": b"initramfs",
        "usr/etc/os-release": b"ID=test\n",
        "usr/etc/passwd": b"root:x:0:0:root:/root:/bin/sh\ngames:x:5:60:games:/:/bin/false\n",
        "usr/etc/group": b"root:x:0:\ngames:x:60:\n",
        "usr/lib/os-release": b'ID=test\nVERSION_ID=1\nPRETTY_NAME="Test 1"\n',
        **(files or {}),
    }
    for name, data in content.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(data)
    if rpms:
        _install(path, rpms)


def commit_tree(
    repo: Path, tree: Path, *, ref: str = REF, version: str = "1", metadata: Sequence[str] = ()
) -> str:
    """Commits a tree with everything owned by root and returns the checksum."""
    options = [f"--add-metadata={pair}" for pair in metadata]
    options += [f"--add-metadata-string=version={version}", "--bootable"]
    command = ["ostree", "commit", f"--repo={repo}", f"--branch={ref}", f"--tree=dir={tree}"]
    command += ["--owner-uid=0", "--owner-gid=0", "--timestamp=@1700000000", *options]
    return run(*command).strip()


def make_sysroot(
    path: Path,
    *,
    files: Mapping[str, bytes] | None = None,
    rpms: Sequence[Path] = (),
    deploy: bool = True,
) -> TestSysroot:
    """Makes a sysroot at `path` whose stateroot has the tree deployed, without a boot loader."""
    path.mkdir()
    run("ostree", "admin", "init-fs", "--modern", str(path))
    run("ostree", "admin", "os-init", f"--sysroot={path}", STATEROOT)
    repo = path / "ostree/repo"
    run("ostree", "config", f"--repo={repo}", "set", "sysroot.bootloader", "none")
    tree = path.with_name(f"{path.name}.tree")
    make_tree(tree, files, rpms)
    made = TestSysroot(path=path, commit=commit_tree(repo, tree))
    run("rm", "-rf", str(tree))
    if deploy:
        made.deploy(REF, "--karg=root=LABEL=test", "--karg=quiet")
    return made


def _install(tree: Path, rpms: Sequence[Path]) -> None:
    """Installs packages with rpm itself, which is to find `/etc` where it looks for it."""
    (tree / "usr/etc").rename(tree / "etc")
    command = ["rpm", "-U", "--root", str(tree), "--dbpath", f"/{DATABASE}", "--nodeps"]
    command += ["--noscripts", "--notriggers", "--noplugins", *map(str, rpms)]
    run(*command)
    (tree / "etc").rename(tree / "usr/etc")
    for path in (tree / DATABASE).glob(".*.lock"):
        path.unlink()
