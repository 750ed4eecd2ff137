# SPDX-License-Identifier: LGPL-2.1-or-later
"""The walk behind `layering.union`: all sides of a directory at once, nothing written.

The result says what each shared directory of the base is given; a directory that is on one side
only appears in it as a pair of checksums. Sides are always in one order (the base, then the layers
by name and commit), so the order in which layers were asked for leaves no trace.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from layering.conflicts import (
    Conflict,
    Difference,
    compare_dirs,
    compare_files,
    in_order,
    with_label_of,
)
from layering.dirtree import DirNode
from layering.links import directory_at
from layering.objects import DirMeta
from layering.repo import Repo

BaseOwner = Callable[[str], str | None]

_ROOT_OWNER = "root:root"


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerTree:
    """What the union needs to know of a layer; paths are the tree's, absolute."""

    name: str  # for messages: the NEVRA
    commit: str
    owned_dirs: tuple[bytes, ...] = ()  # directories that the RPM itself lists
    owners: Mapping[bytes, str] = field(default_factory=dict)  # "user:group" where not root:root


@dataclass(slots=True)
class Merged:
    """What one directory of the base, or a new one, is given; `meta` None leaves it alone."""

    files: dict[str, str] = field(default_factory=dict)
    dirs: dict[str, "Merged | DirNode"] = field(default_factory=dict)
    meta: str | DirMeta | None = None


class _Claims:
    """What the header of a layer says about paths, ready to be asked; the base claims nothing."""

    def __init__(self, name: str, rank: int, layer: LayerTree | None = None) -> None:
        self.name = name
        self.rank = rank  # the base's is 0
        self.dirs = frozenset(map(_text, layer.owned_dirs if layer else ()))
        owners = layer.owners if layer else {}
        self.owners = {_text(path): owner for path, owner in owners.items()}
        self.above_owners = frozenset(above for path in self.owners for above in _above(path))

    def owner(self, path: str) -> str:
        return self.owners.get(path, _ROOT_OWNER)


class _File(NamedTuple):
    """A file as one side has it; `at` is the side's own path, also where a link led away."""

    claims: _Claims
    at: str
    checksum: str


class _Dir(NamedTuple):
    """A directory as one side has it."""

    claims: _Claims
    at: str
    node: DirNode


class Merge:
    """Finds what the union of a base (None: an empty tree) and layers is, and every conflict."""

    def __init__(
        self, repo: Repo, base: str | None, layers: Sequence[LayerTree], base_owner: BaseOwner
    ) -> None:
        self.conflicts: dict[str, Conflict] = {}
        self._repo = repo
        self._base_owner = base_owner
        self._base = _Claims("the base", 0)
        self._roots = [self._root(self._base, base)] if base else []
        self._root_tree = self._roots[0].node.tree if base else ""
        in_order = sorted(layers, key=lambda layer: (layer.name, layer.commit))
        for rank, layer in enumerate(in_order, start=1):
            self._roots.append(self._root(_Claims(layer.name, rank, layer), layer.commit))
        # Directories that go elsewhere because the base has a symbolic link at their path.
        self._moved: set[tuple[_Claims, str]] = set()
        self._arrived: dict[str, list[_Dir]] = defaultdict(list)
        self._towards: dict[str, set[str]] = defaultdict(set)

    def run(self) -> Merged | DirNode:
        """Returns what the root directory is given; `conflicts` has what stands against it."""
        if not self._roots:
            return Merged()
        while True:
            moved = len(self._moved)
            self.conflicts.clear()
            merged = self._directory("", self._roots)
            if len(self._moved) == moved:
                return merged
            # Something was moved to a directory that this walk may have left behind already.

    def _root(self, claims: _Claims, commit: str) -> _Dir:
        found = self._repo.commit_of(commit)
        return _Dir(claims, "", DirNode(tree=found.root_tree, meta=found.root_meta))

    def _directory(self, path: str, sides: list[_Dir]) -> Merged | DirNode:
        sides = [*sides, *self._arrived.get(path, ())]
        if len(sides) == 1 and path not in self._towards:
            return sides[0].node
        meta = self._meta(path, sides)
        if self._all_same(path, sides):
            node = sides[0].node
            # Only without the base, which is entered and not replaced, is it a checksum.
            return (
                DirNode(tree=node.tree, meta=meta) if isinstance(meta, str) else Merged(meta=meta)
            )
        merged = Merged(meta=meta)
        files, dirs = self._names(path, sides)
        for name in sorted(files.keys() | dirs.keys()):
            self._entry(merged, path, name, files.get(name, []), dirs.get(name, []))
        return merged

    def _all_same(self, path: str, sides: list[_Dir]) -> bool:
        """Tells whether nothing below can differ; recorded owners are not in the objects."""
        return (
            len({side.node.tree for side in sides}) == 1
            and path not in self._towards
            and not any(side.at in side.claims.above_owners for side in sides)
        )

    def _names(
        self, path: str, sides: list[_Dir]
    ) -> tuple[dict[str, list[_File]], dict[str, list[_Dir]]]:
        """Returns the sides of each name that a layer has, or that leads to a moved directory."""
        files: dict[str, list[_File]] = defaultdict(list)
        dirs: dict[str, list[_Dir]] = defaultdict(list)
        layers = sides[1:] if sides[0].claims is self._base else sides
        trees = [self._repo.dirtree(side.node.tree) for side in layers]
        wanted = self._towards.get(path, set()).union(
            *({entry[0] for entry in (*tree.files, *tree.dirs)} for tree in trees)
        )
        for side in sides:
            tree = self._repo.dirtree(side.node.tree)
            for name, checksum in tree.files:
                if name in wanted:
                    files[name].append(_File(side.claims, f"{side.at}/{name}", checksum))
            for name, below, meta in tree.dirs:
                if name in wanted:
                    node = DirNode(tree=below, meta=meta)
                    dirs[name].append(_Dir(side.claims, f"{side.at}/{name}", node))
        return files, dirs

    def _entry(
        self, merged: Merged, parent: str, name: str, files: list[_File], dirs: list[_Dir]
    ) -> None:
        path = f"{parent}/{name}"
        if files and dirs:
            if not self._through_link(path, files, dirs):
                self._report(path, [*files, *dirs], (Difference.TYPE,))
            return
        if dirs:
            merged.dirs[name] = self._directory(path, dirs)
        else:
            chosen = self._shared_file(path, files)
            if files[0].claims is not self._base:
                merged.files[name] = chosen

    def _shared_file(self, path: str, sides: list[_File]) -> str:
        """Returns the object that stands for all sides: the first one's."""
        first = sides[0]
        found: list[tuple[Difference, ...]] = []
        for side in sides[1:]:
            of_base = first.claims is self._base
            ignore_owner = of_base and side.at in side.claims.owners
            if not of_base and first.claims.owner(first.at) != side.claims.owner(side.at):
                found.append((Difference.OWNER,))
            found.append(
                compare_files(self._repo, first.checksum, side.checksum, ignore_owner=ignore_owner)
            )
        if any(found):
            self._report(path, sides, in_order(found))
        return first.checksum

    def _through_link(self, path: str, files: list[_File], dirs: list[_Dir]) -> bool:
        """Moves directories to where the base's symbolic link points; False if rpm would refuse.

        rpm follows a link to a directory, but not one that a package of the same path's directory
        meets in another package's file list, nor one that leads nowhere.
        """
        if len(files) != 1 or files[0].claims is not self._base:
            return False
        listed = any(side.at in side.claims.dirs for side in dirs)
        if listed and self._base_owner(path) is not None:
            return False
        target = directory_at(self._repo, self._root_tree, path)
        if target is None:
            return False
        target = target.rstrip("/")
        for side in dirs:
            if (side.claims, side.at) not in self._moved:
                self._moved.add((side.claims, side.at))
                self._arrived[target].append(side)
                for above in _above(target):
                    self._towards[above].add(target[len(above) + 1 :].partition("/")[0])
        return True

    def _meta(self, path: str, sides: list[_Dir]) -> str | DirMeta | None:
        """Returns a directory's metadata: the listing packages', else None (the base's) or 0755."""
        base = sides[0] if sides[0].claims is self._base else None
        listing = [side for side in sides if side.at in side.claims.dirs]
        if not listing:
            return None if base else sides[0].node.meta
        metas = [self._repo.dirmeta(side.node.meta) for side in listing]
        found = [compare_dirs(metas[0], meta, ignore_owner=True) for meta in metas[1:]]
        if len({side.claims.owner(side.at) for side in listing}) > 1:
            found.append((Difference.OWNER,))
        if any(found):
            self._report(path, listing, in_order(found))
        if base is None:
            return listing[0].node.meta
        return self._meta_over_base(path, base, listing[0], metas[0])

    def _meta_over_base(self, path: str, base: _Dir, side: _Dir, meta: DirMeta) -> DirMeta | None:
        old = self._repo.dirmeta(base.node.meta)
        given_away = side.at in side.claims.owners  # resolved later; the object says root
        found = compare_dirs(old, meta, ignore_owner=given_away)
        if not found:
            return None
        if side.at == path and self._base_owner(path) is not None:
            self._report(path, [base, side], found)
        uid, gid = (old.uid, old.gid) if given_away else (meta.uid, meta.gid)
        xattrs = with_label_of(meta.xattrs, old.xattrs)
        return DirMeta(uid=uid, gid=gid, mode=meta.mode, xattrs=xattrs)

    def _report(
        self, path: str, sides: Sequence[_File | _Dir], differences: tuple[Difference, ...]
    ) -> None:
        owners = [
            (self._base_owner(path) or side.claims.name)
            if side.claims is self._base
            else side.claims.name
            for side in sorted(sides, key=lambda side: side.claims.rank)
        ]
        conflict = Conflict(path=path or "/", owners=tuple(owners), differences=differences)
        self.conflicts[path] = conflict


def _text(path: bytes) -> str:
    return path.decode("utf-8", "surrogateescape").rstrip("/")


def _above(path: str) -> Iterable[str]:
    """Yields every directory above a path, the root (an empty string) last."""
    while path:
        path = path.rpartition("/")[0]
        yield path
