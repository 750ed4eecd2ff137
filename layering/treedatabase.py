# SPDX-License-Identifier: LGPL-2.1-or-later
"""The rpmdb of a merged tree, and beside it the base's own, where rpm-ostree looks for that.

It is made beside the tree: librpm and sqlite follow links, and open files next to the database that
a package may have put there.
"""

from layering import beneath, mtree, relabel, rpmdb, rpmdb_query
from layering.dirtree import DirNode, FileNode, find
from layering.labels import Labels
from layering.mtree import MutableTree
from layering.recipe import Recipe
from layering.repo import Repo
from layering.union import Union
from layering.uniting import tree_colours
from layering.workspace import Workspace

# What sqlite may leave beside a database; next to another database it would be taken for its own.
_JOURNALS = ("-wal", "-shm", "-journal")
_BASE_DATABASE_COPY = "usr/lib/sysimage/rpm-ostree-base-db"


def write_database(repo: Repo, workspace: Workspace, recipe: Recipe, united: Union) -> None:
    """Makes the merged tree's rpmdb and puts it into the tree; RpmdbError if librpm refuses."""
    base, made = recipe.base, workspace.scratch / "rpmdb"
    made.mkdir()
    if base.commit is not None:
        rpmdb.copy_base(repo, base.commit, made)
    rpmdb.write(
        made,
        [layer.header.prefix for layer in recipe.layers],
        source_date_epoch=recipe.timestamp,
        remove=[str(departure.package) for departure in recipe.departures],
        links=base.links,
        colours=tree_colours(base, recipe.layers),
        wrong_colour=united.wrong_colour,
    )
    place = f"{base.database}/{rpmdb_query.DATABASE}"
    for journal in (f"{place}{ending}" for ending in _JOURNALS):
        if beneath.exists(workspace.root, journal):
            beneath.remove(workspace.root, journal)
    with (made / rpmdb_query.DATABASE).open("rb") as database:
        beneath.write_file(workspace.root, place, database, 0o644)


def keep_base_database(repo: Repo, tree: MutableTree, recipe: Recipe) -> None:
    """Puts the base's own rpmdb beside the merged one, where rpm-ostree looks for it."""
    base = recipe.base
    if base.commit is None:
        return
    root = repo.commit_of(base.commit).root_tree
    for name in (rpmdb_query.DATABASE, f"{rpmdb_query.DATABASE}-wal"):
        node = find(repo.dirtree, root, f"{base.database}/{name}")
        if isinstance(node, FileNode):
            put_base_database(repo, tree, node, recipe.labels, name)


def put_base_database(
    repo: Repo,
    tree: MutableTree,
    node: FileNode,
    labels: Labels,
    name: str = rpmdb_query.DATABASE,
) -> None:
    """Puts a file object into a tree as the rpmdb of the base, where rpm-ostree looks for it."""
    below, place = tree, ""
    for part in _BASE_DATABASE_COPY.split("/"):
        inner, place = mtree.enter(below, part), f"{place}/{part}"
        if not inner.get_metadata_checksum():
            above = DirNode(tree="", meta=below.get_metadata_checksum())
            mtree.set_meta(inner, relabel.labelled(repo, place, above, labels))
        below = inner
    mtree.put_file(below, name, relabel.labelled(repo, f"{place}/{name}", node, labels))
