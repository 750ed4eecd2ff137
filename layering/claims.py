# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the headers of packages say of one path, and whether two of them may share it.

rpm compares headers, never the disk (`rpmfilesCompare` in
https://github.com/rpm-software-management/rpm/blob/master/lib/rpmfi.cc): type, mode, owner, link
target and content must be equal, for directories type, mode and owner; a ghost agrees with all. So
a file that the base changed after its package had brought it does not stand in the way of a package
that brings the same once more.
"""

import stat
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import chain

from layering.fileentries import FileEntry
from layering.package_errors import shown
from layering.rpmtags import FileFlag
from layering.spellings import live_path


class Difference(StrEnum):
    """What keeps two sides from sharing a path, in the words of the message."""

    TYPE = "type"
    TARGET = "link target"
    CONTENT = "content"
    MODE = "mode"
    OWNER = "owner"
    XATTRS = "extended attributes"


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """That a package owns a path, and what its header says of it."""

    package: str  # NEVRA
    entry: FileEntry | None = None  # None: nothing is known but who
    algorithm: str = ""  # of the entry's digest, as hashlib calls it
    installed: bool = True  # the file was not left out when the package was installed
    going: bool = False  # the package leaves the base: it objects to nothing any more

    @property
    def colour(self) -> int:
        """The ELF colour, 0 where none is known."""
        return self.entry.color if self.entry else 0

    @property
    def config(self) -> bool:
        """Whether the package calls the file its configuration."""
        return self.entry is not None and bool(self.entry.flags & FileFlag.CONFIG)

    @property
    def noreplace(self) -> bool:
        """Whether what is there stays, and the package's is put beside it."""
        return self.entry is not None and bool(self.entry.flags & FileFlag.NOREPLACE)

    @property
    def ghost(self) -> bool:
        """Whether the package owns the file without bringing it."""
        return self.entry is not None and self.entry.ghost


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """One path that several sides bring, each with its own idea of it."""

    path: str  # the tree's; what is said of it names the running system's
    owners: tuple[str, ...]  # NEVRAs, "the base" where no package is known
    differences: tuple[Difference, ...]
    replaceable: bool = True  # with leave to, one of the sides could take the other's place

    def __str__(self) -> str:
        what = " and ".join(self.differences)
        plural = len(self.differences) > 1 or Difference.XATTRS in self.differences
        verb = "differ" if plural else "differs"
        path = shown(live_path(self.path).encode("utf-8", "surrogateescape"))
        return f"{what} {verb}: {path} of {' and of '.join(self.owners)}"


def differences(one: Claim, other: Claim) -> tuple[Difference, ...]:
    """Returns how two headers differ about a path; both must say something of it."""
    assert one.entry is not None and other.entry is not None
    if one.ghost or other.ghost:
        return ()
    a, b = one.entry, other.entry
    if stat.S_IFMT(a.mode) != stat.S_IFMT(b.mode):
        return (Difference.TYPE,)
    found = set[Difference]()
    if stat.S_ISLNK(a.mode):
        if a.link_target != b.link_target:
            found.add(Difference.TARGET)
    elif a.mode != b.mode:
        found.add(Difference.MODE)
    if stat.S_ISREG(a.mode):
        contents = [
            (e.size, e.digest, algorithm)
            for e, algorithm in ((a, one.algorithm), (b, other.algorithm))
        ]
        # Without a digest nothing is certain of a file but that it is empty.
        if contents[0] != contents[1] or (a.size and not a.digest):
            found.add(Difference.CONTENT)
    if (a.user, a.group) != (b.user, b.group):
        found.add(Difference.OWNER)
    return in_order([tuple(found)])


def staying(claims: Sequence[Claim]) -> Sequence[Claim]:
    """Returns the claims of packages that do not leave the base."""
    return [claim for claim in claims if not claim.going]


def in_order(found: Sequence[tuple[Difference, ...]]) -> tuple[Difference, ...]:
    """Returns the union of several findings, each once, in one order."""
    every = set(chain.from_iterable(found))
    return tuple(difference for difference in Difference if difference in every)
