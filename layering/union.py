# SPDX-License-Identifier: LGPL-2.1-or-later
"""A base tree and a set of layers, united into one tree without reading what they do not share.

Directories are merged by their dirtree objects: one that exists on one side only is adopted by
checksum. Nothing is written while a conflict is left (`layering.conflicts` has the rule). Two more
rules are rpm's:

* a directory keeps the base's metadata, unless a package lists it: then the package's hold;
* a layer's path that leads through a symbolic link of the base is taken to where the link points,
  inside the tree, if that is a directory of the base.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from layering import mtree
from layering.dirtree import DirNode
from layering.errors import FileConflictError
from layering.merge import BaseOwner, LayerTree, Merge, Merged
from layering.mtree import MutableTree
from layering.objects import DirMeta
from layering.repo import Repo

__all__ = ["BaseOwner", "LayerTree", "Union", "union"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Union:
    """The united tree: in memory, for more changes, and written, by its root's checksums."""

    mtree: MutableTree
    root_tree: str
    root_meta: str


def union(
    repo: Repo,
    base_commit: str | None,
    layers: Sequence[LayerTree],
    *,
    base_owner: BaseOwner = lambda _path: None,
) -> Union:
    """Writes the union of a base (None: of an empty tree) and layers, and returns it.

    Where two sides have the same file the base's object stays. The order of `layers` is of no
    consequence. `base_owner` names the base's package that owns a path of the tree.

    Raises:
        FileConflictError: sides disagree about paths; all of them are in it, nothing was written.
    """
    merge = Merge(repo, base_commit, layers, base_owner)
    merged = merge.run()
    if merge.conflicts:
        raise FileConflictError([str(merge.conflicts[path]) for path in sorted(merge.conflicts)])
    with repo.transaction():
        if isinstance(merged, DirNode):
            tree = repo.tree_at(merged.tree, merged.meta)
        else:
            tree = repo.tree_of(base_commit) if base_commit else repo.new_tree()
            _apply(repo, tree, merged)
        root_tree, root_meta = repo.write_tree(tree)
    return Union(mtree=tree, root_tree=root_tree, root_meta=root_meta)


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
