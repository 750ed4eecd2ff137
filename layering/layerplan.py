# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a package's header makes of a layer, before a byte of its payload is read.

Each file gets its place in the tree or a line of tmpfiles.d. Two files of a package may fall
together, as /bin/x and /usr/bin/x do in a merged tree: they must then be the same, or one of them a
link to the other, which has nothing left to lead to. What a tree cannot hold is an error here, but
for special files where a person said that they may be left out.
"""

import posixpath
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from layering import bytecode, tmpfiles
from layering.configuration import add_leave_hint
from layering.errors import UnsupportedNameError, UnsupportedPathError
from layering.fileattributes import attributes
from layering.fileentries import FileEntry
from layering.header import PackageHeader
from layering.labels import UNLABELLED, Labels
from layering.objects import Xattrs
from layering.owners import OwnedPath
from layering.package_errors import shown
from layering.paths import FACTORY, BaseLayout, TreePath, Zone, moved_target, tree_path

_OPT_LINK = b"../../usr/lib/opt/"  # from /var/opt, where the host's /opt leads; right from /opt too
_SPECIAL = {
    stat.S_IFCHR: "device node",
    stat.S_IFBLK: "device node",
    stat.S_IFIFO: "named pipe",
    stat.S_IFSOCK: "socket",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedFile:
    """A regular file of the RPM in the tree."""

    place: bytes
    mode: int  # permission bits, with setuid, setgid and sticky
    xattrs: Xattrs = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerPlan:
    """What a layer will hold; places are paths in the tree."""

    files: Mapping[bytes, PlannedFile]  # by the RPM's path
    links: Mapping[bytes, bytes]  # symbolic links: place to target
    directories: Mapping[bytes, int]  # what the RPM lists: place to permission bits
    tmpfiles_path: bytes
    tmpfiles: bytes  # the content of that file; without any, there is none
    owners: tuple[OwnedPath, ...]  # what isn't root:root
    edits: Mapping[bytes, bytecode.Edit]  # of the first bytes of files, by the RPM's path
    dropped: tuple[str, ...] = ()  # special files that are left out: "/dev/x: device node"
    top_level: tuple[bytes, ...] = ()  # directories of / that it needed leave for, by name


@dataclass(slots=True)
class _Draft:
    package: str
    layout: BaseLayout
    labels: Labels
    files: dict[bytes, PlannedFile] = field(default_factory=dict)
    taken: dict[bytes, FileEntry] = field(default_factory=dict)  # places of files and links
    directories: dict[bytes, FileEntry] = field(default_factory=dict)
    links: dict[bytes, bytes] = field(default_factory=dict)
    lines: set[str] = field(default_factory=set)
    top_level: set[bytes] = field(default_factory=set)


def plan_layer(
    header: PackageHeader,
    layout: BaseLayout,
    *,
    labels: Labels = UNLABELLED,
    drop_special: bool = False,
) -> LayerPlan:
    """Returns where everything of a package goes in trees of a layout.

    With `drop_special`, device nodes, pipes and sockets are left out instead of refused.

    Raises:
        UnsupportedPathError: a path has no place in a tree, or two fall together.
        UnsupportedNameError: a name that OSTree cannot hold.
        FormatError: capabilities that cannot be read.
    """
    draft = _Draft(package=str(header.nevra), layout=layout, labels=labels)
    present = [entry for entry in header.files if not entry.ghost]
    special = [entry for entry in present if drop_special and _special(entry)]
    left_out = {entry.path for entry in special}
    present = [entry for entry in present if entry.path not in left_out]
    for entry in _real_files_first(present, layout):
        place = tree_path(entry.path, layout, directory=stat.S_ISDIR(entry.mode))
        _check(draft, entry, place)
        draft.top_level |= {place.leave} - {b""}
        if place.zone is Zone.STATE:
            _plan_state(draft, entry, place)
        elif stat.S_ISDIR(entry.mode):
            draft.directories.setdefault(place.tree, entry)
        else:
            _plan_file(draft, entry, place)
        if place.zone is Zone.OPT and not layout.opt_in_tree:
            draft.lines |= _opt_line(place, layout)
    tmpfiles_path = f"/usr/lib/tmpfiles.d/overlay-{header.nevra.name}.conf".encode()
    _check_ancestors(draft, tmpfiles_path)
    return LayerPlan(
        files=draft.files,
        links=draft.links,
        directories={place: stat.S_IMODE(e.mode) for place, e in draft.directories.items()},
        tmpfiles_path=tmpfiles_path,
        tmpfiles=tmpfiles.render(draft.lines, header.nevra.name) if draft.lines else b"",
        owners=tuple(_owned(draft)),
        edits=bytecode.edits(present),
        dropped=tuple(f"{shown(entry.path)}: {_special(entry)}" for entry in special),
        top_level=tuple(sorted(draft.top_level)),
    )


def _real_files_first(files: list[FileEntry], layout: BaseLayout) -> Iterator[FileEntry]:
    """Yields links last, so that one which falls onto a file is seen to be the one too many.

    Of two directories that fall together, the one that is spelled as the tree has it says the mode.
    """
    yield from sorted(
        files,
        key=lambda entry: (
            stat.S_ISLNK(entry.mode),
            stat.S_ISDIR(entry.mode) and layout.canonical(entry.path) != entry.path,
        ),
    )


def _check(draft: _Draft, entry: FileEntry, place: TreePath) -> None:
    kind = stat.S_IFMT(entry.mode)
    if kind not in (stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK):
        special = _special(entry)
        why = f"{special}s are not supported" if special else f"unknown file type {kind:#o}"
        error = _unsupported(draft, entry, why)
        if special:
            error.add_note("--drop-device-nodes leaves them out")
        raise error
    if place.zone is Zone.REFUSED or (place.tree == b"/" and kind != stat.S_IFDIR):
        error = _unsupported(draft, entry, "no place in an image-based tree")
        if entry.path.count(b"/") > 1 or kind == stat.S_IFDIR:
            add_leave_hint(error, shown(entry.path.split(b"/")[1]))
        raise error
    # What is not UTF-8 a line of tmpfiles.d can say, and a tree cannot.
    if place.zone is not Zone.STATE or kind == stat.S_IFREG:
        if not _is_utf8(place.tree):
            raise UnsupportedNameError(entry.path, draft.package)
        if not _is_utf8(entry.link_target):
            raise _unsupported(draft, entry, "a link target that is not valid UTF-8")


def _special(entry: FileEntry) -> str:
    """Returns what kind of special file it is; empty if it is none."""
    return _SPECIAL.get(stat.S_IFMT(entry.mode), "")


def _is_utf8(text: bytes) -> bool:
    return text.decode("utf-8", "ignore").encode() == text


def _plan_state(draft: _Draft, entry: FileEntry, place: TreePath) -> None:
    who = (entry.user, entry.group)
    if stat.S_ISDIR(entry.mode):
        draft.lines.add(tmpfiles.directory_line(place.live, entry.mode, *who))
    elif stat.S_ISLNK(entry.mode):
        target = moved_target(entry.path, entry.link_target, place, draft.layout)
        draft.lines.add(tmpfiles.link_line(place.live, target, *who))
    else:
        if entry.capabilities:
            raise _unsupported(draft, entry, "capabilities cannot be kept outside of /usr and /etc")
        draft.lines.add(tmpfiles.factory_line(place.live, entry.mode, *who))
        # The line has the mode. What waits in /usr is root's, so that a setuid bit would be too.
        _take(draft, entry, place, entry.mode & 0o777)


def _plan_file(draft: _Draft, entry: FileEntry, place: TreePath) -> None:
    if stat.S_ISREG(entry.mode):
        _take(draft, entry, place, stat.S_IMODE(entry.mode))
        return
    meant = posixpath.join(posixpath.dirname(entry.path), entry.link_target)
    leads_to = tree_path(posixpath.normpath(meant), draft.layout)
    target = moved_target(entry.path, entry.link_target, place, draft.layout)
    if place.tree not in draft.taken:
        draft.taken[place.tree] = entry
        draft.links[place.tree] = target
    elif leads_to.live != place.live and draft.links.get(place.tree) != target:
        raise _together(draft, entry, draft.taken[place.tree])


def _take(draft: _Draft, entry: FileEntry, place: TreePath, mode: int) -> None:
    other = draft.taken.setdefault(place.tree, entry)
    if _content(other) != _content(entry):
        raise _together(draft, entry, other)
    label = draft.labels.xattrs(place.tree, stat.S_IFREG | mode)
    xattrs = tuple(sorted((*label, *attributes(entry))))
    draft.files[entry.path] = PlannedFile(place=place.tree, mode=mode, xattrs=xattrs)


def _content(entry: FileEntry) -> tuple[object, ...]:
    # Without a digest, only a file itself is certainly the same.
    same = entry.digest or (entry.path if entry.size else "")
    who = (entry.user, entry.group)
    return (same, entry.size, entry.mode, who, entry.capabilities, entry.signature)


def _opt_line(place: TreePath, layout: BaseLayout) -> set[str]:
    # By where /opt leads: systemd makes the directories of a line's own path, and passes through
    # no link to what is yet to be made at the first boot of a host.
    name = place.live.removeprefix(b"/opt").split(b"/")[1:2]
    return {tmpfiles.link_line(layout.opt + b"/" + item, _OPT_LINK + item) for item in name}


def _check_ancestors(draft: _Draft, tmpfiles_path: bytes) -> None:
    """Checks that what lies in a directory does not lie in a file."""
    directories = set(draft.directories)
    for place in (*draft.taken, *draft.directories, tmpfiles_path):
        above = posixpath.dirname(place)
        while above not in directories:
            directories.add(above)
            above = posixpath.dirname(above)
    for place in sorted({*directories, tmpfiles_path} & draft.taken.keys()):
        raise _unsupported(draft, draft.taken[place], "a file where the layer has something else")


def _owned(draft: _Draft) -> Iterator[OwnedPath]:
    places = {file.place: draft.taken[file.place] for file in draft.files.values()}
    places |= {place: draft.taken[place] for place in draft.links}
    places |= draft.directories
    for place, entry in sorted(places.items()):
        waits = place.startswith(FACTORY + b"/") and entry.path != place
        if (entry.user, entry.group) != ("root", "root") and not waits:
            yield OwnedPath(
                path=place,
                user=entry.user,
                group=entry.group,
                mode=stat.S_IMODE(entry.mode),
                capabilities=entry.capabilities,
            )


def _unsupported(draft: _Draft, entry: FileEntry, why: str) -> UnsupportedPathError:
    return UnsupportedPathError(draft.package, shown(entry.path), why)


def _together(draft: _Draft, entry: FileEntry, other: FileEntry) -> UnsupportedPathError:
    return _unsupported(draft, entry, f"falls together with {shown(other.path)} in the tree")
