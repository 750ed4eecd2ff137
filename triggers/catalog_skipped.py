# SPDX-License-Identifier: LGPL-2.1-or-later
"""Rows of the catalog that never run while a tree is made, and what has no row at all.

No row is needed for byte code: Perl has none, and Python's comes with the packages, where the
importer makes it independent of times; a package that has none is read as it is, as under rpm. Nor
for what packages do in scripts of their own, which see the same tree: gconv-modules.cache, locale
archives, presets of units, crypto-policies' back ends, TeX's ls-R, VLC's list of modules. GStreamer
keeps its registry in each user's home.
"""

from triggers.declared import DeclaredTrigger

SKIPPED: tuple[DeclaredTrigger, ...] = (
    DeclaredTrigger(
        name="man-db",
        paths=("/usr/share/man/**",),
        tools=("mandb",),
        skipped="its index lies in /var; the host's own timer makes it",
        reason="the index of manual pages that `man -k` reads; `man` itself needs none",
    ),
    DeclaredTrigger(
        name="journal-catalog",
        paths=("/usr/lib/systemd/catalog/*.catalog",),
        tools=("journalctl",),
        skipped="its output lies in /var; the host makes it when it boots the tree",
        reason="explanations of journal messages",
    ),
    DeclaredTrigger(
        name="appstream",
        paths=("/usr/share/(metainfo|appdata|swcatalog|app-info)/**",),
        tools=("appstreamcli",),
        skipped="its cache lies in /var; whoever asks for components makes it if it is outdated",
        reason="what software centres know of programs",
    ),
    DeclaredTrigger(
        name="udev",
        paths=("/(usr/lib|etc)/udev/rules.d/*.rules",),
        tools=("udevadm",),
        skipped="udev does not run while a tree is made, and reads its rules when the host boots",
        reason="packages have udev read its rules again",
    ),
    DeclaredTrigger(
        name="dbus",
        paths=(
            "/(usr/share|etc)/dbus-1/(system|session).d/*.conf",
            "/usr/share/dbus-1/(services|system-services)/*.service",
        ),
        tools=("dbus-send", "busctl"),
        skipped="there is no bus while a tree is made; it reads its files when the host boots",
        reason="packages have the bus read its configuration again",
    ),
    DeclaredTrigger(
        name="polkit",
        paths=("/(usr/share|etc)/polkit-1/(actions|rules.d)/*",),
        tools=("pkaction",),
        skipped="polkit does not run while a tree is made, and watches its directories itself",
        reason="packages have polkit read its rules again",
    ),
    DeclaredTrigger(
        name="tmpfiles",
        paths=("/(usr/lib|etc)/tmpfiles.d/*.conf",),
        tools=("systemd-tmpfiles",),
        skipped=(
            "makes files in /var and /run, when the host boots the tree; lines of layers that say "
            "again what the tree's own say are taken out when the tree is put together"
        ),
        reason="what packages have in /var and /run",
    ),
)
