# SPDX-License-Identifier: LGPL-2.1-or-later
"""What scripts left in /var, kept: the host makes it at boot, as it makes what packages bring.

/var is the host's, so that nothing written to the sandbox's can be part of an image as it is. A
directory becomes a line of tmpfiles.d, a link too, and a regular file waits in the factory
directory (https://www.freedesktop.org/software/systemd/man/latest/tmpfiles.d.html). Each script
that wrote is named in a warning: what it wrote belongs to the moment of an image, and a host that
has the path already keeps its own.
"""

import os
import stat
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from layering import beneath, mtree, tmpfiles
from layering.dirtree import FileNode, find
from layering.labels import UNLABELLED, Labels
from layering.mtree import MutableTree
from layering.objects import DirMeta
from layering.owners import UserDatabase
from layering.paths import FACTORY
from layering.repo import Repo
from layering.statefiles import drop_known_lines, known_paths, put_lines
from layering.statewarnings import is_left_out, warnings_of
from layering.statewatch import Watch, Write

PATHS_MAX = 10_000
BYTES_MAX = 256 << 20
# A log is of the machine and the moment that wrote it: what is kept is that there is one.
_LOGS = b"log/"
_OPT = "usr/lib/opt"
_OPT_LINK = b"../../usr/lib/opt/"  # from /var/opt, and from /opt too


@dataclass(slots=True)
class _Kept:
    """What has come together."""

    lines: set[str] = field(default_factory=set)
    files: dict[bytes, str] = field(default_factory=dict)  # path below /var to checksum
    gone: set[bytes] = field(default_factory=set)  # paths of packages that scripts took away
    told: dict[tuple[str, str], list[bytes]] = field(default_factory=dict)
    size: int = 0

    def tell(self, writer: str, what: str, path: bytes) -> None:
        self.told.setdefault((writer, what), []).append(path)


@dataclass(frozen=True, slots=True, kw_only=True)
class StateWrites:
    """Where scripts wrote, and what decides how it is kept."""

    repo: Repo
    base_root: str | None  # checksum of the base's root directory; None: there is no base
    watch: Watch
    var: Path
    upper: Path  # what was written to the tree itself
    users: UserDatabase
    packages: Collection[str]  # names of the layers
    opt: bytes | None = None  # where the host's /opt leads; None: what is in it needs no links
    labels: Labels = UNLABELLED

    def keep(self, tree: MutableTree) -> tuple[str, ...]:
        """Puts into `tree` what makes the host's /var as the scripts left theirs.

        To be called in a transaction, with the tree otherwise complete. Returns the warnings.
        """
        known = known_paths(self.repo, tree, self.packages)
        kept = _Kept()
        for write in self.watch.writes:
            if not is_left_out(write.path):
                self._take(write, kept, known, tree)
        for overflow in self.watch.overflows:
            kept.tell(overflow.writer, "more than can be kept: left out", overflow.path)
        if self.opt is not None:
            kept.lines |= self._opt_links(tree, self.opt)
        for path, checksum in sorted(kept.files.items()):
            self._put(tree, path, checksum)
        own = {line for line in kept.lines if not _makes(line) <= known}
        if own:
            put_lines(self.repo, tree, own, self.labels)
        for path in sorted(kept.gone):
            self._remove(tree, path)
        gone = {b"/var/" + path for path in kept.gone}
        drop_known_lines(self.repo, tree, self.packages, gone=gone, labels=self.labels)
        return warnings_of(kept.told)

    def _opt_links(self, tree: MutableTree, opt: bytes) -> set[str]:
        """Returns lines for what scripts put into /opt, which is in the tree while they run."""
        linked = known_paths(self.repo, tree, ())
        names = [os.fsencode(name) for name in beneath.names(self.upper, _OPT)]
        return {
            tmpfiles.link_line(opt + b"/" + name, _OPT_LINK + name)
            for name in names
            if opt + b"/" + name not in linked
        }

    def _take(self, write: Write, kept: _Kept, known: frozenset[bytes], tree: MutableTree) -> None:
        if write.after is None:
            kept.gone.add(write.path)
            kept.tell(write.writer, "removed", write.path)
            return
        kind = stat.S_IFMT(write.after.mode)
        if len(kept.lines) >= PATHS_MAX:
            kept.tell(write.writer, f"past the limit of {PATHS_MAX} paths: left out", write.path)
        elif kind == stat.S_IFDIR:
            self._take_line(write, kept, known, self._directory(write))
        elif kind == stat.S_IFLNK:
            self._take_line(write, kept, known, self._link(write))
        elif kind == stat.S_IFREG:
            self._take_file(write, kept, known, tree)
        else:
            kept.tell(write.writer, "not a file, directory or link: left out", write.path)

    def _take_line(self, write: Write, kept: _Kept, known: frozenset[bytes], line: str) -> None:
        path = b"/var/" + write.path
        if path in known:
            return  # the tree makes it by itself, and says more of it
        kept.lines.add(line)
        kept.tell(write.writer, "kept", write.path)

    def _take_file(
        self, write: Write, kept: _Kept, known: frozenset[bytes], tree: MutableTree
    ) -> None:
        path = b"/var/" + write.path
        assert write.after is not None  # what is gone was told before
        mode = write.after.mode
        if path in known or self._of_base(path):
            if write.after.size:
                kept.tell(write.writer, "made by the tree's own tmpfiles.d: left out", write.path)
            return
        if write.path.startswith(_LOGS):
            kept.lines.add(tmpfiles.file_line(path, mode, *self._who(write)))
            kept.tell(write.writer, "kept, empty", write.path)
            return
        if kept.size + write.after.size > BYTES_MAX:
            kept.tell(
                write.writer, f"past the limit of {BYTES_MAX >> 20} MiB: left out", write.path
            )
            return
        if not _is_utf8(write.path):
            kept.tell(write.writer, "a name that is not valid UTF-8: left out", write.path)
            return
        kept.size += write.after.size
        checksum, there = self._object(write, path, mode), _factory_file(tree, path)
        same = there is not None and there.checksum == checksum
        if same and write.after.same_but_for_content(write.before):
            return  # written anew, with what the package brought
        kept.files[write.path] = checksum
        kept.lines.add(tmpfiles.factory_line(path, mode, *self._who(write)))
        lost = self._attributes(write.path)
        kept.tell(write.writer, f"kept, but for {', '.join(lost)}" if lost else "kept", write.path)

    def _directory(self, write: Write) -> str:
        assert write.after is not None
        path = b"/var/" + write.path
        return tmpfiles.directory_line(path, write.after.mode, *self._who(write))

    def _link(self, write: Write) -> str:
        assert write.after is not None
        return tmpfiles.link_line(b"/var/" + write.path, write.after.target, *self._who(write))

    def _who(self, write: Write) -> tuple[str, str]:
        """Returns the names of owner and group, or the numbers where the tree knows no name."""
        assert write.after is not None
        user = _name(self.users.users, write.after.uid)
        return user, _name(self.users.groups, write.after.gid)

    def _object(self, write: Write, path: bytes, mode: int) -> str:
        # The line has the mode. What waits in /usr is root's, so that a setuid bit would be too.
        plain = stat.S_IFREG | (mode & 0o777)
        with beneath.opened(self.var, write.path) as content:
            return self.repo.write_regular(
                content,
                length=os.fstat(content.fileno()).st_size,
                mode=plain & 0o777,
                xattrs=self.labels.xattrs(FACTORY + path, plain),
            )

    def _attributes(self, path: bytes) -> list[str]:
        with beneath.opened(self.var, path) as content:
            names = sorted(os.listxattr(content.fileno()))
        return [name for name in names if name != "security.selinux"]

    def _of_base(self, path: bytes) -> bool:
        if self.base_root is None or not _is_utf8(path):
            return False
        place = (FACTORY + path).decode()
        return find(self.repo.dirtree, self.base_root, place) is not None

    def _remove(self, tree: MutableTree, path: bytes) -> None:
        """Removes what a package brought for a path that its script took away."""
        if _is_utf8(path) and not self._of_base(b"/var/" + path):
            directory = _factory_directory(tree, b"/var/" + path)
            if directory is not None:
                mtree.remove(directory, path.rpartition(b"/")[2].decode())

    def _put(self, tree: MutableTree, path: bytes, checksum: str) -> None:
        *above, name = (FACTORY + b"/var/" + path).decode().strip("/").split("/")
        below, place = tree, ""
        for part in above:
            below, place = mtree.enter(below, part), f"{place}/{part}"
            if not below.get_metadata_checksum():
                labels = self.labels.xattrs(place.encode(), stat.S_IFDIR | 0o755)
                mtree.set_meta(below, self.repo.write_dirmeta(DirMeta(xattrs=labels)))
        mtree.put_file(below, name, checksum)


def _factory_directory(tree: MutableTree, path: bytes) -> MutableTree | None:
    """Returns the directory that holds what waits for `path`."""
    found = tree
    for part in (FACTORY + path).decode().strip("/").split("/")[:-1]:
        below = mtree.child(found, part)
        if not isinstance(below, MutableTree):
            return None
        found = below
    return found


def _factory_file(tree: MutableTree, path: bytes) -> FileNode | None:
    directory = _factory_directory(tree, path)
    name = path.rpartition(b"/")[2].decode()
    found = mtree.child(directory, name) if directory is not None else None
    return found if isinstance(found, FileNode) else None


def _makes(line: str) -> frozenset[bytes]:
    return tmpfiles.made_paths(line.encode("utf-8", "surrogateescape"))


def _is_utf8(path: bytes) -> bool:
    try:
        path.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _name(numbers: Mapping[str, int], number: int) -> str:
    if number == 0:
        return "root"
    return next((name for name, found in numbers.items() if found == number), str(number))
