# SPDX-License-Identifier: LGPL-2.1-or-later
"""Which scripts of packages are nothing but known calls, and that one command more is too many."""

import pytest

from triggers import CATALOG, FileTrigger, PackageScripts, Phase, Scriptlet, TreeChange, plan
from triggers.declaredsteps import KNOWN
from triggers.forms import FORMS
from triggers.recognised import recognised

ROWS = [each for each in CATALOG if each.name in KNOWN]
FC = "fontconfig"
ICONS = "gtk-update-icon-cache"
DESKTOP = "update-desktop-database"
MIME = "update-mime-database"
SCHEMAS = "glib-compile-schemas"
INFO = "install-info"

# Texts of packages, as their makers' guidelines had them at one time or another.
LIBCDIO = """\
/sbin/ldconfig
/sbin/install-info /usr/share/info/libcdio.info /usr/share/info/dir 2>/dev/null || :
"""
LIBCDIO_GOES = """\
if [ $1 = 0 ]; then
\t/sbin/install-info --delete /usr/share/info/libcdio.info \\
\t\t/usr/share/info/dir 2>/dev/null || :
fi
"""
ICONS_POSTUN = """\
if [ $1 -eq 0 ] ; then
    /bin/touch --no-create /usr/share/icons/hicolor &>/dev/null
    /usr/bin/gtk-update-icon-cache /usr/share/icons/hicolor &>/dev/null || :
fi
"""
ICONS_OLDER = """\
touch --no-create /usr/share/icons/hicolor || :
if [ -x /usr/bin/gtk-update-icon-cache ]; then
   /usr/bin/gtk-update-icon-cache --quiet /usr/share/icons/hicolor || :
fi
update-desktop-database &> /dev/null || :
update-mime-database /usr/share/mime &> /dev/null || :
"""
OXYGEN = """\
if [ -x /usr/bin/gtk-update-icon-cache ]; then
    gtk-update-icon-cache --force /usr/share/icons/oxygen &>/dev/null || :
fi
"""
FONT = """\
if [ "$1" = "0" ]; then
  fc-cache
fi
"""
IBUS = "umask 022\n/sbin/ldconfig\n/usr/bin/gtk-query-immodules-3.0-64 --update-cache\n"
SCHEMAS_POSTUN = """\
if [ $1 -eq 0 ]; then
  /usr/bin/glib-compile-schemas /usr/share/glib-2.0/schemas &> /dev/null || :
fi
"""

ASK: list[tuple[str, str | None, list[tuple[str, ...]]]] = [
    ("/sbin/ldconfig", None, [("ldconfig",)]),
    ("/usr/sbin/ldconfig", None, [("ldconfig",)]),
    ("/bin/sh", "/sbin/ldconfig\n", [("ldconfig",)]),
    ("/bin/sh", "/sbin/ldconfig >/dev/null 2>/dev/null\n", [("ldconfig",)]),
    ("/bin/sh", "ldconfig", [("ldconfig",)]),
    ("/bin/sh", "# comment\n\n/sbin/ldconfig -X || :\nexit 0\n", [("ldconfig",)]),
    ("/bin/sh", "ldconfig\nldconfig\n", [("ldconfig",)]),
    ("/bin/sh", "[ -x /sbin/ldconfig ] && /sbin/ldconfig || :\n", [("ldconfig",)]),
    ("/bin/sh", LIBCDIO, [("ldconfig",), (INFO,)]),
    ("/bin/sh", LIBCDIO_GOES, [(INFO,)]),
    ("/bin/sh", ICONS_POSTUN, [(ICONS, "hicolor")]),
    ("/bin/sh", ICONS_OLDER, [(ICONS, "hicolor"), (DESKTOP,), (MIME,)]),
    ("/bin/sh", OXYGEN, [(ICONS, "oxygen")]),
    ("/bin/sh", FONT, [(FC,)]),
    ("/bin/sh", "HOME=/root /usr/bin/fc-cache -s", [(FC,)]),
    ("/bin/sh", "fc-cache -f /usr/share/fonts/dejavu &>/dev/null", [(FC,)]),
    ("/bin/sh", "update-mime-database -n /usr/share/mime &> /dev/null ||:", [(MIME,)]),
    ("/bin/sh", "/usr/bin/update-desktop-database &> /dev/null || :\n", [(DESKTOP,)]),
    ("/bin/sh", SCHEMAS_POSTUN, [(SCHEMAS,)]),
    (
        "/bin/sh",
        "/usr/bin/gio-querymodules-64 /usr/lib64/gio/modules &> /dev/null || :",
        [("gio-querymodules", "lib64")],
    ),
    (
        "/bin/sh",
        "/usr/lib/x86_64-linux-gnu/glib-2.0/gio-querymodules /usr/lib/x86_64-linux-gnu/gio/modules",
        [("gio-querymodules", "lib/x86_64-linux-gnu")],
    ),
    (
        "/bin/sh",
        "gdk-pixbuf-query-loaders-64 --update-cache",
        [("gdk-pixbuf-query-loaders", "lib64")],
    ),
    ("/bin/sh", IBUS, [("ldconfig",), ("gtk-query-immodules", "lib64")]),
    ("/usr/bin/bash", "depmod -a 6.1-1\n", [("depmod", "6.1-1")]),
    ("/bin/sh", "systemd-hwdb update &>/dev/null || :", [("systemd-hwdb",)]),
    ("/bin/sh", "update-ca-trust extract\n", [("ca-trust",)]),
    # Nothing that a tree would notice.
    ("/bin/sh", "/usr/bin/systemctl daemon-reload >/dev/null 2>&1 || :\n", []),
    ("/bin/sh", "systemctl --no-reload daemon-reload; systemctl try-restart a@b.service", []),
    ("/bin/sh", "/usr/bin/udevadm control --reload >/dev/null 2>&1 || :", []),
    ("/bin/sh", "udevadm trigger --subsystem-match=usb --action=change\nudevadm settle\n", []),
    (
        "/bin/sh",
        "if [ $1 -ge 1 ] && [ -x /usr/lib/systemd/systemd-update-helper ]; then\n"
        "    # Package upgrade, not uninstall\n"
        "    /usr/lib/systemd/systemd-update-helper mark-restart-system-units a.service || :\n"
        "fi\n",
        [],
    ),
    ("/bin/sh", "appstreamcli refresh-cache --force >& /dev/null ||:", []),
    ("/bin/sh", "ldconfig\nsystemctl daemon-reload\n", [("ldconfig",)]),
]


@pytest.mark.parametrize(("interpreter", "body", "asked"), ASK)
def test_a_script_of_known_calls_asks_for_their_caches(
    interpreter: str, body: str | None, asked: list[tuple[str, ...]]
) -> None:
    found = recognised((interpreter,), body, ROWS)
    assert found is not None
    assert [(row.name, *captures) for row, captures in found.calls] == asked


NOT = [
    "",
    ":\n",
    "ldconfig; rm -rf /etc/x\n",
    "ldconfig /usr/lib/private\n",
    "ldconfig `id`\n",
    "ldconfig $(id)\n",
    "ldconfig > /etc/x\n",
    "ldconfig >/dev/null/../x\n",
    "ldconfig && rm /etc/x\n",
    "ldconfig || rm /etc/x\n",
    "ldconfig & rm /etc/x\n",
    "ldconfig | tee /etc/x\n",
    "! ldconfig\n",
    "echo '\nldconfig\n' > /etc/x\n",
    "cat > /etc/x <<EOF\nldconfig\nEOF\n",
    "if rm /etc/x; then ldconfig; fi\n",
    '[ "$(rm /etc/x)" ] && ldconfig\n',
    "touch --no-create /usr/share/icons/hicolor && rm /etc/x\nldconfig\n",
    "touch --no-create /etc/x\nldconfig\n",
    "touch /usr/share/icons/hicolor\nldconfig\n",
    "gtk-update-icon-cache\n",  # of which theme?
    "gtk-update-icon-cache /usr/share/icons/a /usr/share/icons/b\n",
    "gtk-update-icon-cache /usr/share/icons/../../etc\n",
    "glib-compile-schemas /usr/share/other\n",
    "gdk-pixbuf-query-loaders > /usr/lib64/gdk-pixbuf-2.0/2.10.0/loaders.cache\n",
    "gtk-query-immodules-2.0-64 > /etc/gtk64-2.0/gtk.immodules\n",
    "install-info --entry='* X: (x).' /usr/share/info/x.info /usr/share/info/dir\n",
    "install-info /usr/share/info/x.info /opt/info/dir\n",
    "depmod -a\n",  # of the kernel that runs here
    "depmod -a --basedir=/x 6.1\n",
    "systemctl enable a.service\n",
    "systemctl preset a.service\n",
    "systemctl start\n",
    "udevadm hwdb --update --root=/x\n",
    "udevadm control --property=X=1\n",
    "/usr/lib/systemd/systemd-update-helper install-system-units a.service || :\n",
    "/opt/x/ldconfig\n",
    "PATH=/opt ldconfig\n",
    "echo hello\n",
    "#" * 5000 + "\nldconfig\n",
]


@pytest.mark.parametrize("body", NOT)
def test_a_script_with_anything_else_in_it_runs_as_it_is(body: str) -> None:
    assert recognised(("/bin/sh",), body, ROWS) is None


@pytest.mark.parametrize(
    ("interpreter", "body"),
    [
        (("/usr/bin/python3",), "ldconfig"),
        (("<lua>",), "ldconfig"),
        (("/bin/sh", "-e"), "ldconfig"),
        (("/usr/bin/tool",), None),
    ],
)
def test_only_plain_shell_scripts_are_looked_into(
    interpreter: tuple[str, ...], body: str | None
) -> None:
    assert recognised(interpreter, body, ROWS) is None


def test_a_call_whose_row_somebody_turned_off_runs_as_it_is() -> None:
    others = [each for each in ROWS if each.name != "ldconfig"]
    assert recognised(("/sbin/ldconfig",), None, others) is None


def test_every_form_gives_a_reason_and_names_a_row_that_there_is() -> None:
    assert all(each.reason for each in FORMS)
    assert {each.row for each in FORMS} - {""} <= KNOWN


def test_a_scriptlet_that_only_tells_a_running_system_does_not_run() -> None:
    post = Scriptlet(
        package="foo-1-1.noarch",
        phase=Phase.POST,
        interpreter=("/bin/sh",),
        body="udevadm control --reload\n",
    )
    package = PackageScripts(package="foo-1-1.noarch", scriptlets=(post,))
    made = plan(TreeChange(added=(package,), tools=lambda _tool: True))
    assert (made.before, made.after) == ((), ())
    assert [each.reason for each in made.skipped] == [
        "it only tells a running system, or fills a cache in /var that the host makes"
    ]


QUIET = "&> /dev/null || :"
LIB64 = "/usr/lib64"

# Fedora's own triggers: package, what it watches, body; a file that sets it off; what runs then.
FEDORAS: list[tuple[str, list[str], str, str, str]] = [
    (
        "glibc-common",
        ["/lib", "/usr/lib", "/lib64", "/usr/lib64"],
        "/sbin/ldconfig",
        f"{LIB64}/libx.so.1",
        "ldconfig",
    ),
    (
        "glib2",
        [f"{LIB64}/gio/modules"],
        f"gio-querymodules-64 {LIB64}/gio/modules {QUIET}",
        f"{LIB64}/gio/modules/x.so",
        "gio-querymodules lib64",
    ),
    (
        "glib2",
        ["/usr/share/glib-2.0/schemas"],
        f"glib-compile-schemas /usr/share/glib-2.0/schemas {QUIET}",
        "/usr/share/glib-2.0/schemas/x.gschema.xml",
        SCHEMAS,
    ),
    (
        "gdk-pixbuf2",
        [f"{LIB64}/gdk-pixbuf-2.0/2.10.0/loaders"],
        "gdk-pixbuf-query-loaders-64 --update-cache",
        f"{LIB64}/gdk-pixbuf-2.0/2.10.0/loaders/x.so",
        "gdk-pixbuf-query-loaders lib64",
    ),
    (
        "gtk3",
        [f"{LIB64}/gtk-3.0/3.0.0/immodules"],
        f"gtk-query-immodules-3.0-64 --update-cache {QUIET}",
        f"{LIB64}/gtk-3.0/3.0.0/immodules/x.so",
        "gtk-query-immodules lib64",
    ),
    (
        "hicolor-icon-theme",
        ["/usr/share/icons/hicolor"],
        f"gtk-update-icon-cache --force /usr/share/icons/hicolor {QUIET}",
        "/usr/share/icons/hicolor/x.png",
        "gtk-update-icon-cache hicolor",
    ),
    (
        "paper-icon-theme",
        ["/usr/share/icons/Paper", "/usr/share/icons/Paper-Mono-Dark"],
        f"gtk-update-icon-cache --force /usr/share/icons/Paper {QUIET}\n"
        f"gtk-update-icon-cache --force /usr/share/icons/Paper-Mono-Dark {QUIET}",
        "/usr/share/icons/Paper/x.png",
        "gtk-update-icon-cache Paper",
    ),
    (
        "shared-mime-info",
        ["/usr/share/mime"],
        f"update-mime-database -n /usr/share/mime {QUIET}",
        "/usr/share/mime/packages/x.xml",
        MIME,
    ),
    (
        "desktop-file-utils",
        ["/usr/share/applications"],
        f"update-desktop-database {QUIET}",
        "/usr/share/applications/x.desktop",
        DESKTOP,
    ),
    (
        "fontconfig",
        ["/usr/share/fonts", "/usr/share/X11/fonts/Type1", "/usr/local/share/fonts"],
        "HOME=/root /usr/bin/fc-cache -s",
        "/usr/share/fonts/x.ttf",
        FC,
    ),
    (
        "systemd-udev",
        ["/usr/lib/udev/hwdb.d"],
        f"systemd-hwdb update {QUIET}",
        "/usr/lib/udev/hwdb.d/x.hwdb",
        "systemd-hwdb",
    ),
    # These do what ours does in their own way, and fire in our place.
    (
        "info",
        ["/usr/share/info"],
        '[ -f /usr/share/info/dir ] && create_arg="" || create_arg="--create"\n'
        "/usr/sbin/fix-info-dir $create_arg /usr/share/info/dir &>/dev/null || :",
        "/usr/share/info/x.info.gz",
        "%transfiletriggerin(info-1-1.noarch)",
    ),
    (
        "mint-y-icons",
        ["/usr/share/icons/Mint-Y"],
        "for _dir in /usr/share/icons/Mint-Y*/ ; do\n"
        "  /usr/bin/gtk-update-icon-cache --force ${_dir} &>/dev/null || :\n"
        "done\n",
        "/usr/share/icons/Mint-Y/x.png",
        "%transfiletriggerin(mint-y-icons-1-1.noarch)",
    ),
]


@pytest.mark.parametrize(("name", "watched", "body", "path", "runs"), FEDORAS)
def test_what_a_package_does_itself_is_done_once(
    name: str, watched: list[str], body: str, path: str, runs: str
) -> None:
    trigger = FileTrigger(
        package=f"{name}-1-1.noarch",
        phase=Phase.TRANSFILETRIGGERIN,
        prefixes=tuple(watched),
        body=body,
    )
    package = PackageScripts(package="foo-1-1.noarch", files=(path,))
    change = TreeChange(
        added=(package,), base_file_triggers=(trigger,), tools=lambda tool: "/" not in tool
    )
    assert [each.label for each in plan(change).after] == [runs]
