# SPDX-License-Identifier: LGPL-2.1-or-later
"""What becomes of a package's files, decided by its header alone."""

import stat
from collections.abc import Mapping, Sequence

import pytest

from layering.errors import UnsupportedNameError, UnsupportedPathError
from layering.header import parse_header
from layering.layerplan import LayerPlan, plan_layer
from layering.owners import OwnedPath
from layering.paths import BaseLayout
from layering.rpmtags import FileFlag
from tests.layering.rpmbytes import Member, Rpm

MERGED = BaseLayout.of(
    {"bin": "usr/bin", "sbin": "usr/sbin", "opt": "var/opt"},
    {"sbin": "bin", "local": "../var/usrlocal"},
)
OPT_INSIDE = BaseLayout.of({"opt": "usr/lib/opt"}, {})


def planned(members: Sequence[Member], layout: BaseLayout = MERGED) -> LayerPlan:
    return plan_layer(parse_header(Rpm(members=members).prefix), layout)


def places(plan: LayerPlan) -> Mapping[str, str]:
    return {path.decode(): file.place.decode() for path, file in plan.files.items()}


def lines(plan: LayerPlan) -> list[str]:
    return plan.tmpfiles.decode().splitlines()[1:]


def directory(path: bytes, mode: int = 0o755) -> Member:
    return Member(path=path, mode=stat.S_IFDIR | mode)


def link(path: bytes, target: bytes) -> Member:
    return Member(path=path, mode=stat.S_IFLNK | 0o777, target=target)


def test_a_package_of_usr_and_etc_needs_no_lines() -> None:
    plan = planned([Member(path=b"/bin/x"), Member(path=b"/etc/x"), directory(b"/usr/sbin", 0o750)])
    assert places(plan) == {"/bin/x": "/usr/bin/x", "/etc/x": "/usr/etc/x"}
    assert plan.directories == {b"/usr/bin": 0o750}
    assert plan.tmpfiles == b""


def test_what_is_in_var_becomes_lines() -> None:
    plan = planned(
        [
            directory(b"/var/lib/x", 0o2770),
            link(b"/var/run/x", b"../lib/x"),
            Member(path=b"/var/lib/x/state", mode=stat.S_IFREG | 0o640, group=b"mail"),
        ]
    )
    assert places(plan) == {"/var/lib/x/state": "/usr/share/factory/var/lib/x/state"}
    assert (plan.directories, plan.links, plan.owners) == ({}, {}, ())
    assert plan.tmpfiles_path == b"/usr/lib/tmpfiles.d/overlay-x.conf"
    assert lines(plan) == [
        "L /run/x - - - - /var/lib/x",
        "d /var/lib/x 2770 root root - -",
        "C /var/lib/x/state 0640 root mail - -",
    ]


def test_a_setuid_file_of_var_is_not_one_of_root_in_usr() -> None:
    member = Member(path=b"/var/games/x", mode=stat.S_IFREG | 0o4755, user=b"games")
    plan = planned([member])
    assert plan.files[b"/var/games/x"].mode == 0o755
    assert lines(plan) == ["C /var/games/x 4755 games root - -"]


def test_each_name_in_opt_gets_one_link() -> None:
    members = [directory(b"/opt/x"), Member(path=b"/opt/x/y"), Member(path=b"/opt/z z")]
    plan = planned(members)
    assert places(plan) == {"/opt/x/y": "/usr/lib/opt/x/y", "/opt/z z": "/usr/lib/opt/z z"}
    assert plan.directories == {b"/usr/lib/opt/x": 0o755}
    assert lines(plan) == [
        'L "/var/opt/z z" - - - - ../../usr/lib/opt/z\\x20z',
        "L /var/opt/x - - - - ../../usr/lib/opt/x",
    ]
    assert lines(planned(members, OPT_INSIDE)) == []


def test_ghosts_are_not_there() -> None:
    ghosts = [
        Member(path=b"/dev/null", mode=stat.S_IFCHR | 0o666, flags=FileFlag.GHOST),
        Member(path=b"/var/log/x", flags=FileFlag.GHOST),
        Member(path=b"/srv/x", flags=FileFlag.GHOST),
    ]
    plan = planned(ghosts)
    assert (plan.files, plan.directories, plan.tmpfiles) == ({}, {}, b"")


def test_owners_are_written_down_and_not_applied() -> None:
    plan = planned(
        [
            Member(
                path=b"/bin/x",
                mode=stat.S_IFREG | 0o2755,
                group=b"mail",
                capabilities=b"cap_kill=p",
            ),
            directory(b"/etc/y"),
            Member(path=b"/opt/x/a", user=b"jane"),
            link(b"/usr/l", b"x"),
        ]
    )
    assert plan.owners == (
        OwnedPath(
            path=b"/usr/bin/x", user="root", group="mail", mode=0o2755, capabilities="cap_kill=p"
        ),
        OwnedPath(path=b"/usr/lib/opt/x/a", user="jane", group="root", mode=0o644, capabilities=""),
    )


def test_equal_files_that_fall_together_are_one() -> None:
    plan = planned([Member(path=b"/bin/x", content=b"x"), Member(path=b"/usr/bin/x", content=b"x")])
    assert places(plan) == {"/bin/x": "/usr/bin/x", "/usr/bin/x": "/usr/bin/x"}


@pytest.mark.parametrize("target", [b"/usr/bin/x", b"../usr/bin/x", b"../bin/x"])
def test_a_link_to_the_file_it_falls_onto_gives_way(target: bytes) -> None:
    plan = planned([link(b"/sbin/x", target), Member(path=b"/usr/bin/x")])
    assert places(plan) == {"/usr/bin/x": "/usr/bin/x"}
    assert plan.links == {}


def test_of_two_directories_that_fall_together_the_trees_own_says_the_mode() -> None:
    assert planned([directory(b"/bin", 0o700), directory(b"/usr/bin")]).directories == {
        b"/usr/bin": 0o755
    }


REFUSED: Mapping[str, tuple[Sequence[Member], str]] = {
    "a device": (
        [Member(path=b"/usr/lib/null", mode=stat.S_IFCHR | 0o666)],
        "device nodes are not supported: /usr/lib/null of x-1-1.noarch",
    ),
    "a block device": (
        [Member(path=b"/usr/lib/sda", mode=stat.S_IFBLK | 0o666)],
        "device nodes are not supported: /usr/lib/sda of x-1-1.noarch",
    ),
    "a pipe": (
        [Member(path=b"/var/lib/p", mode=stat.S_IFIFO | 0o666)],
        "named pipes are not supported: /var/lib/p of x-1-1.noarch",
    ),
    "a socket": (
        [Member(path=b"/usr/lib/s", mode=stat.S_IFSOCK | 0o666)],
        "sockets are not supported: /usr/lib/s of x-1-1.noarch",
    ),
    "no type": (
        [Member(path=b"/usr/x", mode=0o644)],
        "unknown file type 0o0: /usr/x of x-1-1.noarch",
    ),
    "srv": (
        [Member(path=b"/srv/www/x")],
        "no place in an image-based tree: /srv/www/x of x-1-1.noarch",
    ),
    "another top-level directory": (
        [directory(b"/nix")],
        "no place in an image-based tree: /nix of x-1-1.noarch",
    ),
    "a root that is a link": (
        [link(b"/", b"/usr")],
        "no place in an image-based tree: / of x-1-1.noarch",
    ),
    "different files together": (
        [Member(path=b"/bin/x", content=b"a"), Member(path=b"/usr/bin/x", content=b"b")],
        "falls together with /bin/x in the tree: /usr/bin/x of x-1-1.noarch",
    ),
    "different modes together": (
        [Member(path=b"/bin/x"), Member(path=b"/usr/bin/x", mode=stat.S_IFREG | 0o755)],
        "falls together with /bin/x in the tree: /usr/bin/x of x-1-1.noarch",
    ),
    "a link onto another file": (
        [link(b"/sbin/x", b"y"), Member(path=b"/usr/bin/x")],
        "falls together with /usr/bin/x in the tree: /sbin/x of x-1-1.noarch",
    ),
    "different links together": (
        [link(b"/sbin/x", b"y"), link(b"/bin/x", b"z")],
        "falls together with /sbin/x in the tree: /bin/x of x-1-1.noarch",
    ),
    "a directory in a file": (
        [Member(path=b"/usr/x"), directory(b"/usr/x/y")],
        "a file where the layer has something else: /usr/x of x-1-1.noarch",
    ),
    "a file behind a link": (
        [link(b"/usr/x", b"/etc"), Member(path=b"/usr/x/passwd")],
        "a file where the layer has something else: /usr/x of x-1-1.noarch",
    ),
    "a file in place of /usr": (
        [Member(path=b"/usr")],
        "a file where the layer has something else: /usr of x-1-1.noarch",
    ),
    "the layer's own file": (
        [Member(path=b"/usr/lib/tmpfiles.d/overlay-x.conf")],
        "a file where the layer has something else: "
        "/usr/lib/tmpfiles.d/overlay-x.conf of x-1-1.noarch",
    ),
    "a link target that is not UTF-8": (
        [link(b"/usr/x", b"\xff")],
        "a link target that is not valid UTF-8: /usr/x of x-1-1.noarch",
    ),
    "capabilities in var": (
        [Member(path=b"/var/x", capabilities=b"cap_kill=p")],
        "capabilities cannot be kept outside of /usr and /etc: /var/x of x-1-1.noarch",
    ),
}


@pytest.mark.parametrize("case", REFUSED.values(), ids=REFUSED)
def test_what_a_tree_cannot_hold_is_refused(case: tuple[Sequence[Member], str]) -> None:
    members, message = case
    with pytest.raises(UnsupportedPathError) as caught:
        planned(members)
    assert str(caught.value) == message


def test_a_refused_place_says_what_would_have_to_be_allowed() -> None:
    with pytest.raises(UnsupportedPathError) as caught:
        planned([Member(path=b"/srv/www/x")])
    assert caught.value.__notes__ == ["/srv would have to be allowed as a top-level directory"]


NOT_UTF8 = [
    Member(path=b"/usr/\xff"),
    Member(path=b"/var/\xff"),
    directory(b"/usr/\xff"),
]


@pytest.mark.parametrize("member", NOT_UTF8, ids=lambda member: repr(member.path))
def test_names_that_ostree_cannot_hold_are_refused(member: Member) -> None:
    with pytest.raises(UnsupportedNameError) as caught:
        planned([member])
    path = member.path.decode("utf-8", "backslashreplace")
    assert str(caught.value) == f"file name is not valid UTF-8: {path} of x-1-1.noarch"


def test_a_line_of_tmpfiles_can_hold_any_name() -> None:
    plan = planned([directory(b"/var/\xff"), link(b"/var/x", b"\xff")])
    assert b"d /var/\xff 0755 root root - -\n" in plan.tmpfiles
    assert b"L /var/x - - - - \\xff\n" in plan.tmpfiles
