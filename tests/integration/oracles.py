# SPDX-License-Identifier: LGPL-2.1-or-later
"""What tools make of a whole tree, and what programs know by it: the data of the trigger oracles.

A row is a cache of `base/workstation`: where it is, how its tool's own documentation says that it
is made of nothing (never how overlay's triggers call it), and, for each package that feeds it, a
question whose answer has a word in it if and only if that package is there.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

LIBRARIES = "/usr/lib/x86_64-linux-gnu"


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A command for a shell inside the tree, and the word that its answer has."""

    command: str
    word: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Oracle:
    """One cache. Paths are of a running system, without the first slash, with wildcards."""

    caches: tuple[str, ...]
    sources: tuple[str, ...] = ()  # what `caches` match and the tool does not make
    scratch: str  # for a shell inside the tree from which `caches` were removed
    feeds: Mapping[str, tuple[Question, ...]]  # by package
    meaning: Callable[[bytes], object] = bytes  # what must agree of a file
    reason: str = ""  # why not every byte must


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
_LOAD = 'python3 -c \'import ctypes; ctypes.CDLL("{}"); print("loaded")\''
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
_BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
_SUBJECT = "/O=overlay test world/CN=An authority whose key nobody has"
_SETTINGS = "GSETTINGS_BACKEND=memory gsettings"


def _lines(data: bytes) -> object:
    return sorted(data.splitlines())


def _blocks(data: bytes) -> object:
    return sorted(data.strip().split(b"\n\n"))


ORACLES = {
    "libraries": Oracle(
        caches=("etc/ld.so.cache", "usr/lib/case-trigger/*.so.1"),
        scratch="ldconfig",
        feeds={
            "case-trigger-library": (
                Question(command="ldconfig -p", word=f"{LIBRARIES}/libcase.so.1"),
                Question(command=_LOAD.format("libcase.so.1"), word="loaded"),
            ),
            "case-trigger-library-directory": (
                Question(command="ldconfig -p", word="/usr/lib/case-trigger/libmine.so.1"),
                Question(command=_LOAD.format("libmine.so.1"), word="loaded"),
            ),
        },
    ),
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
    "hardware": Oracle(
        caches=("usr/lib/udev/hwdb.bin", "etc/udev/hwdb.bin"),
        scratch="systemd-hwdb update --usr",
        feeds={
            "case-trigger-hwdb": (
                Question(command="systemd-hwdb query case-trigger:x", word="CASE_TRIGGER=known"),
            ),
        },
    ),
    "kernel modules": Oracle(
        caches=("usr/lib/modules/*/modules.*",),
        sources=tuple(
            f"usr/lib/modules/*/modules.{name}" for name in ("builtin", "builtin.modinfo", "order")
        ),
        scratch="depmod $(ls /usr/lib/modules)",
        feeds={
            "case-trigger-kernel-module": (
                Question(
                    command="modinfo -k $(ls /usr/lib/modules) case-trigger",
                    word="/extra/case-trigger.ko.xz",
                ),
                Question(
                    command="modprobe -S $(ls /usr/lib/modules) --show-depends case-trigger",
                    word="/stm/stm_core.ko.xz",
                ),
            ),
        },
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
    "authorities": Oracle(
        caches=("etc/ssl/certs/*",),
        scratch="update-ca-certificates --fresh",
        feeds={
            "case-trigger-certificate": (
                Question(
                    command=f"openssl storeutl -noout -text -certs {_BUNDLE}",
                    word="An authority whose key nobody has",
                ),
                Question(
                    command=f"openssl storeutl -noout -subject '{_SUBJECT}' /etc/ssl/certs",
                    word="Total found: 1",
                ),
                Question(
                    command=f"openssl verify -CAfile {_BUNDLE}"
                    " /usr/share/ca-certificates/case-trigger/case-trigger.crt",
                    word="case-trigger.crt: OK",
                ),
            ),
        },
    ),
    "Info": Oracle(
        caches=("usr/share/info/dir", "usr/share/info/dir.old"),
        scratch="for page in /usr/share/info/*; do\n"
        '[ ! -e "$page" ] || install-info "$page" /usr/share/info/dir || exit\ndone',
        feeds={
            package: (Question(command="cat /usr/share/info/dir", word=f"* {page}: ({page})."),)
            for package, page in (
                ("case-trigger-info", "case-trigger"),
                ("case-trigger-info-other", "case-trigger-other"),
            )
        },
    ),
}

# The scripts that each package asks for, by what progress calls them; not the kernel's release.
ASKS = {
    "case-trigger-program": (),
    "case-trigger-certificate": ("%post(case-trigger-certificate-1-1.noarch)", "ca-certificates"),
    "case-trigger-dconf": ("dconf case-trigger.d",),
    "case-trigger-desktop": ("update-desktop-database",),
    "case-trigger-font": ("fontconfig",),
    "case-trigger-gio-module": ("gio-querymodules lib/x86_64-linux-gnu",),
    "case-trigger-hwdb": ("systemd-hwdb",),
    "case-trigger-icon": ("gtk-update-icon-cache hicolor",),
    "case-trigger-immodule": ("gtk-query-immodules lib/x86_64-linux-gnu",),
    "case-trigger-info": ("install-info",),
    "case-trigger-info-other": ("install-info",),
    "case-trigger-kernel-module": ("depmod",),
    "case-trigger-library": ("ldconfig",),
    "case-trigger-library-directory": ("ldconfig",),
    "case-trigger-mime": ("update-mime-database",),
    "case-trigger-schema": ("glib-compile-schemas",),
    "case-trigger-schema-override": ("glib-compile-schemas",),
    "case-trigger-theme": ("gtk-update-icon-cache CaseTrigger",),
    "libwmf-0.2-7-gtk": ("gdk-pixbuf-query-loaders lib/x86_64-linux-gnu", "ldconfig"),
}
