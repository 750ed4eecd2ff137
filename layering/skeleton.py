# SPDX-License-Identifier: LGPL-2.1-or-later
"""The top level of a composed tree: mount points, and links to where state lives.

A tree brings /usr and nothing that changes; the rest of the root is these entries
(https://ostreedev.github.io/ostree/adapting-existing/). `layering.paths.EMPTY_BASE` has the same
links: packages were imported for them.
"""

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from layering import beneath, mtree
from layering.errors import LayeringError
from layering.mtree import MutableTree
from layering.objects import DirMeta
from layering.paths import EMPTY_BASE
from layering.repo import Repo

_DIRECTORIES = {
    "boot": 0o755,
    "dev": 0o755,
    "proc": 0o755,
    "run": 0o755,
    "sys": 0o755,
    "sysroot": 0o755,
    "tmp": 0o1777,
    "var": 0o755,
}
# Libraries of other word sizes, which most trees have none of.
_RARE = frozenset({"lib32", "libx32"})
_MORE_LINKS = {"ostree": "sysroot/ostree", "opt": "var/opt"}

# What the links lead to has to exist on the host: one line each, made at boot. As in rpm-ostree's
# trees.
TMPFILES = """\
# The directories that the tree's top-level links lead to.
d /var/home 0755 root root -
d /var/mnt 0755 root root -
d /var/opt 0755 root root -
d /var/roothome 0700 root root -
d /var/srv 0755 root root -
d /var/usrlocal 0755 root root -
d /var/usrlocal/bin 0755 root root -
d /var/usrlocal/etc 0755 root root -
d /var/usrlocal/lib 0755 root root -
d /var/usrlocal/sbin 0755 root root -
d /var/usrlocal/share 0755 root root -
d /run/media 0755 root root -
L /var/lib/rpm - - - - ../../usr/share/rpm
"""
# No package can have this name: theirs are `overlay-NAME.conf`, and one of them is called tree.
TMPFILES_PATH = "usr/lib/tmpfiles.d/overlay.conf"

# librpm of the tree looks here, wherever its distribution has its own default.
RPM_MACROS = "%_dbpath /usr/share/rpm\n"
RPM_MACROS_PATH = "usr/lib/rpm/macros.d/macros.overlay"


class SkeletonError(LayeringError):
    """A composed tree has something where only a host's own files have a place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TextFile:
    """A small file that every composed tree has."""

    path: str
    text: str


FILES = (
    TextFile(path=TMPFILES_PATH, text=TMPFILES),
    TextFile(path=RPM_MACROS_PATH, text=RPM_MACROS),
)


def write_files(root: Path) -> None:
    """Writes the files of every composed tree below its mounted root.

    Raises:
        SkeletonError: a script put something where only the host's own files have a place.
    """
    for file in FILES:
        beneath.make_directories(root, file.path.rpartition("/")[0])
        beneath.write_file(root, file.path, file.text.encode(), 0o644)
    beneath.make_directories(root, "usr/lib/sysimage")
    if not beneath.exists(root, "usr/lib/sysimage/rpm"):
        beneath.make_link(root, "usr/lib/sysimage/rpm", "../../share/rpm")
    _remove_empty(root, "usr/local")
    if not beneath.exists(root, "usr/local"):
        beneath.make_link(root, "usr/local", "../var/usrlocal")


def put_top_level(repo: Repo, tree: MutableTree) -> None:
    """Gives a tree its top level; everything but /usr that stood there is replaced."""
    mtree.set_meta(tree, repo.write_dirmeta(DirMeta()))
    for name, mode in _DIRECTORIES.items():
        mtree.remove(tree, name)
        mtree.set_meta(mtree.enter(tree, name), repo.write_dirmeta(DirMeta(mode=mode)))
    links = dict(_MORE_LINKS)
    for link, place in EMPTY_BASE.links.items():
        if link.count(b"/") == 1:
            links[link.decode().lstrip("/")] = place.decode().lstrip("/")
    usr = mtree.enter(tree, "usr")
    for name, target in sorted(links.items()):
        mtree.remove(tree, name)
        if name in _RARE and mtree.child(usr, name) is None:
            continue
        mtree.put_file(tree, name, repo.write_symlink(target))


def _remove_empty(root: Path, path: str) -> None:
    """Removes a directory that holds nothing but directories; anything else of that name stays."""
    for name in beneath.names(root, path):
        inner = f"{path}/{name}"
        _remove_empty(root, inner)
        if beneath.exists(root, inner):
            raise SkeletonError(f"/usr/local is the host's own, and a script made /{inner} there")
    with (
        suppress(FileNotFoundError, NotADirectoryError),
        beneath.parent_of(root, path) as (above, last),
    ):
        os.rmdir(last, dir_fd=above)
