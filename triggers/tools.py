# SPDX-License-Identifier: LGPL-2.1-or-later
"""Which programs a tree has, and which of them scripts find something else in place of.

A tool is replaced only where it would fail for want of a privilege that the sandbox keeps from it,
while rpm, with all of root's, would have seen it succeed; and only on PATH, never in /usr: what
lies there is what scripts copy, dracut for one. So nothing that an initramfs holds may be in the
table, nor anything whose answer scripts use.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

STAND_INS = "/run/overlay/bin"
QUIET = "/usr/bin/true"


@dataclass(frozen=True, slots=True, kw_only=True)
class StandIn:
    """A tool that does nothing and succeeds, and why."""

    tool: str
    reason: str


TABLE = (
    StandIn(tool="chcon", reason="labels come from the merged tree's policy, after all scripts"),
    StandIn(tool="chattr", reason="a commit holds none of a file system's own flags"),
)

STOOD_IN_FOR = tuple(each.tool for each in TABLE)

# What becomes of others, so that nobody has to find out again. They work: useradd, groupadd,
# usermod, systemd-sysusers, systemd-tmpfiles, ldconfig, depmod KVER, dracut, update-alternatives,
# systemd-hwdb, setcap, semodule -n (restorecon does nothing where no policy is loaded).
# They succeed and do nothing, as the environment tells them to: systemctl's verbs for a running
# system, udevadm control, trigger and settle.
# They fail, as in any chroot or container: dbus-send, gdbus, busctl, hostnamectl, localectl (there
# is no bus), sysctl -w, modprobe, mount, swapon (they would change this machine), mknod (a commit
# holds no device nodes), depmod without KVER (the kernel that runs here is not the tree's).


def stand_ins_for(root: Path) -> tuple[str, ...]:
    """Returns the tools of the tree at `root` that scripts find something else in place of."""
    tools = tools_in(root)
    # A link may lead to a program that goes by the name it is called by.
    if not tools(QUIET) or (root / QUIET.lstrip("/")).is_symlink():
        return ()
    return tuple(each.tool for each in TABLE if tools(each.tool))


def vital_in(root: Path) -> tuple[Path, ...]:
    """Returns what the tree at `root` has of that without which nothing in it runs."""
    loaders = [
        path for each in ("lib", "lib64") for path in (root / "usr" / each).glob("ld-linux*")
    ]
    every = (*(root / each for each in ("usr/etc", "usr/bin/sh", "usr/bin/true")), *loaders)
    return tuple(path for path in every if os.path.lexists(path))


def tools_in(root: Path) -> Callable[[str], bool]:
    """Returns the test whether the tree at `root` has a program, as `TreeChange.tools` wants it."""

    def has(tool: str) -> bool:
        if tool.startswith("/"):
            return _exists(root / tool.lstrip("/"))
        return any(_exists(root / "usr" / each / tool) for each in ("bin", "sbin"))

    return has


def _exists(path: Path) -> bool:
    # A link may be absolute, and would then be followed on the machine: that it is there will do.
    return path.is_symlink() or path.is_file()
