# SPDX-License-Identifier: LGPL-2.1-or-later
"""The oracles of every cache of `base/workstation`, and the scripts that packages ask for."""

from tests.integration.oracle import LIBRARIES, Oracle, Question
from tests.integration.oracles_desktop import DESKTOP

_LOAD = 'python3 -c \'import ctypes; ctypes.CDLL("{}"); print("loaded")\''
_BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
_SUBJECT = "/O=overlay test world/CN=An authority whose key nobody has"

ORACLES = {
    **DESKTOP,
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
