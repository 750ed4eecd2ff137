# SPDX-License-Identifier: LGPL-2.1-or-later
"""What must hold for any bytes: our own errors only, and nothing taken that librpm refuses.

A share of them goes into a repository as well, which is whole afterwards whatever they were.
"""

import hashlib
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from layering.errors import BrokenPackageError, LayeringError
from layering.header import PackageHeader, read_header
from layering.importer import import_packages
from layering.paths import EMPTY_BASE
from layering.payload import read_payload
from layering.repo import Repo
from solver import Package, Reason, Source, VerifiedRpm
from tests.fuzz import judge

# One of so many is imported: that takes as long as reading dozens.
_SHARE = 8


@dataclass(slots=True)
class Count:
    """How many inputs were tried, and what came of them."""

    tried: int = 0
    taken: int = 0


HEADERS, PAYLOADS, IMPORTS = Count(), Count(), Count()


def counted() -> str:
    """Returns a line of all counts."""
    return (
        f"{HEADERS.tried} headers ({HEADERS.taken} taken), "
        f"{PAYLOADS.tried} payloads ({PAYLOADS.taken} taken), "
        f"{IMPORTS.tried} imports ({IMPORTS.taken} taken)"
    )


@contextmanager
def on_disk(data: bytes) -> Iterator[Path]:
    """Gives the bytes as a file."""
    with tempfile.TemporaryDirectory(prefix="overlay-fuzz-", dir="/dev/shm") as directory:
        path = Path(directory, "x.rpm")
        path.write_bytes(data)
        yield path
        assert sorted(Path(directory).iterdir()) == [path]


def check_header(path: Path) -> PackageHeader | None:
    """Reads a header with both readers; returns ours if it was taken."""
    HEADERS.tried += 1
    try:
        header = read_header(path)
    except BrokenPackageError as error:
        assert str(error).startswith(f"broken package {path}: ")
        assert "\n" not in str(error)
        return None
    HEADERS.taken += 1
    theirs = judge.told_by_librpm(path)
    assert theirs is not None, "librpm refuses what our reader takes"
    different = judge.difference(judge.told_by_us(header), theirs)
    assert not different, different
    return header


def check_payload(path: Path, header: PackageHeader) -> bool:
    """Reads a payload with both readers; returns whether ours took it."""
    PAYLOADS.tried += 1
    try:
        for item in read_payload(path, header):
            if item.content is not None:
                item.content.drain()
    except BrokenPackageError as error:
        assert str(error).startswith(f"broken package {path}: ")
        assert "\n" not in str(error)
        return False
    PAYLOADS.taken += 1
    assert judge.librpm_takes_payload(path), "librpm refuses the payload that our reader takes"
    return True


def check_package(path: Path, *, imports: bool | None = None) -> None:
    """Reads a package with both readers, and imports it if wanted, else where its digest says so.

    What is imported is decided by the bytes alone, so that a failure can be repeated.
    """
    if header := check_header(path):
        taken = check_payload(path, header)
        chosen = hashlib.sha256(path.read_bytes()).digest()[0] % _SHARE == 0
        if chosen if imports is None else imports:
            check_import(path, header, whole=taken)


def check_import(path: Path, header: PackageHeader, *, whole: bool) -> None:
    """Imports a package into a repository of its own, which must stay free of what is not `whole`.

    Other reasons to refuse a package there are: where its files are, what they are called.
    """
    IMPORTS.tried += 1
    with tempfile.TemporaryDirectory(prefix="overlay-fuzz-", dir="/dev/shm") as directory:
        repo = Repo.create(Path(directory, "repo"), "archive")
        try:
            (layer,) = import_packages([_verified(path, header)], repo, EMPTY_BASE)
        except LayeringError as error:
            assert "\n" not in str(error)
            assert repo.refs() == {}, "refused, and a ref is left"
        else:
            IMPORTS.taken += 1
            assert whole, "imported, with a payload that our reader refuses"
            assert repo.refs() == {layer.ref: layer.commit}
        fsck = ["ostree", "fsck", "--quiet", f"--repo={repo.path}"]
        ended = subprocess.run(fsck, capture_output=True, text=True, check=False)
        assert ended.returncode == 0, ended.stdout + ended.stderr
        assert sorted(Path(directory).iterdir()) == [repo.path]


def _verified(path: Path, header: PackageHeader) -> VerifiedRpm:
    """Returns what a download would hand over."""
    package = Package(
        nevra=header.nevra,
        repo_id="@commandline",
        digest=f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}",
        download_size=0,
        install_size=0,
        reason=Reason.USER,
        requested_by=(),
        source=Source.LOCAL,
        path=path,
        summary="",
    )
    return VerifiedRpm(package=package, path=path)
