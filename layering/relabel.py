# SPDX-License-Identifier: LGPL-2.1-or-later
"""Gives a tree the labels of another policy than the one that it was labelled by.

A label is part of a file's object, so that another label makes another object, and the content is
written again. What costs is therefore held to what changes: a path is looked up where the two
policies could disagree on it (`layering.contexts`), and an object is read where they do.
"""

import stat
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from layering import mtree, progress
from layering._ostree import GLib
from layering.contexts import affected
from layering.dirtree import DirNode, FileNode, Node, find
from layering.labels import UNLABELLED, Labels, label_of, with_label
from layering.layerinfo import Layer
from layering.mtree import MutableTree
from layering.objects import Xattrs
from layering.paths import BaseLayout
from layering.refs import layer_ref
from layering.repo import Repo
from layering.selinux import CONTEXTS, ROOT, Policy, labels_of

_ETC = "/etc"
_LABELS = "overlay.labels"  # of a layer: the key of the policy that labelled it
_INLINE_MAX = 1 << 20  # bytes; larger files are streamed


def by_own_policy(
    repo: Repo,
    tree: MutableTree,
    base: str,
    labels: Labels,
    scratch: Path,
    report: progress.Report,
) -> MutableTree:
    """Returns a merged tree labelled by its own policy, where that is another than the base's.

    `labels` are the base's, which everything new was given so far. A tree that has no policy any
    more stays as it is.

    Raises:
        PolicyError: the tree's configuration names a policy that the tree does not have.
    """
    with repo.transaction():
        root = repo.write_tree(tree)
    before = repo.commit_of(base).root_tree
    if find(repo.dirtree, before, ROOT) == find(repo.dirtree, root[0], ROOT):
        return tree
    own = labels_of(repo, root[0], scratch)
    if own is UNLABELLED or own.key == labels.key:
        return tree
    with progress.phase(report, "labels"):
        tree, count = relabelled(repo, root, labels, own)
    progress.note(report, "labels", f"the policy changed: {count} files and directories relabelled")
    return tree


def relabelled(
    repo: Repo, root: tuple[str, str], old: Labels | None, new: Labels
) -> tuple[MutableTree, int]:
    """Returns a written tree with the labels of `new`, and how many files and directories differ.

    `root` are the checksums of the root's tree and metadata. Paths on which the policies agree keep
    the label that they have, whatever it is; where nobody knows the `old` one, every object is
    looked at. What `new` gives no label loses what it had.
    """
    change = _Change(repo, old, new)
    tree = repo.tree_at(*root)
    count = 0
    with repo.transaction():
        for place, node in _among(repo, root, places(old, new)):
            checksum = change.of(place, node)
            if checksum is not None:
                count += 1
                _put(tree, place, node, checksum)
    return tree, count


def labelled(repo: Repo, place: str, node: Node, labels: Labels) -> str:
    """Returns a file's object, or a directory's metadata, with the label that a place gives it."""
    here = node.meta if isinstance(node, DirNode) else node.checksum
    return _Change(repo, None, labels).of(place, node) or here


def relabelled_layer(
    repo: Repo, layer: Layer, layout: BaseLayout, labels: Labels, *, dropping: bool = False
) -> Layer:
    """Returns a package's layer with these labels, made of one that has others, or none.

    It is the very commit that importing the package anew would make, if that importer was this one.
    `dropping` says that special files may have been left out.
    """
    commit = repo.commit_of(layer.commit)
    if (commit.text(_LABELS) or "") == labels.key:
        return layer
    metadata = {key: value for key, value in _items(commit.metadata) if key != _LABELS}
    importer = metadata["overlay.importer-version"].get_uint32()
    if labels.key:
        metadata[_LABELS] = GLib.Variant.new_string(labels.key)
    ref = layer_ref(
        layer.nevra, layer.digest, importer, layout.key, labels=labels.key, dropping=dropping
    )
    with repo.transaction():
        tree, _count = relabelled(repo, (commit.root_tree, commit.root_meta), None, labels)
        made = repo.write_commit(
            tree=repo.write_tree(tree),
            subject=commit.subject,
            timestamp=commit.timestamp,
            metadata=metadata,
        )
        repo.set_ref(ref, made)
    return replace(layer, ref=ref, commit=made)


def _items(metadata: GLib.Variant) -> Iterator[tuple[str, GLib.Variant]]:
    for at in range(metadata.n_children()):
        pair = metadata.get_child_value(at)
        yield pair.get_child_value(0).get_string(), pair.get_child_value(1).get_variant()


def places(old: Labels | None, new: Labels) -> tuple[str, ...]:
    """Returns the beginnings of the places in a tree on which two policies could disagree."""
    if old is not None and old.key == new.key:
        return ()
    if not isinstance(old, Policy) or not isinstance(new, Policy):
        return ("/",)
    texts = [{name: policy.text(name) for name in CONTEXTS} for policy in (old, new)]
    live = affected(*texts)
    inside = tuple(
        f"/usr{path}" if path.startswith(_ETC) else f"/usr{_ETC}"
        for path in live
        if path.startswith(_ETC) or _ETC.startswith(path)
    )
    return (*live, *inside)


class _Change:
    """What becomes of single objects; one that lies at several places is written once."""

    def __init__(self, repo: Repo, old: Labels | None, new: Labels) -> None:
        self._repo = repo
        self._old = old
        self._new = new
        self._written: dict[tuple[Node, Xattrs], str | None] = {}

    def of(self, place: str, node: Node) -> str | None:
        """Returns the object that is to be in the place, None where it is there already."""
        path = place.encode()
        if isinstance(node, DirNode):
            if self._agree(path, stat.S_IFDIR):
                return None
            label = self._new.xattrs(path, stat.S_IFDIR)
            return self._once(DirNode(tree="", meta=node.meta), label)
        if self._agree(path, stat.S_IFREG) and self._agree(path, stat.S_IFLNK):
            return None
        info = self._repo.file_info(node.checksum)
        kind = stat.S_IFREG if info.target is None else stat.S_IFLNK
        return None if self._agree(path, kind) else self._once(node, self._new.xattrs(path, kind))

    def _agree(self, path: bytes, kind: int) -> bool:
        if self._old is None:
            return False
        return self._old.xattrs(path, kind) == self._new.xattrs(path, kind)

    def _once(self, node: Node, label: Xattrs) -> str | None:
        key = (node, label)
        if key not in self._written:
            write = self._directory if isinstance(node, DirNode) else self._file
            self._written[key] = write(node, label)  # type: ignore[arg-type]
        return self._written[key]

    def _directory(self, node: DirNode, label: Xattrs) -> str | None:
        meta = self._repo.dirmeta(node.meta)
        if label_of(meta.xattrs) == label:
            return None
        return self._repo.write_dirmeta(replace(meta, xattrs=with_label(meta.xattrs, label)))

    def _file(self, node: FileNode, label: Xattrs) -> str | None:
        info = self._repo.file_info(node.checksum)
        if label_of(info.xattrs) == label:
            return None
        xattrs = with_label(info.xattrs, label)
        if info.target is not None:
            return self._repo.write_symlink(info.target, uid=info.uid, gid=info.gid, xattrs=xattrs)
        content = _Content(self._repo.file_chunks(node.checksum))
        return self._repo.write_regular(
            content.read(-1) if info.size <= _INLINE_MAX else content,  # type: ignore[arg-type]
            length=info.size,
            uid=info.uid,
            gid=info.gid,
            mode=info.mode,
            xattrs=xattrs,
        )


class _Content:
    """The content of an object, as what the repository wants of a stream: `read`."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks

    def read(self, size: int) -> bytes:
        """Returns the next chunk; all that is left if `size` is negative."""
        return b"".join(self._chunks) if size < 0 else next(self._chunks, b"")


def _among(
    repo: Repo, root: tuple[str, str], beginnings: tuple[str, ...]
) -> Iterator[tuple[str, Node]]:
    """Yields the paths of a tree that begin with one of these, a directory before its content."""
    above = {
        path[: at + 1] for path in beginnings for at, letter in enumerate(path) if letter == "/"
    }

    def inside(directory: str, tree: str) -> Iterator[tuple[str, Node]]:
        listed = repo.dirtree(tree)
        for name, checksum in listed.files:
            place = directory + name
            if place.startswith(beginnings):
                yield place, FileNode(checksum=checksum)
        for name, below, meta in listed.dirs:
            place = directory + name
            if place.startswith(beginnings):
                yield place, DirNode(tree=below, meta=meta)
                yield from inside(f"{place}/", below)
            elif f"{place}/" in above:
                yield from inside(f"{place}/", below)

    if "/" in beginnings:
        yield "/", DirNode(tree=root[0], meta=root[1])
    yield from inside("/", root[0])


def _put(tree: MutableTree, place: str, node: Node, checksum: str) -> None:
    *above, name = place.strip("/").split("/")
    directory = tree
    for part in above:
        directory = mtree.enter(directory, part)
    if isinstance(node, FileNode):
        mtree.put_file(directory, name, checksum)
    else:
        mtree.set_meta(mtree.enter(directory, name) if name else tree, checksum)
