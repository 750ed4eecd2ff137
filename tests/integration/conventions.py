# SPDX-License-Identifier: LGPL-2.1-or-later
"""How a layered tree may differ from what rpm makes of the same packages: all of it, with reasons.

Whatever no row explains is a failure. A row is as narrow as it can be: a path that moves is still
compared at its new place, and a file that differs for a reason is compared in what must agree.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """Paths that begin so in rpm's tree, and so in ours."""

    name: str
    rpm: str
    ours: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Only:
    """Paths that one of the trees has alone."""

    name: str
    pattern: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """Files whose bytes differ: what is left of them must not."""

    name: str
    pattern: str
    comparable: Callable[[bytes], object]
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribute:
    """An extended attribute that files of ours have and rpm's have not."""

    name: str
    attribute: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Links in a place that moved, whose targets lead where the package meant them to lead."""

    name: str
    moved: str  # the directory, in ours
    spelled: str  # the same, in the package
    reason: str


def _accounts(data: bytes) -> object:
    """Names, homes, shells, locks: all but the numbers, the order, and the day they were made."""
    undated = (re.sub(rb"^([^:]*:[!*]+):\d+:", rb"\1::", line) for line in data.splitlines())
    return sorted(
        re.sub(rb"^([^:]*:x):\d+(?::(?!6553)\d+)?(?=:)", rb"\1", line) for line in undated
    )


def _without_time(data: bytes) -> object:
    """Byte code without the time of its source, which every file of a tree has as 0 (PEP 552)."""
    by_hash = data[4:8] != bytes(4)
    return data if by_hash else data[:8] + data[12:]


def _nothing(data: bytes) -> object:
    return None


MOVED = (
    Moved(
        name="boot",
        rpm="/boot/",
        ours="/usr/lib/ostree-boot/",
        reason="/boot belongs to the boot loader; what packages bring for it stays with the tree",
    ),
    Moved(
        name="opt",
        rpm="/var/opt/",
        ours="/usr/lib/opt/",
        reason="/opt leads to /var/opt, which is the host's: packages live in the tree, linked",
    ),
)

ONLY_RPM = (
    Only(
        name="open rpmdb",
        pattern=r"/usr/share/rpm/(\.rpm\.lock|\.keyring\.lock|rpmdb\.sqlite-(shm|wal))",
        reason="books and locks of an open rpmdb; in an image nothing has it open",
    ),
    Only(
        name="account tools",
        pattern=r"/etc/((passwd|group|shadow|gshadow)-|\.pwd\.lock)",
        reason="backups and the lock of the tools that edit the user database",
    ),
    Only(
        name="caches",
        pattern=r"/var/cache/(ldconfig/aux-cache|fontconfig/.*)",
        reason="caches of a running system in /var, which is the host's",
    ),
    Only(
        name="tag of font caches",
        pattern=r"/usr/lib/fontconfig/cache/CACHEDIR\.TAG",
        reason="fc-cache tells backup programs that its directory need not be kept",
    ),
    Only(
        name="transient",
        pattern=r"/(run|var/tmp)/case-post-(run|var)(/state)?|/var/lib/rpm-state",
        reason="what a script leaves below /run, /var/tmp and /var/lib/rpm-state is not kept",
    ),
)

ONLY_OURS = (
    Only(
        name="font caches",
        pattern=r"/usr/lib/fontconfig/cache/[0-9a-f]{32}-le64\.cache-\d+",
        reason="where SOURCE_DATE_EPOCH is set fc-cache notes that time for newer directories, and "
        "then deletes its caches of them as outdated; ours are compared with the fonts themselves "
        "(test_trigger_oracles)",
    ),
    Only(
        name="tmpfiles",
        pattern=r"/usr/lib/tmpfiles\.d/(00-overlay|overlay-[^/]+)\.conf",
        reason="says what the host must have below /var, /run and /opt; a boot has just made it",
    ),
    Only(
        name="sysusers",
        pattern=r"/usr/lib/sysusers\.d/00-overlay\.conf",
        reason="the ids of layered accounts, for hosts whose /etc/passwd is their own",
    ),
    Only(
        name="factory",
        pattern=r"/usr/share/factory/(var|run)(/.*)?",
        reason="files for /var wait here until tmpfiles copies them; the copies are compared",
    ),
    Only(
        name="opt link",
        pattern=r"/var/opt/[^/]+",
        reason="the links from /opt to the tree; followed below",
    ),
)

CONTENT = (
    Content(
        name="composefs",
        pattern=r"/\.ostree\.cfs",
        comparable=_nothing,
        reason="the image of the deployment's own metadata, written by libostree",
    ),
    Content(
        name="rpmdb",
        pattern=r"/usr/share/rpm/rpmdb\.sqlite",
        comparable=_nothing,
        reason="sqlite pages; its packages, files and states are compared by rpm's own queries",
    ),
    Content(
        name="accounts",
        pattern=r"/etc/(passwd|group|shadow|gshadow)",
        comparable=_accounts,
        reason="ids of layered accounts follow from their names, and no day is noted for them",
    ),
    Content(
        name="byte code",
        pattern=r"/usr/lib/python3/dist-packages/.*\.pyc",
        comparable=_without_time,
        reason="holds the time of its source, and every file of an image has the same: none",
    ),
    Content(
        name="files first",
        pattern=r"/etc/case-pre-config|/usr/lib/case-pre-file|/usr/share/case-pre\.log",
        comparable=_nothing,
        reason="the files of all packages are united before the first script runs",
    ),
    Content(
        name="sandbox",
        pattern=r"/usr/share/case/sandbox\.log",
        comparable=_nothing,
        reason="records the sandbox, which rpm has none of",
    ),
)

ATTRIBUTES = (
    Attribute(
        name="ima",
        attribute="security.ima",
        reason="rpm needs a plugin to write the signatures of files, which the base has not",
    ),
    Attribute(
        name="labels",
        attribute="security.selinux",
        reason="a tree with a policy is labelled by it; rpm does so where that policy is running",
    ),
)

TARGETS = tuple(
    Target(
        name="link target",
        moved=moved,
        spelled=spelled,
        reason="relative targets are spelled out, for from the new place they lead elsewhere",
    )
    for moved, spelled in (("/usr/lib/opt", "/opt"), ("/var/usrlocal", "/usr/local"))
)

# These hold for whatever is installed.
ALWAYS = frozenset({"open rpmdb", "caches", "composefs", "rpmdb"})

Row = Moved | Only | Content | Attribute | Target
ROWS: tuple[Row, ...] = (*MOVED, *ONLY_RPM, *ONLY_OURS, *CONTENT, *ATTRIBUTES, *TARGETS)
