# SPDX-License-Identifier: LGPL-2.1-or-later
"""The lines of tmpfiles.d in a merged tree: those of layers that it has already are taken out.

Packages list directories that the tree's own tmpfiles.d makes too, often with more to say (an age,
an ACL). systemd takes the line of the file that sorts first and warns about the other, so a layer's
bare line must go. See tmpfiles.d(5). What scripts left in /var has a file of its own, and goes
before what their packages said.
"""

import stat
from collections.abc import Collection, Iterable

from layering import mtree, tmpfiles
from layering.beneath import TEXT_MAX
from layering.errors import TooLargeError
from layering.labels import UNLABELLED, Labels
from layering.mtree import MutableTree
from layering.objects import DirMeta
from layering.repo import Repo
from layering.tmpfiles import made_paths, without

_DIRECTORY = "usr/lib/tmpfiles.d"
# Not `overlay-NAME.conf`, for a package may have any name.
STATE_FILE = "00-overlay.conf"
_STATE_HEADING = "What scripts of packages left in /var"


def known_paths(repo: Repo, tree: MutableTree, packages: Collection[str]) -> frozenset[bytes]:
    """Returns what all files of the directory but those of the packages, by name, make."""
    directory = _directory(tree)
    if directory is None:
        return frozenset()
    files = dict(directory.get_files())
    others = files.keys() - set(_files_of(packages))
    return _made(repo, files, others)


def put_lines(
    repo: Repo, tree: MutableTree, lines: Collection[str], labels: Labels = UNLABELLED
) -> None:
    """Adds lines to the file of what scripts left; a base may have been composed with one."""
    directory, place = tree, ""
    for name in _DIRECTORY.split("/"):
        directory, place = mtree.enter(directory, name), f"{place}/{name}"
        if not directory.get_metadata_checksum():
            xattrs = labels.xattrs(place.encode(), stat.S_IFDIR | 0o755)
            mtree.set_meta(directory, repo.write_dirmeta(DirMeta(xattrs=xattrs)))
    before = mtree.child(directory, STATE_FILE)
    text = "" if before is None or isinstance(before, MutableTree) else _text(repo, before.checksum)
    # Not `splitlines`: a name may have what Unicode takes for the end of a line.
    earlier = [line for line in text.split("\n") if line and not line.startswith("#")]
    _put(
        repo,
        directory,
        STATE_FILE,
        tmpfiles.render_under(_STATE_HEADING, [*earlier, *lines]),
        labels,
    )


def drop_known_lines(
    repo: Repo,
    tree: MutableTree,
    packages: Collection[str],
    *,
    gone: Collection[bytes] = (),
    labels: Labels = UNLABELLED,
) -> None:
    """Removes from the layers' own files, by package name, every line for a path made elsewhere.

    "Elsewhere" are all other files of the directory, and files of packages that sort before. Lines
    for paths that are `gone` go too. A file that has no line left goes.
    """
    directory = _directory(tree)
    if directory is None:
        return
    files = dict(directory.get_files())
    ours = [name for name in _files_of(packages) if name in files]
    if not ours:
        return
    known = _made(repo, files, files.keys() - set(ours)) | frozenset(gone)
    for name in ours:
        content = _content(repo, name, files[name])
        kept = without(content, known)
        known |= made_paths(kept)
        if not kept:
            mtree.remove(directory, name)
        elif kept != content:
            _put(repo, directory, name, kept, labels)


def _files_of(packages: Collection[str]) -> list[str]:
    return sorted(f"overlay-{package}.conf" for package in packages)


def _made(repo: Repo, files: dict[str, str], names: Iterable[str]) -> frozenset[bytes]:
    confs = sorted(name for name in names if name.endswith(".conf"))
    return frozenset().union(*(made_paths(_content(repo, name, files[name])) for name in confs))


def _directory(tree: MutableTree) -> MutableTree | None:
    directory = tree
    for name in _DIRECTORY.split("/"):
        below = mtree.child(directory, name)
        if not isinstance(below, MutableTree):
            return None
        directory = below
    return directory


def _put(repo: Repo, directory: MutableTree, name: str, content: bytes, labels: Labels) -> None:
    xattrs = labels.xattrs(f"/{_DIRECTORY}/{name}".encode(), stat.S_IFREG | 0o644)
    checksum = repo.write_regular(content, length=len(content), mode=0o644, xattrs=xattrs)
    mtree.put_file(directory, name, checksum)


def _text(repo: Repo, checksum: str) -> str:
    return _content(repo, STATE_FILE, checksum).decode("utf-8", "surrogateescape")


def _content(repo: Repo, name: str, checksum: str) -> bytes:
    """Returns what is in a file of the directory, which a script may have made of holes."""
    info = repo.file_info(checksum)
    if info.target is not None:
        return b""
    if info.size > TEXT_MAX:
        raise TooLargeError(f"{_DIRECTORY}/{name}", TEXT_MAX)
    return b"".join(repo.file_chunks(checksum))
