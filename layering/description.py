# SPDX-License-Identifier: LGPL-2.1-or-later
"""What of a tree has to be here so that `layering.base.load_base` can read what the base is.

That is the rpmdb, the os-release, the links among the entries of `/` and `/usr`, what SELinux
labels come from, and whatever links lead there. Where to go on is only seen once a directory is
here: the answer is asked for again after each fetch, until nothing is missing.
"""

import posixpath
from collections.abc import Iterator

from layering.dirtree import DirNode, find
from layering.errors import PolicyError
from layering.objects import OBJECT_TYPES, ObjectKind
from layering.repo import Repo
from layering.selinux import CONFIG, paths_of, policy_type

DATABASES = ("/usr/share/rpm", "/usr/lib/sysimage/rpm", "/var/lib/rpm")
_FILES = ("rpmdb.sqlite", "rpmdb.sqlite-wal")
_LISTED = ("/", "/usr")
_LINKS_FOLLOWED = 40  # as in Linux


def missing_paths(repo: Repo, root_tree: str) -> tuple[str, ...]:
    """Returns the paths to fetch next, none if all is here that the tree has."""
    wanted = [f"{place}/{name}" for place in DATABASES for name in _FILES]
    wanted.append("/usr/lib/os-release")
    view = _View(repo, root_tree)
    missing = [path for path in map(view.first_missing, wanted) if path is not None]
    missing += [path for directory in _LISTED for path in view.missing_files(directory)]
    missing += _missing_policy(repo, root_tree, view)
    return tuple(dict.fromkeys(missing))


def _missing_policy(repo: Repo, root_tree: str, view: "_View") -> list[str]:
    config = view.first_missing(CONFIG)
    if config is not None:
        return [config]
    try:
        kind = policy_type(repo, root_tree)
    except PolicyError:  # said when the base is loaded
        return []
    found = map(view.first_missing, paths_of(kind) if kind else ())
    return [path for path in found if path is not None]


class _View:
    """A tree of which not everything is here."""

    def __init__(self, repo: Repo, root_tree: str) -> None:
        self._repo = repo
        self._root = root_tree

    def first_missing(self, path: str) -> str | None:
        """Returns the first path on the way to a file that isn't here; None if all of it is."""
        pending, links = path.split("/")[::-1], 0
        names, trees = list[str](), [self._root]
        while pending:
            name = pending.pop()
            if name == ".." and names:
                names.pop()
                trees.pop()
            if name in ("", ".", ".."):
                continue
            if not self._has(ObjectKind.DIRTREE, trees[-1]):
                # What it is beneath a directory that isn't here cannot be known: at least that
                # directory comes with it.
                return posixpath.normpath("/" + "/".join([*names, name, *pending[::-1]]))
            node = find(self._repo.dirtree, trees[-1], name)
            if isinstance(node, DirNode):
                names.append(name)
                trees.append(node.tree)
                continue
            if node is None:
                return None
            if not self._has(ObjectKind.FILE, node.checksum):
                return "/" + "/".join([*names, name])
            target = self._repo.file_info(node.checksum).target
            links += 1
            if target is None or links > _LINKS_FOLLOWED:
                return None
            if target.startswith("/"):
                names, trees = [], [self._root]
            pending += target.split("/")[::-1]
        return None

    def missing_files(self, directory: str) -> Iterator[str]:
        """Yields the files right in `/` or a directory below it that aren't here."""
        if not self._has(ObjectKind.DIRTREE, self._root):
            return
        node = find(self._repo.dirtree, self._root, directory)
        if isinstance(node, DirNode) and self._has(ObjectKind.DIRTREE, node.tree):
            for name, checksum in self._repo.dirtree(node.tree).files:
                if not self._has(ObjectKind.FILE, checksum):
                    yield posixpath.join(directory, name)

    def _has(self, kind: ObjectKind, checksum: str) -> bool:
        found: bool = self._repo.handle.has_object(OBJECT_TYPES[kind], checksum, None)[1]
        return found
