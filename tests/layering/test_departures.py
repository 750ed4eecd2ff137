# SPDX-License-Identifier: LGPL-2.1-or-later
"""What is left of a base where packages go: rpm, erasing and updating the same, is the judge."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from layering.departures import Departure, NotInBaseError
from solver import Nevra
from tests.layering.rpmjudge import (
    VARIANTS,
    Listing,
    World,
    listing,
    make_world,
    package,
    states,
)
from tests.rpms import File
from tests.sysroots import DATABASE

pytestmark = pytest.mark.root

Files = Mapping[str, File | None]

OLD, NEW = "going-1-1.x86_64", "going-2-1.x86_64"
_IGNORED = ("/usr/share/rpm", "/usr/lib/sysimage")


def going(replaced_by: str = "") -> Departure:
    return Departure(package=Nevra.parse(OLD), replaced_by=replaced_by)


def of_rpm(root: Path) -> Listing:
    """What rpm left below /usr and /etc, where a tree has it."""
    found = listing(root, "/usr") | {f"/usr{p}": e for p, e in listing(root, "/etc").items()}
    return of_ours(found)


def of_ours(found: Listing) -> Listing:
    kept = {path: entry for path, entry in found.items() if not path.startswith(_IGNORED)}
    kept.pop("/usr/etc", None)  # rpm's /etc is not in its own listing
    return kept


def erased(
    scratch: Path, files: Files, stays: Files, change: Callable[[Path], None] = lambda _: None
) -> tuple[World, Listing]:
    """A base of a package that goes and one that stays, and what is left, if rpm agrees."""
    rpms = [package(scratch, OLD, files), package(scratch, "stays-1-1.x86_64", stays)]
    world = make_world(scratch / "world", *rpms, change=change)
    root, united = world.erased("going"), world.less(going())
    ours = of_ours(world.listing_of_ours((), united, "/usr"))
    assert ours == of_rpm(root)
    assert world.states_of_ours((), united) == states(root / DATABASE)
    return world, ours


def test_files_that_nobody_else_has_go(scratch: Path) -> None:
    _world, left = erased(
        scratch,
        {
            "/usr/bin/tool": File(content=b"t", mode=0o755),
            "/usr/bin/link": File(link="tool"),
            "/usr/share/doc": File(content=b"shared"),
            "/usr/share/ghost": File(directives="%ghost"),
        },
        {"/usr/share/doc": File(content=b"shared"), "/usr/bin/other": File()},
    )
    assert {path for path in left if path.startswith(("/usr/bin/", "/usr/share/d"))} == {
        "/usr/bin/other",
        "/usr/share/doc",
    }


def test_directories_go_that_are_empty_then(scratch: Path) -> None:
    def change(root: Path) -> None:
        (root / "usr/share/used/nobodys").write_text("")
        (root / "usr/share/gone/a/file").unlink()

    listed = File(directory=True, mode=0o755)
    _world, left = erased(
        scratch,
        {
            "/usr/share/empty": listed,
            "/usr/share/deep": listed,
            "/usr/share/deep/er": listed,
            "/usr/share/deep/er/file": File(),
            "/usr/share/used": listed,
            "/usr/share/common": listed,
            "/usr/share/theirs": listed,
            "/usr/share/unlisted/file": File(),
            "/usr/share/gone/a/file": File(),
        },
        {"/usr/share/common": listed, "/usr/share/theirs/file": File()},
        change,
    )
    names = {path.removeprefix("/usr/share/") for path in left if path.startswith("/usr/share/")}
    assert names == {
        *("used", "used/nobodys", "common", "theirs", "theirs/file"),
        *("unlisted", "gone", "gone/a"),
    }


def test_configuration_that_the_base_has_changed_is_saved(scratch: Path) -> None:
    def change(root: Path) -> None:
        for name in ("changed", "noreplace"):
            (root / "etc" / name).write_text("the distributor's")
        (root / "etc/linked").unlink()
        (root / "etc/linked").symlink_to("changed")
        (root / "etc/missing").unlink()

    config = File(content=b"a=1", directives="%config")
    _world, left = erased(
        scratch,
        {
            "/etc/same": config,
            "/etc/changed": config,
            "/etc/noreplace": File(content=b"a=1", directives="%config(noreplace)"),
            "/etc/missing": config,
            "/etc/plain": File(content=b"p"),
            "/etc/link": File(link="same", directives="%config"),
        },
        {"/etc/other": config, "/etc/linked": File()},
        change,
    )
    names = {path.removeprefix("/usr/etc/") for path in left if path.startswith("/usr/etc/")}
    assert names - {"os-release", "passwd", "group"} == {
        *("changed.rpmsave", "noreplace.rpmsave", "other", "linked")
    }


def test_paths_are_found_through_the_links_of_the_tree(scratch: Path) -> None:
    files: Files = {"/bin/tool": File(content=b"t"), "/lib/tool/x": File()}
    rpms = [package(scratch, OLD, files), package(scratch, "b-1-1.x86_64", {"/usr/bin/b": File()})]

    def change(root: Path) -> None:
        for name in ("bin", "lib"):
            assert (root / name).is_symlink(), name

    world = make_world(scratch / "world", *rpms, change=change)
    left = world.listing_of_ours((), world.less(going()), "/usr/bin")
    assert set(left) == {"/usr/bin/b"}


def _dirs(name: str) -> bool:
    return name.startswith("dir")


PAIRS = {
    f"{old}-{new}-{how}": (old, new, how)
    for old in VARIANTS
    for new in VARIANTS
    for how in ("same", "changed")
    # A file in the place of a directory, or the other way round, rpm cannot unpack.
    if _dirs(old) == _dirs(new) or "none" in (old, new)
    if how == "same" or (VARIANTS[old] is not None and not _dirs(old))
}


def _case(name: str, variant: str) -> dict[str, File | None]:
    return {f"/etc/{name}": VARIANTS[variant]}


@pytest.mark.parametrize("new", [NEW, "other-1-1.x86_64"], ids=["update", "swap"])
def test_whatever_comes_in_its_place_is_there_as_rpm_has_it(scratch: Path, new: str) -> None:
    before: dict[str, File | None] = {}
    after: dict[str, File | None] = {}
    for name, (old, follows, _how) in PAIRS.items():
        before |= _case(name, old)
        after |= _case(name, follows)

    def change(root: Path) -> None:
        for name, (_old, _new, how) in PAIRS.items():
            path = root / "etc" / name
            if how == "changed":
                path.unlink(missing_ok=True)
                path.write_text("the distributor's")

    old_rpm, new_rpm = package(scratch, OLD, before), package(scratch, new, after)
    world = make_world(scratch / "world", old_rpm, change=change)
    layers = world.layers(new_rpm)
    united = world.less(going(new if new == NEW else ""), layers=layers)
    root = world.replaced(new_rpm, () if new == NEW else ("going",))
    ours = of_ours(world.listing_of_ours(layers, united, "/usr"))
    theirs = of_rpm(root)
    differ = {
        path: (theirs.get(path), ours.get(path))
        for path in sorted(theirs.keys() | ours.keys())
        if theirs.get(path) != ours.get(path)
    }
    # docs/architecture.md: %config(missingok) comes where rpm leaves it out.
    assert differ.keys() == {
        "/usr/etc/ghost-missingok-same",
        "/usr/etc/ghostconfig-missingok-same",
    }
    assert world.states_of_ours(layers, united) == states(root / DATABASE)


def test_what_the_base_does_not_have_cannot_go(scratch: Path) -> None:
    world = make_world(scratch / "world", package(scratch, "stays-1-1.x86_64", {}))
    with pytest.raises(NotInBaseError) as caught:
        world.less(going())
    assert str(caught.value) == "the base has no going-1-1.x86_64"
