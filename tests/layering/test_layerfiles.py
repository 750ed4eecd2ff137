# SPDX-License-Identifier: LGPL-2.1-or-later
"""What packages bring by the thousand, by the gigabyte, under many names: it all arrives.

Layers are read back from the repository, and `ostree fsck` digests each object again.
"""

import hashlib
import os
import stat
import struct
import subprocess
import sys
import textwrap
from collections.abc import Mapping
from pathlib import Path

import pytest
import zstandard

from layering.dirtree import FileNode, walk
from layering.errors import BrokenPackageError, UnsupportedNameError
from layering.importer import Layer, import_packages
from layering.objects import FileInfo, Xattrs
from layering.paths import EMPTY_BASE
from layering.repo import Repo
from layering.rpmtags import Tag, TagType
from tests.layering.rpmbytes import Member, Rpm, Stored, newc, newc_entry, stripped, text, texts
from tests.layering.test_importer import fsck, verified

MIB = 1 << 20


@pytest.fixture
def repo(scratch: Path) -> Repo:
    return Repo.create(scratch / "repo", "bare-user")


def files_of(repo: Repo, layer: Layer) -> dict[bytes, str]:
    """The checksums of a layer's files, by path."""
    root = repo.commit_of(layer.commit).root_tree
    found = walk(repo.dirtree, root)
    return {path.encode(): node.checksum for path, node in found if isinstance(node, FileNode)}


def imported(repo: Repo, members: list[Member], place: Path, **tags: Stored) -> dict[bytes, str]:
    """Imports a package and returns its files."""
    rpm = Rpm(members=members, tags={Tag[name]: value for name, value in tags.items()})
    (layer,) = import_packages([verified(rpm.write(place))], repo, EMPTY_BASE)
    fsck(repo)
    return files_of(repo, layer)


def content(repo: Repo, checksum: str) -> bytes:
    return b"".join(repo.file_chunks(checksum))


SIZES = [0, 1, 32767, 32768, MIB, MIB + 1, 4 * MIB, 4 * MIB + 1, 9 * MIB + 3]


def test_files_of_any_size_arrive(repo: Repo, tmp_path: Path) -> None:
    members = [
        Member(path=b"/usr/share/%d" % size, mode=stat.S_IFREG | 0o4750, content=os.urandom(size))
        for size in SIZES
    ]
    files = imported(repo, members, tmp_path / "x")
    assert {path: content(repo, checksum) for path, checksum in files.items()} == {
        member.path: member.content for member in members
    }
    for checksum in files.values():
        assert repo.file_info(checksum).mode == 0o4750


def test_what_is_too_large_to_lie_there_twice_arrives_too(
    repo: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("layering.layerfiles._SPOOL_MAX", 4 * MIB)
    members = [
        Member(path=b"/usr/a", mode=stat.S_IFREG | 0o4755, content=os.urandom(6 * MIB), inode=9),
    ]
    members.append(
        Member(path=b"/var/a", mode=members[0].mode, inode=9, content=members[0].content)
    )
    files = imported(repo, members, tmp_path / "x")
    for path in (b"/usr/a", b"/usr/share/factory/var/a"):
        assert content(repo, files[path]) == members[0].content


def test_every_name_that_a_file_system_takes_arrives(repo: Repo, tmp_path: Path) -> None:
    names = [b"new\nline", b'"quoted"', b"it's", b" blank ", b"back\\slash", b"%b", b"-", b"\x01"]
    names += [b"x" * 255, "\N{SNOWMAN}".encode() * 85, b"[a]*?", b"$HOME;`id`", b"..."]
    members = [Member(path=b"/usr/share/" + name, content=name) for name in names]
    files = imported(repo, members, tmp_path / "x")
    assert {path: content(repo, checksum) for path, checksum in files.items()} == {
        member.path: member.content for member in members
    }


def test_a_name_that_is_not_utf8_is_refused_by_name(repo: Repo, tmp_path: Path) -> None:
    with pytest.raises(UnsupportedNameError) as caught:
        imported(repo, [Member(path=b"/usr/share/caf\xe9")], tmp_path / "x")
    message = "file name is not valid UTF-8: /usr/share/caf\\xe9 of x-1-1.noarch"
    assert str(caught.value) == message


@pytest.mark.slow
def test_twenty_thousand_files_arrive(repo: Repo, tmp_path: Path) -> None:
    members = [
        Member(path=b"/usr/share/%d/%d" % (at % 200, at), content=b"%d" % at)
        for at in range(20_000)
    ]
    payload = b"".join(newc_entry(m.path, m.mode, m.content) for m in members) + newc([])
    package = Rpm(members=members, payload=payload).write(tmp_path / "x")
    (layer,) = import_packages([verified(package)], repo, EMPTY_BASE)
    files = files_of(repo, layer)
    assert files.keys() == {member.path for member in members}
    assert content(repo, files[b"/usr/share/199/19999"]) == b"19999"
    assert len(set(files.values())) == 20_000


def test_a_hard_link_from_usr_into_var_is_two_files(repo: Repo, tmp_path: Path) -> None:
    mode = stat.S_IFREG | 0o4755
    paths = [b"/usr/bin/x", b"/usr/bin/y", b"/var/lib/x", b"/opt/x"]
    members = [Member(path=path, mode=mode, content=b"x", inode=5) for path in paths]
    files = imported(repo, members, tmp_path / "x")
    inside = files[b"/usr/bin/x"]
    assert files[b"/usr/bin/y"] == files[b"/usr/lib/opt/x"] == inside
    waiting = files[b"/usr/share/factory/var/lib/x"]
    assert (repo.file_info(inside).mode, repo.file_info(waiting).mode) == (0o4755, 0o755)
    assert content(repo, waiting) == b"x"


class ByDirectory:
    """A policy that labels a file with the directory it lies in."""

    key = "by directory"

    def xattrs(self, place: bytes, mode: int) -> Xattrs:
        return ((b"security.selinux", place.rpartition(b"/")[0]),)


@pytest.mark.parametrize("size", [1, 5 * MIB])
def test_hard_links_with_different_labels_each_have_their_own(
    repo: Repo, tmp_path: Path, size: int
) -> None:
    paths = [b"/usr/bin/x", b"/usr/bin/y", b"/usr/lib/x"]
    data = os.urandom(size)
    members = [Member(path=path, content=data, inode=5) for path in paths]
    rpm = verified(Rpm(members=members).write(tmp_path / "x"))
    (layer,) = import_packages([rpm], repo, EMPTY_BASE, labels=ByDirectory())
    fsck(repo)
    files = files_of(repo, layer)
    assert files[b"/usr/bin/x"] == files[b"/usr/bin/y"]
    for path in paths:
        assert content(repo, files[path]) == data
        assert repo.file_info(files[path]).xattrs == ByDirectory().xattrs(path, 0)


def info(repo: Repo, files: Mapping[bytes, str], path: bytes) -> FileInfo:
    return repo.file_info(files[path])


def test_a_signature_and_capabilities_lie_on_one_file(repo: Repo, tmp_path: Path) -> None:
    signature = b"\x03\x02\x04" + bytes(range(40))
    member = Member(path=b"/usr/bin/ping", mode=0o100755, capabilities=b"cap_net_raw=p")
    value = texts(signature.hex().encode())
    files = imported(repo, [member], tmp_path / "x", FILESIGNATURES=value)
    net_raw = struct.pack("<5I", 0x02000000, 1 << 13, 0, 0, 0)
    expected = ((b"security.capability", net_raw), (b"security.ima", signature))
    assert info(repo, files, b"/usr/bin/ping").xattrs == expected


@pytest.mark.parametrize("archive", [newc, stripped], ids=["newc", "stripped"])
@pytest.mark.parametrize("size", [100, 40_000, 5 * MIB])
def test_a_wrong_byte_anywhere_leaves_nothing(
    repo: Repo, tmp_path: Path, archive: object, size: int
) -> None:
    member = Member(path=b"/usr/a", content=bytes(size))
    lying = member.__class__(path=member.path, content=bytes(size - 1) + b"x")
    assert callable(archive)
    package = Rpm(members=[member], payload=archive([lying]))
    path = package.write(tmp_path / "x")
    with pytest.raises(BrokenPackageError) as caught:
        import_packages([verified(path)], repo, EMPTY_BASE)
    assert str(caught.value) == f"broken package {path}: /usr/a does not match its sha256 digest"
    assert not list(repo.path.glob("objects/*/*"))
    assert not list(repo.path.glob("tmp/tmp*"))


MEASURED = """
    import resource, sys
    from pathlib import Path
    from layering.importer import import_packages
    from layering.paths import EMPTY_BASE
    from layering.repo import Repo
    from tests.layering.test_importer import verified
    repo, rpm = Repo.create(Path(sys.argv[1]), "bare-user"), verified(Path(sys.argv[2]))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    (layer,) = import_packages([rpm], repo, EMPTY_BASE)
    print(layer.ref, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def imported_by_another(repo: Path, rpm: Path) -> tuple[str, int]:
    """Imports a package in a process of its own; returns the ref, and by how many MiB it grew."""
    command = [sys.executable, "-c", textwrap.dedent(MEASURED), str(repo), str(rpm)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    ref, grown = done.stdout.split()
    return ref, int(grown) >> 10


def sparse(size: int, path: Path) -> Path:
    """Writes a package that holds a file of NULs, as rpm 6 packs it."""
    digest, zeros = hashlib.sha256(), bytes(MIB)
    compressor = zstandard.ZstdCompressor(level=1).compressobj()
    payload = compressor.compress(b"07070X00000000\0\0")
    for at in range(0, size, MIB):
        piece = zeros[: size - at]
        digest.update(piece)
        payload += compressor.compress(piece)
    payload += compressor.compress(bytes(-size % 4) + stripped([]))
    payload += compressor.flush()
    sizes = Stored(kind=TagType.INT64, count=1, data=struct.pack(">Q", size))
    tags: dict[int, Stored | None] = {
        Tag.FILESIZES: None,
        Tag.LONGFILESIZES: sizes,
        Tag.LONGSIZE: sizes,
        Tag.FILEDIGESTS: texts(digest.hexdigest().encode()),
        Tag.PAYLOADCOMPRESSOR: text(b"zstd"),
    }
    members = [Member(path=b"/usr/lib/sparse")]
    return Rpm(members=members, tags=tags, payload=payload).write(path)


def test_a_large_file_needs_little_memory(scratch: Path) -> None:
    rpm = sparse(128 * MIB, scratch / "x.rpm")
    _ref, grown = imported_by_another(scratch / "repo", rpm)
    assert grown < 48


@pytest.mark.slow
def test_a_file_of_more_than_four_gigabytes_arrives_in_little_memory(scratch: Path) -> None:
    size = (1 << 32) + 5
    rpm = sparse(size, scratch / "x.rpm")
    ref, grown = imported_by_another(scratch / "repo", rpm)
    assert grown < 48
    repo = Repo.open(scratch / "repo")
    root = repo.commit_of(ref).root_tree
    (checksum,) = (n.checksum for _p, n in walk(repo.dirtree, root) if isinstance(n, FileNode))
    assert repo.file_info(checksum).size == size
