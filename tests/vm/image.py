# SPDX-License-Identifier: LGPL-2.1-or-later
"""File systems in files: made, filled, recovered and read without the host's kernel.

Only filling an image with a sysroot takes a mount; reading one, as firmware does, is debugfs's
work, so that no loop device is ever open on a disk that QEMU is to have, or had. A disk whose
machine lost its power has a journal to replay first: e2fsck does (e2fsck(8), `-p`).
"""

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from layering import mounts

_CORRECTED = 1  # e2fsck(8): "file system errors corrected", which a replayed journal is, too


class ImageError(Exception):
    """A file system in a file could not be made or read; the message names command and file."""


def make(file: Path, *, label: str, size: int) -> None:
    """Makes an empty, sparse ext4 of `size` bytes, with a journal and fs-verity."""
    with file.open("xb") as stream:
        stream.truncate(size)
    # Initialised now: the guest's kernel would do it in the background, at every boot.
    lazy = "lazy_itable_init=0,lazy_journal_init=0"
    _run(["mkfs.ext4", "-q", "-F", "-O", "verity", "-L", label, "-E", lazy, str(file)])


def pack(directory: Path, file: Path, *, label: str) -> None:
    """Makes an ext4 without a journal that holds what `directory` does, to be mounted read-only."""
    content = int(_run(["du", "-s", "--block-size=1", str(directory)]).split()[0])
    size = content + content // 8 + (64 << 20)
    with file.open("xb") as stream:
        stream.truncate(size)
    options = ["-q", "-F", "-t", "ext4", "-O", "^has_journal", "-L", label, "-m", "0"]
    _run(["mke2fs", *options, "-d", str(directory), str(file)])


@contextmanager
def mounted(file: Path, place: Path) -> Iterator[Path]:
    """Mounts an image at `place` in a mount namespace that this process alone has.

    However the process ends, the kernel unmounts and detaches the loop device.
    """
    mounts.enter_own_namespace()
    place.mkdir(parents=True)
    _run(["mount", "-o", "loop,noatime", str(file), str(place)])
    try:
        yield place
        # A lazy unmount would give the image away while it is written.
        _run(["umount", str(place)])
    except BaseException:
        mounts.unmount(place)
        raise
    finally:
        place.rmdir()


def recover(file: Path) -> None:
    """Replays the journal of a disk that was not unmounted.

    Raises:
        ImageError: if the file system has damage that a journal does not mend.
    """
    done = subprocess.run(
        ["e2fsck", "-p", str(file)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode > _CORRECTED:
        raise ImageError(f"e2fsck -p {file} ended with {done.returncode}: {done.stdout.strip()}")


def names(file: Path, directory: str) -> list[str]:
    """Returns the names in a directory of the image; none where there is no such directory."""
    listed = _debugfs(file, f"ls -p {directory}")
    # Lines are /INODE/MODE/UID/GID/NAME/SIZE/
    found = [line.split("/")[5] for line in listed.splitlines() if line.count("/") > 5]
    return sorted(name for name in found if name not in (".", "..", ""))


def read(file: Path, path: str) -> str:
    """Returns the text of a file of the image; links on the way are followed.

    Raises:
        ImageError: if there is no such file.
    """
    text = _debugfs(file, f"cat {path}")
    if not text:
        raise ImageError(f"{file} has no {path}, or it is empty")
    return text


def extract(file: Path, path: str, target: Path) -> None:
    """Copies a file of the image to `target`.

    Raises:
        ImageError: if there is no such file.
    """
    target.unlink(missing_ok=True)
    said = _debugfs(file, f"dump {path} {target}")
    if not target.exists() or not target.stat().st_size:
        raise ImageError(f"{file} has no {path}, or it is empty: {said.strip()}")


def _debugfs(file: Path, request: str) -> str:
    return _run(["debugfs", "-R", request, str(file)])


def _run(command: Sequence[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        said = (done.stderr or done.stdout).strip()
        raise ImageError(f"{' '.join(command)} ended with {done.returncode}: {said}")
    return done.stdout
