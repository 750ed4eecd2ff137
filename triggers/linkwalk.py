# SPDX-License-Identifier: LGPL-2.1-or-later
"""Where names lead to inside the sandbox, link by link, while what named them waits.

Links are followed here and not by the kernel, so that every one of them is known: one that leads
elsewhere in another tree, and one that the script has made itself. That is cheap as places are
remembered, until something changes that may have been a link.

A name may lead through another root than the sandbox's: a process has changed its own (chroot(2)),
or wants one for a single call (openat2(2), RESOLVE_IN_ROOT). Absolute links then lead there, and
nothing goes up from it. Places are named from the sandbox's root all the same.

In /proc a process's links (`cwd`, `fd/3`) lead by no name at all, and `self` is somebody else for
each who asks: those of the caller are read from outside, others' are in doubt.
"""

import errno
import os
import stat

from triggers.observed import DoubtError
from triggers.peek import Peek

_LINKS_MOST = 40  # MAXSYMLINKS
_NO_LINK = {
    errno.EINVAL,
    errno.ENOENT,
    errno.ENOTDIR,
    errno.EACCES,
    errno.ELOOP,
    errno.ENAMETOOLONG,
}
_SELF = ("self", "thread-self")
DELETED = " (deleted)"  # how the kernel ends a name that is no more


class LinkWalk:
    """All that names were seen to lead to, below the directory `root`, an open file."""

    def __init__(self, root: int, peek: Peek) -> None:
        self.looked: set[str] = set()
        self.other_roots = False  # whether a process may have another root than the sandbox's
        self._root, self._peek = root, peek
        self._seen: set[str] = set()
        self._targets: dict[str, str | None] = {}
        self._same_for_all = True

    def forget(self) -> None:
        """Takes no place for what it was before."""
        self._seen.clear()
        self._targets.clear()

    def look(self, path: str, process: int, top: str = "") -> None:
        """Adds all that an absolute path leads to, below the root at `top`.

        Raises:
            DoubtError: that depends on another process.
            OSError: a link cannot be read.
        """
        if top or path not in self._seen:
            self.lead(path, process, top)

    def lead(self, path: str, process: int, top: str = "") -> tuple[str, str]:
        """Adds all that a path leads to; returns its own place, and that with its last link gone.

        `top` is the place of the root that holds for the name, "" for the sandbox's; `path` is told
        from the sandbox's nevertheless. Raises as `look` does.
        """
        if not top:
            self.looked.add(_normal(path))
        self._same_for_all = True
        todo = path.rstrip("/").split("/")[::-1]
        here, named, crossed = "", "", 0
        while todo:
            name = todo.pop()
            if not name or name == ".":
                continue
            if name == "..":
                self.looked.add(here or "/")  # it must be a directory
                here = here if here == top else here.rpartition("/")[0]
                continue
            place = f"{here}/{name}"
            if not todo and not named:
                named = place
            target = self._target(place, process, more=bool(todo))
            if target is None:
                here = place
                continue
            if top and place.startswith("/proc/"):
                raise DoubtError("a link in /proc below another root")
            self.looked.add(place)
            crossed += 1
            if crossed > _LINKS_MOST:
                break
            todo += target.split("/")[::-1]
            here = top if target.startswith("/") else here
        self.looked.add(here or "/")
        if self._same_for_all and not top:
            self._seen.add(path)
        return named or here or "/", here or "/"

    def is_link(self, place: str) -> bool:
        """Returns whether there was a link at a place that a name led to."""
        return self._targets.get(place) is not None

    def is_directory(self, place: str) -> bool:
        """Returns whether there is a directory at a place."""
        try:
            found = os.stat(place[1:] or ".", dir_fd=self._root, follow_symlinks=False)
        except OSError:
            return False
        return stat.S_ISDIR(found.st_mode)

    def is_gone(self, place: str) -> bool:
        """Returns whether the kernel calls a directory so that is no more."""
        # One that is there may be called so, too.
        return place.endswith(DELETED) and not self.is_directory(place)

    def open(self, place: str) -> int | None:
        """Returns the file at a place, opened to be read, None where there is none.

        Raises:
            OSError: there is one, and it cannot be opened.
        """
        name = place[1:]
        try:
            if not stat.S_ISREG(os.stat(name, dir_fd=self._root, follow_symlinks=False).st_mode):
                return None
        except OSError:
            return None
        return os.open(name, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW, dir_fd=self._root)

    def _target(self, place: str, process: int, *, more: bool) -> str | None:
        if place.startswith("/proc/"):
            return self._target_in_proc(place, process, more=more)
        try:
            return self._targets[place]
        except KeyError:
            pass
        target: str | None = None
        try:
            target = os.readlink(place[1:], dir_fd=self._root)
        except OSError as error:
            if error.errno not in _NO_LINK:
                raise
        self._targets[place] = target
        return target

    def _target_in_proc(self, place: str, process: int, *, more: bool) -> str | None:
        self._same_for_all = False
        _, _, who, *rest = place.split("/")
        own = who in _SELF and rest[:1] != ["task"]
        if rest[:1] == ["task"]:
            rest = rest[2:]
        if rest == ["root"] and not self.other_roots:
            return "/"
        if rest not in (["cwd"], ["root"]) and not (len(rest) == 2 and rest[0] == "fd"):
            return None
        if not own:
            if more:
                raise DoubtError("another process's directory")
            return None  # somebody has opened it, and was seen
        try:
            target = self._peek.link(process, "/".join(rest))
        except OSError:
            return None  # no such descriptor
        return target if target.startswith("/") else None


def _normal(path: str) -> str:
    if "/." not in path and "//" not in path and path[-1] != "/":
        return path
    return "/" + os.path.normpath(path).lstrip("/")
