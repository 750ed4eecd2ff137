# SPDX-License-Identifier: LGPL-2.1-or-later
"""What lies in an overlay's upper directory, as objects of the repository; each written once.

What is new is labelled by the policy: the label that a file has in the upper came from the kernel
that the script ran under, or from the file's former place. What was there before and was not
changed keeps the label that it has in the tree, be it the policy's or not.

A file whose stamp is that of one whose object is known is not read again. A stamp tells every
change, as the kernel sets the time of change and nobody else can: but two changes within one tick
of its clock have one time, so that whoever notes stamps lets the tick pass first (`settled`).
"""

import os
import stat
import time
from dataclasses import dataclass, field

from layering.errors import UnsupportedNameError
from layering.labels import Labels, label_of, with_label
from layering.objects import DirMeta, Xattrs
from layering.repo import Repo
from layering.treewalk import Found

OPAQUE = "trusted.overlay.opaque"
_OVERLAY_XATTRS = ("trusted.overlay.", "user.overlay.")
_WRITER = "a scriptlet"
_TARGET = "symbolic link's target"
_COARSE = 5  # CLOCK_REALTIME_COARSE, which the kernel takes times of change from
_TICKS_MAX = 0.1  # seconds that are waited for one to pass


@dataclass(frozen=True, slots=True, kw_only=True)
class UpperStamp:
    """What tells a path that was written to from one that was not."""

    mode: int  # the whole st_mode
    uid: int
    gid: int
    inode: int
    size: int = 0  # of a directory, neither of these two
    changed: int = 0
    opaque: bool = False  # of a directory only

    @classmethod
    def of(cls, found: Found) -> "UpperStamp":
        """Returns the stamp of what a walk has found."""
        directory = stat.S_ISDIR(found.status.st_mode)
        return cls.at(found.status, opaque=directory and found.xattr(OPAQUE) == b"y")

    @classmethod
    def at(cls, status: os.stat_result, *, opaque: bool = False) -> "UpperStamp":
        """Returns the stamp of what has this status."""
        directory = stat.S_ISDIR(status.st_mode)
        return cls(
            mode=status.st_mode,
            uid=status.st_uid,
            gid=status.st_gid,
            inode=status.st_ino,
            size=0 if directory else status.st_size,
            changed=0 if directory else status.st_ctime_ns,
            opaque=opaque,
        )


def settled(newest: int) -> bool:
    """Waits until what is changed from now on gets a later time than `newest`, in nanoseconds.

    Returns whether it came to that: a clock may have been set back.
    """
    end = time.monotonic() + _TICKS_MAX
    while time.clock_gettime_ns(_COARSE) <= newest:
        if time.monotonic() > end:
            return False
        time.sleep(0.001)
    return True


@dataclass(slots=True, kw_only=True)
class UpperObjects:
    """Writes what lies in an upper directory, by the labels of one policy."""

    repo: Repo
    labels: Labels
    known: dict[bytes, tuple[UpperStamp, str]] = field(default_factory=dict)  # by path in the tree

    def file(self, found: Found, before: str | None) -> str:
        """Returns the object of a file or link: `before`, the tree's, if only labels differ."""
        known = self.known.get(found.path)
        if known is not None and known[0] == UpperStamp.of(found):
            return known[1]
        mode = found.status.st_mode
        write = self._regular if stat.S_ISREG(mode) else self._symlink
        xattrs, label = _xattrs(found), self.labels.xattrs(b"/" + found.path, mode)
        if before is not None:
            old = label_of(self.repo.file_info(before).xattrs)
            if old != label:
                checksum = write(found, with_label(xattrs, old))
                if checksum == before:
                    return checksum
        return write(found, with_label(xattrs, label))

    def directory(self, found: Found, before: str | None) -> str:
        """Returns the dirmeta of a directory, whose dirmeta in the tree is `before`."""
        status = found.status
        label = (
            label_of(self.repo.dirmeta(before).xattrs)
            if before
            else self.labels.xattrs(b"/" + found.path, status.st_mode)
        )
        meta = DirMeta(
            uid=status.st_uid,
            gid=status.st_gid,
            mode=stat.S_IMODE(status.st_mode),
            xattrs=with_label(_xattrs(found), label),
        )
        return self.repo.write_dirmeta(meta)

    def _regular(self, found: Found, xattrs: Xattrs) -> str:
        status = found.status
        with os.fdopen(found.opened(), "rb") as content:
            return self.repo.write_regular(
                content,
                length=status.st_size,
                uid=status.st_uid,
                gid=status.st_gid,
                mode=stat.S_IMODE(status.st_mode),
                xattrs=xattrs,
            )

    def _symlink(self, found: Found, xattrs: Xattrs) -> str:
        status, target = found.status, utf8(found.target(), found, _TARGET)
        return self.repo.write_symlink(target, uid=status.st_uid, gid=status.st_gid, xattrs=xattrs)


def is_whiteout(status: os.stat_result) -> bool:
    """Whether this is how overlayfs notes that a path was removed."""
    return stat.S_ISCHR(status.st_mode) and status.st_rdev == 0


def utf8(text: bytes, found: Found, what: str = "file name") -> str:
    """Returns what a commit can hold of it; UnsupportedNameError if that is not UTF-8."""
    try:
        return text.decode("utf-8")
    except UnicodeDecodeError as error:
        raise UnsupportedNameError(b"/" + found.path, _WRITER, what) from error


def _xattrs(found: Found) -> Xattrs:
    return tuple(
        (os.fsencode(name), value)
        for name, value in found.xattrs().items()
        if not name.startswith(_OVERLAY_XATTRS)
    )
