# SPDX-License-Identifier: LGPL-2.1-or-later
"""A tree as it is at one moment of its making, in memory: a stored tree and patches over it.

It is never changed: a patch gives another state, which shares what the patch leaves alone. Only
directories that a patch touches are held here; all others are checksums until somebody asks. A
directory's checksum is the one that libostree would give its dirtree, whether it is stored or not:
so a path has the same state whether a script has just written it or a commit has had it for years
(https://ostreedev.github.io/ostree/repo/).
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from layering._ostree import GLib
from layering.dirtree import DirNode, FileNode
from layering.objects import bytes_variant
from layering.repo import Repo

_DIRTREE = "(a(say)a(sayay))"


@dataclass(slots=True, kw_only=True, eq=False)
class Directory:
    """A directory that a patch has touched; not to be changed once it is made."""

    meta: str  # checksum of its dirmeta
    names: Mapping[str, "Entry"]
    checksum: str = ""  # of its dirtree, once somebody has asked


Entry = FileNode | DirNode | Directory


@dataclass(slots=True, kw_only=True)
class Patch:
    """What becomes of a directory: a tree of changes."""

    meta: str | None = None  # its dirmeta; None: what it has
    fallback: str = ""  # the dirmeta if it is not there, and `meta` does not say
    fresh: bool = False  # nothing that it holds stays
    names: dict[str, "Patch | FileNode | None"] = field(default_factory=dict)  # None: removed

    def below(self, path: str) -> "Patch":
        """Returns the part for a directory further down, made where there is none."""
        here = self
        for name in filter(None, path.split("/")):
            inner = here.names.get(name)
            if not isinstance(inner, Patch):
                inner = here.names[name] = Patch()
            here = inner
        return here

    def put(self, path: str, change: FileNode | None) -> None:
        """Has a file at a path, or nothing."""
        above, _, name = path.rpartition("/")
        self.below(above).names[name] = change


class Stored:
    """What is read of a repository more than once."""

    def __init__(self, repo: Repo) -> None:
        self._repo = repo
        self._names: dict[str, Mapping[str, Entry]] = {}
        self._targets: dict[str, str | None] = {}
        self._contents: dict[str, bytes] = {}

    def content(self, checksum: str) -> bytes:
        """Returns what is in a regular file's object; for small ones."""
        if checksum not in self._contents:
            self._contents[checksum] = b"".join(self._repo.file_chunks(checksum))
        return self._contents[checksum]

    def names(self, entry: DirNode | Directory) -> Mapping[str, Entry]:
        """Returns what is right in a directory."""
        if isinstance(entry, Directory):
            return entry.names
        names = self._names.get(entry.tree)
        if names is None:
            tree = self._repo.dirtree(entry.tree)
            found: dict[str, Entry] = {name: FileNode(checksum=file) for name, file in tree.files}
            found |= {name: DirNode(tree=below, meta=meta) for name, below, meta in tree.dirs}
            names = self._names[entry.tree] = found
        return names

    def target(self, checksum: str) -> str | None:
        """Returns where a file object leads if it is a symbolic link, None if it is none."""
        if checksum not in self._targets:
            self._targets[checksum] = self._repo.file_info(checksum).target
        return self._targets[checksum]

    def pretend(self, checksum: str) -> None:
        """Has a checksum that is no object's stand for a regular file."""
        self._targets[checksum] = None

    def checksum(self, entry: DirNode | Directory) -> str:
        """Returns the checksum of a directory's dirtree."""
        if isinstance(entry, DirNode):
            return entry.tree
        if not entry.checksum:
            entry.checksum = self._digest(entry)
        return entry.checksum

    def _digest(self, entry: Directory) -> str:
        files, directories = [], []
        for name, each in sorted(entry.names.items()):
            text = GLib.Variant.new_string(name)
            if isinstance(each, FileNode):
                files.append(GLib.Variant.new_tuple(text, _raw(each.checksum)))
            else:
                both = (_raw(self.checksum(each)), _raw(each.meta))
                directories.append(GLib.Variant.new_tuple(text, *both))
        kinds = (("(say)", files), ("(sayay)", directories))
        arrays = (GLib.Variant.new_array(GLib.VariantType.new(kind), of) for kind, of in kinds)
        tree = GLib.Variant.new_tuple(*arrays)
        return hashlib.sha256(tree.get_data_as_bytes().get_data() or b"").hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeState:
    """A tree at one moment."""

    stored: Stored
    root: DirNode | Directory

    def at(self, path: str) -> Entry | None:
        """Returns what is at a path of the tree; no link on the way is followed."""
        here: Entry | None = self.root
        for name in filter(None, path.split("/")):
            here = self.names(here).get(name)
        return here

    def names(self, entry: Entry | None) -> Mapping[str, Entry]:
        """Returns what is right in a directory, nothing where there is none."""
        if entry is None or isinstance(entry, FileNode):
            return {}
        return self.stored.names(entry)

    def patched(self, patch: Patch) -> "TreeState":
        """Returns the tree with the changes of a patch."""
        return TreeState(stored=self.stored, root=self._apply(self.root, patch))

    def _apply(self, before: Entry | None, patch: Patch) -> Directory:
        there = None if before is None or isinstance(before, FileNode) else before
        names = {} if there is None or patch.fresh else dict(self.stored.names(there))
        for name, change in patch.names.items():
            if change is None:
                names.pop(name, None)
            elif isinstance(change, FileNode):
                names[name] = change
            else:
                names[name] = self._apply(names.get(name), change)
        kept = there.meta if there is not None else patch.fallback
        return Directory(meta=patch.meta or kept, names=names)


def _raw(checksum: str) -> GLib.Variant:
    return bytes_variant(bytes.fromhex(checksum))
