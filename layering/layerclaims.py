# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a layer's header says of paths of the tree, where several paths of it may be one."""

import stat
from collections.abc import Iterator

from layering.claims import Claim
from layering.fileentries import FileEntry
from layering.header import PackageHeader
from layering.paths import BaseLayout, tree_path

_KERNEL = b"/vmlinuz-"


class LayerClaims:
    """What a layer's header says, by path of the tree; made as it is asked for."""

    def __init__(self, header: PackageHeader, layout: BaseLayout) -> None:
        self._header = header
        self._layout = layout
        self._names: dict[bytes, list[FileEntry]] | None = None

    def at(self, place: bytes) -> Claim | None:
        """Returns the claim to a path of the tree, None if the package brings nothing there."""
        # Of a file and a link that fall together, as they do in a merged tree, the file stands.
        found = sorted(self._entries(place), key=lambda entry: stat.S_ISLNK(entry.mode))
        if not found:
            return None
        return Claim(
            package=str(self._header.nevra),
            entry=found[0],
            algorithm=self._header.digest_algorithm,
        )

    def _entries(self, place: bytes) -> Iterator[FileEntry]:
        if self._names is None:
            self._names = {}
            for entry in self._header.files:
                # A kernel is the one file whose place has another name than its path.
                name = tree_path(entry.path, self._layout).tree if _KERNEL in entry.path else b""
                key = (name or entry.path).rpartition(b"/")[2]
                self._names.setdefault(key, []).append(entry)
        for entry in self._names.get(place.rpartition(b"/")[2], ()):
            directory = stat.S_ISDIR(entry.mode)
            if not entry.ghost and (
                tree_path(entry.path, self._layout, directory=directory).tree == place
            ):
                yield entry
