# SPDX-License-Identifier: LGPL-2.1-or-later
"""The declared triggers of a tree: the drop-ins that it has, read from its objects, and the host's.

`triggers.table` says what becomes of them. A tree is of packages, any of which may be hostile: how
many files are read, and how much of each, is bounded, and no link is followed.
"""

from collections.abc import Callable, Iterator, Sequence

from layering.dirtree import DirNode, find
from layering.hosttriggers import HostFile, decoded, linked
from layering.repo import Repo
from triggers import (
    DROPIN_DIRECTORIES,
    LARGEST_DROPIN,
    DropIn,
    DropInError,
    Table,
    check_file_name,
    table_of,
)

THE_BASE = "the base"
_MOST = 256  # files of one directory


def _the_base(_path: str) -> str:
    return THE_BASE


def triggers_of(
    repo: Repo,
    root_tree: str,
    host: Sequence[HostFile] = (),
    owner: Callable[[str], str] = _the_base,
    *,
    lenient: bool = False,
) -> Table:
    """Returns the declared triggers of a tree on a host, with what is wrong with files left out.

    `owner` says which package a path is of, or that it is the base's.

    Raises:
        DropInError: a file of the host is wrong; with `lenient` it is left out, too.
    """
    own = {each.path for each in host}
    files: list[DropIn] = [each for each in map(HostFile.drop_in, host) if each]
    problems: list[DropInError] = []
    for path, checksum in _entries(repo, root_tree, problems):
        if path in own:
            continue
        whose = owner(path)
        try:
            text = _text(repo, checksum, path)
        except DropInError as error:
            error.of(whose)
            problems.append(error)
        else:
            files.append(DropIn(path=path, owner=whose, of_base=whose == THE_BASE, text=text))
    return table_of(files, lenient=lenient, problems=problems)


def _entries(repo: Repo, root_tree: str, problems: list[DropInError]) -> Iterator[tuple[str, str]]:
    """Yields the drop-ins of a tree: as the running system calls them, and the files' objects."""
    for directory in DROPIN_DIRECTORIES:
        place = directory if directory.startswith("/usr/") else f"/usr{directory}"
        node = find(repo.dirtree, root_tree, place)
        if not isinstance(node, DirNode):
            continue
        files = [each for each in repo.dirtree(node.tree).files if each[0].endswith(".toml")]
        if len(files) > _MOST:
            problems.append(DropInError(f"only the first {_MOST} drop-ins count", directory))
        yield from ((f"{directory}/{name}", checksum) for name, checksum in files[:_MOST])


def _text(repo: Repo, checksum: str, path: str) -> str:
    check_file_name(path.rpartition("/")[2], path)
    info = repo.file_info(checksum)
    if info.target is not None:
        return linked(info.target, path)
    if info.size > LARGEST_DROPIN:
        raise DropInError(f"larger than {LARGEST_DROPIN} bytes", path)
    return decoded(b"".join(repo.file_chunks(checksum)), path)
