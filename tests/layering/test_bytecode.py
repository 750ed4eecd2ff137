# SPDX-License-Identifier: LGPL-2.1-or-later
"""Byte code of layered packages, judged by a real Python: used, and only where rpm's would be."""

import importlib.util
import os
import py_compile
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from layering.bytecode import Source, edits, fitted, source_of
from layering.header import parse_header
from layering.importer import import_packages
from layering.paths import EMPTY_BASE
from layering.repo import Repo
from layering.rpmtags import FileFlag, Tag
from tests.layering.rpmbytes import Member, Rpm, int32s, texts
from tests.layering.test_importer import verified
from tests.rpms import File, Spec, build_rpm

BUILT = 1_700_000_000  # the time that `build_rpm` gives files
SOURCE = b"VALUE = 'from the source'\n"
OTHER = b"VALUE = 'something else!'\n"  # just as long
NAMES = [
    (b"/usr/lib/p/__pycache__/m.cpython-314.pyc", b"/usr/lib/p/m.py"),
    (b"/usr/lib/p/__pycache__/m.cpython-314.opt-2.pyc", b"/usr/lib/p/m.py"),
    (b"/usr/lib/p/m.pyc", None),
    (b"/usr/lib/p/__pycache__/m.cpython-314.py", None),
    (b"/usr/lib/p/__pycache__/m.pyc", None),
    (b"/usr/lib/p/__pycache__/a.b.c.d.pyc", None),
    (b"/usr/lib/p/not__pycache__/m.cpython-314.pyc", None),
]


@pytest.mark.parametrize("row", NAMES, ids=lambda row: row[0].decode())
def test_the_source_is_where_python_looks_for_it(row: tuple[bytes, bytes | None]) -> None:
    path, source = row
    assert source_of(path) == source
    if source is not None:
        assert importlib.util.source_from_cache(os.fsdecode(path)) == os.fsdecode(source)


def head(mtime: int, size: int, *, magic: bytes = b"\x2b\x0e\r\n", flags: int = 0) -> bytes:
    return magic + struct.pack("<III", flags, mtime, size)


LEFT_ALONE = {
    "another time": head(6, 7),
    "another size": head(5, 8),
    "checked by hash": head(5, 7, flags=3),
    "not checked at all": head(5, 7, flags=1),
    "no magic number": head(5, 7, magic=b"abcd"),
    "cut off": head(5, 7)[:12],
    "empty": b"",
}


@pytest.mark.parametrize("data", LEFT_ALONE.values(), ids=LEFT_ALONE)
def test_what_does_not_fit_its_source_is_left_alone(data: bytes) -> None:
    assert fitted(data, Source(mtime=5, size=7)) == data


def test_only_the_time_changes() -> None:
    assert fitted(head(5, 7), Source(mtime=5, size=7)) == head(0, 7)


PYC = b"/usr/lib/p/__pycache__/m.cpython-314.pyc"


def edited(members: list[Member], **tags: object) -> list[bytes]:
    header = parse_header(Rpm(members=members, tags=tags.get("tags", {})).prefix)  # type: ignore[arg-type]
    return list(edits(header.files))


def test_byte_code_without_a_source_in_the_package_is_left_alone() -> None:
    assert edited([Member(path=PYC), Member(path=b"/usr/lib/p/m.py")]) == [PYC]
    assert edited([Member(path=PYC)]) == []
    ghost = Member(path=b"/usr/lib/p/m.py", flags=FileFlag.GHOST)
    assert edited([Member(path=PYC), ghost]) == []


def test_signed_byte_code_is_left_alone() -> None:
    members = [Member(path=PYC), Member(path=b"/usr/lib/p/m.py")]
    signatures = {Tag.FILESIGNATURES: texts(b"0302" * 20, b"")}
    assert edited(members, tags=signatures) == []


def test_byte_code_larger_than_time_and_size_can_say_is_taken_modulo() -> None:
    members = [Member(path=PYC), Member(path=b"/usr/lib/p/m.py", content=b"1234567")]
    package = Rpm(members=members, tags={Tag.FILEMTIMES: int32s(9, 2**32 - 1)})
    (edit,) = edits(parse_header(package.prefix).files).values()
    assert edit(head(2**32 - 1, 7)) == head(0, 7)


def compiled(directory: Path, source: bytes, mtime: int) -> bytes:
    """What Python makes of a source of that time."""
    path = directory / "m.py"
    path.write_bytes(source)
    os.utime(path, (mtime, mtime))
    mode = py_compile.PycInvalidationMode.TIMESTAMP
    made = py_compile.compile(str(path), str(directory / "m.pyc"), invalidation_mode=mode)
    assert made is not None
    return Path(made).read_bytes()


@pytest.fixture
def repo(scratch: Path) -> Repo:
    return Repo.create(scratch / "repo", "bare-user")


def deployed(repo: Repo, rpm: Path, place: Path) -> Path:
    """Imports a package and checks it out as OSTree deploys it."""
    (layer,) = import_packages([verified(rpm)], repo, EMPTY_BASE)
    repo.checkout(layer.commit, place)
    return place / "usr/lib/python"


def cached(name: str) -> str:
    return f"/usr/lib/python/__pycache__/{name}.{sys.implementation.cache_tag}.pyc"


def loaded(directory: Path) -> tuple[str, str]:
    """What Python says of the module's byte code, and the module's value."""
    command = [sys.executable, "-v", "-S", "-B", "-c", "import m; print(m.VALUE)"]
    environment = {"PYTHONPATH": str(directory), "PATH": "/usr/bin"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    where = f"{directory}/__pycache__/"
    lines = [line for line in done.stderr.splitlines() if where in line or "for 'm'" in line]
    return "\n".join(lines), done.stdout.strip()


def test_python_uses_the_byte_code_of_a_layer(repo: Repo, scratch: Path) -> None:
    pyc = compiled(scratch, SOURCE, BUILT)
    files = {"/usr/lib/python/m.py": File(content=SOURCE), cached("m"): File(content=pyc)}
    rpm = build_rpm(scratch, "python-m-1-1.noarch", Spec(files=files))
    directory = deployed(repo, rpm, scratch / "tree")
    assert (directory / "m.py").stat().st_mtime == 0
    told, value = loaded(directory)
    assert "matches" in told
    assert "code object from" in told.splitlines()[-1]
    assert value == "from the source"


def test_python_would_not_use_it_as_it_came(repo: Repo, scratch: Path) -> None:
    pyc = compiled(scratch, SOURCE, BUILT)
    files = {"/usr/lib/python/m.py": File(content=SOURCE), cached("m"): File(content=pyc)}
    rpm = build_rpm(scratch, "python-m-1-1.noarch", Spec(files=files))
    directory = deployed(repo, rpm, scratch / "tree")
    file = directory / "__pycache__" / Path(cached("m")).name
    file.unlink()
    file.write_bytes(pyc)
    told, _value = loaded(directory)
    assert "bytecode is stale for 'm'" in told


def test_byte_code_of_another_source_does_not_become_good(repo: Repo, scratch: Path) -> None:
    pyc = compiled(scratch, OTHER, BUILT - 1)
    files = {"/usr/lib/python/m.py": File(content=SOURCE), cached("m"): File(content=pyc)}
    rpm = build_rpm(scratch, "python-m-1-1.noarch", Spec(files=files))
    told, value = loaded(deployed(repo, rpm, scratch / "tree"))
    assert "bytecode is stale for 'm'" in told
    assert value == "from the source"


def test_hard_linked_byte_code_stays_one_file(repo: Repo, scratch: Path) -> None:
    pyc = compiled(scratch, SOURCE, BUILT)
    optimised = cached("m").replace(".pyc", ".opt-1.pyc")
    files = {
        "/usr/lib/python/m.py": File(content=SOURCE),
        cached("m"): File(content=pyc),
        optimised: File(hard_link=cached("m")),
    }
    rpm = build_rpm(scratch, "python-m-1-1.noarch", Spec(files=files))
    directory = deployed(repo, rpm, scratch / "tree")
    both = [directory / "__pycache__" / Path(name).name for name in (cached("m"), optimised)]
    assert both[0].samefile(both[1])
    assert "matches" in loaded(directory)[0]


def test_byte_code_that_is_linked_to_something_else_is_left_alone(
    repo: Repo, scratch: Path
) -> None:
    pyc = compiled(scratch, SOURCE, BUILT)
    files = {
        "/usr/lib/python/m.py": File(content=SOURCE),
        cached("m"): File(content=pyc),
        "/usr/lib/python/data": File(hard_link=cached("m")),
    }
    rpm = build_rpm(scratch, "python-m-1-1.noarch", Spec(files=files))
    directory = deployed(repo, rpm, scratch / "tree")
    assert (directory / "data").read_bytes() == pyc
