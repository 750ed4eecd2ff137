# SPDX-License-Identifier: LGPL-2.1-or-later
"""What librpm makes of a package, in the words in which our readers answer."""

import os
from dataclasses import dataclass, fields
from pathlib import Path

import rpm

from layering.header import PackageHeader

_NO_SIGNATURES = rpm.RPMVSF_MASK_NOSIGNATURES
_KINDS = {
    "gzip": "gzdio",
    "bzip2": "bzdio",
    "xz": "xzdio",
    "lzma": "lzdio",
    "zstd": "zstdio",
}

# librpm says what it refuses on standard error; here only that it does counts.
rpm.setVerbosity(rpm.RPMLOG_EMERG)


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a header says, of all that decides what is put where."""

    nevra: str
    build_time: int
    compressor: str
    files: tuple[tuple[object, ...], ...]


def difference(ours: Told, theirs: Told) -> str:
    """Returns the first thing in which two answers differ, "" if there is none."""
    for field in fields(Told):
        mine, other = getattr(ours, field.name), getattr(theirs, field.name)
        if mine != other and field.name != "files":
            return f"{field.name}: ours {mine!r}, librpm's {other!r}"
    if len(ours.files) != len(theirs.files):
        return f"ours {len(ours.files)} files, librpm's {len(theirs.files)}"
    pairs = zip(ours.files, theirs.files, strict=True)
    return next((f"ours {a}, librpm's {b}" for a, b in pairs if a != b), "")


def told_by_librpm(path: Path) -> Told | None:
    """Returns what librpm reads in a package, None if it takes it for none."""
    header = _header(path)
    if header is None:
        return None
    try:
        return _told(header)
    except ValueError:  # "invalid file data in header"
        return None


def librpm_takes_payload(path: Path) -> bool:
    """Returns whether librpm reads the archive to its end; digests of it are not its concern."""
    stream = rpm.fd(os.fspath(path), "r")
    try:
        header = _transaction().hdrFromFdno(stream)
        kind = _KINDS.get(header["payloadcompressor"] or "gzip", "ufdio")
        plain = rpm.fd(stream, "r", kind)  # which the archive does not keep alive
        archive = rpm.files(header).archive(plain)
        for _file in archive:
            if archive.hascontent():
                archive.read()
    except (rpm.error, OSError):
        return False
    return True


def told_by_us(header: PackageHeader) -> Told:
    """Returns what our reader says, in the same words."""
    return Told(
        nevra=str(header.nevra),
        build_time=header.build_time,
        compressor=header.payload_compressor,
        files=tuple(
            (
                f.path,
                f.mode,
                f.user,
                f.group,
                f.size,
                f.link_target,
                int(f.flags),
                f.capabilities,
                f.digest,
            )
            for f in header.files
        ),
    )


def _transaction() -> "rpm.TransactionSet":
    transaction = rpm.TransactionSet()
    transaction.setVSFlags(_NO_SIGNATURES)
    return transaction


def _header(path: Path) -> "rpm.hdr | None":
    with path.open("rb") as stream:
        try:
            return _transaction().hdrFromFdno(stream)
        except rpm.error:
            return None


def _told(header: "rpm.hdr") -> Told:
    return Told(
        nevra=header["nevra"].replace("-0:", "-"),
        build_time=header["buildtime"] or 0,
        compressor=header["payloadcompressor"] or "",
        files=tuple(
            (
                os.fsencode(f.name),
                f.mode,
                f.user,
                f.group,
                f.size,
                os.fsencode(f.linkto or ""),
                f.fflags & 0xFFFFFFFF,
                f.caps or "",
                f.digest if f.digest and f.digest.strip("0") else "",
            )
            for f in rpm.files(header)
        ),
    )
