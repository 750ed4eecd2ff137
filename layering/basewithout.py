# SPDX-License-Identifier: LGPL-2.1-or-later
"""A base tree less the files of packages that go, as rpm takes them off a system.

Files go that no package has which stays or comes; a directory, if it is empty then; configuration
that the base has changed is kept as `.rpmsave` (`handleOverlappedFiles` in
https://github.com/rpm-software-management/rpm/blob/master/lib/transaction.cc). What a package that
comes has, too, is settled by the union: there configuration of the old package still counts. What
no package owns stays. Only directories of the packages that go are read.
"""

import hashlib
import re
import stat
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from layering import mtree
from layering.base import Base
from layering.coowners import shared_files
from layering.departures import Departing, DepartingFile, instances
from layering.dirtree import DirNode, FileNode
from layering.fileentries import FileEntry
from layering.layerinfo import LayerInfo
from layering.links import directory_at
from layering.mtree import MutableTree
from layering.paths import tree_path
from layering.repo import Repo
from layering.rpmtags import FileFlag
from layering.sides import Departed, bytes_of, text_of

# Where a composer puts what a package's /var and /run become.
_STATE_LINES = (
    "/usr/lib/tmpfiles.d/overlay-{}.conf",
    "/usr/lib/tmpfiles.d/pkg-{}.conf",  # rpm-ostree's, before 2023
    "/usr/lib/rpm-ostree/tmpfiles.d/{}.conf",  # and since
)


_KERNEL = re.compile(rb"(/usr/lib/modules/[^/]+)/vmlinuz")
# What depmod and dracut make beside a kernel: nobody's, and of no use without it.
_OF_A_KERNEL = (
    b"initramfs.img",
    b"modules.alias",
    b"modules.alias.bin",
    b"modules.builtin.alias.bin",
    b"modules.builtin.bin",
    b"modules.dep",
    b"modules.dep.bin",
    b"modules.devname",
    b"modules.softdep",
    b"modules.symbols",
    b"modules.symbols.bin",
    b"modules.weakdep",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseWithout:
    """What is left of a base, and what went."""

    root: DirNode
    departed: tuple[Departed, ...]


def base_without(
    repo: Repo, base: Base, packages: Sequence[Departing], layers: Sequence[LayerInfo]
) -> BaseWithout:
    """Writes what is left of a base for layers to be united with, and returns it.

    Raises:
        RpmdbError: the base's rpmdb cannot be read.
    """
    assert base.commit is not None
    root = repo.commit_of(base.commit)
    shared = shared_files(base, packages)
    brought = _brought(base, layers)
    tree = repo.tree_at(root.root_tree, root.root_meta)
    taking = _Taking(repo, root.root_tree, tree)
    for package in packages:
        for file in package.files:
            live = file.place.live
            if live in package.present and live not in shared:
                _take(taking, package, file, brought.get(live))
    names = {package.nevra.name for package in packages}
    for name in sorted(names - _names_that_stay(base, packages)):
        for place in _STATE_LINES:
            taking.file(bytes_of(place.format(name)))
    taking.directories()
    with repo.transaction():
        left, meta = repo.write_tree(tree)
    departed = tuple(_departed(package, shared | brought.keys()) for package in packages)
    return BaseWithout(root=DirNode(tree=left, meta=meta), departed=departed)


def _take(
    taking: "_Taking", package: Departing, file: DepartingFile, other: FileEntry | None
) -> None:
    entry = file.entry
    config = bool(entry.flags & FileFlag.CONFIG)
    if file.directory:
        if other is None:
            taking.directory(file.place.tree)
    elif other is None and config:
        if not entry.ghost:  # what was never the package's own is a person's
            taking.configuration(file.place.tree, entry, package.algorithm)
    elif other is None or not (other.ghost or config or other.flags & FileFlag.CONFIG):
        taking.file(file.place.tree)
        if other is None and (kernel := _KERNEL.fullmatch(file.place.tree)):
            for name in _OF_A_KERNEL:
                taking.file(kernel[1] + b"/" + name)


class _Taking:
    """A tree while files are taken out of it; directories wait until the files are gone."""

    def __init__(self, repo: Repo, root_tree: str, tree: MutableTree) -> None:
        self._repo = repo
        self._root_tree = root_tree
        self._tree = tree
        self._real: dict[str, str | None] = {}
        self._directories: set[str] = set()

    def file(self, place: bytes) -> None:
        """Takes a file or link out; what is another kind of thing stays."""
        found = self._find(place)
        if found is not None:
            mtree.remove(*found)

    def configuration(self, place: bytes, entry: FileEntry, algorithm: str) -> None:
        """Takes a file out, or, where it is not the package's any more, puts it beside."""
        found = self._find(place)
        if found is None:
            return
        tree, name = found
        node = mtree.child(tree, name)
        assert isinstance(node, FileNode)
        if not self._is_content(node.checksum, entry, algorithm):
            mtree.put_file(tree, f"{name}.rpmsave", node.checksum)
        mtree.remove(tree, name)

    def directory(self, place: bytes) -> None:
        """Takes a directory out at the end, if it is empty then; none of the root's own."""
        above, _slash, name = text_of(place).rpartition("/")
        real = self._directory(above)
        if real:
            self._directories.add(f"{real}/{name}")

    def directories(self) -> None:
        """Takes the directories out, the deepest first."""
        for path in sorted(self._directories, key=lambda path: (-path.count("/"), path)):
            above, _slash, name = path.rpartition("/")
            parent = self._entered(above)
            found = mtree.child(parent, name) if parent is not None else None
            if parent is not None and isinstance(found, MutableTree) and _is_empty(found):
                mtree.remove(parent, name)

    def _find(self, place: bytes) -> tuple[MutableTree, str] | None:
        above, _slash, name = text_of(place).rpartition("/")
        real = self._directory(above)
        parent = self._entered(real) if real is not None else None
        if parent is None or not isinstance(mtree.child(parent, name), FileNode):
            return None
        return parent, name

    def _directory(self, path: str) -> str | None:
        """Returns the real path of a directory of the base, "" for the root."""
        if path not in self._real:
            found = directory_at(self._repo, self._root_tree, path)
            self._real[path] = found if found is None else found.rstrip("/")
        return self._real[path]

    def _entered(self, path: str) -> MutableTree | None:
        tree = self._tree
        for name in filter(None, path.split("/")):
            below = mtree.child(tree, name)
            if not isinstance(below, MutableTree):
                return None
            tree = below
        return tree

    def _is_content(self, checksum: str, entry: FileEntry, algorithm: str) -> bool:
        target = self._repo.file_info(checksum).target
        if target is not None or stat.S_ISLNK(entry.mode):
            return target is not None and bytes_of(target) == entry.link_target
        if not entry.digest:
            return False
        found = hashlib.new(algorithm, usedforsecurity=False)
        for chunk in self._repo.file_chunks(checksum):
            found.update(chunk)
        return found.hexdigest() == entry.digest


def _is_empty(tree: MutableTree) -> bool:
    return not (tree.get_files() or tree.get_subdirs())


def _brought(base: Base, layers: Iterable[LayerInfo]) -> Mapping[bytes, FileEntry]:
    """Returns what layers have, by live path; what they bring rather than what they only own."""
    found: dict[bytes, FileEntry] = {}
    for layer in layers:
        for entry in layer.header.files:
            directory = stat.S_ISDIR(entry.mode)
            live = tree_path(entry.path, base.layout, directory=directory).live
            if live not in found or found[live].ghost:
                found[live] = entry
    return found


def _names_that_stay(base: Base, packages: Sequence[Departing]) -> frozenset[str]:
    """Returns the names of which another architecture's package stays in the base."""
    going = {package.nevra for package in packages}
    names = sorted({package.nevra.name for package in packages})
    return frozenset(each.name for each in instances(base, names) if each not in going)


def _departed(package: Departing, others: frozenset[bytes]) -> Departed:
    files = tuple((file.place.live, file.entry.color) for file in package.files)
    return Departed(
        nevra=package.nevra,
        replaced_by=package.replaced_by,
        tags=package.tags,
        files=files,
        kept=frozenset(live for live, _colour in files if live in others),
    )
