# SPDX-License-Identifier: LGPL-2.1-or-later
"""The directory tree of a layer, put together from its files once their content is in.

Directories that nobody lists are root's and 0755. Owners are the union's business: here all is
root's.
"""

import posixpath
import stat
from collections.abc import Mapping

from layering.labels import UNLABELLED, Labels
from layering.mtree import MutableTree, enter, set_meta
from layering.objects import DirMeta
from layering.repo import Repo

_IMPLIED_MODE = 0o755


def write_layer_tree(
    repo: Repo,
    files: Mapping[bytes, str],
    directories: Mapping[bytes, int],
    labels: Labels = UNLABELLED,
) -> tuple[str, str]:
    """Writes a tree and returns the checksums of its root's tree and metadata.

    `files` are the checksums of file objects, `directories` the permission bits of those whose bits
    are known, both by absolute path; none of the files may be where a directory has to be.
    """
    return repo.write_tree(_Builder(repo, directories, labels).build(files))


class _Builder:
    def __init__(self, repo: Repo, modes: Mapping[bytes, int], labels: Labels) -> None:
        self._repo = repo
        self._modes = modes
        self._labels = labels
        self._metas: dict[DirMeta, str] = {}
        self._made: dict[bytes, MutableTree] = {}

    def build(self, files: Mapping[bytes, str]) -> MutableTree:
        root = self._repo.new_tree(self._meta_of(b"/"))
        self._made[b"/"] = root
        for path in self._modes:
            self._directory(path)
        for path, checksum in files.items():
            directory, _slash, name = path.rpartition(b"/")
            self._directory(directory or b"/").replace_file(name.decode("utf-8"), checksum)
        return root

    def _directory(self, path: bytes) -> MutableTree:
        tree = self._made.get(path)
        if tree is None:
            above, name = posixpath.split(path)
            tree = enter(self._directory(above), name.decode("utf-8"))
            set_meta(tree, self._written(self._meta_of(path)))
            self._made[path] = tree
        return tree

    def _meta_of(self, path: bytes) -> DirMeta:
        mode = self._modes.get(path, _IMPLIED_MODE)
        return DirMeta(mode=mode, xattrs=self._labels.xattrs(path, stat.S_IFDIR | mode))

    def _written(self, meta: DirMeta) -> str:
        if meta not in self._metas:
            self._metas[meta] = self._repo.write_dirmeta(meta)
        return self._metas[meta]
