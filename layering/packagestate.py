# SPDX-License-Identifier: LGPL-2.1-or-later
"""What packages bring below /var and /run, put where their scripts look for it.

On the host these paths are made at boot, from tmpfiles.d; under rpm a script finds them already
there. So before the first script what the layers bring is put into the sandbox's /var. What the
base brings is not: that would cost the base's size, and a script that changes it would find
something else on each host. Whoever is to own it must exist, or the host's tmpfiles would fail.
"""

import os
import stat
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from layering import beneath, treewalk
from layering.importer import LayerInfo
from layering.owners import OwnedPath, UserDatabase
from layering.ownership import Owner, give
from layering.paths import FACTORY, BaseLayout, Zone, moved_target, tree_path

_VAR = b"/var/"
# Of two packages one may have a file where the other has a directory: the first has it.
_IN_THE_WAY = (NotADirectoryError, IsADirectoryError, FileExistsError, FileNotFoundError)


@dataclass(frozen=True, slots=True, kw_only=True)
class StatePath:
    """A directory, link or file that the host makes at boot."""

    path: bytes  # on the running system
    package: str  # NEVRA
    mode: int  # the whole st_mode
    target: bytes  # of a link
    user: str
    group: str


def state_paths(layers: Iterable[LayerInfo], layout: BaseLayout) -> tuple[StatePath, ...]:
    """Returns what packages bring below /var and /run, by path; of two the first package's."""
    found: dict[bytes, StatePath] = {}
    for layer in sorted(layers, key=lambda layer: layer.layer.nevra.name):
        for entry in layer.header.files:
            if entry.ghost or (entry.path.startswith(b"/usr/") and not _may_lead_out(entry.path)):
                continue
            place = tree_path(entry.path, layout, directory=stat.S_ISDIR(entry.mode))
            if place.zone is Zone.STATE:
                state = StatePath(
                    path=place.live,
                    package=str(layer.layer.nevra),
                    mode=entry.mode,
                    target=moved_target(entry.path, entry.link_target, place, layout),
                    user=entry.user,
                    group=entry.group,
                )
                found.setdefault(place.live, state)
    return tuple(found[path] for path in sorted(found))


def put(root: Path, var: Path, paths: Sequence[StatePath], timestamp: int) -> None:
    """Puts into `var` what lies below /var; the contents of files wait in the tree at `root`.

    All that is there has the time `timestamp` then, which is the scripts' own, and no clock's.
    """
    for each in paths:
        place = each.path.removeprefix(_VAR)
        if place == each.path:
            continue
        mode = stat.S_IMODE(each.mode)
        with suppress(*_IN_THE_WAY):
            if stat.S_ISDIR(each.mode):
                beneath.make_directories(var, place, mode)
                continue
            above = place.rpartition(b"/")[0]
            if above:
                beneath.make_directories(var, above)
            if stat.S_ISLNK(each.mode):
                beneath.make_link(var, place, os.fsdecode(each.target))
            else:
                with beneath.opened(root, FACTORY + each.path) as content:
                    beneath.write_file(var, place, content, mode)
    times = (timestamp, timestamp)
    for found in treewalk.walk(var, whole=False):
        os.utime(found.name, times, dir_fd=found.directory, follow_symlinks=False)
    os.utime(var, times)


def apply_owners(var: Path, paths: Sequence[StatePath], users: UserDatabase) -> None:
    """Gives what was put into `var` to its owners; what a script has taken away is left.

    Raises:
        UnknownOwnerError: naming file, package and user, before anything is changed.
    """
    owned = [path for path in paths if (path.user, path.group) != ("root", "root")]
    numbers = [users.resolve([_owned(path)], path.package)[0] for path in owned]
    for path, number in zip(owned, numbers, strict=True):
        owner = Owner(uid=number.uid, gid=number.gid, mode=number.mode)
        if path.path.startswith(_VAR):
            # A %pre may have put something else there: what the host has comes from tmpfiles.
            with suppress(OSError):
                give(var, path.path.removeprefix(_VAR), owner)


def _may_lead_out(path: bytes) -> bool:
    """Whether a path below /usr may run through a link into /var (`BaseLayout.links`)."""
    return path.startswith((b"/usr/local", b"/usr/tmp"))


def _owned(path: StatePath) -> OwnedPath:
    mode = stat.S_IMODE(path.mode)
    return OwnedPath(path=path.path, user=path.user, group=path.group, mode=mode, capabilities="")
