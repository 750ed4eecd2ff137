# SPDX-License-Identifier: LGPL-2.1-or-later
"""Objects that we name, held against the names that libostree gives them, and against its fsck."""

import os
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from layering.errors import RepoError
from layering.objects import Xattrs
from layering.objectwriter import ObjectWriter
from layering.repo import Repo

CAPABLE: Xattrs = ((b"security.capability", bytes(20)), (b"user.x", b"y"))
SIZES = [0, 1, 100, (1 << 15) - 1, 1 << 15, 300_000, 5 << 20]


@pytest.fixture
def repos(scratch: Path) -> tuple[Repo, Repo]:
    """One that we write to, and one that libostree names objects in."""
    ours, theirs = (Repo.create(scratch / name, "bare-user") for name in ("ours", "theirs"))
    return ours, theirs


def named(repo: Repo, content: bytes, mode: int, xattrs: Xattrs) -> str:
    with repo.transaction():
        return repo.write_regular(content, length=len(content), mode=mode, xattrs=xattrs)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("xattrs", [(), CAPABLE], ids=["plain", "attributes"])
def test_an_object_has_the_name_that_libostree_gives_it(
    repos: tuple[Repo, Repo], size: int, xattrs: Xattrs
) -> None:
    ours, theirs = repos
    content = os.urandom(size)
    writer = ObjectWriter(ours)
    with ours.transaction():
        whole = writer.write(content, mode=0o4755, xattrs=xattrs)
        copy = writer.copy(whole, length=size, mode=0o644, xattrs=())
        with writer.spool(mode=0o600, xattrs=xattrs) as spool:
            for at in range(0, size, 100_000):
                spool.write(content[at : at + 100_000])
            spooled = spool.finish()
        streamed = writer.stream(split(content), length=size, mode=0o640, xattrs=xattrs)
    assert whole == named(theirs, content, 0o4755, xattrs)
    assert copy == named(theirs, content, 0o644, ())
    assert spooled == named(theirs, content, 0o600, xattrs)
    assert streamed == named(theirs, content, 0o640, xattrs)
    for checksum in (whole, copy, spooled, streamed):
        assert b"".join(ours.file_chunks(checksum)) == content
        assert ours.file_info(checksum) == theirs.file_info(checksum)


def split(content: bytes) -> Iterator[bytes]:
    sizes: Sequence[int] = (1, 2_000_000, 70)
    at = 0
    while at < len(content):
        for size in sizes:
            if content[at : at + size]:
                yield content[at : at + size]
            at += size


@pytest.mark.root
def test_a_full_disk_is_said_in_words_that_help(scratch: Path) -> None:
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(scratch)]
    subprocess.run(mount, check=True)
    try:
        repo = Repo.create(scratch / "repo", "bare-user")
        with pytest.raises(RepoError) as caught, repo.transaction():  # noqa: SIM117
            with ObjectWriter(repo).spool(mode=0o644, xattrs=()) as spool:
                for _ in range(8):
                    spool.write(bytes(1 << 20))
    finally:
        subprocess.run(["umount", "--lazy", str(scratch)], check=True)
    assert str(caught.value) == f"cannot write: No space left on device: repository {repo.path}"
    assert caught.value.__notes__ == [
        "free some space, or remove old deployments with 'overlay cleanup'"
    ]
