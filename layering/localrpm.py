# SPDX-License-Identifier: LGPL-2.1-or-later
"""Local RPM files among what a person asks for.

A word that ends in `.rpm` is a file, everything else is for the solver. The file is read here only
to know its name; its content is checked when it is imported.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from layering.errors import BadRequestError
from layering.header import read_header
from layering.origin import LocalPackage

_URLS = ("http://", "https://", "ftp://")


def split_specs(specs: Sequence[str]) -> tuple[tuple[str, ...], tuple[Path, ...]]:
    """Returns the words that are for the solver, and the files.

    Raises:
        BadRequestError: a file is not there, or a word is empty or a URL.
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
            if not path.is_file():
                raise BadRequestError(f"no such file: {spec}")
            files.append(path.absolute())
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
        BrokenPackageError: a file is no RPM.
    """
    found: dict[LocalPackage, Path] = {}
    for path in files:
        header = read_header(path)
        digest = hashlib.sha256(header.prefix).hexdigest()
        found[LocalPackage(digest=digest, nevra=str(header.nevra))] = path
    return found
