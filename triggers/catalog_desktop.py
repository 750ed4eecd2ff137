# SPDX-License-Identifier: LGPL-2.1-or-later
"""Rows of the catalog for what desktop programs look up: settings, types, icons, fonts.

Where a tool leaves an empty file behind once nothing feeds it, or refuses to run then and leaves an
old one, the row removes that: a tree that never had such files has none.
"""

from triggers.declared import DeclaredTrigger

_SCHEMAS = "/usr/share/glib-2.0/schemas"
_MIME = "/usr/share/mime"
_APPLICATIONS = "/usr/share/applications"

DESKTOP: tuple[DeclaredTrigger, ...] = (
    DeclaredTrigger(
        name="glib-compile-schemas",
        paths=(f"{_SCHEMAS}/*.(xml|gschema.override)",),
        tools=("glib-compile-schemas",),
        arguments=(_SCHEMAS,),
        body='[ ! -d "$2" ] || exec "$1" "$2"\n',
        reads=(f"{_SCHEMAS}/*",),
        writes=(f"{_SCHEMAS}/gschemas.compiled",),
        caches=(f"{_SCHEMAS}/gschemas.compiled",),
        supersedes=True,
        reason=(
            "GSettings schemas; sorted by the tool, no time in its output, which it removes with "
            "the last schema"
        ),
    ),
    DeclaredTrigger(
        name="dconf",
        paths=("/etc/dconf/db/{directory:*.d}/**",),
        tools=("dconf",),
        arguments=("/etc/dconf/db/{directory}",),
        body="""\
database=${2%.d}
[ -d "$2" ] || exec rm -f "$database"
exec "$1" compile "$database" "$2"
""",
        reads=("/etc/dconf/db/{directory}/**",),
        writes=("/etc/dconf/db/*",),
        reason=(
            "system-wide settings and locks, a database for each directory. Not `dconf update`, "
            "which goes by times and keeps the database of a directory that went. A host with "
            "settings of its own in the directory keeps its own database: it has to run `dconf "
            "update` itself"
        ),
    ),
    DeclaredTrigger(
        name="update-mime-database",
        paths=(f"{_MIME}/packages/*.xml",),
        tools=("update-mime-database",),
        arguments=(_MIME,),
        body="""\
set -- "$1" "$2" "$2"/packages/*.xml
if [ -e "$3" ]; then
    "$1" "$2" || exit
else
    for name in XMLnamespaces aliases generic-icons globs globs2 icons magic mime.cache \\
        subclasses treemagic types version; do rm -f "$2/$name"; done
    rm -f "$2"/*/*.xml
fi
for directory in "$2"/*/; do
    [ "$directory" = "$2/packages/" ] || rmdir "$directory" 2> /dev/null || :
done
""",
        environment=(("PKGSYSTEM_ENABLE_FSYNC", "0"),),
        reads=(f"{_MIME}/packages/*",),
        writes=(f"{_MIME}/**",),
        supersedes=True,
        reason=(
            "MIME types; without -n, which goes by times; without fsync, as the commit syncs. The "
            "tool leaves directories of types that went, and everything once there are no packages"
        ),
    ),
    DeclaredTrigger(
        name="update-desktop-database",
        paths=(f"{_APPLICATIONS}/**/*.desktop",),
        tools=("update-desktop-database",),
        arguments=(_APPLICATIONS,),
        body="""\
[ ! -d "$2" ] || "$1" --quiet "$2" || exit
for file in "$2"/*.desktop "$2"/*/*.desktop "$2"/*/*/*.desktop; do
    [ ! -e "$file" ] || exit 0
done
rm -f "$2/mimeinfo.cache"
""",
        reads=(f"{_APPLICATIONS}/**",),
        writes=(f"{_APPLICATIONS}/mimeinfo.cache",),
        caches=(f"{_APPLICATIONS}/mimeinfo.cache",),
        supersedes=True,
        reason=(
            "which program opens which MIME type; sorted by the tool, no time in its output. It "
            "leaves a file without a type when the last program goes"
        ),
    ),
    DeclaredTrigger(
        name="gtk-update-icon-cache",
        paths=("/usr/share/icons/{theme}/**",),
        but=("/usr/share/icons/*/(icon-theme.cache|.icon-theme.cache)",),
        tools=("gtk-update-icon-cache", "gtk4-update-icon-cache"),
        arguments=("/usr/share/icons/{theme}",),
        body="""\
[ ! -e "$2/index.theme" ] || exec "$1" --force --quiet "$2"
for cache in "$2/icon-theme.cache" "$2/.icon-theme.cache"; do
    [ ! -e "$cache" ] || { rm "$cache" && rmdir "$2" 2> /dev/null || :; }
done
""",
        reads=("/usr/share/icons/{theme}/**",),
        writes=("/usr/share/icons/{theme}/*",),
        caches=("/usr/share/icons/{theme}/icon-theme.cache",),
        supersedes=True,
        reason=(
            "icons of each theme touched; --force, as times mean nothing; sorted by the tool, "
            "which removes the cache with the last icon. A theme without an index has none"
        ),
    ),
    DeclaredTrigger(
        name="fontconfig",
        paths=(
            "/usr/(share|share/X11|local/share)/fonts/**",
            "/etc/fonts/**",
            "/usr/share/fontconfig/conf.avail/*.conf",
        ),
        tools=("fc-list",),
        aliases=("fc-cache",),
        body="""\
cache=/usr/lib/fontconfig/cache
[ ! -d "$cache" ] || { rm -f "$cache"/*.cache-*; exec "$1" > /dev/null; }
""",
        # A cache holds the time of its directory, or this if that is earlier.
        environment=(("SOURCE_DATE_EPOCH", "0"),),
        reads=(
            *("/usr/share/fonts/**", "/usr/share/X11/fonts/**", "/usr/local/share/fonts/**"),
            *("/etc/fonts/**", "/usr/share/fontconfig/**"),
        ),
        writes=("/usr/lib/fontconfig/cache/*",),
        supersedes=True,
        reason=(
            "fonts, where the tree keeps their cache in /usr: one in /var is the host's to make. "
            "Listing fonts makes missing caches; fc-cache would sleep two seconds, and delete as "
            "outdated those without a time. Rules of the configuration say what is noted of a font"
        ),
    ),
)
