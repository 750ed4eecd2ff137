# SPDX-License-Identifier: LGPL-2.1-or-later
"""The conventions of an image-based tree, row by row."""

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from layering.paths import EMPTY_BASE, BaseLayout, TreePath, Zone, moved_target, tree_path

# As on an image-based workstation.
MERGED = BaseLayout.of(
    {
        "bin": "usr/bin",
        "home": "var/home",
        "lib": "usr/lib",
        "lib64": "usr/lib64",
        "media": "run/media",
        "mnt": "var/mnt",
        "opt": "var/opt",
        "ostree": "sysroot/ostree",
        "root": "var/roothome",
        "sbin": "usr/sbin",
        "srv": "var/srv",
        "tmp": "sysroot/tmp",
    },
    {"local": "../var/usrlocal", "sbin": "bin", "tmp": "../var/tmp"},
)
PLAIN = BaseLayout.of({}, {})

# The path in the package, what becomes of it, where it lies in the tree, its name on the system.
FILES = [
    ("/usr/bin/x", Zone.TREE, "/usr/bin/x", "/usr/bin/x"),
    ("/etc/x.d/y", Zone.TREE, "/usr/etc/x.d/y", "/etc/x.d/y"),
    ("/bin/sh", Zone.TREE, "/usr/bin/sh", "/usr/bin/sh"),
    ("/lib64/ld.so", Zone.TREE, "/usr/lib64/ld.so", "/usr/lib64/ld.so"),
    ("/sbin/ip", Zone.TREE, "/usr/bin/ip", "/usr/bin/ip"),
    ("/usr/sbin/ip", Zone.TREE, "/usr/bin/ip", "/usr/bin/ip"),
    ("/var/lib/x/y", Zone.STATE, "/usr/share/factory/var/lib/x/y", "/var/lib/x/y"),
    ("/var/lib/selinux/s/m", Zone.TREE, "/usr/etc/selinux/s/m", "/var/lib/selinux/s/m"),
    ("/run/x", Zone.STATE, "/usr/share/factory/run/x", "/run/x"),
    ("/var/run/x", Zone.STATE, "/usr/share/factory/run/x", "/run/x"),
    ("/var/lock/x", Zone.STATE, "/usr/share/factory/run/lock/x", "/run/lock/x"),
    ("/usr/tmp/x", Zone.STATE, "/usr/share/factory/var/tmp/x", "/var/tmp/x"),
    (
        "/usr/local/bin/x",
        Zone.STATE,
        "/usr/share/factory/var/usrlocal/bin/x",
        "/var/usrlocal/bin/x",
    ),
    (
        "/root/.profile",
        Zone.STATE,
        "/usr/share/factory/var/roothome/.profile",
        "/var/roothome/.profile",
    ),
    ("/opt/x/bin/y", Zone.OPT, "/usr/lib/opt/x/bin/y", "/opt/x/bin/y"),
    ("/opt/x", Zone.OPT, "/usr/lib/opt/x", "/opt/x"),
    ("/boot/x/y", Zone.TREE, "/usr/lib/ostree-boot/x/y", "/boot/x/y"),
    ("/boot/vmlinuz-6.1", Zone.TREE, "/usr/lib/modules/6.1/vmlinuz", "/boot/vmlinuz-6.1"),
    ("/boot/vmlinuz-", Zone.TREE, "/usr/lib/ostree-boot/vmlinuz-", "/boot/vmlinuz-"),
    ("/srv/x", Zone.REFUSED, "", "/var/srv/x"),
    ("/nix/store", Zone.REFUSED, "", "/nix/store"),
    ("/x", Zone.REFUSED, "", "/x"),
    ("/dev/null", Zone.REFUSED, "", "/dev/null"),
    ("/proc/x", Zone.REFUSED, "", "/proc/x"),
    ("/tmp/x", Zone.REFUSED, "", "/tmp/x"),
    ("/sysroot/x", Zone.REFUSED, "", "/sysroot/x"),
    ("/ostree/repo", Zone.REFUSED, "", "/ostree/repo"),
]
DIRECTORIES = [
    ("/", Zone.TREE, "/", "/"),
    ("/usr", Zone.TREE, "/usr", "/usr"),
    ("/bin", Zone.TREE, "/usr/bin", "/usr/bin"),
    ("/usr/sbin", Zone.TREE, "/usr/bin", "/usr/bin"),
    ("/etc", Zone.TREE, "/usr/etc", "/etc"),
    ("/boot", Zone.TREE, "/usr/lib/ostree-boot", "/boot"),
    ("/opt", Zone.OPT, "/usr/lib/opt", "/opt"),
    ("/var", Zone.STATE, "/usr/share/factory/var", "/var"),
    ("/var/run", Zone.STATE, "/usr/share/factory/run", "/run"),
    ("/home", Zone.STATE, "/usr/share/factory/var/home", "/var/home"),
    ("/srv", Zone.STATE, "/usr/share/factory/var/srv", "/var/srv"),
    ("/proc", Zone.TREE, "/proc", "/proc"),
    ("/tmp", Zone.TREE, "/tmp", "/tmp"),
    ("/nix", Zone.REFUSED, "", "/nix"),
]
# A link is what it is called, not what it leads to.
LINKS = [
    ("/bin", Zone.TREE, "/bin", "/bin"),
    ("/opt", Zone.TREE, "/opt", "/opt"),
    ("/usr/sbin", Zone.TREE, "/usr/sbin", "/usr/sbin"),
    ("/usr/local", Zone.TREE, "/usr/local", "/usr/local"),
    ("/home", Zone.TREE, "/home", "/home"),
    ("/var/run", Zone.STATE, "/usr/share/factory/var/run", "/var/run"),
    ("/nix", Zone.REFUSED, "", "/nix"),
]
Row = tuple[str, Zone, str, str]


def landed(row: Row) -> TreePath:
    return TreePath(zone=row[1], tree=row[2].encode(), live=row[3].encode())


@pytest.mark.parametrize("row", FILES, ids=lambda row: row[0])
def test_a_file_lands_where_the_conventions_say(row: Row) -> None:
    assert tree_path(row[0].encode(), MERGED) == landed(row)


@pytest.mark.parametrize("row", DIRECTORIES, ids=lambda row: row[0])
def test_a_directory_lands_where_its_name_leads(row: Row) -> None:
    assert tree_path(row[0].encode(), MERGED, directory=True) == landed(row)


@pytest.mark.parametrize("row", LINKS, ids=lambda row: row[0])
def test_a_link_lies_where_it_is_called(row: Row) -> None:
    assert tree_path(row[0].encode(), MERGED) == landed(row)


@pytest.mark.parametrize("path", ["/bin/sh", "/sbin/ip", "/usr/sbin/ip", "/usr/local/bin/x"])
def test_without_links_paths_stay_as_they_are(path: str) -> None:
    assert tree_path(path.encode(), PLAIN) == landed((path, Zone.TREE, path, path))


def test_a_home_that_is_no_link_takes_nothing() -> None:
    assert tree_path(b"/home/x", PLAIN).zone is Zone.REFUSED
    assert tree_path(b"/home", PLAIN, directory=True).zone is Zone.TREE


def test_a_top_level_directory_can_be_allowed() -> None:
    layout = BaseLayout.of({"srv": "var/srv"}, {}, allowed=["srv", "nix"])
    assert tree_path(b"/nix/store/x", layout) == TreePath(
        zone=Zone.TREE, tree=b"/nix/store/x", live=b"/nix/store/x", leave=b"nix"
    )
    assert tree_path(b"/srv/www", layout) == TreePath(
        zone=Zone.STATE, tree=b"/usr/share/factory/var/srv/www", live=b"/var/srv/www", leave=b"srv"
    )
    assert tree_path(b"/snap/x", layout).zone is Zone.REFUSED


ROWS = [*((row, False) for row in (*FILES, *LINKS)), *((row, True) for row in DIRECTORIES)]


@pytest.mark.parametrize(("row", "directory"), ROWS, ids=lambda each: str(each))
def test_what_is_allowed_moves_nothing_that_has_a_place(row: Row, directory: bool) -> None:
    every = ("boot", "etc", "home", "lib32", "mnt", "nix", "opt", "run", "srv", "tmp", "var", "x")
    leave = replace(MERGED, allowed=frozenset(name.encode() for name in every))
    place = tree_path(row[0].encode(), leave, directory=directory)
    if row[1] is Zone.REFUSED:
        assert place.live == row[3].encode()
        assert bool(place.leave) == (place.zone is not Zone.REFUSED)
    else:
        assert place == landed(row)


def test_what_is_allowed_is_no_part_of_a_layouts_key() -> None:
    assert replace(MERGED, allowed=frozenset({b"nix"})).key == MERGED.key


def test_an_opt_inside_the_tree_is_known() -> None:
    assert BaseLayout.of({"opt": "usr/lib/opt"}, {}).opt_in_tree
    assert BaseLayout.of({"opt": "/usr/lib/opt"}, {}).opt_in_tree
    assert not MERGED.opt_in_tree


def test_links_are_followed_as_the_kernel_follows_them(tmp_path: Path) -> None:
    links = {"bin": "usr/bin", "sbin": "/usr/sbin", "lib": "./usr/../usr/lib", "home": "var//home"}
    usr = {"sbin": "bin", "local": "../var/usrlocal", "lib64": "lib"}
    layout = BaseLayout.of(links, usr)
    for name in ("usr/bin", "usr/lib", "var/home", "var/usrlocal"):
        (tmp_path / name).mkdir(parents=True)
    for name, target in links.items():
        (tmp_path / name).symlink_to(f"{tmp_path}{target}" if target[0] == "/" else target)
    for name, target in usr.items():
        (tmp_path / "usr" / name).symlink_to(target)
    for path in ("/bin/x", "/sbin/x", "/lib/x/y", "/home/x", "/usr/lib64/x", "/usr/local/a/b"):
        real = os.path.realpath(f"{tmp_path}{path}").removeprefix(str(tmp_path))
        assert layout.canonical(path.encode()).decode() == real


def test_links_in_a_circle_end() -> None:
    layout = BaseLayout.of({"bin": "sbin", "sbin": "bin"}, {})
    assert layout.canonical(b"/bin/x") in (b"/bin/x", b"/sbin/x")


def test_equal_layouts_have_equal_keys() -> None:
    one = BaseLayout.of({"bin": "usr/bin", "lib": "usr/lib"}, {"sbin": "bin"})
    other = BaseLayout.of(
        {"lib": "/usr/lib", "bin": "./usr/bin", "ostree": "x"}, {"sbin": "../usr/bin"}
    )
    assert one == other
    assert one.key == other.key


def test_layouts_that_place_files_differently_have_different_keys() -> None:
    layouts = [
        PLAIN,
        MERGED,
        BaseLayout.of({"bin": "usr/bin"}, {}),
        BaseLayout.of({"bin": "usr/sbin"}, {}),
        BaseLayout.of({}, {"bin": "lib"}),
        BaseLayout.of({"opt": "usr/lib/opt"}, {}),
    ]
    assert len({layout.key for layout in layouts}) == len(layouts)


# Where the link is in the package, what it says, what it must say at its place.
TARGETS = [
    ("/usr/bin/x", "../lib/y", "../lib/y"),
    ("/etc/x", "../usr/share/y", "../usr/share/y"),
    ("/bin/x", "../lib/y", "../lib/y"),  # as rpm does it through the link
    ("/opt/x/a", "/usr/bin/y", "/usr/bin/y"),
    ("/opt/x/a", "b", "b"),
    ("/opt/x/bin/a", "../../z/b", "../../z/b"),
    ("/opt/x/a", "../../usr/bin/y", "/usr/bin/y"),
    ("/opt/x/a", "../../etc/y", "/etc/y"),
    ("/var/lib/a", "../../usr/share/y", "../../usr/share/y"),
    ("/usr/local/bin/a", "../share/b", "../share/b"),
    ("/usr/local/bin/a", "../../bin/b", "/usr/bin/b"),
    ("/var/run/a", "../lib/b", "/var/lib/b"),
]


@pytest.mark.parametrize("row", TARGETS, ids=lambda row: f"{row[0]} to {row[1]}")
def test_a_moved_link_leads_where_it_was_meant_to(row: tuple[str, str, str]) -> None:
    path, target, said = (text.encode() for text in row)
    assert moved_target(path, target, tree_path(path, MERGED), MERGED) == said


NAMES: st.SearchStrategy[bytes] = st.one_of(
    st.sampled_from([b"usr", b"etc", b"var", b"run", b"opt", b"srv", b"bin", b"local", b"boot"]),
    st.binary(min_size=1, max_size=8).map(
        lambda name: name.replace(b"/", b"_").replace(b"\0", b"_")
    ),
).filter(lambda name: name not in (b".", b".."))
LAYOUTS: Mapping[str, BaseLayout] = {"merged": MERGED, "plain": PLAIN, "empty": EMPTY_BASE}


@given(
    names=st.lists(NAMES, min_size=1, max_size=5),
    layout=st.sampled_from(sorted(LAYOUTS)),
    directory=st.booleans(),
)
def test_nothing_lands_outside_of_usr_but_what_the_base_has_there(
    names: list[bytes], layout: str, directory: bool
) -> None:
    place = tree_path(b"/" + b"/".join(names), LAYOUTS[layout], directory=directory)
    if place.zone is not Zone.REFUSED:
        parts = place.tree.split(b"/")
        top_only = len(parts) == 2
        unmerged = parts[1] in (b"bin", b"sbin", b"lib", b"lib32", b"lib64", b"libx32")
        assert parts[1] == b"usr" or top_only or (unmerged and layout == "plain")
        assert b".." not in parts
        assert place.tree.endswith(names[-1]) or directory or names[-1].startswith(b"vmlinuz-")
