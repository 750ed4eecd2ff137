# SPDX-License-Identifier: LGPL-2.1-or-later
"""Local RPM files among what a person asks for.

A word that ends in `.rpm` is a file, everything else is for the solver. The file is read here only
to know its name; its content is checked when it is imported.
"""

import hashlib
import stat
from collections.abc import Sequence
from pathlib import Path

from layering.errors import BadRequestError
from layering.header import read_header
from layering.origin import LocalPackage

_MAGIC = b"\xed\xab\xee\xdb"  # what every RPM begins with
_KINDS = {
    stat.S_IFDIR: "a directory",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}
_URLS = ("http://", "https://", "ftp://")


def split_specs(specs: Sequence[str]) -> tuple[tuple[str, ...], tuple[Path, ...]]:
    """Returns the words that are for the solver, and the files.

    Raises:
        BadRequestError: a file is not there, is none or has another name, or a word is empty or a
            URL.
    """
    names: list[str] = []
    files: list[Path] = []
    for spec in specs:
        if not spec.strip() or any(char in spec for char in "\n;"):
            raise BadRequestError(f"not a package, path or file: {spec!r}")
        if spec.startswith(_URLS):
            error = BadRequestError(f"packages cannot be installed from a URL: {spec}")
            error.add_note("download it, and give the file: overlay install ./package.rpm")
            raise error
        path = Path(spec.removeprefix("file://"))
        if path.suffix == ".rpm":
            _check_file(path, spec)
            files.append(path.absolute())
        elif "/" in spec and _is_rpm(path):
            raise BadRequestError(f"the file's name has to end in .rpm: {spec}")
        elif spec.startswith(("./", "../", "file://")) or spec in (".", ".."):
            raise BadRequestError(f"not an RPM file, whose name ends in .rpm: {spec}")
        else:
            names.append(spec)
    return tuple(names), tuple(files)


def local_packages(files: Sequence[Path]) -> dict[LocalPackage, Path]:
    """Returns what the files are, as the origin names them.

    The digest is of everything before the payload, as rpm-ostree has it (`hdr_sha256` in its
    importer): a layer's stub is that, so it is known by its origin's text.

    Raises:
        BadRequestError: a file is no RPM.
        BrokenPackageError: it is one, and contradicts itself.
    """
    found: dict[LocalPackage, Path] = {}
    for path in files:
        if not path.stat().st_size:
            raise BadRequestError(f"empty file: {path}")
        if not _is_rpm(path):
            raise BadRequestError(f"not an RPM: {path}")
        header = read_header(path)
        digest = hashlib.sha256(header.prefix).hexdigest()
        found[LocalPackage(digest=digest, nevra=str(header.nevra))] = path
    return found


def _check_file(path: Path, spec: str) -> None:
    """Raises BadRequestError, with what is there instead, for what is not a file."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        what = f"link to {path.readlink()}, which is not there" if path.is_symlink() else ""
        raise BadRequestError(f"{what or 'no such file'}: {spec}") from None
    except OSError as error:
        raise BadRequestError(f"{(error.strerror or str(error)).lower()}: {spec}") from None
    if not stat.S_ISREG(mode):
        what = _KINDS.get(stat.S_IFMT(mode), "no regular file")
        raise BadRequestError(f"is {what}: {spec}")


def _is_rpm(path: Path) -> bool:
    """Returns whether a file begins as an RPM does; what cannot be read does not."""
    try:
        if not path.is_file():
            return False
        with path.open("rb") as stream:
            return stream.read(len(_MAGIC)) == _MAGIC
    except OSError:
        return False
