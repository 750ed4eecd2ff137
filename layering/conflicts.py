# SPDX-License-Identifier: LGPL-2.1-or-later
"""When two sides bring one path: whether they may share it, and what to say if not.

The rule is rpm's (`rpmfilesCompare` in
https://github.com/rpm-software-management/rpm/blob/master/lib/rpmfi.cc): type, mode, owner, link
target and content must be equal, for directories type, mode and owner. Two things cannot be seen in
the objects and are left out: the owner of a layer's file that the RPM gives to somebody else than
root (such objects say root until owners are resolved), and an SELinux label that one side lacks.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import chain

from layering.objects import DirMeta, FileInfo, Xattrs
from layering.repo import Repo

_LABEL = b"security.selinux"


class Difference(StrEnum):
    """What keeps two sides from sharing a path, in the words of the message."""

    TYPE = "type"
    TARGET = "link target"
    CONTENT = "content"
    MODE = "mode"
    OWNER = "owner"
    XATTRS = "extended attributes"


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """One path that several sides bring, each with its own idea of it."""

    path: str
    owners: tuple[str, ...]  # NEVRAs, "the base" where no package is known
    differences: tuple[Difference, ...]

    def __str__(self) -> str:
        what = " and ".join(self.differences)
        plural = len(self.differences) > 1 or Difference.XATTRS in self.differences
        verb = "differ" if plural else "differs"
        return f"{what} {verb}: {self.path} of {' and of '.join(self.owners)}"


def compare_files(
    repo: Repo, one: str, other: str, *, ignore_owner: bool
) -> tuple[Difference, ...]:
    """Returns how two file objects differ; content is read only where nothing else differs."""
    if one == other:
        return ()
    a, b = repo.file_info(one), repo.file_info(other)
    if (a.target is None) != (b.target is None):
        return (Difference.TYPE,)
    found = list(_metadata(a, b, ignore_owner=ignore_owner))
    if a.target != b.target:
        found.insert(0, Difference.TARGET)
    elif a.target is None and (a.size != b.size or not _same_content(repo, one, other)):
        found.insert(0, Difference.CONTENT)
    return tuple(found)


def compare_dirs(one: DirMeta, other: DirMeta, *, ignore_owner: bool) -> tuple[Difference, ...]:
    """Returns how two directories differ that packages own on both sides."""
    found = [Difference.MODE] if one.mode != other.mode else []
    if not ignore_owner and (one.uid, one.gid) != (other.uid, other.gid):
        found.append(Difference.OWNER)
    return tuple(found)


def in_order(differences: Sequence[tuple[Difference, ...]]) -> tuple[Difference, ...]:
    """Returns the union of several findings, each once, in one order."""
    found = set(chain.from_iterable(differences))
    return tuple(difference for difference in Difference if difference in found)


def with_label_of(xattrs: Xattrs, labelled: Xattrs) -> Xattrs:
    """Returns `xattrs` with the SELinux label of `labelled` where they have none."""
    if any(name == _LABEL for name, _value in xattrs):
        return xattrs
    return tuple(sorted([*xattrs, *(pair for pair in labelled if pair[0] == _LABEL)]))


def _metadata(a: FileInfo, b: FileInfo, *, ignore_owner: bool) -> Iterator[Difference]:
    if a.target is None and a.mode != b.mode:
        yield Difference.MODE
    if not ignore_owner and (a.uid, a.gid) != (b.uid, b.gid):
        yield Difference.OWNER
    one, other = dict(a.xattrs), dict(b.xattrs)
    if _LABEL not in one or _LABEL not in other:
        one.pop(_LABEL, None)
        other.pop(_LABEL, None)
    if one != other:
        yield Difference.XATTRS


def _same_content(repo: Repo, one: str, other: str) -> bool:
    # Chunks of both streams are cut alike: libostree fills each read but the last.
    return all(a == b for a, b in zip(repo.file_chunks(one), repo.file_chunks(other), strict=True))
