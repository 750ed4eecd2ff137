# SPDX-License-Identifier: LGPL-2.1-or-later
"""A base tree and a set of layers, united into one tree without reading what they do not share.

Directories are merged by their dirtree objects: one that exists on one side only is adopted by
checksum. Nothing is written while a conflict is left (`layering.claims` and `contest` have the
rules). Two more rules are rpm's:

* a directory keeps the base's metadata, unless a package lists it: then the package's hold;
* a layer's path that leads through a symbolic link of the base is taken to where the link points,
  inside the tree, if that is a directory of the base.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from layering import mtree
from layering.claims import Conflict
from layering.colours import Colours
from layering.dirtree import DirNode
from layering.errors import FileConflictError
from layering.merge import Merge
from layering.mtree import MutableTree
from layering.objects import DirMeta
from layering.repo import Repo
from layering.sides import (
    BaseClaims,
    Departed,
    LayerTree,
    Merged,
    Placed,
    ReplacedFile,
    WrongColour,
)

__all__ = ["BaseClaims", "LayerTree", "Union", "union"]

_FILES_ONLY = "--force-replacefiles is for files only: it exchanges none for a directory"


@dataclass(frozen=True, slots=True, kw_only=True)
class Union:
    """The united tree: in memory, for more changes, and written, by its root's checksums."""

    mtree: MutableTree
    root_tree: str
    root_meta: str
    # Files of layers that are not where the layer has them: where they are instead, beside a
    # configuration file that stayed, or None if they are nowhere.
    placed: Placed = field(default_factory=dict)
    wrong_colour: WrongColour = field(default_factory=dict)
    replaced: tuple[ReplacedFile, ...] = ()  # by leave to; sorted
    departed: tuple[Departed, ...] = ()  # packages of the base that are not in it


def union(
    repo: Repo,
    base_commit: str | None,
    layers: Sequence[LayerTree],
    *,
    base_claims: BaseClaims = lambda _path: (),
    base_root: DirNode | None = None,
    replacing: frozenset[str] = frozenset(),
    colours: Callable[[], Colours] = Colours,
    known: Sequence[Conflict] = (),
) -> Union:
    """Writes the union of a base (None: of an empty tree) and layers, and returns it.

    Where two sides have the same file the base's object stays.

    Args:
        repo: holds all of it.
        base_commit: the base.
        layers: in install order, which is of no consequence but between two of `replacing`.
        base_claims: what the base's packages say of a path of the tree.
        base_root: what is left of the base, where packages of it go; None: all of it.
        replacing: names of packages whose files may take the place of others': of two, the later.
        colours: the ELF colours that count; asked where they do.
        known: conflicts that the trees do not show, told with those that they do.

    Raises:
        FileConflictError: sides disagree about paths; all of them are in it, nothing was written.
    """
    root = base_root
    if root is None and base_commit is not None:
        found_base = repo.commit_of(base_commit)
        root = DirNode(tree=found_base.root_tree, meta=found_base.root_meta)
    merge = Merge(
        repo,
        root,
        layers,
        base_claims=base_claims,
        replacing=replacing,
        colours=colours,
    )
    merged = merge.run()
    if merge.conflicts or known:
        every = {(conflict.path, conflict.owners): conflict for conflict in known}
        every |= {(each.path, each.owners): each for each in merge.conflicts.values()}
        found = [every[key] for key in sorted(every)]
        error = FileConflictError([str(conflict) for conflict in found])
        if all(conflict.replaceable for conflict in found):
            owners = {owner for conflict in found for owner in conflict.owners}
            whose = sorted(_name(layer) for layer in layers if layer.name in owners)
            files = " or ".join(f"{name}'s" for name in whose)
            error.add_note(f"--force-replacefiles lets {files} files replace those of others")
        elif any(_name(layer) in replacing for layer in layers):
            error.add_note(_FILES_ONLY)
        raise error
    with repo.transaction():
        if isinstance(merged, DirNode):
            tree = repo.tree_at(merged.tree, merged.meta)
        else:
            tree = repo.tree_at(root.tree, root.meta) if root else repo.new_tree()
            _apply(repo, tree, merged)
        root_tree, root_meta = repo.write_tree(tree)
    return Union(
        mtree=tree,
        root_tree=root_tree,
        root_meta=root_meta,
        placed=merge.placed,
        wrong_colour=merge.wrong_colour,
        replaced=tuple(sorted(merge.replaced)),
    )


def _name(layer: LayerTree) -> str:
    return layer.name.rsplit("-", 2)[0]


def _apply(repo: Repo, tree: MutableTree, merged: Merged) -> None:
    for name, checksum in merged.files.items():
        tree.replace_file(name, checksum)
    for name, below in merged.dirs.items():
        if isinstance(below, DirNode):
            mtree.adopt(repo, tree, name, below)
        else:
            _apply(repo, mtree.enter(tree, name), below)
    if merged.meta is not None:
        meta = merged.meta
        mtree.set_meta(tree, repo.write_dirmeta(meta) if isinstance(meta, DirMeta) else meta)
