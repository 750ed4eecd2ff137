# SPDX-License-Identifier: LGPL-2.1-or-later
"""The toolbox: a root directory of a Debian release whose packages hold all the bindings.

It is entered with bubblewrap, not chroot: the nested bubblewrap that runs scriptlets needs
pivot_root, which fails inside a chroot. The host's own directories outside the system part keep
their paths inside, so that a path means the same on both sides.
"""

import hashlib
import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from devenv import mirror, steps

PACKAGES = (
    "apt",
    "attr",
    "binutils",
    "bubblewrap",
    "bzip2",
    "ca-certificates",
    "cpio",
    "createrepo-c",
    "diffutils",
    "dnf5",
    "dpkg-dev",
    "e2fsprogs",
    "file",
    "gir1.2-ostree-1.0",
    "git",
    "gnupg",
    "libcap2-bin",
    "mmdebstrap",
    "mount",
    "ostree",
    "procps",
    "python3",
    "python3-gi",
    "python3-libdnf5",
    "python3-rpm",
    "python3-venv",
    "qemu-system-x86",
    "rpm",
    "strace",
    "util-linux",
    "xz-utils",
    "zstd",
)
# What the toolbox itself brings, or what bubblewrap makes anew; everything else of the host's top
# level is seen inside.
OWN_DIRECTORIES = frozenset(
    "bin boot dev etc lib lib32 lib64 libx32 lost+found proc run sbin sys usr var".split()
)
HOST_FILES = ("/etc/resolv.conf", "/etc/hosts", "/etc/pip.conf")
CERTIFICATES = "/etc/ssl/certs"


def ensure(cache: Path) -> Path:
    """Returns the toolbox's root directory, made with mmdebstrap if its recipe has no build yet."""
    key = hashlib.sha256("\n".join((mirror.SUITE, *PACKAGES)).encode()).hexdigest()[:12]
    root = steps.make_once(cache / f"toolbox-{key}", "toolbox", _build)
    _have("bwrap", "bubblewrap")  # the cache may have come from another machine
    return root


def command(root: Path, inside: Iterable[str], *, bind: Iterable[Path] = ()) -> list[str]:
    """Returns the argv that runs `inside` in the toolbox, at the caller's working directory."""
    argv = ["bwrap", "--bind", str(root), "/", "--dev-bind", "/dev", "/dev", "--proc", "/proc"]
    argv += ["--bind", "/sys", "/sys", "--bind", "/tmp", "/tmp", "--bind", "/var/tmp", "/var/tmp"]
    argv += ["--tmpfs", "/run", "--ro-bind-try", CERTIFICATES, CERTIFICATES]
    for file in HOST_FILES:
        argv += ["--ro-bind-try", os.path.realpath(file), file]
    for path in [*_host_directories(), *bind, Path.cwd()]:
        argv += ["--bind", str(path), str(path)]
    argv += ["--cap-add", "ALL", "--unshare-pid", "--die-with-parent", "--chdir", str(Path.cwd())]
    return [*argv, "--", *inside]


def _host_directories() -> list[Path]:
    found = []
    for path in sorted(Path("/").iterdir()):
        if path.name not in OWN_DIRECTORIES | {"tmp"} and path.is_dir() and not path.is_symlink():
            found.append(path)
    return found


def _build(partial: Path) -> None:
    if os.geteuid() != 0:
        raise steps.StepFailedError("the toolbox is made as root: run ./dev as root")
    _have("mmdebstrap", "mmdebstrap")
    sources = partial.with_name(partial.name + ".list")
    sources.write_text(mirror.sources_line(), encoding="utf-8")
    # The Release file of an archive snapshot may be past its date; signatures are still checked.
    argv = ["mmdebstrap", "--variant=minbase", '--aptopt=Acquire::Check-Valid-Until "false"']
    argv += [f"--include={','.join(PACKAGES)}", mirror.SUITE, str(partial), str(sources)]
    try:
        steps.run(argv, show="I: ")
    finally:
        sources.unlink(missing_ok=True)


def _have(tool: str, package: str) -> None:
    """Installs a package of the machine's own distribution if the tool that it has is not there."""
    if shutil.which(tool):
        return
    steps.say(f"installing {package} with apt-get")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    steps.run(["apt-get", "-q", "update"], env=environment)
    steps.run(["apt-get", "-q", "-y", "install", package], env=environment)
