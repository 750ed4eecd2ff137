# SPDX-License-Identifier: LGPL-2.1-or-later
"""tmpfiles.d lines of layers that the tree has already: taken out of the merged tree.

Packages list directories that the tree's own tmpfiles.d makes too, often with more to say (an age,
an ACL). systemd takes the line of the file that sorts first and warns about the other, so a layer's
bare line must go. See tmpfiles.d(5).
"""

from collections.abc import Collection

from layering import mtree
from layering.mtree import MutableTree
from layering.repo import Repo
from layering.tmpfiles import made_paths, without

_DIRECTORY = ("usr", "lib", "tmpfiles.d")


def drop_known_lines(repo: Repo, tree: MutableTree, packages: Collection[str]) -> None:
    """Removes from the layers' own files, by package name, every line for a path made elsewhere.

    "Elsewhere" are all other files of the directory, and files of packages that sort before. A file
    that has no line left goes.
    """
    directory: MutableTree = tree
    for name in _DIRECTORY:
        below = mtree.child(directory, name)
        if not isinstance(below, MutableTree):
            return
        directory = below
    files = dict(directory.get_files())
    ours = sorted(f"overlay-{package}.conf" for package in packages)
    ours = [name for name in ours if name in files]
    if not ours:
        return
    known: set[bytes] = set()
    for name in sorted(files.keys() - set(ours)):
        if name.endswith(".conf"):
            known |= made_paths(_content(repo, files[name]))
    for name in ours:
        content = _content(repo, files[name])
        kept = without(content, frozenset(known))
        known |= made_paths(kept)
        if not kept:
            mtree.remove(directory, name)
        elif kept != content:
            checksum = repo.write_regular(kept, length=len(kept), mode=0o644)
            mtree.put_file(directory, name, checksum)


def _content(repo: Repo, checksum: str) -> bytes:
    if repo.file_info(checksum).target is not None:
        return b""
    return b"".join(repo.file_chunks(checksum))
