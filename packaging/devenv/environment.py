# SPDX-License-Identifier: LGPL-2.1-or-later
"""Chooses and prepares the environment that every verb of `./dev` runs in.

A machine whose own Python imports libdnf5, rpm and OSTree is used as it is, with a venv that sees
the system's packages; one whose distribution has them gets them installed; any other gets the
toolbox.
"""

import hashlib
import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from devenv import steps, toolbox

PROJECT = Path(__file__).resolve().parents[2]
REQUIREMENTS = PROJECT / "packaging" / "requirements.txt"
PROBE = (
    "import libdnf5, rpm, gi; gi.require_version('OSTree', '1.0'); from gi.repository import OSTree"
)
PYTHON = "/usr/bin/python3"
DNF_PACKAGES = (
    "python3-libdnf5 python3-rpm python3-gobject-base ostree ostree-libs bubblewrap rpm-build "
    "createrepo_c dnf5 strace mmdebstrap apt dpkg attr"
).split()
KEPT_VARIABLES = ("HOME", "LANG", "TERM", "CI", "NO_COLOR", "COLUMNS", "OVERLAY_DEV_CACHE")
KEPT_PREFIXES = ("PIP_", "SSL_", "REQUESTS_", "HTTP", "http", "NO_PROXY", "no_proxy", "OVERLAY_")


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """A prepared environment: the toolbox's root, or None where the machine itself serves."""

    cache: Path
    root: Path | None
    venv: Path

    def argv(self, inside: Sequence[str], *, bind: Sequence[Path] = ()) -> list[str]:
        """Returns the argv that runs `inside` in this environment, `overlay` on its PATH."""
        settings = [f"{name}={value}" for name, value in self._variables().items()]
        command = ["env", "-i", *settings, *inside]
        if self.root is None:
            return command
        return toolbox.command(self.root, command, bind=[self.cache, *bind])

    def _variables(self) -> dict[str, str]:
        kept = {
            name: value
            for name, value in os.environ.items()
            if name in KEPT_VARIABLES or name.startswith(KEPT_PREFIXES)
        }
        path = f"{self.venv}/bin:{PROJECT}/packaging/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        return {
            "HOME": "/root",
            "LANG": "C.UTF-8",
            **kept,
            "PATH": path,
            "PYTHONPATH": str(PROJECT),
            # Byte code as an installed program has it, and none of it in the source tree.
            "PYTHONPYCACHEPREFIX": str(self.cache / "pycache"),
            "OVERLAY_DEV_CACHE": str(self.cache),
        }


def prepare() -> Environment:
    """Returns the environment of this machine, made ready: toolbox, venv.

    Raises:
        steps.StepFailedError: with the failing command's output.
    """
    cache = steps.cache_directory()
    cache.mkdir(parents=True, exist_ok=True)
    root = None if _bindings_here() else toolbox.ensure(cache)
    return Environment(cache=cache, root=root, venv=_venv(cache, root))


def _bindings_here() -> bool:
    if _imports():
        return True
    if shutil.which("dnf") and os.geteuid() == 0:
        steps.say("installing the distribution's bindings with dnf")
        steps.run(["dnf", "-y", "install", *DNF_PACKAGES])
    elif _debian_release() >= 14 and os.geteuid() == 0:
        steps.say("installing the distribution's bindings with apt-get")
        steps.run(["apt-get", "-q", "update"])
        steps.run(["apt-get", "-q", "-y", "install", *toolbox.PACKAGES])
    else:
        return False
    return _imports()


def _imports() -> bool:
    try:
        return (
            subprocess.run([PYTHON, "-c", PROBE], capture_output=True, check=False).returncode == 0
        )
    except OSError:
        return False


def _debian_release() -> int:
    """Returns Debian's major release; testing and unstable, which carry none, count as 14."""
    try:
        text = Path("/etc/debian_version").read_text(encoding="utf-8")
        is_debian = "ID=debian" in Path("/etc/os-release").read_text(encoding="utf-8").splitlines()
    except OSError:
        return 0
    major = text.strip().partition(".")[0]
    if not is_debian:
        return 0
    return int(major) if major.isdigit() else 14


def _venv(cache: Path, root: Path | None) -> Path:
    material = REQUIREMENTS.read_bytes() + str(root or "native").encode()
    venv = cache / f"venv-{hashlib.sha256(material).hexdigest()[:12]}"

    def build(partial: Path) -> None:
        # A venv cannot be renamed (its scripts name their interpreter): a file
        # beside it, written last, says that it is whole.
        environment = Environment(cache=cache, root=root, venv=venv)
        make = [PYTHON, "-m", "venv", "--clear", "--system-site-packages", str(venv)]
        steps.run(environment.argv(make))
        install = [f"{venv}/bin/python", "-m", "pip", "install", "--quiet", "-r", str(REQUIREMENTS)]
        steps.run(environment.argv(install))
        partial.write_text("whole\n", encoding="utf-8")

    steps.make_once(venv.with_name(venv.name + ".whole"), "Python packages", build)
    return venv
