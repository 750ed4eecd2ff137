# SPDX-License-Identifier: LGPL-2.1-or-later
"""CentOS Stream 9 as its metadata has it, and a base of some hundred of its packages.

The base is what dnf5 would put into an empty root for a system that boots and a few programs more,
these in their oldest versions, so that requests meet a base which is behind its repositories.
"""

from collections.abc import Mapping
from pathlib import Path

from solver import SackConfig
from tests.layering.rpmbytes import MATERIAL
from tests.solver.described import Metadata, install
from tests.solver.dnf5 import Dnf5

REPOSITORIES = {"appstream": MATERIAL / "repodata/cs9-appstream"}
REPOSITORIES |= {"baseos": MATERIAL / "repodata/cs9-baseos"}
GROUPS = tuple(
    """
    anaconda-tools backup-client console-internet container-management debugging development
    dns-server emacs file-server fonts ftp-server guest-agents hardware-monitoring
    headless-management infiniband input-methods java-platform legacy-x mail-server network-server
    office-suite performance print-client rpm-development-tools scientific security-tools smart-card
    system-tools web-server
    """.split()
)
_BOOTS = ("bash", "coreutils", "systemd", "dnf", "NetworkManager", "openssh-server", "sudo")
_OLD = (  # what many others are built for, in the oldest version that there is
    "cmake-filesystem-3.20.2-7.el9",
    "dotnet-host-8.0.7-3.el9",
    "git-2.39.1-1.el9",
    "google-noto-fonts-common-20201206-3.el9",
    "gtk3-3.24.30-3.el9",
    "javapackages-filesystem-6.0.0-3.el9",
    "libblockdev-utils-2.28-7.el9",
    "libreoffice-ure-1:7.1.8.1-10.el9",
    "nbdkit-server-1.36.1-1.el9",
    "nspr-4.35.0-6.el9",
    "nss-3.90.0-6.el9",
    "pcp-libs-6.2.2-6.el9",
    "perl-interpreter-4:5.32.1-479.el9",
    "php-common-8.0.20-3.el9",
    "python3-lxml-4.6.3-3.el9",
    "qemu-kvm-common-17:9.0.0-9.el9",
    "qt5-qttools-common-5.15.9-2.el9",
    "texlive-base-9:20200406-22.el9",
)


def present() -> bool:
    """Tells whether the metadata is there: not every copy of the project has it beside it."""
    return MATERIAL.is_dir()


def offered() -> dict[str, Metadata]:
    """Returns the metadata of the repositories."""
    return {repo_id: Metadata(path) for repo_id, path in REPOSITORIES.items()}


def judge_of(root: Path, scratch: Path) -> Dnf5:
    """Returns dnf5 over a root and the repositories."""
    return Dnf5(root=root, repositories=REPOSITORIES, scratch=scratch, releasever="9")


def config(root: Path, cache: Path) -> SackConfig:
    """Returns this solver's configuration over the same."""
    return SackConfig(
        installroot=root,
        cache_dir=cache,
        repos_from_path=tuple((id, str(path)) for id, path in REPOSITORIES.items()),
        releasever="9",
        arch="x86_64",
    )


def make_base(root: Path, scratch: Path, metadata: Mapping[str, Metadata]) -> int:
    """Makes the base's rpmdb below a root, and returns the number of its packages."""
    empty = scratch / "empty"
    empty.mkdir(parents=True)
    dnf5 = judge_of(empty, scratch)
    words = ["install", "--setopt=best=False", "--setopt=install_weak_deps=False", *_BOOTS, *_OLD]
    answer = dnf5.ask(*words)
    assert answer.added, answer.text
    packages = [each for one in metadata.values() for each in one.named(answer.added)]
    assert len(packages) == len(answer.added)
    install(packages, root)
    return len(packages)
