# SPDX-License-Identifier: LGPL-2.1-or-later
"""libselinux itself, asked which label a policy gives, and the labels that files on disk have.

It is asked as programs on a host ask it, compiled forms and all (selabel_open(3)).
"""

import ctypes
import os
import stat
from collections.abc import Iterator
from pathlib import Path

ATTRIBUTE = "security.selinux"
_FILES = 0  # SELABEL_CTX_FILE
_PATH = 3  # SELABEL_OPT_PATH


class _Option(ctypes.Structure):
    _fields_ = (("type", ctypes.c_int), ("value", ctypes.c_char_p))


class FileContexts:
    """A `file_contexts` with its neighbours, as libselinux understands it."""

    def __init__(self, path: Path) -> None:
        self._library = ctypes.CDLL("libselinux.so.1", use_errno=True)
        self._library.selabel_open.restype = ctypes.c_void_p
        option = _Option(type=_PATH, value=os.fsencode(path))
        handle = self._library.selabel_open(_FILES, ctypes.byref(option), 1)
        if not handle:
            raise RuntimeError(f"libselinux cannot read {path}")
        self._handle = ctypes.c_void_p(handle)

    @classmethod
    def of(cls, root: Path, kind: str = "default") -> "FileContexts":
        """Returns those of a tree on disk."""
        return cls(root / f"usr/etc/selinux/{kind}/contexts/files/file_contexts")

    def label(self, path: str, mode: int) -> str | None:
        """Returns the label of a path on the running system, None if the policy gives none."""
        found = ctypes.c_char_p()
        name = os.fsencode(path)
        if self._library.selabel_lookup_raw(self._handle, ctypes.byref(found), name, mode):
            return None
        return (found.value or b"").decode()


def labels_on_disk(root: Path) -> Iterator[tuple[str, int, str | None]]:
    """Yields path on the running system, mode and label of the root, its links, and all of /usr."""
    links = [each for each in sorted(root.iterdir()) if each.is_symlink()]
    for path in (root, *links):
        live = f"/{path.name}" if path != root else "/"
        yield live, path.lstat().st_mode, label_on_disk(path)
    for above, dirs, files in os.walk(root / "usr"):
        for name in ("", *files, *(each for each in dirs if Path(above, each).is_symlink())):
            path = Path(above, name)
            place = f"/{path.relative_to(root)}"
            live = place.removeprefix("/usr") if f"{place}/".startswith("/usr/etc/") else place
            yield live, path.lstat().st_mode, label_on_disk(path)


def label_on_disk(path: Path) -> str | None:
    """Returns the label that a file has, None if it has none."""
    try:
        value = os.getxattr(path, ATTRIBUTE, follow_symlinks=False)
    except OSError:
        return None
    return value.rstrip(b"\0").decode()


def wrongly_labelled(root: Path, policy: Path) -> list[str]:
    """Returns what of a tree on disk does not have the label that a tree's policy gives it."""
    contexts = FileContexts.of(policy)
    return [
        f"{path} {stat.filemode(mode)}: {label}, not {wanted}"
        for path, mode, label in labels_on_disk(root)
        if label != (wanted := contexts.label(path, mode))
    ]
