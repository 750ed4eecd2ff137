# SPDX-License-Identifier: LGPL-2.1-or-later
"""Rows of the catalog for shared libraries and for what programs load at run time.

A list of modules is made by a program of the same word size, as it loads each of them: Fedora has
`NAME-64` and `NAME-32`, Debian one in each library directory. Without a module there is no list: an
empty one is what the tools leave, and no package brings that.
"""

from triggers.declared import DeclaredTrigger

LIBDIR = ("/usr/{libdir:lib*}", "/usr/{libdir:lib*/*-linux-*}")

# Debian's names of architectures, as far as its ports go.
_MULTIARCH = (
    *("aarch64-linux-gnu", "arm-linux-gnueabihf", "i386-linux-gnu", "powerpc64le-linux-gnu"),
    *("riscv64-linux-gnu", "s390x-linux-gnu", "x86_64-linux-gnu"),
)
_LIBRARIES = ("/usr/lib", "/usr/lib64", *(f"/usr/lib/{each}" for each in _MULTIARCH))

# $1 is the tool, $2 the library directory. /usr/lib is the 32-bit one where the tool is "NAME-64".
_WORD_SIZE = """\
tool=$1
case $2:$1 in lib:*-64) tool=${1%64}32 ;; esac
command -v "$tool" > /dev/null || exit 0
"""

# $3 is the directory of modules, $4 the list.
_LIST = f"""\
{_WORD_SIZE}list=$4
set -- "$3"/*.so
[ -e "$1" ] || exec rm -f "$list"
exec "$tool" --update-cache
"""


def _list_row(
    name: str, *, tool: str, homes: tuple[str, ...], modules: str, reason: str
) -> DeclaredTrigger:
    """Returns the row for a tool that lists the modules of a directory in a file beside it."""
    directory = f"/usr/{{libdir}}/{modules}"
    return DeclaredTrigger(
        name=name,
        paths=tuple(f"{each}/{modules}/*.so" for each in LIBDIR),
        tools=(
            *(f"{tool}-64", f"{tool}-32", tool),
            *(f"/usr/{{libdir}}/{each}/{tool}" for each in homes),
        ),
        arguments=("{libdir}", directory, f"{directory}.cache"),
        body=_LIST,
        reads=(f"{directory}/*",),
        writes=(f"{directory}.cache",),
        caches=(f"{directory}.cache",),
        supersedes=True,
        reason=reason,
    )


LIBRARIES: tuple[DeclaredTrigger, ...] = (
    DeclaredTrigger(
        name="ldconfig",
        paths=("/usr/lib*/**/(lib|ld-)*.so*", "/etc/ld.so.conf", "/etc/ld.so.conf.d/*.conf"),
        but=(
            # Modules, in directories that no file of ld.so.conf.d names.
            "/usr/lib*/**/(gio/modules|gdk-pixbuf-2.0/*/loaders)/*",
            "/usr/lib*/**/gtk-[234].0/**",
        ),
        tools=("ldconfig",),
        arguments=("-i",),
        reads=(
            *("/etc/ld.so.conf", "/etc/ld.so.conf.d/*"),
            *(f"{each}/*" for each in _LIBRARIES),
            *(f"{each}/glibc-hwcaps/**" for each in _LIBRARIES),
        ),
        # It also links libraries to their sonames, as rpm has it do.
        writes=("/etc/ld.so.cache", *(f"{each}/*" for each in _LIBRARIES)),
        first=True,
        supersedes=True,
        reason=(
            "the linker's cache, ahead of other triggers as their programs may need it; packages' "
            "triggers watch all of /usr/lib, this one libraries. -i, as its notes in /var, which "
            "are not kept, know files by inode and time. Directories that a file of ld.so.conf.d "
            "names are read as well: only running it shows which"
        ),
    ),
    DeclaredTrigger(
        name="gio-querymodules",
        paths=tuple(f"{each}/gio/modules/*.so" for each in LIBDIR),
        tools=(
            *("gio-querymodules-64", "gio-querymodules-32", "gio-querymodules"),
            "/usr/{libdir}/glib-2.0/gio-querymodules",
        ),
        arguments=("{libdir}", "/usr/{libdir}/gio/modules"),
        body=f"""\
{_WORD_SIZE}[ -d "$3" ] || exit 0
"$tool" "$3" || exit
list=$3/giomodule.cache
[ ! -e "$list" ] || LC_ALL=C sort -o "$list" "$list"
""",
        reads=("/usr/{libdir}/gio/modules/*",),
        writes=("/usr/{libdir}/gio/modules/giomodule.cache",),
        caches=("/usr/{libdir}/gio/modules/giomodule.cache",),
        supersedes=True,
        reason=(
            "GIO modules; sorted, as not every version of the tool does that. It removes the list "
            "itself when there is nothing to list"
        ),
    ),
    _list_row(
        "gdk-pixbuf-query-loaders",
        tool="gdk-pixbuf-query-loaders",
        homes=("gdk-pixbuf-2.0",),
        modules="gdk-pixbuf-2.0/2.10.0/loaders",
        reason="image loaders of each library directory; sorted by the tool, no time in its output",
    ),
    _list_row(
        "gtk-query-immodules",
        tool="gtk-query-immodules-3.0",
        homes=("libgtk-3-0t64", "libgtk-3-0"),
        modules="gtk-3.0/3.0.0/immodules",
        reason="input methods of GTK 3; sorted by the tool. GTK 4 has no list of its own",
    ),
    _list_row(
        "gtk2-query-immodules",
        tool="gtk-query-immodules-2.0",
        homes=("libgtk2.0-0t64", "libgtk2.0-0"),
        modules="gtk-2.0/2.10.0/immodules",
        reason="input methods of GTK 2; sorted by the tool",
    ),
)
