# SPDX-License-Identifier: LGPL-2.1-or-later
"""Changing a tree in memory: libostree's MutableTree, entry by entry.

A MutableTree reads a directory when one of its entries is asked for, and never the directories
below it: what is adopted by checksum costs nothing until somebody looks inside. `get_files` and
`get_subdirs` copy whole tables at each call and are not used.
"""

from layering._ostree import Gio, GLib, OSTree
from layering.dirtree import DirNode, FileNode
from layering.repo import Repo

MutableTree = OSTree.MutableTree


def child(tree: MutableTree, name: str) -> FileNode | MutableTree | None:
    """Returns the file or the directory called `name`, or None."""
    try:
        _found, checksum, below = tree.lookup(name)
    except GLib.Error as error:
        if error.matches(Gio.io_error_quark(), Gio.IOErrorEnum.NOT_FOUND):
            return None
        raise
    return FileNode(checksum=checksum) if checksum else below


def adopt(repo: Repo, tree: MutableTree, name: str, node: DirNode) -> None:
    """Adds a directory by its checksums, without reading it; there must be none of this name."""
    below = tree.ensure_dir(name)[1]
    below.fill_empty_from_dirtree(repo.handle, node.tree, node.meta)


def put_file(tree: MutableTree, name: str, checksum: str) -> None:
    """Puts a file at `name`, in place of whatever is there."""
    if isinstance(child(tree, name), MutableTree):
        tree.remove(name, False)
    tree.replace_file(name, checksum)


def enter(tree: MutableTree, name: str) -> MutableTree:
    """Returns the directory called `name`; makes an empty one, in place of a file if need be."""
    if isinstance(child(tree, name), FileNode):
        tree.remove(name, False)
    return tree.ensure_dir(name)[1]


def remove(tree: MutableTree, name: str) -> None:
    """Removes the entry called `name`, if there is one."""
    tree.remove(name, True)


def set_meta(tree: MutableTree, checksum: str) -> None:
    """Sets the dirmeta of a directory."""
    if tree.get_metadata_checksum() != checksum:
        tree.set_metadata_checksum(checksum)
