# SPDX-License-Identifier: LGPL-2.1-or-later
"""Built-in triggers: caches that a tree needs even if none of its packages has a trigger for them.

A table. A row runs when a path that came or went matches; each distinct set of captures (an icon
theme, a kernel version) is one run, called a target. Two things decide a row's options.
Modification times mean nothing: they are zero in a deployed tree, and the time of day in what was
just put together. And the same change must give the same bytes on every host, whatever order its
file system lists names in.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from triggers.filetrigger import PathList


@dataclass(frozen=True, slots=True, kw_only=True)
class Builtin:
    """One row. `{0}` stands for the pattern's first capture in `tools` and `arguments`."""

    name: str
    prefixes: tuple[str, ...]  # its domain; the pattern is tried on paths below these only
    pattern: re.Pattern[str]  # of a whole path
    tools: tuple[str, ...]  # the first that is in the tree is used; a name, or an absolute path
    aliases: tuple[str, ...] = ()  # other programs by which packages do the same
    arguments: tuple[str, ...] = ()  # of the tool; with a body: $2 and up, the tool being $1
    body: str | None = None
    environment: tuple[tuple[str, str], ...] = ()
    first: bool = False  # ahead of the transaction's file triggers rather than after everything
    supersedes: bool = False  # packages' own triggers that only call the tool give way to this
    operands: re.Pattern[str] = re.compile(r"(?!)")  # what a scriptlet may name to ask for the same
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One run that a row asks for: its captures and the paths that asked."""

    builtin: Builtin
    captures: tuple[str, ...]
    paths: tuple[str, ...]

    def tool(self, exists: Callable[[str], bool]) -> str | None:
        """Returns the program to run, None if the tree has none of them."""
        tools = (tool.format(*self.captures) for tool in self.builtin.tools)
        return next((tool for tool in tools if exists(tool)), None)

    def arguments(self) -> tuple[str, ...]:
        """Returns the arguments with the captures filled in."""
        return tuple(argument.format(*self.captures) for argument in self.builtin.arguments)


SYSUSERS = Builtin(
    name="systemd-sysusers",
    prefixes=("/usr/lib/sysusers.d/",),
    pattern=re.compile(r"/usr/lib/sysusers\.d/([^/]+\.conf)"),
    tools=("systemd-sysusers",),
    reason=(
        "makes the users that own files and that %pre may ask for; only what the new files say, "
        "by their bare names, so that a file of the same name in /etc still overrides"
    ),
)

INITRAMFS = Builtin(
    name="dracut",
    prefixes=(
        "/usr/lib/dracut/",
        "/etc/dracut.conf",
        "/usr/lib/firmware/intel-ucode/",
        "/usr/lib/firmware/amd-ucode/",
        "/usr/lib/modules/",
    ),
    pattern=re.compile(
        r"/usr/lib/dracut/.+|/etc/dracut\.conf(?:\.d/[^/]+\.conf)?"
        r"|/usr/lib/firmware/(?:intel|amd)-ucode/.+|/usr/lib/modules/[^/]+/vmlinuz"
    ),
    tools=("dracut",),
    arguments=("--force", "--reproducible"),
    # Device nodes cannot be made in the sandbox; the kernel's own devtmpfs brings them.
    environment=(("DRACUT_NO_MKNOD", "1"), ("TMPDIR", "/tmp")),
    reason=(
        "the initramfs of the tree's one kernel, if dracut made the base's: microcode is loaded "
        "from it, and dracut's modules and configuration say what is in it"
    ),
)

_LIBDIR = r"/usr/lib[^/]*(?:/[^/]+-linux-[^/]+)?"

BUILTINS: tuple[Builtin, ...] = (
    Builtin(
        name="ldconfig",
        prefixes=("/usr/lib", "/etc/ld.so.conf"),
        pattern=re.compile(
            r"/usr/lib[^/]*/(?:.*/)?(?:lib|ld-)[^/]*\.so[^/]*|/etc/ld\.so\.conf(?:\.d/[^/]+\.conf)?"
        ),
        tools=("ldconfig",),
        first=True,
        supersedes=True,
        reason=(
            "the linker's cache, ahead of other triggers as their programs may need it; packages' "
            "triggers watch all of /usr/lib, this one libraries. What it keeps in /var is not kept"
        ),
    ),
    Builtin(
        name="depmod",
        prefixes=("/usr/lib/modules/",),
        pattern=re.compile(r"/usr/lib/modules/([^/]+)/.+\.ko(?:\.(?:gz|xz|zst))?"),
        tools=("depmod",),
        arguments=("{0}",),
        body='[ ! -d "/usr/lib/modules/$2" ] || exec "$1" -a -- "$2"\n',
        operands=re.compile(r"([^/]+)"),
        reason="module dependencies of each kernel touched; a removed kernel leaves no directory",
    ),
    Builtin(
        name="systemd-hwdb",
        prefixes=("/usr/lib/udev/hwdb.d/", "/etc/udev/hwdb.d/"),
        pattern=re.compile(r"/(?:usr/lib|etc)/udev/hwdb\.d/[^/]+\.hwdb"),
        tools=("systemd-hwdb",),
        body='[ -e /etc/udev/hwdb.bin ] || exec "$1" update --usr\nexec "$1" update\n',
        operands=re.compile(r"update"),
        reason="the hardware database; below /usr unless the tree keeps it in /etc, which wins",
    ),
    Builtin(
        name="glib-compile-schemas",
        prefixes=("/usr/share/glib-2.0/schemas/",),
        pattern=re.compile(r"/usr/share/glib-2\.0/schemas/[^/]+\.(?:xml|gschema\.override)"),
        tools=("glib-compile-schemas",),
        arguments=("/usr/share/glib-2.0/schemas",),
        operands=re.compile(r"/usr/share/glib-2\.0/schemas/?"),
        reason="GSettings schemas; sorted by the tool, no time in its output",
    ),
    Builtin(
        name="gio-querymodules",
        prefixes=("/usr/lib",),
        pattern=re.compile(rf"({_LIBDIR})/gio/modules/[^/]+\.so"),
        tools=("gio-querymodules-64", "gio-querymodules", "{0}/glib-2.0/gio-querymodules"),
        arguments=("{0}/gio/modules",),
        body='"$1" "$2" || exit\ncache=$2/giomodule.cache\n'
        '[ ! -e "$cache" ] || LC_ALL=C sort -o "$cache" "$cache"\n',
        operands=re.compile(rf"({_LIBDIR})/gio/modules/?"),
        reason="GIO modules; sorted, as the tool lists them in the order of the directory",
    ),
    Builtin(
        name="gdk-pixbuf-query-loaders",
        prefixes=("/usr/lib",),
        pattern=re.compile(rf"({_LIBDIR})/gdk-pixbuf-2\.0/[^/]+/loaders/[^/]+\.so"),
        tools=(
            "gdk-pixbuf-query-loaders-64",
            "gdk-pixbuf-query-loaders",
            "{0}/gdk-pixbuf-2.0/gdk-pixbuf-query-loaders",
        ),
        arguments=("--update-cache",),
        reason="image loaders, one run for each library directory",
    ),
    Builtin(
        name="update-mime-database",
        prefixes=("/usr/share/mime/",),
        pattern=re.compile(r"/usr/share/mime/packages/[^/]+\.xml"),
        tools=("update-mime-database",),
        arguments=("/usr/share/mime",),
        environment=(("PKGSYSTEM_ENABLE_FSYNC", "0"),),
        supersedes=True,
        operands=re.compile(r"/usr/share/mime/?"),
        reason="MIME types; without -n, which goes by times; without fsync, as the commit syncs",
    ),
    Builtin(
        name="update-desktop-database",
        prefixes=("/usr/share/applications/",),
        pattern=re.compile(r"/usr/share/applications/(?:.*/)?[^/]+\.desktop"),
        tools=("update-desktop-database",),
        arguments=("--quiet", "/usr/share/applications"),
        operands=re.compile(r"/usr/share/applications/?"),
        reason="which program opens which MIME type",
    ),
    Builtin(
        name="gtk-update-icon-cache",
        prefixes=("/usr/share/icons/",),
        pattern=re.compile(r"/usr/share/icons/([^/]+)/(?:.*/)?(?!icon-theme\.cache$)[^/]+"),
        tools=("gtk-update-icon-cache", "gtk4-update-icon-cache"),
        arguments=("/usr/share/icons/{0}",),
        body='[ ! -e "$2/index.theme" ] || exec "$1" --force --quiet "$2"\n',
        supersedes=True,
        operands=re.compile(r"/usr/share/icons/([^/]+)/?"),
        reason="icons of each theme touched that has an index; --force, as times mean nothing",
    ),
    Builtin(
        name="fontconfig",
        prefixes=("/usr/share/fonts/", "/usr/share/X11/fonts/", "/usr/local/share/fonts/"),
        pattern=re.compile(r"/usr/(?:local/)?share/(?:X11/)?fonts/.+"),
        tools=("fc-list",),
        aliases=("fc-cache",),
        body="cache=/usr/lib/fontconfig/cache\n"
        '[ ! -d "$cache" ] || { rm -f "$cache"/*.cache-*; exec "$1" > /dev/null; }\n',
        # A cache holds the time of its directory, or this if that is earlier.
        environment=(("SOURCE_DATE_EPOCH", "0"),),
        supersedes=True,
        operands=re.compile(r"/usr/share/fonts(?:/.*)?"),
        reason=(
            "fonts, where the tree keeps their cache in /usr: one in /var is the host's to make. "
            "Listing fonts makes missing caches; fc-cache would sleep two seconds, and delete as "
            "outdated those without a time"
        ),
    ),
)


def targets(builtin: Builtin, paths: PathList) -> Iterator[Target]:
    """Yields the runs that `paths`, which came or went, ask of a row, sorted by captures."""
    found: dict[tuple[str, ...], list[str]] = {}
    for prefix in builtin.prefixes:
        for path in paths.below(prefix):
            match = builtin.pattern.fullmatch(path)
            if match:
                found.setdefault(match.groups(), []).append(path)
    for captures in sorted(found):
        yield Target(builtin=builtin, captures=captures, paths=tuple(found[captures]))


# What surrounds the call of a known tool in the snippets that packages have copied for years.
_IDLE = re.compile(r"|#.*|:|true|set -e|exit 0|(?:/usr)?/?(?:bin/)?touch --no-create .*")
_LONGEST = 4096
_CALL = re.compile(
    r"(?:HOME=/root +)?(?:/usr)?/?(?:s?bin/)?(?P<tool>[\w.-]+)(?P<words>(?: +[\w./=+~-]+)*)"
    r"(?: *(?:&>|>&|[12]?>) */dev/null| *2>&1)*(?: *\|\| *(?:true|:))? *;?"
)


def asked_for(
    interpreter: Sequence[str], body: str | None, rows: Sequence[Builtin] = BUILTINS
) -> tuple[tuple[Builtin, tuple[str, ...]], ...]:
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


def _call(line: str, rows: Sequence[Builtin]) -> tuple[Builtin, tuple[str, ...]] | None:
    match = _CALL.fullmatch(line)
    if not match:
        return None
    operands = [word for word in match["words"].split() if not word.startswith("-")]
    for row in rows:
        if match["tool"] not in (*row.tools, *row.aliases):
            continue
        matches = [row.operands.fullmatch(operand) for operand in operands]
        if any(each is None for each in matches) or len(matches) > 1:
            return None
        captures = tuple(group for each in matches if each for group in each.groups())
        return (row, captures) if len(captures) == row.pattern.groups else None
    return None
