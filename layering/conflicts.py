# SPDX-License-Identifier: LGPL-2.1-or-later
"""Whether two objects of a repository may stand for one path.

`layering.claims` has the rule for what headers say. This is the one for what is in the trees, which
needs no header: equal objects are never looked into. Three things cannot be seen in the objects, or
do not matter: the owner of a layer's file that the RPM gives to somebody else than root (such
objects say root until owners are resolved), SELinux labels, and IMA signatures.
"""

from collections.abc import Iterator

from layering.claims import Difference
from layering.objects import DirMeta, FileInfo, Xattrs
from layering.repo import Repo

_LABEL = b"security.selinux"
# A label belongs to the place and not to the package; two signatures may vouch for one content.
_IGNORED = frozenset({_LABEL, b"security.ima"})


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
    one, other = ({pair for pair in info.xattrs if pair[0] not in _IGNORED} for info in (a, b))
    if one != other:
        yield Difference.XATTRS


def _same_content(repo: Repo, one: str, other: str) -> bool:
    # Chunks of both streams are cut alike: libostree fills each read but the last.
    return all(a == b for a, b in zip(repo.file_chunks(one), repo.file_chunks(other), strict=True))
