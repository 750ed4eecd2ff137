# SPDX-License-Identifier: LGPL-2.1-or-later
"""The three system calls around mounts that Python's `os` lacks (`unshare` came with 3.12).

Mounts are made in a mount namespace of this process: they vanish with it, however it ends, and
nobody else's unmounting or file managers see them (mount_namespaces(7)).
"""

import ctypes
import os
from collections.abc import Sequence
from pathlib import Path

from layering.errors import MountError

_CLONE_NEWNS = 0x20000
_MS_REC, _MS_SLAVE = 0x4000, 0x80000
_MNT_DETACH = 2

_libc = ctypes.CDLL(None, use_errno=True)
_libc.mount.argtypes = (
    ctypes.c_char_p,
    ctypes.c_char_p,
    ctypes.c_char_p,
    ctypes.c_ulong,
    ctypes.c_char_p,
)
_libc.umount2.argtypes = (ctypes.c_char_p, ctypes.c_int)
_libc.unshare.argtypes = (ctypes.c_int,)

_own_namespace_of: int | None = None  # the process that entered one; a fork shares its parent's


def enter_own_namespace() -> None:
    """Gives this process a mount namespace of its own, once.

    Only the calling thread and what it starts from here on move: call it from the main thread,
    before others exist that should see the mounts. Mounts of the host still come in, none go out.
    """
    global _own_namespace_of
    if _own_namespace_of == os.getpid():
        return
    root = Path("/")
    _check(_libc.unshare(_CLONE_NEWNS), "make a mount namespace for", root)
    _check(_libc.mount(None, b"/", None, _MS_REC | _MS_SLAVE, None), "detach the mounts of", root)
    _own_namespace_of = os.getpid()


def mount_overlay(target: Path, *, lowers: Sequence[Path], upper: Path, work: Path) -> None:
    """Mounts an overlay of `lowers` (the first on top) with all writes going to `upper`.

    `upper` and `work` are on one file system and never used again (overlayfs.rst,
    https://docs.kernel.org/filesystems/overlayfs.html): the mount is volatile, no sync waits for
    the disk. The features that would leave the tree's content in extended attributes are off.
    """
    options = [
        "lowerdir=" + ":".join(_escaped(lower) for lower in lowers),
        f"upperdir={_escaped(upper)}",
        f"workdir={_escaped(work)}",
        "metacopy=off,redirect_dir=off,index=off,xino=off,volatile",
    ]
    data = os.fsencode(",".join(options))
    done = _libc.mount(b"overlay", os.fsencode(target), b"overlay", 0, data)
    _check(done, "mount an overlay at", target)


def unmount(target: Path) -> None:
    """Takes a mount away at once; what still has files open there keeps them."""
    _check(_libc.umount2(os.fsencode(target), _MNT_DETACH), "unmount", target)


def _escaped(path: Path) -> str:
    text = os.fspath(path)
    for char in "\\:,":
        text = text.replace(char, "\\" + char)
    return text


def _check(status: int, what: str, target: Path) -> None:
    if status:
        raise MountError(what, target, os.strerror(ctypes.get_errno()))
