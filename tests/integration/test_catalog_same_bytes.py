# SPDX-License-Identifier: LGPL-2.1-or-later
"""The built-in triggers' own tools: the same files give the same bytes, and no files give none.

Each runs over two copies of what it reads. Their directories list names in opposite orders, which a
tmpfs does by the order in which they were made, and their times are years apart.
"""

import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from fixtures.forest import World
from tests import needs
from tests.integration.hosts import command
from triggers import Bind, PackageScripts, Sandbox, TreeChange, plan, run, tools_in

pytestmark = [pytest.mark.world, pytest.mark.root, pytest.mark.bwrap]

MULTIARCH = "/usr/lib/x86_64-linux-gnu"
ICONS, FONTS, INFO = "/usr/share/icons", "/usr/share/fonts", "/usr/share/info"
MIME, APPLICATIONS = "/usr/share/mime", "/usr/share/applications"
SCHEMAS, MODULES = "/usr/share/glib-2.0/schemas", "/usr/lib/modules"
DCONF, CERTIFICATES = "/etc/dconf/db", "/usr/share/ca-certificates"

TYPE = (
    "<mime-info xmlns='http://www.freedesktop.org/standards/shared-mime-info'>"
    "<mime-type type='text/x-overlay'><comment>{0}</comment><glob pattern='*.{0}'/>"
    "<alias type='text/x-{0}'/></mime-type></mime-info>\n"
)
ENTRY = "[Desktop Entry]\nType=Application\nName={0}\nExec={0}\nMimeType=text/x-overlay;\n"
SCHEMA = (
    "<schemalist><schema id='org.overlay.{0}' path='/org/overlay/{0}/'>"
    "<key name='k' type='s'><default>'{0}'</default></key></schema></schemalist>\n"
)
MANUAL = (
    "INFO-DIR-SECTION Overlay\nSTART-INFO-DIR-ENTRY\n"
    "* Same: ({0}).  Of {0}.\nEND-INFO-DIR-ENTRY\n\x1f\nFile: {0}.info, Node: Top\n"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A row, what feeds it in the tree, and more files to feed it."""

    row: str
    places: tuple[str, ...]  # directories that are laid out
    feeds: tuple[str, ...]  # globs of what sets it off, below these
    made: tuple[str, ...]  # globs of what it makes
    more: str = ""  # path of a further file, "{0}" being its name, and …
    text: str = ""  # … its content; several of these are added
    kept: bool = False  # whether its output stays without any of the files


CASES = (
    Case(
        row="ldconfig",
        places=(f"{MULTIARCH}", "/etc"),
        feeds=(f"{MULTIARCH}/lib*.so*",),
        made=("/etc/ld.so.cache",),
        kept=True,
    ),
    Case(
        row="depmod",
        places=(MODULES,),
        feeds=(f"{MODULES}/*/**/*.ko*",),
        made=(f"{MODULES}/*/modules.dep*", f"{MODULES}/*/modules.alias*"),
        kept=True,
    ),
    Case(
        row="systemd-hwdb",
        places=("/usr/lib/udev",),
        feeds=("/usr/lib/udev/hwdb.d/*.hwdb",),
        made=("/usr/lib/udev/hwdb.bin",),
        more="/usr/lib/udev/hwdb.d/99-{0}.hwdb",
        text="evdev:name:overlay:*\n {0}=1\n SAME={0}\n",
    ),
    Case(
        row="glib-compile-schemas",
        places=(SCHEMAS,),
        feeds=(f"{SCHEMAS}/*.xml", f"{SCHEMAS}/*.override"),
        made=(f"{SCHEMAS}/gschemas.compiled",),
        more=f"{SCHEMAS}/org.overlay.{{0}}.gschema.xml",
        text=SCHEMA,
    ),
    Case(
        row="gio-querymodules",
        places=(f"{MULTIARCH}/gio/modules",),
        feeds=(f"{MULTIARCH}/gio/modules/*.so",),
        made=(f"{MULTIARCH}/gio/modules/giomodule.cache",),
        more=f"{MULTIARCH}/gio/modules/{{0}}.so",
        text=f"{MULTIARCH}/gio/modules/libdconfsettings.so",
    ),
    Case(
        row="gtk-query-immodules",
        places=(f"{MULTIARCH}/gtk-3.0",),
        feeds=(f"{MULTIARCH}/gtk-3.0/3.0.0/immodules/*.so",),
        made=(f"{MULTIARCH}/gtk-3.0/3.0.0/immodules.cache",),
    ),
    Case(
        row="update-mime-database",
        places=(MIME,),
        feeds=(f"{MIME}/packages/*.xml",),
        made=(f"{MIME}/mime.cache", f"{MIME}/text/*.xml", f"{MIME}/globs*", f"{MIME}/version"),
        more=f"{MIME}/packages/{{0}}.xml",
        text=TYPE,
    ),
    Case(
        row="update-desktop-database",
        places=(APPLICATIONS,),
        feeds=(f"{APPLICATIONS}/*.desktop",),
        made=(f"{APPLICATIONS}/mimeinfo.cache",),
        more=f"{APPLICATIONS}/{{0}}.desktop",
        text=ENTRY,
    ),
    Case(
        row="gtk-update-icon-cache",
        places=(ICONS,),
        feeds=(f"{ICONS}/Adwaita/**/*.*",),
        made=(f"{ICONS}/Adwaita/icon-theme.cache",),
    ),
    Case(
        row="fontconfig",
        places=(FONTS, "/usr/lib/fontconfig/cache"),
        feeds=(f"{FONTS}/**/*.*",),
        made=("/usr/lib/fontconfig/cache/*.cache-*",),
        kept=True,
    ),
    Case(
        row="ca-certificates",
        places=(CERTIFICATES, "/etc/ssl/certs"),
        feeds=(f"{CERTIFICATES}/**/*.crt",),
        made=("/etc/ssl/certs/ca-certificates.crt", "/etc/ssl/certs/*.0"),
        kept=True,
    ),
    Case(
        row="dconf",
        places=(DCONF,),
        feeds=(f"{DCONF}/local.d/*",),
        made=(f"{DCONF}/local",),
        more=f"{DCONF}/local.d/{{0}}",
        text="[org/overlay]\n{0}=1\nsame='{0}'\n",
    ),
    Case(
        row="install-info",
        places=(INFO,),
        feeds=(f"{INFO}/*.info",),
        made=(f"{INFO}/dir",),
        more=f"{INFO}/{{0}}.info",
        text=MANUAL,
    ),
)


@pytest.fixture(scope="module")
def tree(built: World, ground: Path) -> Iterator[Path]:
    """A checkout of the workstation tree, of copies."""
    if "base/workstation" not in built.trees:
        needs.absent("the world of OVERLAY_TEST_WORLD has no tree base/workstation")
    path = ground / "workstation"
    repo = f"--repo={built.ostree_repo}"
    command("ostree", "checkout", "--user-mode", repo, built.trees["base/workstation"], path)
    yield path
    shutil.rmtree(path)


def _in(root: Path, path: str) -> Path:
    return root / (f"usr{path}" if path.startswith("/etc") else path.lstrip("/"))


def _found(root: Path, globs: Iterable[str]) -> list[str]:
    """Returns the paths below `root` that fit, as the tree calls them."""
    every = {path for each in globs for path in root.glob(str(_in(Path(), each)))}
    names = (f"/{path.relative_to(root)}" for path in every if not path.is_dir())
    return sorted(each.removeprefix("/usr") if "/usr/etc" in each else each for each in names)


def _lay_out(tree: Path, case: Case, root: Path, *, backwards: bool) -> None:
    """Copies what a row reads, name after name in one order or the other."""

    def in_order(names: Iterable[Path]) -> list[Path]:
        return sorted(names, reverse=backwards)

    def copy(source: Path, target: Path, extra: Sequence[tuple[Path, Path | str]]) -> None:
        target.mkdir(parents=True)
        mine = {path: content for path, content in extra if path.parent == target}
        below = {target / each.name: each for each in source.iterdir()} if source.is_dir() else {}
        further = {each for path, _ in extra for each in path.parents if each.parent == target}
        for place in in_order({*mine, *below, *further}):
            origin = below.get(place, Path("/nonexistent"))
            content = mine.get(place)
            if place in further or (origin.is_dir() and not origin.is_symlink()):
                copy(origin, place, extra)
            elif isinstance(content, str):
                place.write_text(content, encoding="utf-8")
            else:
                shutil.copyfile(content or origin, place, follow_symlinks=False)

    names = ("zulu", "alpha", "mike") if case.more else ()
    extra: list[tuple[Path, Path | str]] = []
    for name in names:
        text = case.text.format(name)
        content = _in(tree, text) if text.startswith("/") else text
        extra.append((_in(root, case.more.format(name)), content))
    for place in case.places:
        copy(_in(tree, place), _in(root, place), extra)
    when = 1_700_000_000 if backwards else 0
    for directory, _, files in root.walk():
        for each in (directory, *(directory / file for file in files)):
            os.utime(each, (when, when), follow_symlinks=False)


def _make(tree: Path, case: Case, root: Path, *, came: Sequence[str], went: Sequence[str]) -> None:
    """Runs the row over a copy, for files that came or went."""
    added = (PackageScripts(package="foo-1-1.noarch", files=tuple(came)),) if came else ()
    removed = (PackageScripts(package="bar-1-1.noarch", files=tuple(went)),) if went else ()
    made = plan(TreeChange(added=added, removed=removed, tools=tools_in(tree)))
    (invocation,) = [each for each in made.after if each.owner == case.row]
    state = root / "state"
    state.mkdir()
    sandbox = Sandbox.over(
        tree,
        var=root / "var",
        rpm_state=state,
        source_date_epoch=1_600_000_000,
        binds=[
            Bind(source=_in(root, each), destination=each, writable=True) for each in case.places
        ],
    )
    (outcome,) = run([invocation], sandbox)
    assert (outcome.status, outcome.timed_out) == (0, False), outcome.output
    state.rmdir()


def _contents(root: Path, paths: Iterable[str]) -> dict[str, bytes]:
    places = {each: _in(root, each) for each in paths}
    return {
        each: os.fsencode(place.readlink()) if place.is_symlink() else place.read_bytes()
        for each, place in places.items()
    }


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.row)
def test_the_same_files_give_the_same_bytes_in_any_order_and_of_any_time(
    case: Case, tree: Path, scratch: Path
) -> None:
    roots = (scratch / "one", scratch / "other")
    for root in roots:
        _lay_out(tree, case, root, backwards=root is roots[1])
        for path in _found(root, case.made):
            _in(root, path).unlink()
    feeding = _found(roots[0], case.feeds)
    listed = [[each.name for each in _in(root, feeding[0]).parent.iterdir()] for root in roots]
    assert listed[0] == listed[1][::-1]
    for root in roots:
        _make(tree, case, root, came=feeding, went=())
    everything = [_found(root, [f"{place}/**/*" for place in case.places]) for root in roots]
    assert _contents(roots[0], everything[0]) == _contents(roots[1], everything[1])
    assert all(_found(roots[0], [each]) for each in case.made)


@pytest.mark.parametrize(
    "case", [each for each in CASES if not each.kept], ids=lambda case: case.row
)
def test_what_nothing_feeds_is_gone(case: Case, tree: Path, scratch: Path) -> None:
    root = scratch / "root"
    _lay_out(tree, case, root, backwards=False)
    feeding = _found(root, case.feeds)
    _make(tree, case, root, came=feeding, went=())
    assert all(_found(root, [each]) for each in case.made)
    for each in feeding:
        place = _in(root, each)
        place.unlink()
        with suppress(OSError):  # a directory that nothing is left in goes as well
            place.parent.rmdir()
    _make(tree, case, root, came=(), went=feeding)
    assert _found(root, case.made) == []


def test_a_kernel_whose_last_module_went_leaves_no_directory(tree: Path, scratch: Path) -> None:
    case = next(each for each in CASES if each.row == "depmod")
    root = scratch / "root"
    some = _in(tree, _found(tree, case.feeds)[0])
    module = f"{MODULES}/6.1-other/extra/{some.name}"
    place = _in(root, module)
    place.parent.mkdir(parents=True)
    shutil.copyfile(some, place)
    _make(tree, case, root, came=[module], went=())
    assert _found(root, [f"{MODULES}/6.1-other/modules.dep"])
    place.unlink()
    place.parent.rmdir()
    _make(tree, case, root, came=(), went=[module])
    assert list(_in(root, MODULES).iterdir()) == []
