# SPDX-License-Identifier: LGPL-2.1-or-later
"""Built-in triggers: caches that a tree needs even if none of its packages has a trigger for them.

A table. Two things decide a row's options. Modification times mean nothing: they are zero in a
deployed tree, and the time of day in what was just put together. And the same change must give the
same bytes on every host, whatever order its file system lists names in.
"""

import re
from collections.abc import Mapping, Sequence

from triggers.declared import DeclaredTrigger
from triggers.target import captures_of

SYSUSERS = DeclaredTrigger(
    name="systemd-sysusers",
    paths=("/usr/lib/sysusers.d/{file:*.conf}",),
    tools=("systemd-sysusers",),
    fatal=True,  # rpm, too, refuses a package whose users cannot be made
    reason=(
        "makes the users that own files and that %pre may ask for; only what the new files say, "
        "by their bare names, so that a file of the same name in /etc still overrides"
    ),
)

INITRAMFS = DeclaredTrigger(
    name="dracut",
    paths=(
        "/usr/lib/dracut/**",
        "/etc/dracut.conf",
        "/etc/dracut.conf.d/*.conf",
        "/usr/lib/firmware/(intel|amd)-ucode/**",
        "/usr/lib/modules/*/vmlinuz",
    ),
    tools=("dracut",),
    arguments=("--force", "--reproducible"),
    # Device nodes cannot be made in the sandbox; the kernel's own devtmpfs brings them.
    environment=(("DRACUT_NO_MKNOD", "1"), ("TMPDIR", "/tmp")),
    fatal=True,  # a tree with a new kernel does not boot without
    reason=(
        "the initramfs of the tree's one kernel, if dracut made the base's: microcode is loaded "
        "from it, and dracut's modules and configuration say what is in it"
    ),
)

_LIBDIR = ("/usr/{libdir:lib*}", "/usr/{libdir:lib*/*-linux-*}")

_CACHES = (
    DeclaredTrigger(
        name="ldconfig",
        paths=("/usr/lib*/**/(lib|ld-)*.so*", "/etc/ld.so.conf", "/etc/ld.so.conf.d/*.conf"),
        tools=("ldconfig",),
        first=True,
        supersedes=True,
        reason=(
            "the linker's cache, ahead of other triggers as their programs may need it; packages' "
            "triggers watch all of /usr/lib, this one libraries. What it keeps in /var is not kept"
        ),
    ),
    DeclaredTrigger(
        name="depmod",
        paths=("/usr/lib/modules/{kernel}/**/*.ko(|.gz|.xz|.zst)",),
        tools=("depmod",),
        arguments=("{kernel}",),
        body='[ ! -d "/usr/lib/modules/$2" ] || exec "$1" -a -- "$2"\n',
        reason="module dependencies of each kernel touched; a removed kernel leaves no directory",
    ),
    DeclaredTrigger(
        name="systemd-hwdb",
        paths=("/(usr/lib|etc)/udev/hwdb.d/*.hwdb",),
        tools=("systemd-hwdb",),
        body='[ -e /etc/udev/hwdb.bin ] || exec "$1" update --usr\nexec "$1" update\n',
        reason="the hardware database; below /usr unless the tree keeps it in /etc, which wins",
    ),
    DeclaredTrigger(
        name="glib-compile-schemas",
        paths=("/usr/share/glib-2.0/schemas/*.(xml|gschema.override)",),
        tools=("glib-compile-schemas",),
        arguments=("/usr/share/glib-2.0/schemas",),
        reason="GSettings schemas; sorted by the tool, no time in its output",
    ),
    DeclaredTrigger(
        name="gio-querymodules",
        paths=tuple(f"{each}/gio/modules/*.so" for each in _LIBDIR),
        tools=(
            "gio-querymodules-64",
            "gio-querymodules",
            "/usr/{libdir}/glib-2.0/gio-querymodules",
        ),
        arguments=("/usr/{libdir}/gio/modules",),
        body='"$1" "$2" || exit\ncache=$2/giomodule.cache\n'
        '[ ! -e "$cache" ] || LC_ALL=C sort -o "$cache" "$cache"\n',
        reason="GIO modules; sorted, as the tool lists them in the order of the directory",
    ),
    DeclaredTrigger(
        name="gdk-pixbuf-query-loaders",
        paths=tuple(f"{each}/gdk-pixbuf-2.0/*/loaders/*.so" for each in _LIBDIR),
        tools=(
            "gdk-pixbuf-query-loaders-64",
            "gdk-pixbuf-query-loaders",
            "/usr/{libdir}/gdk-pixbuf-2.0/gdk-pixbuf-query-loaders",
        ),
        arguments=("--update-cache",),
        reason="image loaders, one run for each library directory",
    ),
    DeclaredTrigger(
        name="update-mime-database",
        paths=("/usr/share/mime/packages/*.xml",),
        writes=("/usr/share/mime/**",),
        tools=("update-mime-database",),
        arguments=("/usr/share/mime",),
        environment=(("PKGSYSTEM_ENABLE_FSYNC", "0"),),
        supersedes=True,
        reason="MIME types; without -n, which goes by times; without fsync, as the commit syncs",
    ),
    DeclaredTrigger(
        name="update-desktop-database",
        paths=("/usr/share/applications/**/*.desktop",),
        tools=("update-desktop-database",),
        arguments=("--quiet", "/usr/share/applications"),
        reason="which program opens which MIME type",
    ),
    DeclaredTrigger(
        name="gtk-update-icon-cache",
        paths=("/usr/share/icons/{theme}/**",),
        but=("/usr/share/icons/**/icon-theme.cache",),
        tools=("gtk-update-icon-cache", "gtk4-update-icon-cache"),
        arguments=("/usr/share/icons/{theme}",),
        body='[ ! -e "$2/index.theme" ] || exec "$1" --force --quiet "$2"\n',
        supersedes=True,
        reason="icons of each theme touched that has an index; --force, as times mean nothing",
    ),
    DeclaredTrigger(
        name="fontconfig",
        paths=("/usr/(share|share/X11|local/share)/fonts/**",),
        tools=("fc-list",),
        aliases=("fc-cache",),
        body="cache=/usr/lib/fontconfig/cache\n"
        '[ ! -d "$cache" ] || { rm -f "$cache"/*.cache-*; exec "$1" > /dev/null; }\n',
        # A cache holds the time of its directory, or this if that is earlier.
        environment=(("SOURCE_DATE_EPOCH", "0"),),
        supersedes=True,
        reason=(
            "fonts, where the tree keeps their cache in /usr: one in /var is the host's to make. "
            "Listing fonts makes missing caches; fc-cache would sleep two seconds, and delete as "
            "outdated those without a time"
        ),
    ),
)


# In the order in which they run, where nothing says otherwise.
CATALOG: tuple[DeclaredTrigger, ...] = (SYSUSERS, *_CACHES, INITRAMFS)

# What a scriptlet may name to ask for the same, by row.
_OPERANDS: Mapping[str, re.Pattern[str]] = {
    "depmod": re.compile(r"([^/]+)"),
    "systemd-hwdb": re.compile(r"update"),
    "glib-compile-schemas": re.compile(r"/usr/share/glib-2\.0/schemas/?"),
    "gio-querymodules": re.compile(r"/usr/(lib[^/]*(?:/[^/]+-linux-[^/]+)?)/gio/modules/?"),
    "update-mime-database": re.compile(r"/usr/share/mime/?"),
    "update-desktop-database": re.compile(r"/usr/share/applications/?"),
    "gtk-update-icon-cache": re.compile(r"/usr/share/icons/([^/]+)/?"),
    "fontconfig": re.compile(r"/usr/share/fonts(?:/.*)?"),
}

# What surrounds the call of a known tool in the snippets that packages have copied for years.
_IDLE = re.compile(r"|#.*|:|true|set -e|exit 0|(?:/usr)?/?(?:bin/)?touch --no-create .*")
_LONGEST = 4096
_CALL = re.compile(
    r"(?:HOME=/root +)?(?:/usr)?/?(?:s?bin/)?(?P<tool>[\w.-]+)(?P<words>(?: +[\w./=+~-]+)*)"
    r"(?: *(?:&>|>&|[12]?>) */dev/null| *2>&1)*(?: *\|\| *(?:true|:))? *;?"
)


def asked_for(
    interpreter: Sequence[str], body: str | None, rows: Sequence[DeclaredTrigger] = _CACHES
) -> tuple[tuple[DeclaredTrigger, tuple[str, ...]], ...]:
    """Returns the rows, with captures, that a scriptlet calls if it does nothing else at all.

    `%post -p /sbin/ldconfig` and the old idioms around icon and desktop caches are such; a script
    with one more command is not, and runs as it is.
    """
    if len(body or "") > _LONGEST:
        return ()
    if body is None:
        lines = [" ".join(interpreter)]
    elif len(interpreter) == 1 and interpreter[0].rpartition("/")[2] in ("sh", "bash", "dash"):
        lines = [line.strip() for line in body.splitlines()]
    else:
        return ()
    found = []
    for line in lines:
        if _IDLE.fullmatch(line):
            continue
        call = _call(line, rows)
        if call is None:
            return ()
        found.append(call)
    return tuple(dict.fromkeys(found))


def _call(
    line: str, rows: Sequence[DeclaredTrigger]
) -> tuple[DeclaredTrigger, tuple[str, ...]] | None:
    match = _CALL.fullmatch(line)
    if not match:
        return None
    operands = [word for word in match["words"].split() if not word.startswith("-")]
    for row in rows:
        if match["tool"] not in (*row.tools, *row.aliases):
            continue
        pattern = _OPERANDS.get(row.name, re.compile(r"(?!)"))
        matches = [pattern.fullmatch(operand) for operand in operands]
        if any(each is None for each in matches) or len(matches) > 1:
            return None
        captures = tuple(group for each in matches if each for group in each.groups())
        return (row, captures) if len(captures) == len(captures_of(row)) else None
    return None
