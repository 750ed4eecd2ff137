# SPDX-License-Identifier: LGPL-2.1-or-later
"""Headers as librpm reads them, and headers that no reader should believe."""

import hashlib
import os
import struct
from collections.abc import Mapping
from pathlib import Path

import libdnf5.base
import libdnf5.rpm
import pytest
import rpm
from hypothesis import given, settings
from hypothesis import strategies as st

from layering.errors import BrokenPackageError
from layering.header import PackageHeader, parse_header, read_header
from layering.rpmtags import DEPENDENCY_TAGS, FileFlag, SignatureTag, Tag, TagType
from layering.rpmtagtypes import TYPES
from tests.layering.rpmbytes import (
    LEAD,
    MATERIAL,
    REGION_OF_HEADER,
    REGION_OF_SIGNATURE,
    Member,
    Rpm,
    Stored,
    binary,
    framed,
    int16s,
    int32s,
    needs_material,
    structure,
    tags_of,
    text,
    texts,
)
from tests.rpms import File, Spec, build_rpm
from triggers import TRIGGER_TAGS

VARIED = Spec(
    files={
        "/usr/bin/tool": File(content=b"tool", mode=0o4755, user="games", group="mail"),
        "/usr/bin/capable": File(mode=0o755, directives="%caps(cap_net_raw,cap_net_admin=ep)"),
        "/usr/share/one": File(content=b"same"),
        "/usr/share/two": File(hard_link="/usr/share/one"),
        "/usr/share/link": File(link="../bin/tool"),
        "/usr/share/dir": File(directory=True, mode=0o2750, group="mail"),
        "/usr/share/ümläut name": File(content=b"u"),
        "/etc/varied.conf": File(content=b"c", directives="%config(noreplace)"),
        "/var/log/varied.log": File(directives="%ghost"),
    },
    requires=["something >= 2:1.0"],
    tags="Summary(de): übersetzt\nEpoch: 3",
    sections="%post -p <lua>\nprint('x')",
)


@pytest.fixture(scope="module", params=[4, 6], ids=["v4", "v6"])
def varied(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A package with something of everything, in both formats."""
    spec = Spec(
        files=VARIED.files,
        requires=VARIED.requires,
        tags=VARIED.tags,
        sections=VARIED.sections,
        rpm_format=request.param,
    )
    return build_rpm(tmp_path_factory.mktemp("varied"), "varied-1.0-1.x86_64", spec)


def assert_librpm_agrees(header: PackageHeader) -> None:
    theirs = rpm.hdr(header.blob)
    assert str(header.nevra) == theirs["nevra"].replace("-0:", "-")
    assert header.build_time == theirs["buildtime"]
    assert header.payload_compressor == (theirs["payloadcompressor"] or "")
    ours = [(f.path, f.mode, f.user, f.group, f.size, f.mtime, f.inode) for f in header.files]
    assert ours == [
        (os.fsencode(f.name), f.mode, f.user, f.group, f.size, f.mtime, f.inode)
        for f in rpm.files(theirs)
    ]
    rest = [(f.link_target, f.flags, f.capabilities, f.color, f.nlink) for f in header.files]
    assert rest == [
        (os.fsencode(f.linkto), f.fflags, f.caps or "", f.color, f.nlink) for f in rpm.files(theirs)
    ]
    # librpm shows a digest that is not there as one of zeros.
    digests = [f.digest if f.digest.strip("0") else "" for f in rpm.files(theirs)]
    assert [f.digest for f in header.files] == digests


def test_a_built_package_says_what_librpm_reads_in_it(varied: Path) -> None:
    header = read_header(varied)
    assert len(header.files) == len(VARIED.files)
    assert_librpm_agrees(header)


@needs_material
def test_every_real_package_says_what_librpm_reads_in_it() -> None:
    packages = [path for path in MATERIAL.rglob("*.rpm") if "rpmdb" not in path.parts]
    assert len(packages) > 80
    for path in packages:
        assert_librpm_agrees(read_header(path))


def test_tags_of_scripts_and_dependencies_have_the_values_of_librpm(varied: Path) -> None:
    header = read_header(varied)
    theirs = rpm.hdr(header.blob)
    assert header.tags[rpm.RPMTAG_POSTIN] == theirs[rpm.RPMTAG_POSTIN].encode()
    # One word is stored as a string; librpm's bindings make a list of it.
    assert (
        [header.tags[rpm.RPMTAG_POSTINPROG]]
        == [b"<lua>"]
        == [item.encode() for item in theirs[rpm.RPMTAG_POSTINPROG]]
    )
    names = header.tags[rpm.RPMTAG_REQUIRENAME]
    assert names == tuple(item.encode() for item in theirs[rpm.RPMTAG_REQUIRENAME])
    assert header.tags[rpm.RPMTAG_REQUIREFLAGS] == tuple(theirs[rpm.RPMTAG_REQUIREFLAGS])
    assert header.tags[rpm.RPMTAG_SUMMARY] == b"test package"  # not the translated one


def test_all_tags_that_triggers_are_planned_from_are_kept() -> None:
    numbers = {tag for tag in TRIGGER_TAGS if TagType.INT32 in TYPES[tag]}
    every = {tag: int32s(1) if tag in numbers else text(b"v") for tag in TRIGGER_TAGS}
    header = parse_header(Rpm(tags=every).prefix)
    assert header.tags.keys() >= TRIGGER_TAGS


def test_a_stub_reads_as_the_package_it_is_of(varied: Path) -> None:
    header = read_header(varied)
    assert parse_header(header.prefix) == header
    assert header.prefix == varied.read_bytes()[: header.payload_offset]


def test_librpm_takes_a_stub_for_a_package(varied: Path, tmp_path: Path) -> None:
    stub = tmp_path / "stub.rpm"
    stub.write_bytes(read_header(varied).prefix)
    transaction = rpm.TransactionSet()
    with stub.open("rb") as stream:
        assert transaction.hdrFromFdno(stream)["nevra"] == "varied-3:1.0-1.x86_64"


def test_libdnf5_takes_a_stub_for_a_package(varied: Path, tmp_path: Path) -> None:
    stub = tmp_path / "stub.rpm"
    stub.write_bytes(read_header(varied).prefix)
    base = libdnf5.base.Base()
    config = base.get_config()
    for option in (config.get_cachedir_option, config.get_installroot_option):
        option().set(str(tmp_path / "dnf"))
    config.get_plugins_option().set(False)
    base.setup()
    base.get_repo_sack().add_cmdline_packages([str(stub)], False)
    assert [p.get_nevra() for p in libdnf5.rpm.PackageQuery(base)] == ["varied-3:1.0-1.x86_64"]


def test_sizes_over_4_gib_are_read_from_their_own_tag() -> None:
    size = 5 << 30
    long = Stored(kind=TagType.INT64, count=1, data=struct.pack(">Q", size))
    tags: dict[int, Stored | None] = {
        Tag.FILESIZES: None,
        Tag.LONGFILESIZES: long,
        Tag.LONGSIZE: long,
    }
    header = parse_header(Rpm(members=[Member(path=b"/usr/big")], tags=tags).prefix)
    assert (header.files[0].size, header.install_size) == (size, size)


def test_whole_paths_of_the_oldest_packages_are_read() -> None:
    tags: dict[int, Stored | None] = {
        Tag.OLDFILENAMES: texts(b"/usr/bin/x", b"/"),
        Tag.BASENAMES: None,
        Tag.DIRNAMES: None,
        Tag.DIRINDEXES: None,
    }
    members = [Member(path=b"/usr/bin/x"), Member(path=b"/", mode=0o40755)]
    header = parse_header(Rpm(members=members, tags=tags).prefix)
    assert [file.path for file in header.files] == [b"/usr/bin/x", b"/"]


def test_digests_are_md5_where_no_algorithm_is_named() -> None:
    header = parse_header(Rpm(tags={Tag.FILEDIGESTALGO: None}).prefix)
    assert header.digest_algorithm == "md5"


def test_slashes_too_many_are_one() -> None:
    members = [Member(path=b"/usr/share/x")]
    header = parse_header(Rpm(members=members, tags={Tag.DIRNAMES: texts(b"/usr//share/")}).prefix)
    assert header.files[0].path == b"/usr/share/x"


def test_names_that_are_not_utf8_are_kept_as_bytes() -> None:
    header = parse_header(Rpm(members=[Member(path=b"/usr/\xff\n")]).prefix)
    assert header.files[0].path == b"/usr/\xff\n"


def test_unknown_flags_of_files_do_no_harm() -> None:
    member = Member(path=b"/usr/x", flags=FileFlag.GHOST | 1 << 30)
    assert parse_header(Rpm(members=[member]).prefix).files[0].ghost


FILE = Member(path=b"/usr/bin/x")
WRONG_TAGS: Mapping[str, tuple[Mapping[int, Stored | None], str]] = {
    "a path that climbs": (
        {Tag.DIRNAMES: texts(b"/usr/../etc/")},
        "path /usr/../etc/ holds a name that no file may have",
    ),
    "a base name that climbs": (
        {Tag.BASENAMES: texts(b"..")},
        "path /usr/bin/.. holds a name that no file may have",
    ),
    "a base name that is a path": (
        {Tag.BASENAMES: texts(b"a/b")},
        "a/b in /usr/bin/ is no file name",
    ),
    "an empty base name": ({Tag.BASENAMES: texts(b"")}, " in /usr/bin/ is no file name"),
    "a relative path": ({Tag.DIRNAMES: texts(b"usr/")}, "directory usr/ is not absolute"),
    "first places of other files": (
        {
            Tag.ORIGBASENAMES: texts(b"x", b"y"),
            Tag.ORIGDIRNAMES: texts(b"/"),
            Tag.ORIGDIRINDEXES: int32s(0, 0),
        },
        "1 files, but 2 values of ORIGBASENAMES",
    ),
    "no directory": ({Tag.DIRNAMES: None}, "0 directories, but a file in number 0"),
    "a directory that is not there": (
        {Tag.DIRINDEXES: int32s(7)},
        "1 directories, but a file in number 7",
    ),
    "a name too long": (
        {Tag.BASENAMES: texts(b"x" * 256)},
        f"path /usr/bin/{'x' * 247} holds a name that no file may have",
    ),
    "a path too long": (
        {Tag.DIRNAMES: texts(b"/" + b"y/" * 2048)},
        f"path of 4098 bytes: /{'y/' * 31}y…",
    ),
    "modes missing": ({Tag.FILEMODES: None}, "1 files, but 0 values of FILEMODES"),
    "modes too many": ({Tag.FILEMODES: int16s(1, 2)}, "1 files, but 2 values of FILEMODES"),
    "modes that are text": ({Tag.FILEMODES: texts(b"x")}, "FILEMODES is of the wrong type"),
    "names that are numbers": ({Tag.BASENAMES: int32s(1)}, "BASENAMES is of the wrong type"),
    "a user that is not UTF-8": (
        {Tag.FILEUSERNAME: texts(b"\xff")},
        "FILEUSERNAME holds a name that is not UTF-8",
    ),
    "a package name that is a path": (
        {Tag.NAME: text(b"../x")},
        "NAME is '../x', which rpm does not allow",
    ),
    "no package name": ({Tag.NAME: None}, "header has no NAME"),
    "a version with a dash": (
        {Tag.VERSION: text(b"1-1")},
        "VERSION is '1-1', which rpm does not allow",
    ),
    "a name that is binary": ({Tag.NAME: int32s(1)}, "NAME is of the wrong type"),
    "an architecture that is not ASCII": ({Tag.ARCH: text(b"\xff")}, "ARCH is not ASCII"),
    "file digests of another length": (
        {Tag.FILEDIGESTS: texts(b"0" * 32)},
        "FILEDIGESTS holds what is no sha256 digest",
    ),
    "file digests that are no numbers": (
        {Tag.FILEDIGESTS: texts(b"x" * 64)},
        "FILEDIGESTS holds what is not hexadecimal",
    ),
    "a digest nobody knows": (
        {Tag.FILEDIGESTALGO: int32s(99)},
        "FILEDIGESTALGO names the unknown digest algorithm 99",
    ),
    "a payload that is no archive": (
        {Tag.PAYLOADFORMAT: text(b"drpm")},
        "payload format drpm is not cpio",
    ),
    "a source package": (
        {Tag.SOURCEPACKAGE: int32s(1)},
        "a source package, which cannot be installed",
    ),
    "a link to nowhere": (
        {Tag.FILEMODES: int16s(0o120777)},
        "symbolic link /usr/bin/x has a target of 0 bytes",
    ),
}


@pytest.mark.parametrize("case", WRONG_TAGS.values(), ids=WRONG_TAGS)
def test_values_that_contradict_are_refused(
    case: tuple[Mapping[int, Stored | None], str],
) -> None:
    tags, message = case
    with pytest.raises(BrokenPackageError) as caught:
        parse_header(Rpm(members=[FILE], tags=tags).prefix, "x.rpm")
    assert str(caught.value) == f"broken package x.rpm: {message}"


def test_a_path_listed_twice_is_refused() -> None:
    with pytest.raises(BrokenPackageError) as caught:
        parse_header(Rpm(members=[FILE, FILE]).prefix, "x.rpm")
    assert str(caught.value) == "broken package x.rpm: lists /usr/bin/x twice"


def entry(tag: int, kind: int, offset: int, count: int) -> bytes:
    return struct.pack(">IIiI", tag, kind, offset, count)


def raw(index: bytes, store: bytes, *, count: int | None = None, size: int | None = None) -> bytes:
    """A header structure of exactly these bytes."""
    counts = (len(index) // 16 if count is None else count, len(store) if size is None else size)
    return b"\x8e\xad\xe8\x01\0\0\0\0" + struct.pack(">II", *counts) + index + store


def structure_of(index: bytes, store: bytes) -> bytes:
    """A header structure of these entries and bytes, with a region around them."""
    count = len(index) // 16 + 1
    first = entry(63, 7, len(store), 16)
    return raw(first + index, store + entry(63, 7, -16 * count, 16))


WRONG_BYTES: Mapping[str, tuple[bytes, str]] = {
    "nothing": (b"", "truncated: lead needs 96 bytes more"),
    "no RPM": (b"!<arch>\n" * 20, "not an RPM"),
    "a source package": (
        LEAD[:6] + b"\0\1" + LEAD[8:],
        "a source package, which cannot be installed",
    ),
    "no signature": (LEAD, "truncated: signature needs 16 bytes more"),
    "another magic": (LEAD + bytes(16), "signature does not begin with rpm's magic"),
    "a header cut off": (framed(b"")[:-4] + bytes(4), "truncated: header needs 16 bytes more"),
    "entries without end": (
        framed(raw(b"", b"", count=0x7FFFFFFF)),
        "header claims 2147483647 entries in 0 bytes",
    ),
    "no entries": (framed(raw(b"", b"")), "header claims 0 entries in 0 bytes"),
    "a store without end": (
        framed(raw(entry(1000, 6, 0, 1), b"", size=0xFFFFFFFF)),
        "header claims 1 entries in 4294967295 bytes",
    ),
    "a store cut off": (
        framed(raw(entry(1000, 6, 0, 1), b"x\0", size=100)),
        "truncated: header needs 98 bytes more",
    ),
    "an offset below zero": (
        framed(raw(entry(1000, 6, -1, 1), b"x\0")),
        "header: tag 1000 at -1 lies outside or over another",
    ),
    "an offset behind the end": (
        framed(raw(entry(1000, 6, 3, 1), b"x\0")),
        "header: tag 1000 at 3 lies outside or over another",
    ),
    "entries over each other": (
        framed(raw(entry(1000, 6, 2, 1) + entry(1001, 6, 0, 1), b"x\0y\0")),
        "header: tag 1000 at 2 lies outside or over another",
    ),
    "more numbers than bytes": (
        framed(raw(entry(1009, 4, 0, 0xFFFFFFFF), bytes(4))),
        "header: tag 1009 has no room for 4294967295 values",
    ),
    "more strings than ends of strings": (
        framed(raw(entry(1117, 8, 0, 3), b"x\0y\0")),
        "header: tag 1117 has no room for 3 values",
    ),
    "a string without an end": (
        framed(raw(entry(1000, 6, 0, 1), b"xyz")),
        "header: tag 1000 has no room for 1 values",
    ),
    "no value at all": (
        framed(raw(entry(1000, 6, 0, 0), b"x\0")),
        "header: tag 1000 has no room for 0 values",
    ),
    "a type nobody knows": (
        framed(raw(entry(1000, 77, 0, 1), b"x\0")),
        "header: tag 1000 has the unknown type 77",
    ),
    "a tag twice": (
        framed(raw(entry(1000, 6, 0, 1) + entry(1000, 6, 2, 1), b"x\0y\0")),
        "header holds a tag twice",
    ),
    "a region outside": (
        framed(raw(entry(63, 7, 9999, 16), bytes(16))),
        "header: region 63 lies outside",
    ),
    "another magic in its reserved part": (
        LEAD + b"\x8e\xad\xe8\x01\0\0\0\1" + bytes(8),
        "signature does not begin with rpm's magic",
    ),
    "a signature of more entries than rpm takes": (
        LEAD + raw(b"".join(entry(1100 + at, 7, at, 1) for at in range(33)), bytes(33)),
        "signature claims 33 entries in 33 bytes",
    ),
    "no region": (
        framed(raw(entry(1000, 6, 0, 1), b"x\0")),
        "header has no region: a package of rpm 3",
    ),
    "the region of a signature": (
        framed(structure({1000: text(b"x")}, 62)),
        "header: tag 62 is none that a package may have",
    ),
    "a region that is not all of it": (
        framed(raw(entry(63, 7, 2, 16) + entry(1000, 6, 0, 1), b"x\0" + entry(63, 7, -16, 16))),
        "header: region 63 is not all of it",
    ),
    "a number that is not aligned": (
        framed(structure_of(entry(1009, 4, 1, 1), b"\0" * 5)),
        "header: tag 1009 at 1 is not aligned",
    ),
    "a gap between values": (
        framed(structure_of(entry(1000, 6, 0, 1) + entry(1001, 6, 8, 1), b"x\0??????y\0")),
        "header has 20 bytes of values in 26",
    ),
    "a value over the end of the region": (
        framed(structure_of(entry(1000, 6, 0, 1) + entry(1146, 7, 2, 8), b"x\0y\0")),
        "header: tag 1146 lies over the region's end",
    ),
    "a million files": (
        framed(structure_of(entry(1117, 8, 0, 1 << 20), bytes(1 << 20))),
        "header: tag 1117 has 1048576 values, more than any package",
    ),
    "a region of another length": (
        framed(raw(entry(63, 7, 0, 16), entry(63, 7, -1600, 16))),
        "header: region 63 does not end as it begins",
    ),
}


@pytest.mark.parametrize("case", WRONG_BYTES.values(), ids=WRONG_BYTES)
def test_bytes_that_contradict_are_refused(case: tuple[bytes, str]) -> None:
    data, message = case
    with pytest.raises(BrokenPackageError) as caught:
        parse_header(data, "x.rpm")
    assert str(caught.value) == f"broken package x.rpm: {message}"


def test_a_header_of_too_many_values_is_refused() -> None:
    # A million strings of no length each would be small in the file and large in memory.
    many = texts(*[b""] * ((1 << 20) - 1))
    strings = [tag for tag in sorted(DEPENDENCY_TAGS) if TagType.STRING in TYPES[tag]]
    tags: dict[int, Stored | None] = dict.fromkeys(strings[:9], many)
    with pytest.raises(BrokenPackageError, match="header holds more values than any package has"):
        parse_header(Rpm(tags=tags).prefix)


def test_a_header_that_is_not_the_signed_one_is_refused() -> None:
    prefix = Rpm(members=[FILE]).prefix
    changed = prefix.replace(b"/usr/bin/", b"/usr/lib/")
    with pytest.raises(BrokenPackageError) as caught:
        parse_header(changed, "x.rpm")
    message = "broken package x.rpm: header does not match its sha256 digest"
    assert str(caught.value) == message


ANY_OF_TYPE = {
    TagType.CHAR: Stored(kind=TagType.CHAR, count=1, data=b"a"),
    TagType.INT8: Stored(kind=TagType.INT8, count=1, data=b"a"),
    TagType.INT16: int16s(1),
    TagType.INT32: int32s(1),
    TagType.INT64: Stored(kind=TagType.INT64, count=1, data=bytes(8)),
    TagType.STRING: text(b"x"),
    TagType.BIN: binary(b"x"),
    TagType.STRING_ARRAY: texts(b"x"),
    TagType.I18NSTRING: Stored(kind=TagType.I18NSTRING, count=1, data=b"x\0"),
}


def types_of_librpm(tag: int) -> frozenset[TagType]:
    def takes(kind: TagType) -> bool:
        try:
            rpm.hdr(structure({tag: ANY_OF_TYPE[kind]}, REGION_OF_HEADER)[8:])
        except rpm.error:
            return False
        return True

    return frozenset(kind for kind in TagType if takes(kind))


def test_types_of_tags_are_those_of_librpm() -> None:
    ranges = (range(100, 1300), range(4990, 5200), (1_000_000, 0x7FFFFFFF))
    for tag in (tag for tags in ranges for tag in tags):
        assert TYPES.get(tag, frozenset(TagType)) == types_of_librpm(tag), tag
    assert max(TYPES) < 5190


WRONG_SIGNATURES: Mapping[str, tuple[Mapping[int, Stored], Mapping[int, Stored], str]] = {
    "a digest that is binary": (
        {SignatureTag.SHA1HEADER: binary(b"x" * 20)},
        {},
        "signature: tag 269 is of the wrong type or length",
    ),
    "a short MD5": (
        {SignatureTag.MD5: binary(b"x" * 15)},
        {},
        "signature: tag 1004 is of the wrong type or length",
    ),
    "two sizes": (
        {1000: int32s(1, 2)},
        {},
        "signature: tag 1000 is of the wrong type or length",
    ),
    "a digest in the header itself": (
        {},
        {SignatureTag.SHA256HEADER: text(b"0" * 64)},
        "header holds tag 273, which belongs to the signature",
    ),
    "the payload's size in both": (
        {1007: int32s(1)},
        {1046: int32s(1)},
        "header holds tag 1046, which belongs to the signature",
    ),
    "the payload's size in the header of rpm 6": (
        {},
        {1046: int32s(1), 5114: int32s(6)},
        "header holds tag 1046, which belongs to the signature",
    ),
    "a wrong SHA-1 beside a right SHA-256": (
        {SignatureTag.SHA1HEADER: text(b"0" * 40)},
        {},
        "header does not match its sha1 digest",
    ),
    "a wrong SHA3-256 beside a right SHA-256": (
        {SignatureTag.SHA3_256HEADER: text(b"0" * 64)},
        {},
        "header does not match its sha3_256 digest",
    ),
    "a digest of another length": (
        {SignatureTag.SHA1HEADER: text(b"0" * 64)},
        {},
        "header does not match its sha1 digest",
    ),
}


@pytest.mark.parametrize("case", WRONG_SIGNATURES.values(), ids=WRONG_SIGNATURES)
def test_a_signature_that_librpm_refuses_is_refused(
    tmp_path: Path, case: tuple[Mapping[int, Stored], Mapping[int, Stored], str]
) -> None:
    signed, tags, message = case
    header = Rpm(members=[FILE], tags=tags).header
    right: dict[int, Stored] = {
        SignatureTag.SHA256HEADER: text(hashlib.sha256(header).hexdigest().encode())
    }
    signature = structure({**right, **signed}, REGION_OF_SIGNATURE)
    path = tmp_path / "x.rpm"
    path.write_bytes(LEAD + signature + bytes(-len(signature) % 8) + header)
    with pytest.raises(BrokenPackageError) as caught:
        read_header(path)
    assert str(caught.value) == f"broken package {path}: {message}"
    transaction = rpm.TransactionSet()
    with path.open("rb") as stream, pytest.raises(rpm.error):
        transaction.hdrFromFdno(stream)


def test_what_the_signature_holds_is_not_taken_for_the_header() -> None:
    tags = tags_of([FILE])
    signature = structure({Tag.VERSION: text(b"9"), 1004: binary(b"m" * 16)}, 62)
    header = structure(tags, REGION_OF_HEADER)
    parsed = parse_header(LEAD + signature + bytes(-len(signature) % 8) + header)
    assert (parsed.nevra.version, parsed.package_md5) == ("1", (b"m" * 16).hex())


def outcome(data: bytes) -> str:
    """Parses and says whether that went well; any other exception leaves the test."""
    try:
        parse_header(data)
    except BrokenPackageError:
        return "refused"
    return "taken"


SAMPLE = Rpm(members=[FILE, Member(path=b"/etc/y", mode=0o120777, target=b"z")])


@settings(max_examples=150, deadline=None)
@given(cut=st.integers(0, len(SAMPLE.prefix) - 1))
def test_a_stub_cut_anywhere_is_refused(cut: int) -> None:
    assert outcome(SAMPLE.prefix[:cut]) == "refused"


@settings(max_examples=300, deadline=None)
@given(at=st.integers(0, len(SAMPLE.header) - 1), value=st.integers(0, 255))
def test_a_header_with_any_byte_changed_is_read_or_refused(at: int, value: int) -> None:
    changed = bytearray(SAMPLE.header)
    changed[at] = value
    # With the digest made right again, so that what it would catch reaches the reader.
    assert outcome(framed(bytes(changed))) in ("refused", "taken")


@settings(max_examples=200, deadline=None)
@given(
    entries=st.lists(
        st.tuples(
            st.sampled_from([63, *Tag]),
            st.integers(0, 10),
            st.integers(-4, 80),
            st.one_of(st.integers(0, 9), st.sampled_from([0x7FFFFFFF, 0xFFFFFFFF])),
        ),
        max_size=20,
    ),
    store=st.binary(max_size=80),
)
def test_a_header_of_anything_is_read_or_refused(
    entries: list[tuple[int, int, int, int]], store: bytes
) -> None:
    index = b"".join(entry(*item) for item in entries)
    assert outcome(framed(raw(index, store))) in ("refused", "taken")
