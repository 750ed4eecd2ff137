# SPDX-License-Identifier: LGPL-2.1-or-later
"""Trees and layers in a mini-language, so that a test shows its whole world in a few lines.

    d usr/bin 0755              a directory; mode 0755 where none is given
    f usr/bin/bash 0755 text    a regular file; mode 0644, empty where none is given
    l bin usr/bin               a symbolic link

`d / 0711` is the root itself. `uid=5`, `gid=5` and `xattr:NAME=VALUE` may follow the mode. Parents
that are not listed are made, 0755. Paths hold no spaces; the content is the rest of the line.
"""

import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path

from layering.dirtree import DirNode, FileNode, walk
from layering.mtree import MutableTree, enter, put_file, set_meta
from layering.objects import DirMeta
from layering.repo import Repo
from layering.union import LayerTree

_LINE = re.compile(
    r"(?P<kind>[dfl]) (?P<path>\S+)(?: (?P<mode>0[0-7]+))?"
    r"(?P<marks>(?: (?:uid=|gid=|xattr:)\S+)*)(?: (?P<text>.*))?"
)


def make_tree(repo: Repo, *lines: str) -> MutableTree:
    """Returns the tree that the lines describe, in memory."""
    root = repo.new_tree()
    for line in lines:
        _put(repo, root, line)
    return root


def commit_tree(repo: Repo, *lines: str, ref: str | None = None) -> str:
    """Commits the tree that the lines describe, and returns the commit's checksum."""
    with repo.transaction():
        root = make_tree(repo, *lines)
        commit = repo.write_commit(tree=repo.write_tree(root), timestamp=1700000000)
        # fsck starts from the refs: a test's commit is always held by one.
        repo.set_ref(ref or f"test/{commit}", commit)
    return commit


def layer(
    repo: Repo,
    name: str,
    *lines: str,
    owned: tuple[str, ...] = (),
    owners: Mapping[str, str] | None = None,
) -> LayerTree:
    """Commits a layer; `owned` are the directories its RPM lists, `owners` who isn't root:root."""
    return LayerTree(
        name=name,
        commit=commit_tree(repo, *lines),
        owned_dirs=tuple(path.encode() for path in owned),
        owners={path.encode(): owner for path, owner in (owners or {}).items()},
    )


def describe(repo: Repo, root_tree: str) -> list[str]:
    """Returns the lines that make a tree, by path, with every mode; the inverse of `make_tree`."""
    return [_line(repo, path, node) for path, node in walk(repo.dirtree, root_tree)]


def manifest(root: Path) -> dict[str, tuple[object, ...]]:
    """Returns everything that can be seen of a directory but times and link counts, by path."""
    seen = {".": _seen(root)}
    for above, dirs, files in os.walk(root):
        for name in (*dirs, *files):
            path = Path(above, name)
            seen[str(path.relative_to(root))] = _seen(path)
    return seen


def _seen(path: Path) -> tuple[object, ...]:
    status = path.lstat()
    content: object = None
    if stat.S_ISREG(status.st_mode):
        content = path.read_bytes()
    elif stat.S_ISLNK(status.st_mode):
        content = os.readlink(path)  # noqa: PTH115 Path.readlink would tidy it up
    elif not stat.S_ISDIR(status.st_mode):
        content = status.st_rdev
    names = sorted(os.listxattr(path, follow_symlinks=False))
    xattrs = [
        (name, os.getxattr(path, name, follow_symlinks=False))
        for name in names
        if not name.startswith("trusted.overlay.")
    ]
    return (oct(status.st_mode), status.st_uid, status.st_gid, content, xattrs)


def _put(repo: Repo, root: MutableTree, line: str) -> None:
    match = _LINE.fullmatch(line)
    if match is None:
        raise ValueError(f"not a line of the tree language: {line!r}")
    kind, path, text = match["kind"], match["path"], match["text"] or ""
    marks = dict(mark.split("=", 1) for mark in match["marks"].split())
    owner = {"uid": int(marks.pop("uid", "0")), "gid": int(marks.pop("gid", "0"))}
    xattrs = tuple(
        (name.removeprefix("xattr:").encode(), value.encode()) for name, value in marks.items()
    )
    *above, name = path.strip("/").split("/")
    parent = root
    for part in above:
        parent = _directory(repo, parent, part)
    if kind == "d":
        meta = DirMeta(**owner, mode=int(match["mode"] or "0755", 8), xattrs=xattrs)
        directory = _directory(repo, parent, name) if name else root
        set_meta(directory, repo.write_dirmeta(meta))
    elif kind == "l":
        put_file(parent, name, repo.write_symlink(text, **owner, xattrs=xattrs))
    else:
        content, mode = text.encode(), int(match["mode"] or "0644", 8)
        checksum = repo.write_regular(
            content, length=len(content), **owner, mode=mode, xattrs=xattrs
        )
        put_file(parent, name, checksum)


def _directory(repo: Repo, parent: MutableTree, name: str) -> MutableTree:
    below = enter(parent, name)
    if not below.get_metadata_checksum():
        set_meta(below, repo.write_dirmeta(DirMeta()))
    return below


def _line(repo: Repo, path: str, node: DirNode | FileNode) -> str:
    path = path.lstrip("/")
    if isinstance(node, DirNode):
        meta = repo.dirmeta(node.meta)
        return f"d {path} 0{meta.mode:03o}{_marks(meta.uid, meta.gid, meta.xattrs)}"
    info = repo.file_info(node.checksum)
    marks = _marks(info.uid, info.gid, info.xattrs)
    if info.target is not None:
        return f"l {path}{marks} {info.target}"
    content = b"".join(repo.file_chunks(node.checksum)).decode()
    return f"f {path} 0{info.mode:03o}{marks} {content}".rstrip()


def _marks(uid: int, gid: int, xattrs: tuple[tuple[bytes, bytes], ...]) -> str:
    marks = [f"uid={uid}"] * bool(uid) + [f"gid={gid}"] * bool(gid)
    marks += [f"xattr:{name.decode()}={value.decode()}" for name, value in xattrs]
    return "".join(f" {mark}" for mark in marks)
