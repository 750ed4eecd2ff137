# SPDX-License-Identifier: LGPL-2.1-or-later
"""Scripts of well-known packages that do not run, each with its reason.

Only what would act on something that a tree under construction is not: a running system, a kernel
that is not the tree's, caches in /var. Everything else runs as the packager wrote it; a script that
would merely be superfluous is no reason for a row.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase

from triggers.phase import Phase


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One rule. A file trigger must watch `prefixes` and nothing outside them, if there are any."""

    packages: tuple[str, ...]  # names, may have wildcards
    phases: frozenset[Phase]
    prefixes: tuple[str, ...] = ()
    reason: str


_FILES = frozenset(
    {
        Phase.FILETRIGGERIN,
        Phase.FILETRIGGERPOSTUN,
        Phase.TRANSFILETRIGGERIN,
        Phase.TRANSFILETRIGGERPOSTUN,
    }
)
_SYSTEMD = ("systemd", "systemd-udev")

POLICY: tuple[Row, ...] = (
    Row(
        packages=_SYSTEMD,
        phases=_FILES,
        prefixes=("/usr/lib/sysusers.d", "/etc/sysusers.d"),
        reason="the built-in systemd-sysusers has run already, before %pre and before owners",
    ),
    Row(
        packages=_SYSTEMD,
        phases=_FILES,
        prefixes=("/usr/lib/systemd/catalog",),
        reason="its output lies in /var; the host makes it when it boots the tree",
    ),
    Row(
        packages=_SYSTEMD,
        phases=_FILES,
        prefixes=("/usr/lib/tmpfiles.d", "/etc/tmpfiles.d"),
        reason="makes files in /var and /run; the host does it when it boots the tree",
    ),
    Row(
        packages=_SYSTEMD,
        phases=_FILES,
        prefixes=("/usr/lib/systemd/", "/etc/systemd/", "/usr/lib/udev/rules.d"),
        reason="reloads the service manager or udev; neither runs while a tree is made",
    ),
    Row(
        packages=_SYSTEMD,
        phases=_FILES,
        prefixes=("/usr/lib/sysctl.d", "/etc/sysctl.d", "/usr/lib/binfmt.d", "/etc/binfmt.d"),
        reason="would set up the kernel that runs here",
    ),
    Row(
        packages=("man-db",),
        phases=_FILES,
        reason="its index lies in /var; the host's own timer makes it",
    ),
    Row(
        packages=("glibc",),
        phases=frozenset({Phase.PRE, Phase.PRETRANS}),
        reason="checks the kernel that runs here, which need not be the one the tree boots",
    ),
    Row(
        packages=(
            "kernel",
            "kernel-core",
            "kernel-modules*",
            "kernel-*-core",
            "kernel-*-modules*",
            "kernel-rt",
            "kernel-uki-virt*",
        ),
        phases=frozenset({Phase.POST, Phase.POSTTRANS}),
        reason=(
            "would install a boot entry on this machine; kernel and initramfs stay in "
            "/usr/lib/modules, and the built-in depmod covers modules"
        ),
    ),
    Row(
        packages=("microcode_ctl", "nfs-utils"),
        phases=frozenset({Phase.POST, Phase.POSTTRANS}),
        reason="would rebuild the initramfs of the kernel that runs here",
    ),
)


def skip_reason(
    name: str, phase: Phase, prefixes: Iterable[str] = (), rows: Iterable[Row] = POLICY
) -> str | None:
    """Returns why a script of package `name` does not run, None if it does.

    `prefixes` are what a file trigger watches, nothing for other scripts.
    """
    watched = tuple(prefixes)
    for row in rows:
        if phase not in row.phases or not any(fnmatchcase(name, each) for each in row.packages):
            continue
        if not row.prefixes or (watched and all(each.startswith(row.prefixes) for each in watched)):
            return row.reason
    return None
