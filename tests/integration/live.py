# SPDX-License-Identifier: LGPL-2.1-or-later
"""Deployed trees as a booted system shows them, to compare two of them or to run commands inside.

A checkout is the lower layer of an overlay mount, so that nothing of it is touched; what a boot
makes of it (`/var` and `/run` from tmpfiles.d) is made by the tree's own systemd. The same is done
to a base's checkout before rpm installs into it: what remains is the difference of the installers.
"""

import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.integration.hosts import Ended, command

# Where the world's packages are visible inside.
PACKAGES = "/tmp/packages"


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveTree:
    """A tree with its `/etc`, `/var` and `/run`, mounted writable."""

    root: Path
    time: int  # SOURCE_DATE_EPOCH for what runs inside

    def run(self, *words: str, packages: Path | None = None) -> Ended:
        """Runs a command as root inside, without network."""
        bwrap = ["bwrap", "--bind", str(self.root), "/", "--dev", "/dev", "--proc", "/proc"]
        bwrap += ["--tmpfs", "/tmp", "--unshare-pid", "--unshare-net", "--unshare-ipc"]
        bwrap += ["--unshare-uts", "--cap-add", "ALL", "--die-with-parent", "--clearenv"]
        for name, value in self._environment().items():
            bwrap += ["--setenv", name, value]
        if packages is not None:
            bwrap += ["--ro-bind", str(packages), PACKAGES]
        done = subprocess.run(
            [*bwrap, "--", *words],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",  # a script may print anything
            check=False,
        )
        return Ended(status=done.returncode, stdout=done.stdout, stderr=done.stderr)

    def ask(self, *words: str) -> str:
        """Returns what a command inside prints, which must succeed."""
        ended = self.run(*words)
        assert ended.status == 0, f"{' '.join(words)}: {ended.stdout}{ended.stderr}"
        return ended.stdout

    def boot(self) -> None:
        """Makes what the tree's tmpfiles.d say, as each boot does."""
        ended = self.run("/usr/bin/systemd-tmpfiles", "--create")
        # 65 and 73: lines of the base itself that ask for a user or a file type which it has not.
        assert ended.status in (0, 65, 73), ended.stderr

    def install(self, packages: Path, files: Sequence[str], *options: str) -> Ended:
        """Installs RPMs with the tree's own rpm, scriptlets and all."""
        words = ["/usr/bin/rpm", "-U", "--nosignature", *options]
        words += ["--define", "__systemd_sysusers /usr/bin/systemd-sysusers"]  # as Fedora has it
        words += [f"{PACKAGES}/{name}" for name in files]
        return self.run(*words, packages=packages)

    def _environment(self) -> dict[str, str]:
        return {
            "PATH": "/usr/sbin:/usr/bin",
            "LANG": "C.UTF-8",
            "HOME": "/root",
            "SYSTEMD_OFFLINE": "1",
            "SOURCE_DATE_EPOCH": str(self.time),
            # Byte code of what scripts import holds times: no part of what packages bring.
            "PYTHONDONTWRITEBYTECODE": "1",
        }


@contextmanager
def live_tree(checkout: Path, scratch: Path, *, time: int) -> Iterator[LiveTree]:
    """Gives the tree of a deployment as booted; all writes go to `scratch`."""
    work = Path(tempfile.mkdtemp(prefix="live-", dir=scratch))
    for name in ("root", "upper", "work"):
        (work / name).mkdir()
    options = f"lowerdir={checkout},upperdir={work}/upper,workdir={work}/work"
    command("mount", "-t", "overlay", "-o", options, "overlay", work / "root")
    try:
        # A boot shows the deployment's own /etc; the tree's is what that was made from.
        command("rm", "-rf", work / "root/usr/etc")
        tree = LiveTree(root=work / "root", time=time)
        tree.boot()
        yield tree
    finally:
        command("umount", work / "root")
