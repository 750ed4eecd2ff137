# SPDX-License-Identifier: LGPL-2.1-or-later
"""The built-in triggers: which path asks for which, and which scriptlets ask for nothing else."""

import re
from pathlib import Path

import pytest

from tests.triggers.roots import LOG, add_script, make_root, sandbox_over, take_log
from triggers import CATALOG, INITRAMFS, PackageScripts, Plan, TreeChange, plan, run, tools_in
from triggers.filetrigger import PathList
from triggers.target import captures_of, targets

ICONS = "/usr/share/icons"
MULTIARCH = "/usr/lib/x86_64-linux-gnu"
FC = "fontconfig"
ROWS = [each for each in CATALOG if each is not INITRAMFS]
PIXBUF = "gdk-pixbuf-query-loaders"
SKIPPED = {"man-db", "journal-catalog", "appstream", "udev", "dbus", "polkit", "tmpfiles"}

ASKS: list[tuple[str, list[tuple[str, ...]]]] = [
    ("/usr/lib64/libfoo.so.1", [("ldconfig",)]),
    ("/usr/lib/libfoo.so.1.2.3", [("ldconfig",)]),
    (f"{MULTIARCH}/libfoo.so", [("ldconfig",)]),
    ("/usr/lib64/glibc-hwcaps/x86-64-v3/libfoo.so.1", [("ldconfig",)]),
    ("/usr/lib64/mysql/libmysqlclient.so.21", [("ldconfig",)]),
    ("/etc/ld.so.conf.d/mysql.conf", [("ldconfig",)]),
    ("/usr/lib/modules/6.1-1+x/extra/a.ko.xz", [("depmod", "6.1-1+x")]),
    ("/usr/lib/modules/6.1/vmlinuz", []),
    ("/usr/lib/udev/hwdb.d/60-x.hwdb", [("systemd-hwdb",)]),
    ("/usr/share/glib-2.0/schemas/a.gschema.xml", [("glib-compile-schemas",)]),
    ("/usr/share/glib-2.0/schemas/gschemas.compiled", []),
    ("/usr/lib64/gio/modules/libx.so", [("gio-querymodules", "lib64")]),
    ("/usr/lib64/gtk-4.0/4.0.0/media/libmedia-x.so", []),
    ("/usr/lib64/gtk-4.0-extra/libx.so", [("ldconfig",)]),
    (f"{MULTIARCH}/gio/modules/x.so", [("gio-querymodules", "lib/x86_64-linux-gnu")]),
    (
        "/usr/lib64/gdk-pixbuf-2.0/2.10.0/loaders/svg.so",
        [(PIXBUF, "lib64")],
    ),
    ("/usr/lib64/gdk-pixbuf-2.0/2.10.0/loaders.cache", []),
    ("/usr/lib/gdk-pixbuf-2.0/2.10.0/loaders/svg.so", [(PIXBUF, "lib")]),
    ("/usr/lib64/gtk-3.0/3.0.0/immodules/im.so", [("gtk-query-immodules", "lib64")]),
    (
        f"{MULTIARCH}/gtk-3.0/3.0.0/immodules/im.so",
        [("gtk-query-immodules", "lib/x86_64-linux-gnu")],
    ),
    ("/usr/lib64/gtk-2.0/2.10.0/immodules/im.so", [("gtk2-query-immodules", "lib64")]),
    ("/usr/lib64/gtk-4.0/4.0.0/immodules/im.so", []),
    ("/usr/share/mime/packages/x.xml", [("update-mime-database",)]),
    ("/usr/share/mime/mime.cache", []),
    ("/usr/share/applications/x.desktop", [("update-desktop-database",)]),
    ("/usr/share/applications/kde/x.desktop", [("update-desktop-database",)]),
    ("/usr/share/applications/mimeinfo.cache", []),
    (f"{ICONS}/hicolor/48x48/apps/x.png", [("gtk-update-icon-cache", "hicolor")]),
    (f"{ICONS}/hicolor/icon-theme.cache", []),
    (f"{ICONS}/hicolor/.icon-theme.cache", []),
    (f"{ICONS}/x.png", []),
    ("/usr/share/pki/ca-trust-source/anchors/x.pem", [("ca-trust",)]),
    ("/etc/pki/ca-trust/source/anchors/x.pem", [("ca-trust",)]),
    ("/etc/pki/ca-trust/source/README", []),
    ("/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", []),
    ("/usr/share/ca-certificates/mozilla/x.crt", [("ca-certificates",)]),
    ("/etc/ca-certificates.conf", [("ca-certificates",)]),
    ("/etc/ssl/certs/x.pem", []),
    ("/etc/dconf/db/local.d/00-x", [("dconf", "local.d")]),
    ("/etc/dconf/db/local.d/locks/x", [("dconf", "local.d")]),
    ("/etc/dconf/db/local", []),
    ("/etc/dconf/profile/user", []),
    ("/usr/share/info/x.info.gz", [("install-info",)]),
    ("/usr/share/info/dir", []),
    ("/usr/share/info/dir.old", []),
    ("/usr/share/info/figure.png", []),
    ("/usr/share/fonts/x/x.ttf", [(FC,)]),
    ("/usr/share/X11/fonts/Type1/x.pfb", [(FC,)]),
    ("/etc/fonts/conf.d/10-x.conf", [(FC,)]),
    ("/usr/share/fontconfig/conf.avail/10-x.conf", [(FC,)]),
    ("/usr/lib/sysusers.d/x.conf", [("systemd-sysusers", "x.conf")]),
    ("/usr/bin/strace", []),
    ("/usr/share/man/man1/strace.1.gz", [("man-db",)]),
    ("/usr/lib/systemd/catalog/x.catalog", [("journal-catalog",)]),
    ("/usr/share/metainfo/x.metainfo.xml", [("appstream",)]),
    ("/usr/lib/udev/rules.d/60-x.rules", [("udev",)]),
    ("/usr/share/dbus-1/system.d/x.conf", [("dbus",)]),
    ("/usr/share/polkit-1/actions/x.policy", [("polkit",)]),
    ("/usr/lib/tmpfiles.d/x.conf", [("tmpfiles",)]),
    ("/usr/share/doc/libfoo.so.1/readme", []),
    ("/usr/lib/python3/site-packages/x.so", []),
    ("/etc/ld.so.conf.d/readme", []),
]


@pytest.mark.parametrize(("path", "expected"), ASKS)
def test_a_path_asks_for_these_caches_and_no_others(
    path: str, expected: list[tuple[str, ...]]
) -> None:
    found = [
        (row.name, *target.captures) for row in ROWS for target in targets(row, PathList([path]))
    ]
    assert found == expected


def test_every_row_is_asked_for_by_a_path_of_this_table() -> None:
    rows = {row.name for row in ROWS}
    assert rows == {each[0] for _, expected in ASKS for each in expected}


def test_every_row_gives_a_reason_and_says_what_it_reads_and_writes() -> None:
    for row in CATALOG:
        assert row.reason, row.name
        assert bool(row.skipped) != bool(row.reads and row.writes), row.name


def test_no_row_is_set_off_by_what_it_writes() -> None:
    for row in CATALOG:
        own = PathList([each for each in row.writes if "*" not in each and "{" not in each])
        found = [path for each in targets(row, own) for path in each.paths]
        assert found == [], row.name


def test_reads_and_writes_are_a_path_a_directory_or_all_below_one() -> None:
    for row in CATALOG:
        for each in (*row.reads, *row.writes):
            assert re.fullmatch(r"(?:/(?:[\w.+-]+|\{\w+\}))+(?:/\*\*?)?", each), (row.name, each)
            assert set(re.findall(r"\{(\w+)\}", each)) <= set(captures_of(row)), row.name


def test_what_only_the_host_can_do_is_in_no_plan() -> None:
    assert {each.name for each in CATALOG if each.skipped} == SKIPPED
    asking = tuple(path for path, found in ASKS if found and found[0][0] in SKIPPED)
    package = PackageScripts(package="foo-1-1.noarch", files=asking)
    assert len(asking) == len(SKIPPED)
    assert plan(TreeChange(added=(package,), tools=lambda _tool: True)) == Plan()


def test_a_theme_is_one_run_however_many_icons_it_gets() -> None:
    row = next(each for each in ROWS if each.name == "gtk-update-icon-cache")
    paths = PathList([f"{ICONS}/b/1.png", f"{ICONS}/a/2.png", f"{ICONS}/b/3/4.png"])
    assert [(each.captures, each.paths) for each in targets(row, paths)] == [
        (("a",), (f"{ICONS}/a/2.png",)),
        (("b",), (f"{ICONS}/b/1.png", f"{ICONS}/b/3/4.png")),
    ]


TOOL_RUNS = [
    ("/usr/lib64/libx.so.1", {"ldconfig": ""}, "ldconfig -i"),
    ("/usr/lib/modules/6.1/a.ko", {"depmod": ""}, "depmod -a -- 6.1"),
    ("/usr/lib/udev/hwdb.d/a.hwdb", {"systemd-hwdb": ""}, "systemd-hwdb update --usr"),
    (
        "/usr/share/glib-2.0/schemas/a.gschema.xml",
        {"glib-compile-schemas": ""},
        "glib-compile-schemas /usr/share/glib-2.0/schemas",
    ),
    (
        f"{ICONS}/hicolor/index.theme",
        {"gtk4-update-icon-cache": ""},
        "gtk4-update-icon-cache --force --quiet /usr/share/icons/hicolor",
    ),
    (
        "/usr/share/mime/packages/a.xml",
        {"update-mime-database": 'echo "fsync $PKGSYSTEM_ENABLE_FSYNC" >> /usr/share/log'},
        "update-mime-database /usr/share/mime\nfsync 0",
    ),
    (
        "/usr/share/applications/a.desktop",
        {"update-desktop-database": ""},
        "update-desktop-database --quiet /usr/share/applications",
    ),
    (
        "/usr/lib64/gdk-pixbuf-2.0/2.10.0/loaders/a.so",
        {"../lib64/gdk-pixbuf-2.0/gdk-pixbuf-query-loaders": ""},
        "gdk-pixbuf-query-loaders --update-cache",
    ),
    (
        "/usr/lib/gdk-pixbuf-2.0/2.10.0/loaders/a.so",
        {f"{PIXBUF}-64": "", f"{PIXBUF}-32": ""},
        f"{PIXBUF}-32 --update-cache",
    ),
    (
        "/usr/lib/gdk-pixbuf-2.0/2.10.0/loaders/a.so",
        {f"{PIXBUF}-64": ""},
        "",  # which cannot load a 32-bit module
    ),
    (
        "/usr/lib/gtk-3.0/3.0.0/immodules/a.so",  # as on distributions without lib64
        {"gtk-query-immodules-3.0": ""},
        "gtk-query-immodules-3.0 --update-cache",
    ),
    (
        "/usr/lib64/gtk-2.0/2.10.0/immodules/a.so",
        {"gtk-query-immodules-2.0-64": ""},
        "gtk-query-immodules-2.0-64 --update-cache",
    ),
    ("/etc/pki/ca-trust/source/anchors/a", {"update-ca-trust": ""}, "update-ca-trust extract"),
    (
        "/usr/share/ca-certificates/a.crt",
        {"update-ca-certificates": ""},
        "update-ca-certificates --fresh",
    ),
    (
        "/etc/dconf/db/local.d/a",
        {"dconf": ""},
        "dconf compile /etc/dconf/db/local /etc/dconf/db/local.d",
    ),
    (
        "/usr/share/info/a.info",
        {"install-info": ""},
        "install-info /usr/share/info/a.info /usr/share/info/dir",
    ),
    ("/usr/lib/sysusers.d/a.conf", {"systemd-sysusers": ""}, "systemd-sysusers a.conf"),
    ("/usr/share/fonts/a.ttf", {"fc-list": ""}, ""),  # no cache in /usr: nothing to do
    (f"{ICONS}/noindex/a.png", {"gtk-update-icon-cache": ""}, ""),
]


@pytest.mark.bwrap
@pytest.mark.parametrize(("path", "tools", "called"), TOOL_RUNS)
def test_a_row_calls_its_tool_so(
    path: str, tools: dict[str, str], called: str, scratch: Path
) -> None:
    root = make_root(scratch / "root", ("sh", "rm", "rmdir"))
    place = root / re.sub("^/etc/", "/usr/etc/", path).lstrip("/")
    place.parent.mkdir(parents=True, exist_ok=True)
    place.touch()
    for name, more in tools.items():
        tool = name.rpartition("/")[2]
        add_script(root, f"/usr/bin/{name}", f'echo "{tool} $*" >> {LOG}\n{more}')
    package = PackageScripts(package="foo-1-1.noarch", files=(path,))
    made = plan(TreeChange(added=(package,), tools=tools_in(root)))
    outcomes = run(made.before + made.after, sandbox_over(root))
    assert [each.status for each in outcomes] == [0]
    assert take_log(root).strip() == called.strip()


@pytest.mark.bwrap
def test_the_hardware_database_stays_in_etc_where_the_tree_has_it_there(scratch: Path) -> None:
    root = make_root(scratch / "root")
    (root / "usr/etc/udev").mkdir(parents=True)
    (root / "usr/etc/udev/hwdb.bin").touch()
    add_script(root, "/usr/bin/systemd-hwdb", f'echo "$*" >> {LOG}')
    package = PackageScripts(package="foo-1-1.noarch", files=("/usr/lib/udev/hwdb.d/a.hwdb",))
    run(plan(TreeChange(added=(package,), tools=tools_in(root))).after, sandbox_over(root))
    assert take_log(root) == "update\n"


@pytest.mark.bwrap
def test_font_caches_are_made_anew_without_a_time(scratch: Path) -> None:
    root = make_root(scratch / "root", ("sh", "rm"))
    cache = root / "usr/lib/fontconfig/cache"
    cache.mkdir(parents=True)
    (cache / "old.cache-9").touch()
    body = f'echo "$SOURCE_DATE_EPOCH" /usr/lib/fontconfig/cache/* >> {LOG}'
    add_script(root, "/usr/bin/fc-list", body)
    package = PackageScripts(package="foo-1-1.noarch", files=("/usr/share/fonts/a.ttf",))
    run(plan(TreeChange(added=(package,), tools=tools_in(root))).after, sandbox_over(root))
    assert take_log(root) == "0 /usr/lib/fontconfig/cache/*\n"


@pytest.mark.bwrap
def test_module_lists_do_not_depend_on_the_order_of_a_directory(scratch: Path) -> None:
    root = make_root(scratch / "root", ("sh", "sort"))
    modules = root / "usr/lib64/gio/modules"
    modules.mkdir(parents=True)
    (modules / "x.so").touch()
    body = 'printf "%s\\n" "b.so: y" "A.so: z" "a.so: x" > "$1/giomodule.cache"'
    add_script(root, "/usr/bin/gio-querymodules", body)
    package = PackageScripts(package="foo-1-1.noarch", files=("/usr/lib64/gio/modules/x.so",))
    run(plan(TreeChange(added=(package,), tools=tools_in(root))).after, sandbox_over(root))
    assert (modules / "giomodule.cache").read_text() == "A.so: z\na.so: x\nb.so: y\n"
