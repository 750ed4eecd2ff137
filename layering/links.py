# SPDX-License-Identifier: LGPL-2.1-or-later
"""Following symbolic links inside a committed tree, as a kernel with that root would."""

import posixpath

from layering.dirtree import DirNode, FileNode, find
from layering.repo import Repo

_LINKS_FOLLOWED = 40  # as in Linux


def directory_at(repo: Repo, root_tree: str, path: str) -> str | None:
    """Returns the real path of the directory that `path` leads to, or None if it leads to none.

    `..` at the root stays there: no link leads out of the tree.
    """
    pending, done, links = path.split("/")[::-1], list[str](), 0
    while pending:
        name = pending.pop()
        if name == "..":
            done = done[:-1]
        if name in ("", ".", ".."):
            continue
        node = find(repo.dirtree, root_tree, "/".join([*done, name]))
        if isinstance(node, DirNode):
            done.append(name)
            continue
        target = repo.file_info(node.checksum).target if node else None
        links += 1
        if target is None or links > _LINKS_FOLLOWED:
            return None
        if target.startswith("/"):
            done = []
        pending += target.split("/")[::-1]
    return "/" + "/".join(done)


def file_at(repo: Repo, root_tree: str, path: str) -> str | None:
    """Returns the checksum of the regular file that `path` leads to, None if to none."""
    for _ in range(_LINKS_FOLLOWED):
        above, name = posixpath.split(path)
        directory = directory_at(repo, root_tree, above)
        node = find(repo.dirtree, root_tree, f"{directory}/{name}") if directory else None
        if not isinstance(node, FileNode):
            return None
        target = repo.file_info(node.checksum).target
        if target is None:
            return node.checksum
        path = posixpath.join(str(directory), target)
    return None
