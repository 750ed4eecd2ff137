# SPDX-License-Identifier: LGPL-2.1-or-later
"""Drop-in files of triggers that a host has of its own, and what may be read as one at all.

Of the host's /etc only what differs from the defaults of the tree that it is the /etc of counts:
OSTree's merge keeps that, and takes all else from the new tree
(https://ostreedev.github.io/ostree/atomic-upgrades/). Files are small and links are not followed:
one to /dev/null is an empty file, any other is an error.
"""

import hashlib
import os
import stat
from dataclasses import dataclass
from pathlib import Path

from triggers import (
    DROPIN_DIRECTORIES,
    LARGEST_DROPIN,
    DropIn,
    DropInError,
    check_file_name,
    parse_dropin,
)

THIS_HOST = "this host"
_ETC = DROPIN_DIRECTORIES[1]
_NULL = "/dev/null"


@dataclass(frozen=True, slots=True, kw_only=True)
class HostFile:
    """A drop-in that the host's /etc has of its own, or has not, though its tree has it."""

    name: str
    text: str | None  # None: it was removed here

    @property
    def path(self) -> str:
        """Where it is, as the running system calls it."""
        return f"{_ETC}/{self.name}"

    @property
    def digest(self) -> str:
        """What tells it from another; "" for one that was removed."""
        return hashlib.sha256(self.text.encode()).hexdigest() if self.text is not None else ""

    def drop_in(self) -> DropIn | None:
        """Returns it for a table of triggers, None for one that was removed."""
        if self.text is None:
            return None
        return DropIn(path=self.path, owner=THIS_HOST, of_host=True, text=self.text)


def found_files(root: Path) -> tuple[tuple[HostFile, ...], tuple[DropInError, ...]]:
    """Returns what a deployment's /etc has of its own, by name, and what of it cannot be read.

    `root` is the deployment's.
    """
    ours, theirs = root / "etc/overlay/triggers.d", root / "usr/etc/overlay/triggers.d"
    found: list[HostFile] = []
    problems: list[DropInError] = []
    if not (root / "etc").is_dir():
        return (), ()
    try:
        names, defaults = _names(ours), _names(theirs)
    except DropInError as error:
        error.of(THIS_HOST)
        return (), (error,)
    for name in sorted(names | defaults):
        try:
            if name not in names:
                found.append(HostFile(name=name, text=None))
            elif name not in defaults or _state(ours / name) != _state(theirs / name):
                found.append(HostFile(name=name, text=text_on_disk(ours / name, f"{_ETC}/{name}")))
        except DropInError as error:
            error.of(THIS_HOST)
            problems.append(error)
    return tuple(found), tuple(problems)


def host_files(root: Path) -> tuple[HostFile, ...]:
    """Returns what a deployment's /etc has of its own, by name: each by itself is a trigger.

    Raises:
        DropInError: one is not, or cannot be read.
    """
    found, problems = found_files(root)
    try:
        for problem in problems:
            raise problem
        for file in found:
            if file.text and file.text.strip():
                parse_dropin(file.text, file.path)
    except DropInError as error:
        error.of(THIS_HOST)
        error.add_note("'overlay triggers --check' looks at all of them")
        raise
    return found


def text_on_disk(path: Path, shown: str) -> str:
    """Returns what a drop-in on disk says; `shown` is how to call it.

    Raises:
        DropInError: it cannot be read, or is none.
    """
    check_file_name(path.name, shown)
    try:
        if path.is_symlink():
            return linked(os.readlink(path), shown)  # noqa: PTH115
        # Nothing that it could have become in between is waited for, or followed.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as stream:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise DropInError("no regular file", shown)
            data = stream.read(LARGEST_DROPIN + 1)
    except OSError as error:
        why = (error.strerror or type(error).__name__).lower()
        raise DropInError(f"cannot be read, {why}", shown) from None
    return decoded(data, shown)


def linked(target: str, path: str) -> str:
    """Returns what a symbolic link says as a drop-in.

    Raises:
        DropInError: it leads anywhere but to /dev/null.
    """
    if target == _NULL:
        return ""
    raise DropInError("a symbolic link", path, f"one to {_NULL} turns off what it shadows")


def decoded(data: bytes, path: str) -> str:
    """Returns the text of a drop-in.

    Raises:
        DropInError: it is too large, or not UTF-8.
    """
    if len(data) > LARGEST_DROPIN:
        raise DropInError(f"larger than {LARGEST_DROPIN} bytes", path)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise DropInError(f"not UTF-8 at line {line}", path) from None


def _names(directory: Path) -> set[str]:
    try:
        return {each.name for each in directory.iterdir() if each.name.endswith(".toml")}
    except (FileNotFoundError, NotADirectoryError):
        return set()
    except OSError as error:
        why = (error.strerror or type(error).__name__).lower()
        raise DropInError(f"cannot be read, {why}", _ETC) from None


def _state(path: Path) -> str | None:
    """Returns what tells a file from another; None where it cannot be told."""
    try:
        return text_on_disk(path, path.name)
    except DropInError:
        return None
