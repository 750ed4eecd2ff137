# SPDX-License-Identifier: LGPL-2.1-or-later
"""The one place that imports libostree through PyGObject, and turns its errors into ours.

`gi.require_version` must run before the first import of the typelib, and only once.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import gi

from layering.errors import RepoError

gi.require_version("OSTree", "1.0")

from gi.repository import Gio, GLib, OSTree  # noqa: E402

__all__ = ["GLib", "Gio", "OSTree", "reported"]


@contextmanager
def reported(path: Path, what: str) -> Iterator[None]:
    """Turns libostree's errors into ours; a full disk is said in words that help."""
    try:
        yield
    except GLib.Error as error:
        ours = RepoError(path, f"{what}: {error.message}")
        full = error.matches(Gio.io_error_quark(), Gio.IOErrorEnum.NO_SPACE)
        # Space that libostree keeps free has no error code of its own, only its option's name.
        if full or "min-free-space-" in error.message:
            ours.add_note("free some space, or remove old deployments with 'overlay cleanup'")
        raise ours from error
