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

from layering import beneath
from layering.capabilities import capability_xattr
from layering.errors import WorkspaceError
from layering.owners import NumberedPath, OwnedPath, UserDatabase
from layering.package_errors import shown

_PASSWD = ("usr/etc/passwd", "usr/lib/passwd")
_GROUP = ("usr/etc/group", "usr/lib/group")


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnedPackage:
    """The paths of one package that are not root's."""

    package: str  # NEVRA
    paths: tuple[OwnedPath, ...]


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
            try:
                _give(root, path)
            except FileNotFoundError:
                continue
            except OSError as error:
                what = f"cannot set the owner of {shown(path.path)} of {package}"
                raise WorkspaceError(f"{what}: {error.strerror}") from error


def _give(root: Path, path: NumberedPath) -> None:
    with beneath.parent_of(root, path.path) as (directory, name):
        os.chown(name, path.uid, path.gid, dir_fd=directory, follow_symlinks=False)
        mode = os.stat(name, dir_fd=directory, follow_symlinks=False).st_mode
        if stat.S_ISLNK(mode):
            return
        # An open descriptor cannot be swapped for a link between the two calls that follow.
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        handle = os.open(name, flags, dir_fd=directory)
        try:
            if path.capabilities:
                os.setxattr(handle, "security.capability", capability_xattr(path.capabilities))
            os.fchmod(handle, path.mode)
        finally:
            os.close(handle)
