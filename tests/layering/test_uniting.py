# SPDX-License-Identifier: LGPL-2.1-or-later
"""Packages over a base that rpm filled, where headers and not the tree have the word."""

from dataclasses import replace
from pathlib import Path

import pytest

from layering.claims import Claim, Difference, differences
from layering.colours import COLOURLESS, Colours
from layering.errors import FileConflictError
from layering.fates import BaseFile, fate_over_base
from layering.fileentries import FileEntry
from layering.rpmtags import FileFlag
from layering.union import Union
from layering.uniting import owned_paths, tree_colours, unite
from tests.layering.rpmjudge import World, elf, listing, make_world, package, states
from tests.rpms import File, Spec, build_rpm
from tests.sysroots import DATABASE, run

pytestmark = pytest.mark.root


def refusal(world: World, *rpms: Path, replacing: str = "") -> tuple[str, list[str]]:
    """The whole message, and the hints beside it."""
    layers = world.layers(*rpms)
    with pytest.raises(FileConflictError) as raised:
        unite(world.repo, world.base, layers, replacing=frozenset(replacing.split()))
    return str(raised.value), getattr(raised.value, "__notes__", [])


def united(world: World, *rpms: Path, below: str = "/usr/etc") -> dict[str, tuple[int, str]]:
    """Owner and content of what the union has below a directory."""
    layers = world.layers(*rpms)
    found = world.ours(layers)
    assert isinstance(found, Union), found
    listed = world.listing_of_ours(layers, found, below)
    return {path.removeprefix(below): (uid, text) for path, (_mode, uid, text) in listed.items()}


def test_of_two_layers_the_replaced_files_state_is_what_one_transaction_of_rpm_leaves(
    scratch: Path,
) -> None:
    """Only of a package that was there before does rpm note that its file was replaced."""
    world = make_world(scratch / "world", package(scratch, "base-1-1.noarch", {}))
    rpms = [
        package(scratch, f"{name}-1-1.noarch", {"/usr/share/x": File(content=name.encode())})
        for name in ("one", "two")
    ]
    there = world.rpm(*rpms, force=True)
    assert isinstance(there, Path)
    layers = world.layers(*rpms)
    found = unite(world.repo, world.base, layers, replacing=frozenset({"two"}))
    ours = world.states_of_ours(layers, found)
    assert ours == states(there / DATABASE)
    assert ours == ["one /usr/share/x normal", "two /usr/share/x normal"]
    assert found.replaced == (("/usr/share/x", "one-1-1.noarch", "two-1-1.noarch"),)


CONFIG = File(content=b"a=1", directives="%config(noreplace)")


def test_a_file_that_the_base_has_changed_conflicts_with_no_sibling_of_its_package(
    scratch: Path,
) -> None:
    """As glibc.i686 over a base whose nsswitch.conf is no longer glibc's."""
    files: dict[str, File | None] = {"/etc/switch.conf": CONFIG, "/usr/share/doc": File()}
    libc = package(scratch, "libc-1-1.x86_64", files)

    def change(root: Path) -> None:
        (root / "etc/switch.conf").write_text("a=2")
        (root / "usr/share/doc").write_text("edited")

    world = make_world(scratch / "world", libc, change=change)
    sibling = package(scratch, "libc-1-1.i686", files)
    assert united(world, sibling)["/switch.conf"] == (0, "a=2")
    assert united(world, sibling, below="/usr/share")["/doc"] == (0, "edited")
    other = package(scratch, "other-1-1.noarch", {"/etc/switch.conf": File(content=b"b")})
    message = "content differs: /etc/switch.conf of libc-1-1.x86_64 and of other-1-1.noarch"
    assert refusal(world, other)[0] == message


def test_configuration_that_nobody_owns_stays_and_the_packages_is_put_beside_it(
    scratch: Path,
) -> None:
    def change(root: Path) -> None:
        for name in ("kept", "moved", "same"):
            (root / f"etc/{name}").write_text("admin")

    world = make_world(scratch / "world", package(scratch, "a-1-1.noarch", {}), change=change)
    files: dict[str, File | None] = {
        "/etc/kept": File(content=b"x", user="games", directives="%config(noreplace)"),
        "/etc/moved": File(content=b"y", user="games", directives="%config"),
        "/etc/same": File(content=b"admin", directives="%config"),
    }
    rpm = package(scratch, "b-1-1.noarch", files)
    found = united(world, rpm)
    root = world.rpm(rpm)
    assert isinstance(root, Path)
    names = ("kept", "kept.rpmnew", "moved", "moved.rpmorig", "same")
    assert {name: found[f"/{name}"] for name in names} == {
        "kept": (0, "admin"),
        "kept.rpmnew": (5, "x"),
        "moved": (5, "y"),
        "moved.rpmorig": (0, "admin"),
        "same": (0, "admin"),
    }
    theirs = {path: entry[1:] for path, entry in listing(root, "/etc").items()}
    assert all(theirs[f"/etc/{name}"] == found[f"/{name}"] for name in names)


def test_a_name_that_a_layer_itself_brings_is_not_taken_for_a_file_beside(scratch: Path) -> None:
    def change(root: Path) -> None:
        (root / "etc/kept").write_text("admin")

    world = make_world(scratch / "world", package(scratch, "a-1-1.noarch", {}), change=change)
    files: dict[str, File | None] = {
        "/etc/kept": CONFIG,
        "/etc/kept.rpmnew/planted": File(content=b"p"),
    }
    found = united(world, package(scratch, "b-1-1.noarch", files))
    assert found["/kept"] == (0, "admin")
    assert found["/kept.rpmnew/planted"] == (0, "p")


def test_a_file_of_somebody_elses_in_the_base_is_not_given_away(scratch: Path) -> None:
    """The objects are the same: whose a layer's file is to be says its header alone."""
    name = "/usr/share/x"
    world = make_world(
        scratch / "world", package(scratch, "a-1-1.noarch", {name: File(content=b"x")})
    )
    games = File(content=b"x", user="games")
    rpm = package(scratch, "b-1-1.noarch", {name: games})
    message = "owner differs: /usr/share/x of a-1-1.noarch and of b-1-1.noarch"
    assert refusal(world, rpm)[0] == message
    layers = world.layers(rpm)
    found = world.ours(layers, frozenset("b"))
    assert isinstance(found, Union)
    assert [path.path for path in owned_paths(layers, found)[0].paths] == [b"/usr/share/x"]


def test_files_that_the_tree_has_elsewhere_are_known_to_be_the_bases(scratch: Path) -> None:
    mine: dict[str, File | None] = {"/boot/a/x": File(content=b"x"), "/usr/bin/x": File()}

    def change(root: Path) -> None:
        (root / "usr/bin/x").write_text("changed")
        (root / "usr/lib/ostree-boot").mkdir()
        (root / "boot/a").rename(root / "usr/lib/ostree-boot/a")
        (root / "usr/lib/ostree-boot/a/x").write_text("changed")

    world = make_world(scratch / "world", package(scratch, "a-1-1.noarch", mine), change=change)
    same = {"/boot/a/x": mine["/boot/a/x"], "/bin/x": mine["/usr/bin/x"]}
    found = united(world, package(scratch, "b-1-1.noarch", same), below="/usr")
    assert (found["/lib/ostree-boot/a/x"], found["/bin/x"]) == ((0, "changed"), (0, "changed"))
    other: dict[str, File | None] = {path: File(content=b"y") for path in same}
    assert refusal(world, package(scratch, "c-1-1.noarch", other))[0] == (
        "2 file conflicts:\n"
        "  content differs: /usr/bin/x of a-1-1.noarch and of c-1-1.noarch\n"
        "  content differs: /usr/lib/ostree-boot/a/x of a-1-1.noarch and of c-1-1.noarch"
    )


@pytest.mark.parametrize(
    ("one", "other", "message", "forcible"),
    [
        ({"/var/lib/x": 0o755}, {"/var/lib/x": 0o700}, "mode differs: /var/lib/x of {}", True),
        ({"/run/x": 0o755}, {"/var/run/x": 0o700}, "mode differs: /run/x of {}", True),
        ({"/var/lib/x": 0}, {"/var/lib/x": 0o755}, "type differs: /var/lib/x of {}", False),
        ({"/var/lib/x": 0}, {"/var/lib/x/y": 0o755}, "type differs: /var/lib/x of {}", False),
    ],
)
def test_what_packages_disagree_about_below_var_is_a_conflict(
    scratch: Path, one: dict[str, int], other: dict[str, int], message: str, forcible: bool
) -> None:
    def files(modes: dict[str, int]) -> dict[str, File | None]:
        return {
            path: File(directory=True, mode=mode) if mode else File(link="elsewhere")
            for path, mode in modes.items()
        }

    a = package(scratch, "a-1-1.noarch", files(one))
    b = package(scratch, "b-1-1.noarch", files(other))
    both = message.format("a-1-1.noarch and of b-1-1.noarch")
    empty = make_world(scratch / "empty", package(scratch, "e-1-1.noarch", {}))
    assert refusal(empty, b, a)[0] == both
    assert bool(refusal(empty, a, b)[1]) is forcible
    if forcible:
        assert isinstance(empty.ours(empty.layers(a, b), frozenset("b")), Union)
        over = make_world(scratch / "over", a)
        assert refusal(over, b)[0] == both
        again = package(scratch, "c-1-1.noarch", files(one))
        assert isinstance(over.ours(over.layers(again)), Union)


def test_links_and_directories_below_var_are_shared_where_they_are_the_same(scratch: Path) -> None:
    files: dict[str, File | None] = {
        "/var/lib/x": File(directory=True, mode=0o750, user="games"),
        "/var/lib/y": File(link="x"),
        "/var/log/z": File(directives="%ghost"),
    }
    more = {**files, "/var/log/z": File(directory=True)}
    world = make_world(scratch / "world", package(scratch, "a-1-1.noarch", files))
    layers = world.layers(
        package(scratch, "b-1-1.noarch", files), package(scratch, "c-1-1.noarch", more)
    )
    assert isinstance(world.ours(layers), Union)


def test_files_are_shared_whatever_their_times_and_hard_links(scratch: Path) -> None:
    """Times are no part of a tree; a hard link is the same object under another name."""
    one = File(content=b"one", mode=0o755)
    linked = {"/usr/lib/x": one, "/usr/lib/y": File(hard_link="/usr/lib/x", mode=0o755)}
    apart = {"/usr/lib/x": one, "/usr/lib/y": one, "/usr/lib/z": File(link="x")}
    old = "touch -h -d @1000000000 %{buildroot}/usr/lib/*"
    rpms = [
        build_rpm(scratch, "a-1-1.noarch", Spec(files=linked)),
        build_rpm(scratch, "b-1-1.noarch", Spec(files=apart, sections=old)),
        build_rpm(scratch, "c-1-1.noarch", Spec(files=linked, sections=old)),
    ]
    empty = make_world(scratch / "empty", package(scratch, "e-1-1.noarch", {}))
    over = make_world(scratch / "over", rpms[0])
    for world, layered in ((empty, rpms), (over, rpms[1:])):
        found = united(world, *layered, below="/usr/lib")
        assert {name: text for name, (_uid, text) in found.items() if len(name) == 2} == {
            "/x": "one",
            "/y": "one",
            "/z": "x",
        }
        assert isinstance(world.rpm(*layered), Path)


def test_what_of_a_package_was_left_out_at_its_installation_is_not_in_the_way() -> None:
    entry = file_entry(b"/usr/share/doc/x", digest="11")
    left_out = Claim(package="a", entry=entry, algorithm="sha256", installed=False)
    new = Claim(package="b", entry=file_entry(b"/usr/share/doc/x", digest="22"), algorithm="sha256")
    base = BaseFile(
        owners=[left_out], is_content_of=lambda _claim: False, directly=(Difference.CONTENT,)
    )
    verdict = fate_over_base(new, base, colours=Colours(), forced=False)
    # Then what is there is nobody's.
    assert verdict.conflicts == ((None, (Difference.CONTENT,)),)
    there = replace(base, owners=[replace(left_out, installed=True)])
    verdict = fate_over_base(new, there, colours=Colours(), forced=False)
    assert verdict.conflicts == (("a", (Difference.CONTENT,)),)


def test_without_digests_two_files_are_not_known_to_be_the_same() -> None:
    one = Claim(package="a", entry=file_entry(b"/x", digest=""), algorithm="sha256")
    assert differences(one, replace(one, package="b")) == (Difference.CONTENT,)
    nought = replace(one, entry=file_entry(b"/x", digest="", size=0))
    assert differences(nought, nought) == ()


def file_entry(path: bytes, *, digest: str, size: int = 1) -> FileEntry:
    return FileEntry(
        path=path,
        mode=0o100644,
        user="root",
        group="root",
        size=size,
        mtime=0,
        digest=digest,
        link_target=b"",
        flags=FileFlag(0),
        inode=1,
        device=1,
        rdev=0,
        nlink=1,
        capabilities="",
        color=0,
    )


def program(bits: int, text: bytes = b"") -> File:
    return File(content=elf(bits, text), mode=0o755)


def test_colours_follow_from_the_bases_packages_and_not_from_this_machine(scratch: Path) -> None:
    files: dict[str, File | None] = {"/usr/bin/x": program(32)}
    old = make_world(scratch / "old", package(scratch, "a-1-1.i686", files))
    new = make_world(scratch / "new", package(scratch, "b-1-1.x86_64", {}))
    assert tree_colours(old.base, ()) == COLOURLESS
    assert tree_colours(new.base, old.layers(scratch / "a-1-1.i686.rpm")) == Colours()
    # On a 32-bit system two word sizes are two files like any others, as in rpm there.
    wide = package(scratch, "c-1-1.x86_64", {"/usr/bin/x": program(64)})
    message = "content differs: /usr/bin/x of a-1-1.i686 and of c-1-1.x86_64"
    assert refusal(old, wide)[0] == message


def test_rpm_finds_nothing_wrong_where_the_preferred_colour_stands(scratch: Path) -> None:
    """32 bits below 64 bits and the reverse: base and layer, layer and layer."""
    names = ("one", "two", "three")

    def files(*bits: int) -> dict[str, File | None]:
        numbered = zip(names, bits, strict=False)
        return {f"/usr/bin/{name}": program(each, b"x") for name, each in numbered if each}

    world = make_world(scratch / "world", package(scratch, "a-1-1.x86_64", files(32, 64)))
    rpms = [
        package(scratch, "b-1-1.i686", files(0, 32, 32)),
        package(scratch, "c-1-1.x86_64", files(64, 0, 64)),
    ]
    layers = world.layers(*rpms)
    found = world.ours(layers)
    assert isinstance(found, Union)
    tree = world.listing_of_ours(layers, found, "/usr/bin")
    assert {path: entry[2].encode("latin-1") for path, entry in tree.items()} == {
        f"/usr/bin/{name}": elf(64, b"x") for name in names
    }
    assert world.states_of_ours(layers, found) == [
        "a /usr/bin/one wrong color",
        "a /usr/bin/two normal",
        "b /usr/bin/three wrong color",
        "b /usr/bin/two wrong color",
        "c /usr/bin/one normal",
        "c /usr/bin/three normal",
    ]
    (checkout,) = (path for path in world.directory.iterdir() if path.name.startswith("ours"))
    (database,) = (
        path / "rpmdb.sqlite"
        for path in world.directory.iterdir()
        if path.name.startswith("db") and not path.name.endswith("asked")
    )
    run("cp", str(database), str(checkout / DATABASE / "rpmdb.sqlite"))
    verify = ["rpm", "-Va", "--nomtime", "--nodeps", f"--root={checkout}", f"--dbpath=/{DATABASE}"]
    assert run(*verify) == ""
