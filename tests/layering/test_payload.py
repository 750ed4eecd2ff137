# SPDX-License-Identifier: LGPL-2.1-or-later
"""Payloads against what rpm's own archiver takes out of them, and payloads that lie."""

import hashlib
import io
import stat
import subprocess
import tarfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from layering.errors import BrokenPackageError
from layering.header import read_header
from layering.payload import PayloadItem, read_payload
from layering.rpmtags import FileFlag, Tag
from tests.layering.rpmbytes import (
    LEAD,
    MATERIAL,
    REGION_OF_SIGNATURE,
    Member,
    Rpm,
    binary,
    needs_material,
    newc,
    newc_entry,
    stripped,
    structure,
    text,
    texts,
)
from tests.rpms import File, Spec, build_rpm

FILES = {
    "/usr/bin/tool": File(content=b"#!/bin/sh\n" * 5000, mode=0o755),
    "/usr/share/empty": File(),
    "/usr/share/one": File(content=b"shared" * 9),
    "/usr/share/two": File(hard_link="/usr/share/one"),
    "/usr/share/nought": File(),
    "/usr/share/nought.too": File(hard_link="/usr/share/nought"),
    "/usr/share/link": File(link="../bin/tool"),
    "/usr/share/dir": File(directory=True),
    "/var/log/ghost": File(directives="%ghost"),
}
FLAGS = ["w.ufdio", "w9.gzdio", "w9.bzdio", "w6.xzdio", "w6.lzdio", "w3.zstdio"]

Taken = Mapping[str, bytes | str | None]


def taken_by_rpm(path: Path) -> Taken:
    """What rpm2archive makes of a package: content, a link's target, or None for a directory."""
    command = ["rpm2archive", "--nocompression", str(path)]
    done = subprocess.run(command, capture_output=True, check=True)
    found: dict[str, bytes | str | None] = {}
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        for member in archive:
            name = member.name.removeprefix(".")
            content = archive.extractfile(member) if member.isreg() or member.islnk() else None
            found[name] = content.read() if content else member.linkname or None
    return found


def taken_by_us(path: Path, digest: str = "") -> Taken:
    found: dict[str, bytes | str | None] = {}
    for item in read_payload(path, read_header(path), digest=digest):
        content = item.content.read() if item.content else None
        for entry in item.entries:
            target = entry.link_target.decode() if stat.S_ISLNK(entry.mode) else None
            found[entry.path.decode()] = target if content is None else content
    return found


@pytest.mark.parametrize("rpm_format", [4, 6])
@pytest.mark.parametrize("flags", FLAGS)
def test_what_rpm_packs_comes_out_as_rpm_takes_it(
    tmp_path: Path, flags: str, rpm_format: int
) -> None:
    spec = Spec(files=FILES, payload=flags, rpm_format=rpm_format)
    path = build_rpm(tmp_path, "packed-1-1.noarch", spec)
    assert taken_by_us(path) == taken_by_rpm(path)
    assert len(taken_by_us(path)) == len(FILES) - 1


@needs_material
def test_every_real_payload_comes_out_as_rpm_takes_it() -> None:
    packages = [path for path in MATERIAL.rglob("*.rpm") if "rpmdb" not in path.parts]
    assert len(packages) > 80
    for path in packages:
        digest = f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"
        assert taken_by_us(path, digest) == taken_by_rpm(path), path


def test_hard_links_come_together_with_one_content(tmp_path: Path) -> None:
    path = build_rpm(tmp_path, "packed-1-1.noarch", Spec(files=FILES))
    items = list(read_payload(path, read_header(path)))
    together = [[entry.path for entry in item.entries] for item in items if len(item.entries) > 1]
    assert sorted(together) == [
        [b"/usr/share/nought", b"/usr/share/nought.too"],
        [b"/usr/share/one", b"/usr/share/two"],
    ]


def test_content_nobody_reads_is_read_over_and_checked(tmp_path: Path) -> None:
    files = [Member(path=b"/usr/a", content=b"a" * 999), Member(path=b"/usr/b", content=b"b")]
    path = Rpm(members=files).write(tmp_path / "x.rpm")
    assert [item.entries[0].path for item in items_of(path)] == [b"/usr/a", b"/usr/b"]
    wrong = Rpm(members=files, payload=newc(files).replace(b"aaa", b"AAA", 1))
    with pytest.raises(BrokenPackageError, match="/usr/a does not match its sha256 digest"):
        items_of(wrong.write(tmp_path / "x.rpm"))


def test_a_ghost_in_the_payload_is_read_over(tmp_path: Path) -> None:
    ghost = Member(path=b"/var/log/x", content=b"old", flags=FileFlag.GHOST)
    files = [Member(path=b"/usr/a"), ghost, Member(path=b"/usr/b")]
    path = Rpm(members=files).write(tmp_path / "x.rpm")
    assert [item.entries[0].path for item in items_of(path)] == [b"/usr/a", b"/usr/b"]


@pytest.mark.parametrize("prefix", [b".", b"", b"./"])
def test_names_in_archives_are_spelled_in_many_ways(tmp_path: Path, prefix: bytes) -> None:
    payload = newc_entry(prefix + b"/usr/a", 0o100644, b"") + newc([])
    path = Rpm(members=[Member(path=b"/usr/a")], payload=payload).write(tmp_path / "x.rpm")
    assert [item.entries[0].path for item in items_of(path)] == [b"/usr/a"]


def items_of(path: Path, digest: str = "") -> list[PayloadItem]:
    return list(read_payload(path, read_header(path), digest=digest))


A = Member(path=b"/usr/a", content=b"abc")
B = Member(path=b"/usr/b", mode=0o120777, target=b"a")
D = Member(path=b"/usr/d", mode=0o040755)
ONE = Member(path=b"/usr/one", content=b"same", inode=7)
TWO = Member(path=b"/usr/two", content=b"same", inode=7)
OTHER_SHA = hashlib.sha256(b"something else").hexdigest()

LIES: Mapping[str, tuple[Rpm, str]] = {
    "a file missing": (
        Rpm(members=[A, B, D], payload=newc([A])),
        "payload lacks /usr/b and 1 more",
    ),
    "the last file missing": (Rpm(members=[A, B], payload=newc([A])), "payload lacks /usr/b"),
    "a file too many": (
        Rpm(members=[A], payload=newc([A, B])),
        "payload holds ./usr/b, which the header does not list",
    ),
    "a file that climbs": (
        Rpm(members=[A], payload=newc_entry(b"./usr/../a", 0o100644, b"") + newc([])),
        "payload holds ./usr/../a, which the header does not list",
    ),
    "a file twice": (Rpm(members=[A], payload=newc([A, A])), "payload holds /usr/a twice"),
    "an index too high": (
        Rpm(members=[A], payload=b"07070X00000005\0\0" + newc([])),
        "payload holds file 5 of 1",
    ),
    "another type": (
        Rpm(members=[A], payload=newc_entry(b"./usr/a", 0o120777, b"abc") + newc([])),
        "./usr/a is of another type than the header says",
    ),
    "another size": (
        Rpm(members=[A], payload=newc_entry(b"./usr/a", 0o100644, b"abcd") + newc([])),
        "/usr/a has 4 bytes in the payload, 3 in the header",
    ),
    "no content": (
        Rpm(members=[A], payload=newc_entry(b"./usr/a", 0o100644, b"") + newc([])),
        "/usr/a has 0 bytes in the payload, 3 in the header",
    ),
    "other content": (
        Rpm(members=[A], payload=newc_entry(b"./usr/a", 0o100644, b"abd") + newc([])),
        "/usr/a does not match its sha256 digest",
    ),
    "other content in the stripped form": (
        Rpm(members=[A], payload=stripped([A]).replace(b"abc", b"abd")),
        "/usr/a does not match its sha256 digest",
    ),
    "a directory with content": (
        Rpm(members=[D], payload=newc_entry(b"./usr/d", 0o040755, b"x") + newc([])),
        "/usr/d has content, but is no regular file",
    ),
    "another link": (
        Rpm(members=[B], payload=newc_entry(b"./usr/b", 0o120777, b"z") + newc([])),
        "symbolic link /usr/b does not lead where the header says",
    ),
    "a link without end": (
        Rpm(members=[B], payload=newc_entry(b"./usr/b", 0o120777, b"", size=0xFFFFFFF0)),
        "symbolic link /usr/b does not lead where the header says",
    ),
    "hard links without content": (
        Rpm(
            members=[ONE, TWO],
            payload=newc_entry(b"./usr/one", 0o100644, b"")
            + newc_entry(b"./usr/two", 0o100644, b"")
            + newc([]),
        ),
        "/usr/two has 0 bytes in the payload, 4 in the header",
    ),
    "hard links with content twice": (
        Rpm(
            members=[ONE, TWO],
            payload=newc_entry(b"./usr/one", 0o100644, b"same")
            + newc_entry(b"./usr/two", 0o100644, b"same")
            + newc([]),
        ),
        "/usr/two has its content twice",
    ),
    "hard links of several contents": (
        Rpm(members=[ONE, Member(path=b"/usr/two", content=b"othr", inode=7)]),
        "/usr/one and /usr/two are one file with different contents or owners",
    ),
    "no trailer": (
        Rpm(members=[A], payload=newc([A], trailer=False)),
        "truncated: payload ends at byte 124",
    ),
    "data behind the trailer": (
        Rpm(members=[A], payload=newc([A]) + bytes(1 << 17)),
        "payload goes on behind its trailer",
    ),
    "another payload digest": (
        Rpm(members=[A], tags={Tag.PAYLOADSHA256: texts(OTHER_SHA.encode())}),
        "payload does not match its sha256 digest",
    ),
    "another digest of the plain payload": (
        Rpm(members=[A], digest=False, tags={Tag.PAYLOADSHA256ALT: texts(OTHER_SHA.encode())}),
        "payload does not match its sha256 digest",
    ),
    "an unknown compressor": (
        Rpm(members=[A], tags={Tag.PAYLOADCOMPRESSOR: text(b"brotli")}),
        "payload is compressed with brotli, which is unknown",
    ),
}


@pytest.mark.parametrize("case", LIES.values(), ids=LIES)
def test_a_payload_that_contradicts_its_header_is_refused(
    tmp_path: Path, case: tuple[Rpm, str]
) -> None:
    package, message = case
    path = package.write(tmp_path / "x.rpm")
    with pytest.raises(BrokenPackageError) as caught:
        items_of(path)
    assert str(caught.value) == f"broken package {path}: {message}"


def test_a_file_that_is_not_the_verified_one_is_refused(tmp_path: Path) -> None:
    path = Rpm(members=[A]).write(tmp_path / "x.rpm")
    assert items_of(path, f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}")
    with pytest.raises(BrokenPackageError) as caught:
        items_of(path, f"sha256:{OTHER_SHA}")
    message = f"broken package {path}: file does not match its sha256 digest"
    assert str(caught.value) == message


def test_an_old_package_is_held_against_the_digest_of_all_of_it(tmp_path: Path) -> None:
    path = build_rpm(tmp_path, "old-1-1.noarch", Spec(files=FILES, rpm_format=4))
    header = read_header(path)
    data = header.signed + path.read_bytes()[header.payload_offset :]
    assert hashlib.md5(data).hexdigest() == header.package_md5
    old = Rpm(members=[A], digest=False)
    md5 = hashlib.md5(old.header + old.stored_payload).digest()
    assert taken_by_us(with_md5(old, md5, tmp_path / "right.rpm")) == {"/usr/a": b"abc"}
    with pytest.raises(BrokenPackageError) as caught:
        items_of(with_md5(old, bytes(16), tmp_path / "wrong.rpm"))
    what = "header and payload does not match its md5 digest"
    assert str(caught.value) == f"broken package {tmp_path / 'wrong.rpm'}: {what}"


def with_md5(package: Rpm, md5: bytes, path: Path) -> Path:
    signature = structure({1004: binary(md5)}, REGION_OF_SIGNATURE)
    head = LEAD + signature + bytes(-len(signature) % 8) + package.header
    path.write_bytes(head + package.stored_payload)
    return path


FUZZED = [A, B, D, ONE, TWO, Member(path=b"/usr/e")]


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(at=st.integers(0, 2000), value=st.integers(0, 255), form=st.sampled_from([newc, stripped]))
def test_an_archive_with_any_byte_changed_is_read_or_refused(
    tmp_path: Path, at: int, value: int, form: Callable[[Sequence[Member]], bytes]
) -> None:
    payload = bytearray(form(FUZZED))
    payload[at % len(payload)] = value
    package = Rpm(members=FUZZED, payload=bytes(payload))  # with the digest that it then has
    try:
        items_of(package.write(tmp_path / "x.rpm"))
    except BrokenPackageError:
        return


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(cut=st.integers(1, 4000), flags=st.sampled_from(FLAGS))
def test_a_package_cut_anywhere_is_refused(
    tmp_path: Path, small_packages: Mapping[str, bytes], cut: int, flags: str
) -> None:
    data = small_packages[flags]
    path = tmp_path / "x.rpm"
    path.write_bytes(data[: -(cut % len(data)) or None])
    whole = cut % len(data) == 0
    try:
        items_of(path)
    except BrokenPackageError:
        assert not whole
    else:
        assert whole


@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    flips=st.lists(st.tuples(st.integers(0, 1 << 16), st.integers(1, 255)), min_size=1, max_size=4),
    flags=st.sampled_from(FLAGS),
)
def test_a_compressed_payload_with_bits_turned_is_refused(
    tmp_path: Path,
    small_packages: Mapping[str, bytes],
    flips: list[tuple[int, int]],
    flags: str,
) -> None:
    data = bytearray(small_packages[flags])
    path = tmp_path / "x.rpm"
    path.write_bytes(data)
    start = read_header(path).payload_offset
    for at, bits in flips:
        data[start + at % (len(data) - start)] ^= bits
    path.write_bytes(data)
    same = bytes(data) == small_packages[flags]
    try:
        items_of(path)
    except BrokenPackageError:
        assert not same
    else:
        assert same


@pytest.fixture(scope="module")
def small_packages(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, bytes]:
    """A small package by each compressor, to be damaged."""
    files = {"/usr/share/text": File(content=b"some text, " * 50), **FILES}
    return {
        flags: build_rpm(
            tmp_path_factory.mktemp("small"), "small-1-1.noarch", Spec(files=files, payload=flags)
        ).read_bytes()
        for flags in FLAGS
    }
