# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a sandbox stands on, put right before each script and after the last.

bubblewrap follows links of the machine when it looks for what to bind, and scripts can put a link
anywhere in the tree and in /var. So before each script, while none runs, whatever is bound or bound
upon must be a true directory.
"""

import os
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from triggers.errors import SandboxError

if TYPE_CHECKING:
    from triggers.sandbox import Sandbox

MACHINE_ID = "/etc/machine-id"


def make_ready(sandbox: "Sandbox", label: str) -> None:
    """Makes what every script finds in /var; to be called before each one, `label`.

    Raises:
        SandboxError: an earlier script has put something else in the place of a directory.
    """
    bound = ["usr", *(["usr/etc"] if sandbox.etc else []), *sandbox.tops]
    inner = [each.source for each in sandbox.binds if each.source.is_relative_to(sandbox.root)]
    bound += [str(source.relative_to(sandbox.root)) for source in inner]
    for name in bound:
        if not _all_directories(sandbox.root, name):
            raise SandboxError(f"/{name} is no directory any more", label)
    if sandbox.machine_id and not is_file(sandbox.root / f"usr{MACHINE_ID}"):
        raise SandboxError(f"{MACHINE_ID} is no file any more", label)
    _make(sandbox.rpm_state)
    _make(sandbox.var)
    links = [target for _, target in sandbox.links if target.startswith("var/")]
    names = [target.removeprefix("var/") for target in links if ".." not in target]
    for name in ("lib/rpm-state", "cache", "log", "spool", "tmp", *names):
        _make_directories(sandbox.var, name)
    for name, target in (("run", "../run"), ("lock", "../run/lock")):
        if not os.path.lexists(sandbox.var / name):
            (sandbox.var / name).symlink_to(target)


def tidy(sandbox: "Sandbox") -> None:
    """Removes what no tree may keep; to be called after the last script, while none runs."""
    if sandbox.etc and not sandbox.machine_id and _all_directories(sandbox.root, "usr/etc"):
        # Whoever boots the tree gets one of his own (machine-id(5)).
        with suppress(FileNotFoundError, IsADirectoryError):
            (sandbox.root / f"usr{MACHINE_ID}").unlink()


def written_places(sandbox: "Sandbox") -> tuple[Path, ...]:
    """Returns a directory on each file system that scripts write to, other than in memory."""
    var = sandbox.var if sandbox.var.exists() else sandbox.var.parent
    return (var, sandbox.root)


def _make_directories(below: Path, name: str) -> None:
    path = below
    for part in PurePosixPath(name).parts:
        path = path / part
        if path.is_symlink() or (path.exists() and not path.is_dir()):
            path.unlink()
        _make(path)


def _make(path: Path) -> None:
    """Makes a directory that everybody may enter, whatever the caller's umask."""
    if not path.exists():
        path.mkdir(parents=True)
        path.chmod(0o755)


def is_file(path: Path) -> bool:
    """Returns whether a path is a file, and no link to one."""
    return path.is_file() and not path.is_symlink()


def _all_directories(root: Path, name: str) -> bool:
    path = root
    for part in PurePosixPath(name).parts:
        path = path / part
        if path.is_symlink() or not path.is_dir():
            return False
    return True
