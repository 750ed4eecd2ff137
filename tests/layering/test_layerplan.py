# SPDX-License-Identifier: LGPL-2.1-or-later
"""What becomes of a package's files, decided by its header alone."""

import hashlib
import os
import stat
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from layering.errors import UnsupportedNameError, UnsupportedPathError
from layering.header import parse_header
from layering.labels import UNLABELLED, Labels
from layering.layerplan import LayerPlan, plan_layer
from layering.objects import Xattrs
from layering.owners import OwnedPath
from layering.paths import BaseLayout
from layering.rpmtags import FileFlag, SignatureTag, Tag
from tests.layering.rpmbytes import (
    LEAD,
    REGION_OF_SIGNATURE,
    Member,
    Rpm,
    Stored,
    structure,
    text,
    texts,
)

MERGED = BaseLayout.of(
    {"bin": "usr/bin", "sbin": "usr/sbin", "opt": "var/opt"},
    {"sbin": "bin", "local": "../var/usrlocal"},
)
OPT_INSIDE = BaseLayout.of({"opt": "usr/lib/opt"}, {})


def planned(
    members: Sequence[Member],
    layout: BaseLayout = MERGED,
    *,
    labels: Labels = UNLABELLED,
    drop_special: bool = False,
) -> LayerPlan:
    header = parse_header(Rpm(members=members).prefix)
    return plan_layer(header, layout, labels=labels, drop_special=drop_special)


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


NIX_HINT = 'allow-top-level = ["nix"] below [packages] in /etc/overlay/overlay.toml allows it'


@pytest.mark.parametrize("case", REFUSED.values(), ids=REFUSED)
def test_what_a_tree_cannot_hold_is_refused(case: tuple[Sequence[Member], str]) -> None:
    members, message = case
    with pytest.raises(UnsupportedPathError) as caught:
        planned(members)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("member", "hints"),
    [
        (Member(path=b"/nix/x"), [NIX_HINT]),
        (directory(b"/nix"), [NIX_HINT]),
        (Member(path=b"/srv/www/x"), ["/srv is the host's own: its administrator fills it"]),
        (Member(path=b"/nix"), []),  # a file: nothing allows it
        (Member(path=b"/a b/x"), []),  # no name that can be allowed
        (
            Member(path=b"/usr/lib/null", mode=stat.S_IFCHR | 0o666),
            ["--drop-device-nodes leaves them out"],
        ),
    ],
)
def test_what_is_refused_comes_with_what_allows_it(member: Member, hints: list[str]) -> None:
    with pytest.raises(UnsupportedPathError) as caught:
        planned([member])
    assert getattr(caught.value, "__notes__", []) == hints


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


SPECIAL = [
    Member(path=b"/dev/x", mode=stat.S_IFCHR | 0o666),
    Member(path=b"/usr/lib/sda", mode=stat.S_IFBLK | 0o660, user=b"disk"),
    Member(path=b"/var/lib/p\n", mode=stat.S_IFIFO | 0o600),
    Member(path=b"/nowhere/s\xff", mode=stat.S_IFSOCK | 0o600),
]


def test_special_files_are_left_out_where_that_is_allowed_and_said() -> None:
    plan = planned([*SPECIAL, Member(path=b"/usr/x")], drop_special=True)
    assert plan.dropped == (
        "/dev/x: device node",
        "/usr/lib/sda: device node",
        "/var/lib/p\\n: named pipe",
        "/nowhere/s\\xff: socket",
    )
    assert places(plan) == {"/usr/x": "/usr/x"}
    assert (plan.directories, plan.tmpfiles, plan.owners) == ({}, b"", ())


def test_nothing_else_is_left_out_with_them() -> None:
    with pytest.raises(UnsupportedPathError, match="no place in an image-based tree: /nowhere/x"):
        planned([Member(path=b"/nowhere/x")], drop_special=True)
    with pytest.raises(UnsupportedPathError, match="unknown file type 0o0: /usr/x"):
        planned([Member(path=b"/usr/x", mode=0o644)], drop_special=True)
    ghost = Member(path=b"/dev/x", mode=stat.S_IFCHR | 0o666, flags=FileFlag.GHOST)
    assert planned([ghost], drop_special=True).dropped == ()


class ByPlace:
    """A policy that labels a file with where it lies and what it is."""

    key = "by place"

    def xattrs(self, place: bytes, mode: int) -> Xattrs:
        return ((b"security.selinux", b"%s %o" % (place, mode)),)


def test_files_are_labelled_by_where_they_lie() -> None:
    members = [
        Member(path=b"/bin/x", mode=stat.S_IFREG | 0o4755, capabilities=b"cap_kill=p"),
        Member(path=b"/var/lib/x", mode=stat.S_IFREG | 0o4755),
    ]
    plan = planned(members, labels=ByPlace())
    names = [name for name, _value in plan.files[b"/bin/x"].xattrs]
    assert names == [b"security.capability", b"security.selinux"]
    assert plan.files[b"/bin/x"].xattrs[1] == (b"security.selinux", b"/usr/bin/x 104755")
    waiting = b"/usr/share/factory/var/lib/x 100755"
    assert plan.files[b"/var/lib/x"].xattrs == ((b"security.selinux", waiting),)


SIGNATURE = b"\x03\x02\x04" + bytes(range(40))
# What the file is, what its header has for a signature, whether rpm's plugin sets it.
SIGNED = [
    (Member(path=b"/usr/bin/x", mode=stat.S_IFREG | 0o755), SIGNATURE, True),
    (Member(path=b"/usr/share/x"), SIGNATURE, True),
    (Member(path=b"/usr/share/x"), b"", False),
    (Member(path=b"/usr/share/x"), SIGNATURE[:8], False),
    (Member(path=b"/usr/share/x"), bytes(9) + SIGNATURE, False),
    (Member(path=b"/etc/x", flags=FileFlag.CONFIG), SIGNATURE, False),
    (Member(path=b"/etc/x", mode=stat.S_IFREG | 0o750, flags=FileFlag.CONFIG), SIGNATURE, True),
    (Member(path=b"/etc/x", flags=FileFlag.NOREPLACE), SIGNATURE, True),
]


@pytest.mark.parametrize("row", SIGNED)
@pytest.mark.parametrize("where", ["header", "signature"])
def test_signatures_are_kept_as_rpms_plugin_keeps_them(
    row: tuple[Member, bytes, bool], where: str
) -> None:
    member, signature, kept = row
    value = texts(signature.hex().encode())
    if where == "header":
        prefix = Rpm(members=[member], tags={Tag.FILESIGNATURES: value}).prefix
    else:
        header = Rpm(members=[member]).header
        digest = text(hashlib.sha256(header).hexdigest().encode())
        tags: dict[int, Stored] = {
            SignatureTag.SHA256HEADER: digest,
            SignatureTag.FILESIGNATURES: value,
        }
        signed = structure(tags, REGION_OF_SIGNATURE)
        prefix = LEAD + signed + bytes(-len(signed) % 8) + header
    plan = plan_layer(parse_header(prefix), MERGED)
    expected = ((b"security.ima", signature),) if kept else ()
    assert plan.files[member.path].xattrs == expected


BOOT = {
    # What bootupd of an image takes its updates from, and what newer packages bring by themselves.
    b"/boot/efi/EFI/test/shimx64.efi": b"/usr/lib/ostree-boot/efi/EFI/test/shimx64.efi",
    b"/usr/lib/efi/shim/15/EFI/test/shimx64.efi": b"/usr/lib/efi/shim/15/EFI/test/shimx64.efi",
    b"/boot/grub2/fonts/unicode.pf2": b"/usr/lib/ostree-boot/grub2/fonts/unicode.pf2",
    b"/boot/vmlinuz-6.1-1.x86_64": b"/usr/lib/modules/6.1-1.x86_64/vmlinuz",
    b"/boot/System.map-6.1-1.x86_64": b"/usr/lib/ostree-boot/System.map-6.1-1.x86_64",
}


def test_boot_files_wait_where_what_writes_boot_looks_for_them() -> None:
    plan = planned([Member(path=path) for path in BOOT])
    assert {path: file.place for path, file in plan.files.items()} == BOOT
    assert plan.tmpfiles == b""


def test_an_esp_at_the_top_is_refused_with_the_way_out() -> None:
    with pytest.raises(UnsupportedPathError) as caught:
        planned([Member(path=b"/efi/EFI/x.efi")])
    message = "no place in an image-based tree: /efi/EFI/x.efi of x-1-1.noarch"
    assert str(caught.value) == message
    assert caught.value.__notes__ == [NIX_HINT.replace("nix", "efi")]


def test_what_is_allowed_at_the_top_lies_there_with_its_owners() -> None:
    layout = BaseLayout.of({"srv": "var/srv"}, {}, allowed=["nix", "srv"])
    members = [
        directory(b"/nix", 0o700),
        Member(path=b"/nix/store/x", user=b"jane"),
        Member(path=b"/srv/www/index", group=b"mail"),
        directory(b"/srv/www"),
    ]
    plan = planned(members, layout)
    assert places(plan) == {
        "/nix/store/x": "/nix/store/x",
        "/srv/www/index": "/usr/share/factory/var/srv/www/index",
    }
    assert plan.directories == {b"/nix": 0o700}
    assert [(owned.path, owned.user) for owned in plan.owners] == [(b"/nix/store/x", "jane")]
    assert lines(plan) == [
        "d /var/srv/www 0755 root root - -",
        "C /var/srv/www/index 0644 root mail - -",
    ]


def test_an_unmerged_tree_keeps_its_directories_apart() -> None:
    unmerged = BaseLayout.of({}, {})
    members = [Member(path=b"/%s/x" % name) for name in (b"bin", b"sbin", b"lib", b"lib64")]
    members += [Member(path=b"/usr/%s/x" % name) for name in (b"bin", b"sbin", b"local")]
    plan = planned(members, unmerged)
    assert {path: file.place for path, file in plan.files.items()} == {
        member.path: member.path for member in members
    }


def test_names_in_opt_keep_owners_spaces_and_quotes() -> None:
    members = [
        Member(path=b'/opt/a b/it\'s "x"', user=b"jane", mode=stat.S_IFREG | 0o2750),
        directory(b"/opt/a b", 0o2775),
    ]
    plan = planned(members)
    assert places(plan) == {'/opt/a b/it\'s "x"': '/usr/lib/opt/a b/it\'s "x"'}
    assert plan.directories == {b"/usr/lib/opt/a b": 0o2775}
    assert [(owned.path, owned.user, owned.mode) for owned in plan.owners] == [
        (b'/usr/lib/opt/a b/it\'s "x"', "jane", 0o2750)
    ]
    assert lines(plan) == ['L "/var/opt/a b" - - - - ../../usr/lib/opt/a\\x20b']


EVIL = [
    b"new\nd evil 0777 root root - -",
    b"cr\rd evil",
    b"d evil",
    b'quote"',
    b"quote' \"both",
    b"back\\x41slash\\",
    b"percent%b%%h",
    b"#comment",
    b"-",
    b"$HOME",
    b"tab\tname",
    b" leading and trailing ",
    b"x" * 255,
]


def names_in(path: bytes) -> list[bytes]:
    return sorted(os.fsencode(each.name) for each in Path(os.fsdecode(path)).iterdir())


@pytest.mark.root
def test_systemd_makes_exactly_the_names_that_a_package_has(tmp_path: Path) -> None:
    members = [directory(b"/var/d/" + name) for name in EVIL]
    members += [link(b"/var/l/" + name, b"to " + name) for name in EVIL]
    members += [Member(path=b"/var/f/" + name, content=name) for name in EVIL]
    members += [Member(path=b"/opt/" + name + b"/file") for name in EVIL]
    plan = planned(members)
    root = tmp_path / "root"
    for member in members[2 * len(EVIL) : 3 * len(EVIL)]:
        waiting = os.fsencode(root) + plan.files[member.path].place
        os.makedirs(os.path.dirname(waiting), exist_ok=True)  # noqa: PTH103, PTH120  bytes
        Path(os.fsdecode(waiting)).write_bytes(member.content)
    configuration = tmp_path / "overlay-x.conf"
    configuration.write_bytes(plan.tmpfiles)
    command = ["systemd-tmpfiles", "--create", f"--root={root}", str(configuration)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    var = os.fsencode(root / "var")
    for kind in (b"d", b"l", b"f", b"opt"):
        assert names_in(var + b"/" + kind) == sorted(EVIL)
    assert names_in(var) == [b"d", b"f", b"l", b"opt"]
    for name in EVIL:
        assert os.readlink(var + b"/l/" + name) == b"to " + name  # noqa: PTH115
        assert Path(os.fsdecode(var + b"/f/" + name)).read_bytes() == name
        assert os.readlink(var + b"/opt/" + name) == b"../../usr/lib/opt/" + name  # noqa: PTH115
