# SPDX-License-Identifier: LGPL-2.1-or-later
"""How a layered tree may differ from what rpm makes of the same packages: all of it, with reasons.

Whatever no row explains is a failure. A row is as narrow as it can be: a path that moves is still
compared at its new place, and a file that differs for a reason is compared in what must agree.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.integration.manifest import Entry


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """Paths that begin so in rpm's tree, and so in ours."""

    rpm: str
    ours: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Only:
    """Paths that one of the trees has alone."""

    pattern: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """Files whose bytes differ: what is left of them must not."""

    pattern: str
    comparable: Callable[[bytes], object]
    reason: str


def _accounts(data: bytes) -> object:
    """Names, homes, shells, locks: all but the numbers, the order, and the day they were made."""
    undated = (re.sub(rb"^([^:]*:[!*]+):\d+:", rb"\1::", line) for line in data.splitlines())
    return sorted(
        re.sub(rb"^([^:]*:x):\d+(?::(?!6553)\d+)?(?=:)", rb"\1", line) for line in undated
    )


def _words(data: bytes) -> object:
    return sorted(set(data.split()))


def _nothing(data: bytes) -> object:
    return None


MOVED = (
    Moved(
        rpm="/boot/",
        ours="/usr/lib/ostree-boot/",
        reason="/boot belongs to the boot loader; what packages bring for it stays with the tree",
    ),
    Moved(
        rpm="/var/opt/",
        ours="/usr/lib/opt/",
        reason="/opt leads to /var/opt, which is the host's: packages live in the tree, linked",
    ),
)

ONLY_RPM = (
    Only(
        pattern=r"/usr/share/rpm/(\.rpm\.lock|\.keyring\.lock|rpmdb\.sqlite-(shm|wal))",
        reason="books and locks of an open rpmdb; in an image nothing has it open",
    ),
    Only(
        pattern=r"/etc/((passwd|group|shadow|gshadow)-|\.pwd\.lock)",
        reason="backups and the lock of the tools that edit the user database",
    ),
    Only(
        pattern=r"/var/cache/(ldconfig/aux-cache|fontconfig/.*)",
        reason="caches of a running system in /var, which is the host's",
    ),
    Only(
        pattern=r"/(var/lib|run)/case-post-var(/state)?|/var/tmp/case-post-var",
        reason="what a script writes below /var, /run and /tmp does not become part of an image",
    ),
)

ONLY_OURS = (
    Only(
        pattern=r"/usr/lib/tmpfiles\.d/overlay-[^/]+\.conf",
        reason="says what the host must have below /var, /run and /opt; a boot has just made it",
    ),
    Only(
        pattern=r"/usr/lib/sysusers\.d/00-overlay\.conf",
        reason="the ids of layered accounts, for hosts whose /etc/passwd is their own",
    ),
    Only(
        pattern=r"/usr/share/factory/(var|run)(/.*)?",
        reason="files for /var wait here until tmpfiles copies them; the copies are compared",
    ),
    Only(pattern=r"/var/opt/[^/]+", reason="the links from /opt to the tree; followed below"),
)

CONTENT = (
    Content(
        pattern=r"/\.ostree\.cfs",
        comparable=_nothing,
        reason="the image of the deployment's own metadata, written by libostree",
    ),
    Content(
        pattern=r"/usr/share/rpm/rpmdb\.sqlite",
        comparable=_nothing,
        reason="sqlite pages; its packages, files and states are compared by rpm's own queries",
    ),
    Content(
        pattern=r"/etc/(passwd|group|shadow|gshadow)",
        comparable=_accounts,
        reason="ids of layered accounts follow from their names, and no day is noted for them",
    ),
    Content(
        pattern=r"/usr/share/case-filetrigger\.log",
        comparable=_words,
        reason="of packages that do not need each other either may come first",
    ),
    Content(
        pattern=r"/usr/share/case/triggerin\.log",
        comparable=lambda data: sorted(data.splitlines()),
        reason="what precedes files runs for all packages before what follows them runs for any",
    ),
    Content(
        pattern=r"/usr/share/case/sandbox\.log",
        comparable=_nothing,
        reason="records the sandbox, which rpm has none of",
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """One of the two: where it is mounted, and what is in it."""

    root: Path
    entries: Mapping[str, Entry]


def unexplained(rpm: Tree, ours: Tree) -> Iterator[str]:
    """Yields a line for each difference that no row of the tables explains."""
    moved = {_moved(path, rpm, ours): path for path in rpm.entries}
    for path in sorted(moved.keys() | ours.entries.keys()):
        mine = ours.entries.get(path)
        source = moved.get(path)
        if source is None:
            if not _listed(ONLY_OURS, path):
                yield f"only ours: {path}: {mine}"
        elif mine is None:
            if not _listed(ONLY_RPM, source):
                yield f"only rpm's: {source}: {rpm.entries[source]}"
        elif mine != rpm.entries[source] and not _same_content(rpm, source, ours, path):
            yield f"rpm / ours: {path}: {rpm.entries[source].differs(mine)}"


def unlinked(ours: Tree) -> list[str]:
    """Returns the names in /usr/lib/opt that /opt does not lead to."""
    directory = ours.root / "usr/lib/opt"
    names = sorted(path.name for path in directory.iterdir()) if directory.is_dir() else []
    link = "../../usr/lib/opt/{}"
    return [
        name
        for name in names
        if (entry := ours.entries.get(f"/var/opt/{name}")) is None
        or entry.target != link.format(name)
    ]


def _moved(path: str, rpm: Tree, ours: Tree) -> str:
    for row in MOVED:
        # What both have at the same place is the base's own.
        if path.startswith(row.rpm) and ours.entries.get(path) != rpm.entries[path]:
            return row.ours + path.removeprefix(row.rpm)
    return path


def _listed(rows: tuple[Only, ...], path: str) -> bool:
    return any(re.fullmatch(row.pattern, path) for row in rows)


def _same_content(rpm: Tree, source: str, ours: Tree, path: str) -> bool:
    theirs, mine = rpm.entries[source], ours.entries[path]
    if theirs.differs(mine).split(" ")[0] != "digest":
        return False
    for row in CONTENT:
        if re.fullmatch(row.pattern, path):
            texts = ((rpm.root / source[1:]).read_bytes(), (ours.root / path[1:]).read_bytes())
            return row.comparable(texts[0]) == row.comparable(texts[1])
    return False
