# SPDX-License-Identifier: LGPL-2.1-or-later
"""Giving the files of layers to their users, in the merged tree, after these exist.

A change of owner clears capabilities and the setuid and setgid bits: owner first, then
capabilities, then the mode. The users are those that the tree itself knows, /usr/lib/passwd
(nss-altfiles) included.
"""

import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from layering import beneath, treewalk
from layering.account_ids import Renumbering
from layering.capabilities import XATTR, capability_xattr
from layering.errors import WorkspaceError
from layering.owners import OwnedPath, UserDatabase
from layering.package_errors import shown

_PASSWD = ("usr/etc/passwd", "usr/lib/passwd")
_GROUP = ("usr/etc/group", "usr/lib/group")


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnedPackage:
    """The paths of one package that are not root's."""

    package: str  # NEVRA
    paths: tuple[OwnedPath, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """What one path is to have."""

    uid: int
    gid: int
    mode: int  # permission bits, with setuid, setgid and sticky
    capability: bytes | None = None  # the extended attribute's value


def tree_users(root: Path) -> UserDatabase:
    """Returns the users and groups of the tree mounted at `root`."""
    passwd = [beneath.read_text(root, path) for path in _PASSWD]
    return UserDatabase.parse(passwd, [beneath.read_text(root, path) for path in _GROUP])


def apply(root: Path, packages: Sequence[OwnedPackage], users: UserDatabase) -> None:
    """Sets the owners of the packages' paths below `root`; paths that a script removed are left.

    Raises:
        UnknownOwnerError: naming file, package and user, before anything is changed.
        WorkspaceError: a path cannot be reached any more, as a script put something in its way.
    """
    numbered = [(each.package, users.resolve(each.paths, each.package)) for each in packages]
    for package, paths in numbered:
        for path in paths:
            capability = capability_xattr(path.capabilities) if path.capabilities else None
            owner = Owner(uid=path.uid, gid=path.gid, mode=path.mode, capability=capability)
            try:
                give(root, path.path, owner)
            except FileNotFoundError:
                continue
            except OSError as error:
                what = f"cannot set the owner of {shown(path.path)} of {package}"
                raise WorkspaceError(f"{what}: {error.strerror}") from error


def renumber(tree: Path, root: Path, numbers: Renumbering, *, whole: bool = True) -> None:
    """Gives what belongs to old ids in the directory `tree` to the new ones, below `root`.

    The two are the same, or `tree` is the upper directory of an overlay that is mounted at `root`:
    then what differs is all that is looked at, and the overlay is told of each change. What is too
    deep is passed over if not `whole`.

    Raises:
        TooDeepError: something is too deep, or its path is too long.
        WorkspaceError: a path cannot be changed.
    """
    for found in treewalk.walk(tree, whole=whole):
        status = found.status
        uid = numbers.users.get(status.st_uid, status.st_uid)
        gid = numbers.groups.get(status.st_gid, status.st_gid)
        if (uid, gid) == (status.st_uid, status.st_gid):
            continue
        mode = stat.S_IMODE(status.st_mode)
        owner = Owner(uid=uid, gid=gid, mode=mode, capability=found.xattr(XATTR))
        try:
            give(root, found.path, owner)
        except OSError as error:
            what = f"cannot change the ids of /{shown(found.path)}: {error.strerror}"
            raise WorkspaceError(what) from error


def give(root: Path, path: bytes, owner: Owner) -> None:
    """Sets the owner, then all that a change of owner clears; OSError if that cannot be done."""
    with beneath.parent_of(root, path) as (directory, name):
        os.chown(name, owner.uid, owner.gid, dir_fd=directory, follow_symlinks=False)
        mode = os.stat(name, dir_fd=directory, follow_symlinks=False).st_mode
        if stat.S_ISLNK(mode) or stat.S_ISSOCK(mode):
            return
        # An open descriptor cannot be swapped for a link between the two calls that follow.
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        handle = os.open(name, flags, dir_fd=directory)
        try:
            if owner.capability:
                os.setxattr(handle, XATTR, owner.capability)
            os.fchmod(handle, owner.mode)
        finally:
            os.close(handle)
