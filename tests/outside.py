# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a script must not be able to change: a look at the machine around it, to be compared.

Files by content, mode, owner, times and attributes; the kernel's settings; mounts, modules, the
host's name, the nodes in /dev. What changes by itself, or by others' work, is left out.
"""

import hashlib
import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

# Counters, seeds and what moves by itself, by their path below /proc/sys.
_MOVING = (
    "fs/aio-nr",
    "fs/binfmt_misc",
    "fs/dentry-state",
    "fs/file-nr",
    "fs/inode-nr",
    "fs/inode-state",
    "fs/quota",
    "kernel/ns_last_pid",
    "kernel/pty/nr",
    "kernel/random/entropy_avail",
    "kernel/random/uuid",
    "kernel/tainted",
    "net",
    "vm/stat_refresh",
)


def look(directories: Iterable[Path]) -> Mapping[str, str]:
    """Returns what is there, by a name for each thing."""
    seen = {
        "host name": os.uname().nodename,
        "mounts": _text(Path("/proc/self/mountinfo")),
        "modules": _text(modules) if (modules := Path("/proc/modules")).exists() else "",
        "devices": " ".join(sorted(each.name for each in Path("/dev").iterdir())),
    }
    for directory in directories:
        seen |= {str(path): _entry(path) for path in (directory, *sorted(directory.rglob("*")))}
    return seen | dict(_settings(Path("/proc/sys")))


@contextmanager
def unchanged(*directories: Path) -> Iterator[None]:
    """Fails if something outside is not afterwards what it was before."""
    before = look(directories)
    yield
    after = look(directories)
    changed = [name for name in before.keys() | after.keys() if before.get(name) != after.get(name)]
    assert sorted(changed) == []


def _settings(directory: Path) -> Iterator[tuple[str, str]]:
    for above, names, files in os.walk(directory):
        place = Path(above).relative_to("/proc/sys")
        names[:] = [name for name in names if str(place / name) not in _MOVING]
        for name in files:
            if str(place / name) not in _MOVING:
                with suppress(OSError):  # write-only, or of a device that is not there
                    yield f"/proc/sys/{place / name}", _text(Path(above, name))


def _text(path: Path) -> str:
    return path.read_bytes().decode("utf-8", "replace")


def _entry(path: Path) -> str:
    found = path.lstat()
    what = f"{found.st_mode:o} {found.st_uid}:{found.st_gid} {found.st_mtime_ns} {found.st_nlink}"
    names = sorted(os.listxattr(path, follow_symlinks=False))
    what += "".join(f" {name}={os.getxattr(path, name, follow_symlinks=False)!r}" for name in names)
    if stat.S_ISLNK(found.st_mode):
        return f"{what} -> {path.readlink()}"
    if stat.S_ISREG(found.st_mode):
        return f"{what} {hashlib.sha256(path.read_bytes()).hexdigest()}"
    return what
