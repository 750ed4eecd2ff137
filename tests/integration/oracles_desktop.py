# SPDX-License-Identifier: LGPL-2.1-or-later
"""The oracles of what desktop programs look up: settings, types, icons, fonts, modules."""

from tests.integration.oracle import LIBRARIES, Oracle, Question

# Asks GTK itself, whose cache must say where the icon is: its directory is empty meanwhile.
_ICON = """\
mv /usr/share/icons/{theme}/scalable/apps /tmp/hidden || exit
mkdir /usr/share/icons/{theme}/scalable/apps
python3 -c '
import ctypes
gtk = ctypes.CDLL("libgtk-3.so.0")
gtk.gtk_icon_theme_new.restype = ctypes.c_void_p
theme = ctypes.c_void_p(gtk.gtk_icon_theme_new())
gtk.gtk_icon_theme_set_custom_theme(theme, b"{theme}")
print("found" if gtk.gtk_icon_theme_has_icon(theme, b"{icon}") else "not there")
'
rmdir /usr/share/icons/{theme}/scalable/apps
mv /tmp/hidden /usr/share/icons/{theme}/scalable/apps
"""
_FORMATS = """\
python3 -c '
import ctypes
pixbuf, glib = ctypes.CDLL("libgdk_pixbuf-2.0.so.0"), ctypes.CDLL("libglib-2.0.so.0")
pixbuf.gdk_pixbuf_get_formats.restype = glib.g_slist_nth_data.restype = ctypes.c_void_p
pixbuf.gdk_pixbuf_format_get_name.restype = ctypes.c_char_p
formats = ctypes.c_void_p(pixbuf.gdk_pixbuf_get_formats())
for number in range(glib.g_slist_length(formats)):
    each = ctypes.c_void_p(glib.g_slist_nth_data(formats, number))
    print(pixbuf.gdk_pixbuf_format_get_name(each).decode())
'
"""
_SETTINGS = "GSETTINGS_BACKEND=memory gsettings"


def _lines(data: bytes) -> object:
    return sorted(data.splitlines())


def _blocks(data: bytes) -> object:
    return sorted(data.strip().split(b"\n\n"))


DESKTOP = {
    "icons": Oracle(
        caches=("usr/share/icons/*/icon-theme.cache",),
        scratch="for theme in /usr/share/icons/*/; do\n"
        '[ ! -e "$theme/index.theme" ] || gtk-update-icon-cache "$theme" || exit\ndone',
        feeds={
            "case-trigger-icon": (
                Question(command=_ICON.format(theme="hicolor", icon="case-trigger"), word="found"),
            ),
            "case-trigger-theme": (
                Question(
                    command=_ICON.format(theme="CaseTrigger", icon="case-theme"), word="found"
                ),
                Question(
                    command="gtk-update-icon-cache --validate /usr/share/icons/CaseTrigger "
                    "&& echo valid",
                    word="valid",
                ),
            ),
        },
    ),
    "schemas": Oracle(
        caches=("usr/share/glib-2.0/schemas/gschemas.compiled",),
        scratch="glib-compile-schemas --strict /usr/share/glib-2.0/schemas",
        feeds={
            "case-trigger-schema": (
                Question(command=f"{_SETTINGS} list-schemas", word="test.overlay.case-trigger"),
                Question(
                    command=f"{_SETTINGS} get test.overlay.case-trigger greeting", word="'hello'"
                ),
            ),
            "case-trigger-schema-override": (
                Question(
                    command=f"{_SETTINGS} get org.gnome.desktop.interface clock-format",
                    word="'12h'",
                ),
            ),
        },
    ),
    "desktop entries": Oracle(
        caches=("usr/share/applications/mimeinfo.cache",),
        scratch="update-desktop-database",
        feeds={
            "case-trigger-desktop": (
                Question(
                    command="gio mime application/x-case-trigger",
                    word="Default application for “application/x-case-trigger”: "
                    "case-trigger.desktop",
                ),
            ),
        },
    ),
    "media types": Oracle(
        caches=("usr/share/mime/*", "usr/share/mime/*/*"),
        sources=("usr/share/mime/packages/*",),
        scratch="update-mime-database /usr/share/mime",
        feeds={
            "case-trigger-mime": (
                Question(
                    command="echo > /tmp/a.casetrigger\n"
                    "gio info -a standard::content-type /tmp/a.casetrigger",
                    word="application/x-case-trigger",
                ),
            ),
        },
    ),
    "fonts": Oracle(
        caches=("usr/lib/fontconfig/cache/*.cache-*",),
        scratch="fc-cache --system-only",
        feeds={
            "case-trigger-font": (
                Question(command="fc-list", word="/usr/share/fonts/case-trigger/CaseTrigger.ttf"),
                Question(
                    command="fc-cat --verbose /usr/lib/fontconfig/cache/*.cache-*",
                    word="Directory: /usr/share/fonts/case-trigger\n",
                ),
            ),
        },
    ),
    "GIO modules": Oracle(
        caches=(f"{LIBRARIES[1:]}/gio/modules/giomodule.cache",),
        scratch=f"gio-querymodules {LIBRARIES}/gio/modules",
        feeds={
            "case-trigger-gio-module": (
                Question(
                    command=f"cat {LIBRARIES}/gio/modules/giomodule.cache",
                    word="libcasetrigger.so: gsettings-backend",
                ),
            ),
        },
        meaning=_lines,
        reason="a line for each module, in the order in which the file system lists the directory",
    ),
    "image loaders": Oracle(
        caches=(f"{LIBRARIES[1:]}/gdk-pixbuf-2.0/2.10.0/loaders.cache",),
        scratch=f"""\
list={LIBRARIES}/gdk-pixbuf-2.0/2.10.0
[ ! -d $list ] || {LIBRARIES}/gdk-pixbuf-2.0/gdk-pixbuf-query-loaders > $list/loaders.cache
""",
        feeds={"libwmf-0.2-7-gtk": (Question(command=_FORMATS, word="wmf\n"),)},
        meaning=bytes.rstrip,
        reason="the tool ends with an empty line more where it writes to standard output",
    ),
    "input methods": Oracle(
        caches=(f"{LIBRARIES[1:]}/gtk-3.0/3.0.0/immodules.cache",),
        scratch=f"{LIBRARIES}/libgtk-3-0t64/gtk-query-immodules-3.0"
        f" > {LIBRARIES}/gtk-3.0/3.0.0/immodules.cache",
        feeds={
            "case-trigger-immodule": (
                Question(
                    command=f"cat {LIBRARIES}/gtk-3.0/3.0.0/immodules.cache",
                    word='/immodules/im-case-trigger.so" \n"ipa"',
                ),
            ),
        },
        meaning=_blocks,
        reason="a block for each module, in the order in which the file system lists the directory",
    ),
    "system settings": Oracle(
        caches=("etc/dconf/db/*",),
        sources=("etc/dconf/db/*.d",),
        scratch="[ ! -d /etc/dconf/db ] || dconf update",
        feeds={
            "case-trigger-dconf": (
                Question(
                    command="DCONF_PROFILE=case-trigger dconf read /test/overlay/case",
                    word="'trigger'",
                ),
            ),
        },
    ),
}
