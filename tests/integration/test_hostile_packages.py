# SPDX-License-Identifier: LGPL-2.1-or-later
"""Packages that mean harm: refused with one clear line, or harmless; nothing outside is touched.

Where rpm has a verdict it is the judge: what `rpm -U --test` refuses is refused here.
"""

import hashlib
import os
import shutil
import stat
import struct
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from layering.rpmtags import Tag, TagType
from tests.integration.hosts import Host, command, untouched
from tests.integration.live import live_tree
from tests.integration.manifest import Entry, differences, manifest
from tests.layering.rpmbytes import (
    Member,
    Rpm,
    Stored,
    int16s,
    int32s,
    newc,
    newc_entry,
    text,
    texts,
)
from tests.rpms import File, Spec, build_rpm

pytestmark = [pytest.mark.world, pytest.mark.root, pytest.mark.bwrap]

DIRECTORY = stat.S_IFDIR | 0o755
LINK = stat.S_IFLNK | 0o777
A = Member(path=b"/usr/share/x/a", content=b"abc")
PROVIDES: Mapping[int, Stored | None] = {
    1047: texts(b"x"),
    1112: int32s(8),
    1113: texts(b"1-1"),
    1044: text(b"x-1-1.src.rpm"),
    1021: text(b"linux"),
    1004: text(b"x"),
}


def package(
    *members: Member, tags: Mapping[int, Stored | None] | None = None, payload: bytes | None = None
) -> Rpm:
    return Rpm(members=members, tags={**PROVIDES, **(tags or {})}, payload=payload)


def device(path: bytes, kind: int) -> Member:
    return Member(path=path, mode=kind | 0o666)


def int64s(*values: int) -> Stored:
    return Stored(
        kind=TagType.INT64, count=len(values), data=struct.pack(f">{len(values)}Q", *values)
    )


CPIO_OUTSIDE = newc_entry(b"../../../../../../tmp/planted", 0o100644, b"abc") + newc([])
SCRIPT = 1023  # %pre


REFUSED: Mapping[str, tuple[Rpm, str]] = {
    "a path that climbs": (
        package(A, tags={Tag.DIRNAMES: texts(b"/usr/share/../../../tmp/")}),
        "broken package {path}: path /usr/share/../../../tmp/ holds a name that no file may have",
    ),
    "a base name that climbs": (
        package(A, tags={Tag.BASENAMES: texts(b"..")}),
        "broken package {path}: path /usr/share/x/.. holds a name that no file may have",
    ),
    "a base name with slashes": (
        package(A, tags={Tag.BASENAMES: texts(b"../../../tmp/planted")}),
        "broken package {path}: ../../../tmp/planted in /usr/share/x/ is no file name",
    ),
    "an absolute base name": (
        package(A, tags={Tag.BASENAMES: texts(b"/tmp/planted")}),
        "broken package {path}: /tmp/planted in /usr/share/x/ is no file name",
    ),
    "a dot": (
        package(A, tags={Tag.DIRNAMES: texts(b"/usr/./share/")}),
        "broken package {path}: path /usr/./share/ holds a name that no file may have",
    ),
    "an empty base name": (
        package(A, tags={Tag.BASENAMES: texts(b"")}),
        "broken package {path}:  in /usr/share/x/ is no file name",
    ),
    "a relative path": (
        package(A, tags={Tag.DIRNAMES: texts(b"usr/share/")}),
        "broken package {path}: directory usr/share/ is not absolute",
    ),
    "a name twice": (package(A, A), "broken package {path}: lists /usr/share/x/a twice"),
    "a name twice by another spelling": (
        package(A, Member(path=b"/usr//share/x/a", content=b"xyz")),
        "broken package {path}: lists /usr/share/x/a twice",
    ),
    "an archive that climbs": (
        package(A, payload=CPIO_OUTSIDE),
        "broken package {path}: payload holds ../../../../../../tmp/planted, "
        "which the header does not list",
    ),
    "an archive with more": (
        package(A, payload=newc([A, Member(path=b"/usr/bin/sh")])),
        "broken package {path}: payload holds ./usr/bin/sh, which the header does not list",
    ),
    "an archive with less": (
        package(A, payload=newc([])),
        "broken package {path}: payload lacks /usr/share/x/a",
    ),
    "a file through its own link": (
        package(
            Member(path=b"/usr/share/x", mode=LINK, target=b"/tmp"),
            Member(path=b"/usr/share/x/planted", content=b"p"),
        ),
        "a file where the layer has something else: /usr/share/x of x-1-1.noarch",
    ),
    "a file through its own relative link": (
        package(
            Member(path=b"/usr/share/x", mode=LINK, target=b"../../../../../tmp"),
            Member(path=b"/usr/share/x/planted", content=b"p"),
        ),
        "a file where the layer has something else: /usr/share/x of x-1-1.noarch",
    ),
    "a device": (
        package(device(b"/usr/share/x", stat.S_IFCHR)),
        "device nodes are not supported: /usr/share/x of x-1-1.noarch",
    ),
    "a disk": (
        package(device(b"/dev/sda", stat.S_IFBLK)),
        "device nodes are not supported: /dev/sda of x-1-1.noarch",
    ),
    "a pipe": (
        package(device(b"/usr/share/x", stat.S_IFIFO)),
        "named pipes are not supported: /usr/share/x of x-1-1.noarch",
    ),
    "a socket": (
        package(device(b"/usr/share/x", stat.S_IFSOCK)),
        "sockets are not supported: /usr/share/x of x-1-1.noarch",
    ),
    "another size": (
        package(A, tags={Tag.FILESIZES: int32s(7)}),
        "broken package {path}: /usr/share/x/a has 3 bytes in the payload, 7 in the header",
    ),
    "a size past all numbers": (
        package(A, tags={Tag.FILESIZES: None, Tag.LONGFILESIZES: int64s(1 << 63)}),
        "broken package {path}: lists a file of 9223372036854775808 bytes",
    ),
    "a size past all disks": (
        package(A, tags={Tag.FILESIZES: None, Tag.LONGFILESIZES: int64s((1 << 63) - 1)}),
        "broken package {path}: /usr/share/x/a has 3 bytes in the payload, "
        "9223372036854775807 in the header",
    ),
    "a size past all disks, in an archive that does not say": (
        package(
            A,
            tags={Tag.FILESIZES: None, Tag.LONGFILESIZES: int64s((1 << 63) - 1)},
            payload=b"07070X00000000\0\0abc",
        ),
        "broken package {path}: truncated: payload ends at byte 19",
    ),
    "another type": (
        package(A, tags={Tag.FILEMODES: int16s(DIRECTORY)}),
        "broken package {path}: ./usr/share/x/a is of another type than the header says",
    ),
    "another content": (
        package(A, tags={Tag.FILEDIGESTS: texts(hashlib.sha256(b"other").hexdigest().encode())}),
        "broken package {path}: /usr/share/x/a does not match its sha256 digest",
    ),
    "another payload": (
        package(A, tags={Tag.PAYLOADSHA256: texts(b"0" * 64)}),
        "broken package {path}: payload does not match its sha256 digest",
    ),
    "fewer modes than files": (
        package(A, Member(path=b"/usr/share/x/b"), tags={Tag.FILEMODES: int16s(0o100644)}),
        "broken package {path}: 2 files, but 1 values of FILEMODES",
    ),
    "a hard link with another's owner": (
        package(
            Member(path=b"/usr/share/one", content=b"same", inode=7),
            Member(path=b"/usr/share/two", content=b"same", inode=7, user=b"mail"),
        ),
        "broken package {path}: /usr/share/one and /usr/share/two are one file "
        "with different contents or owners",
    ),
    "a script that is a number": (
        package(A, tags={SCRIPT: int32s(1)}),
        "broken package {path}: tag 1023 is of the wrong type",
    ),
    "a user that is a number": (
        package(A, tags={Tag.FILEUSERNAME: int32s(0)}),
        "broken package {path}: FILEUSERNAME is of the wrong type",
    ),
    "a name that is a path": (
        package(A, tags={Tag.NAME: text(b"../../x")}),
        "broken package {path}: NAME is '../../x', which rpm does not allow",
    ),
    "a name with a line break": (
        package(A, tags={Tag.NAME: text(b"x\ny")}),
        "broken package {path}: NAME holds control characters",
    ),
    "a name of 64 KiB": (
        package(A, tags={Tag.NAME: text(b"x" * 65536)}),
        f"broken package {{path}}: NAME is '{'x' * 64}…', which rpm does not allow",
    ),
    "a name that clears the screen": (
        package(A, tags={Tag.NAME: text(b"\x1b[2Jx")}),
        "broken package {path}: NAME holds control characters",
    ),
    "a path that clears the screen": (
        package(A, tags={Tag.DIRNAMES: texts(b"\x1b[2J\nx/")}),
        "broken package {path}: directory \\x1b[2J\\nx/ is not absolute",
    ),
    "a compressor that clears the screen": (
        package(A, tags={Tag.PAYLOADCOMPRESSOR: text(b"\x1b[2J")}),
        "broken package {path}: PAYLOADCOMPRESSOR holds control characters",
    ),
    "a version that is a path": (
        package(A, tags={Tag.VERSION: text(b"1/../../x")}),
        "broken package {path}: VERSION is '1/../../x', which rpm does not allow",
    ),
    "an architecture that is a path": (
        package(A, tags={Tag.ARCH: text(b"../noarch")}),
        "broken package {path}: ARCH is '../noarch', which rpm does not allow",
    ),
    "a compressor that is a program": (
        package(A, tags={Tag.PAYLOADCOMPRESSOR: text(b"/bin/sh")}),
        "broken package {path}: payload is compressed with /bin/sh, which is unknown",
    ),
    "a source package": (
        package(A, tags={Tag.SOURCEPACKAGE: int32s(1)}),
        "broken package {path}: a source package, which cannot be installed",
    ),
    "the administrator's directory": (
        package(Member(path=b"/srv/x", content=b"x")),
        "no place in an image-based tree: /srv/x of x-1-1.noarch",
    ),
    "the mount points": (
        package(Member(path=b"/proc/sys/kernel/core_pattern", content=b"x")),
        "no place in an image-based tree: /proc/sys/kernel/core_pattern of x-1-1.noarch",
    ),
    "the image of the deployment": (
        package(Member(path=b"/.ostree.cfs", content=b"x")),
        "no place in an image-based tree: /.ostree.cfs of x-1-1.noarch",
    ),
    "no digest at all": (
        package(A, tags={Tag.PAYLOADSHA256: None}),
        "broken package {path}: has no digest of its payload",
    ),
    "the repository itself": (
        package(Member(path=b"/sysroot/ostree/repo/config", content=b"x")),
        "no place in an image-based tree: /sysroot/ostree/repo/config of x-1-1.noarch",
    ),
}


CONFLICTING: Mapping[str, tuple[Member, str]] = {
    "a file in a file of the base": (
        Member(path=b"/usr/bin/true/x", content=b"x"),
        "type differs: /usr/bin/true of {coreutils} and of x-1-1.noarch",
    ),
    "a file through a link of the base": (
        Member(path=b"/usr/bin/awk/x", content=b"x"),
        "type differs: /usr/bin/awk of {mawk} and of x-1-1.noarch",
    ),
    "the base's own program": (
        Member(path=b"/usr/bin/true", mode=0o104755, content=b"x"),
        "content and mode differ: /usr/bin/true of {coreutils} and of x-1-1.noarch",
    ),
    "the user database where the tree has it": (
        Member(path=b"/usr/etc/passwd", content=b"root::0:0::/:/bin/sh\n"),
        "content differs: /etc/passwd of {setup} and of x-1-1.noarch",
    ),
}


@pytest.fixture(scope="module")
def canary(ground: Path) -> Iterator[Path]:
    """A directory that a package would have to leave the host to reach."""
    directory = ground / "canary"
    directory.mkdir()
    (directory / "file").write_text("unharmed")
    yield directory
    shutil.rmtree(directory)


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """All that a refused package must leave as it is."""

    refs: frozenset[str]  # but for layers, which are a cache
    tree: Mapping[str, Entry]
    outside: Mapping[str, Entry]


def refs(host: Host) -> frozenset[str]:
    return frozenset(command("ostree", "refs", f"--repo={host.repo}", "--revision").splitlines())


def state(host: Host, canary: Path) -> State:
    return State(
        refs=frozenset(ref for ref in refs(host) if not ref.startswith("overlay/layer/")),
        tree=manifest(host.checkout()),
        outside=manifest(canary),
    )


@pytest.fixture(scope="module")
def kept(stable: Host, canary: Path) -> Iterator[None]:
    """Everything is the same after all hostile packages as before the first."""
    before = state(stable, canary)
    yield
    after = state(stable, canary)
    assert differences(before.tree, after.tree) == []
    assert after == before
    stable.fsck()


@pytest.mark.usefixtures("kept")
@pytest.mark.parametrize("case", REFUSED)
def test_a_hostile_package_is_refused_with_one_line(case: str, stable: Host, scratch: Path) -> None:
    hostile, message = REFUSED[case]
    path = hostile.write(scratch / "x.rpm")
    before = refs(stable)
    ended = stable.overlay("-q", "install", str(path))
    error, *hints = ended.stderr.splitlines()
    assert error == f"error: {message.format(path=path)}"
    assert all(hint.startswith("hint: ") for hint in hints)
    assert (ended.status, ended.stdout) == (1, "")
    assert refs(stable) == before
    untouched(stable)


@pytest.mark.usefixtures("kept")
@pytest.mark.parametrize("case", CONFLICTING)
def test_a_package_that_takes_what_the_base_has_is_refused(
    case: str, stable: Host, scratch: Path
) -> None:
    member, message = CONFLICTING[case]
    path = package(member).write(scratch / "x.rpm")
    ended = stable.overlay("-q", "install", str(path))
    names = ("coreutils", "mawk", "setup")
    installed = {name: base_package(stable, name) for name in names}
    assert ended.stderr.splitlines()[0] == f"error: {message.format(**installed)}"
    assert ended.status == 1
    untouched(stable)


def base_package(host: Host, name: str) -> str:
    with tempfile.TemporaryDirectory() as copy:  # rpm leaves locks beside a database
        shutil.copytree(host.checkout() / "usr/share/rpm", copy, dirs_exist_ok=True)
        return command("rpm", "-q", f"--dbpath={copy}", name).strip()


@pytest.mark.parametrize("target", ["/usr/share/doc", "../../tmp", "{canary}"])
def test_a_link_of_one_package_is_no_way_out_for_another(
    target: str, stable: Host, canary: Path, scratch: Path
) -> None:
    leads = target.format(canary=canary)
    one = build_rpm(scratch, "one-1-1.noarch", Spec(files={"/usr/share/way": File(link=leads)}))
    two = build_rpm(
        scratch, "two-1-1.noarch", Spec(files={"/usr/share/way/planted": File(content=b"p")})
    )
    before = manifest(canary)
    ended = stable.overlay("-q", "install", str(one), str(two))
    assert ended.stderr.splitlines()[0] == (
        "error: type differs: /usr/share/way of one-1-1.noarch and of two-1-1.noarch"
    )
    assert manifest(canary) == before
    untouched(stable)


HOSTILE_NAMES = (
    b'new\nd "\\x2fvar\\x2flib\\x2finjected" 0777 root root - -',
    b"blank  0777 root",
    b'quote" 0777 root root - -',
    b"it's",
    b"back\\x2fslash\\",
    b"percent%h%%m",
    b"#comment",
    b"-",
    b"glob*?[a]",
    b"\xff\xfe",
    "ünïcode\u2028".encode(),
    b"tab\tcarriage\r",
    b"x" * 255,
)


def test_names_say_nothing_to_tmpfiles_but_themselves(host: Host, scratch: Path) -> None:
    mode = stat.S_IFDIR | 0o750
    members = [Member(path=b"/var/lib/x", mode=mode)]
    members += [Member(path=b"/var/lib/x/" + name, mode=mode) for name in HOSTILE_NAMES]
    path = package(*members).write(scratch / "x.rpm")
    host.change("install", str(path))
    with (
        live_tree(host.checkout(1), scratch, time=0) as rpm,
        live_tree(host.checkout(0), scratch, time=0) as ours,
    ):
        done = rpm.run(
            "/usr/bin/rpm", "-U", "--nosignature", "/tmp/packages/x.rpm", packages=scratch
        )
        assert done.status == 0, done.stderr
        assert manifest(ours.root / "var/lib/x") == manifest(rpm.root / "var/lib/x")
        assert len(manifest(ours.root / "var/lib/x")) == len(HOSTILE_NAMES)
        assert not (ours.root / "var/lib/injected").exists()
    host.fsck()


def test_files_with_such_names_come_to_var_whole(host: Host, scratch: Path) -> None:
    names = [name for name in HOSTILE_NAMES if not name.startswith(b"\xff")]
    members = [Member(path=b"/var/lib/x/" + name, content=name, mode=0o100640) for name in names]
    host.change("install", str(package(*members).write(scratch / "x.rpm")))
    with live_tree(host.checkout(), scratch, time=0) as tree:
        found = {os.fsencode(path.name): path for path in (tree.root / "var/lib/x").iterdir()}
        assert {name: path.read_bytes() for name, path in found.items()} == {n: n for n in names}
        assert not (tree.root / "var/lib/injected").exists()


SYSUSERS = b"""\
u good 4242 "A good one" /var/lib/good /bin/sh
u bad:name - -
u ../../etc - -
u toor 0 - /root /bin/sh
g "two words" -
garbage
m good root
"""


@pytest.mark.usefixtures("kept")
def test_lines_that_systemd_sysusers_refuses_are_refused(stable: Host, scratch: Path) -> None:
    spec = Spec(files={"/usr/lib/sysusers.d/x.conf": File(content=SYSUSERS)})
    ended = stable.overlay("-q", "install", str(build_rpm(scratch, "x-1-1.noarch", spec)))
    lines = ended.stderr.splitlines()
    assert lines[0] == "error: systemd-sysusers failed with exit status 1, built-in"
    for line in (2, 3, 5, 6):
        assert any(f"/usr/lib/sysusers.d/x.conf:{line}" in each for each in lines), ended.stderr
    assert ended.status == 1
    untouched(stable)
