# SPDX-License-Identifier: LGPL-2.1-or-later
"""What an RPM says of itself: identity, files, digests, and the bytes that say it.

Everything before the payload is kept as `prefix`: by itself it is a header-only .rpm that librpm
and libdnf5 take, so a layer can be offered to the solver, and written to the rpmdb, without the
package. For the rpmdb, librpm opens the package in its callback: it is given a file that holds
`prefix`, with the checks of digests and signatures off, as there is no payload to check
(https://rpm-software-management.github.io/rpm/manual/format_v4.html).

A header may be hostile. Nothing leaves this module whose counts, paths or digests do not agree.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import IO

from layering.errors import BrokenPackageError
from layering.fileentries import FileEntry, file_entries
from layering.headerindex import Structure, TagValue, read_exactly, read_structure
from layering.package_errors import FormatError
from layering.rpmtags import (
    DEPENDENCY_TAGS,
    DESCRIPTION_TAGS,
    DIGEST_ALGORITHMS,
    SCRIPT_TAGS,
    SignatureTag,
    Tag,
)
from layering.tagvalues import Values
from solver import Nevra

_LEAD_SIZE = 96
_MAGIC_SIZE = 8
_LEAD_MAGIC = b"\xed\xab\xee\xdb"
_KEPT_TAGS = SCRIPT_TAGS | DEPENDENCY_TAGS | DESCRIPTION_TAGS
_WANTED = _KEPT_TAGS | frozenset(Tag)


@dataclass(frozen=True, slots=True, kw_only=True)
class Digest:
    """A digest with the name that hashlib has for its algorithm."""

    algorithm: str
    value: str  # lower-case hexadecimal


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageHeader:
    """An RPM's header, checked, with every byte before the payload."""

    nevra: Nevra
    files: tuple[FileEntry, ...]
    build_time: int  # seconds since 1970
    install_size: int  # bytes
    payload_compressor: str  # "" where none is named: gzip, or not compressed
    digest_algorithm: str  # of `FileEntry.digest`, as hashlib calls it
    payload_digest: Digest | None  # of the payload as it is stored
    payload_digest_alt: Digest | None  # of the decompressed payload
    header_digest: Digest | None  # of `blob` behind rpm's magic; checked
    package_md5: str  # of header and payload; "" from rpm 6 on
    prefix: bytes  # lead, signature and header
    blob: bytes  # the main header without its magic, as `rpm.hdr(blob)` takes it
    tags: Mapping[int, TagValue]  # scriptlets, triggers, dependencies, summary

    @property
    def signed(self) -> bytes:
        """The main header as it is in the file: what `package_md5` begins with."""
        return self.prefix[-len(self.blob) - _MAGIC_SIZE :]

    @property
    def payload_offset(self) -> int:
        """Where the payload begins in the file."""
        return len(self.prefix)


def read_header(path: Path) -> PackageHeader:
    """Reads everything of an RPM but its payload.

    Raises:
        BrokenPackageError: what is there is no RPM, or contradicts itself.
    """
    with path.open("rb") as stream:
        return _read(stream, path)


def parse_header(prefix: bytes, path: Path | str = "of a layer") -> PackageHeader:
    """Reads a `PackageHeader.prefix` again; `path` says in errors whose it is.

    Raises:
        BrokenPackageError: as `read_header`.
    """
    return _read(BytesIO(prefix), path)


def _read(stream: IO[bytes], path: Path | str) -> PackageHeader:
    try:
        lead = read_exactly(stream, _LEAD_SIZE, "lead")
        _check_lead(lead)
        signature = read_structure(stream, "signature")
        padding = read_exactly(stream, -len(signature.raw) % 8, "signature's padding")
        main = read_structure(stream, "header")
        prefix = lead + signature.raw + padding + main.raw
        return _package_header(signature, main, prefix)
    except FormatError as error:
        raise BrokenPackageError(path, str(error)) from None


def _check_lead(lead: bytes) -> None:
    if lead[:4] != _LEAD_MAGIC:
        raise FormatError("not an RPM")
    if lead[6:8] != b"\0\0":
        raise FormatError("a source package, which cannot be installed")


def _package_header(signature: Structure, main: Structure, prefix: bytes) -> PackageHeader:
    signed = Values(signature.decode(frozenset(SignatureTag)))
    header_digest = _checked_digest(signed, main)
    values = Values(main.decode(_WANTED))
    if Tag.SOURCEPACKAGE in values:
        raise FormatError("a source package, which cannot be installed")
    if values.text(Tag.PAYLOADFORMAT, "cpio") != "cpio":
        raise FormatError(f"payload format {values.text(Tag.PAYLOADFORMAT)} is not cpio")
    return PackageHeader(
        nevra=_nevra(values),
        files=file_entries(values),
        build_time=values.number(Tag.BUILDTIME, 0),
        install_size=values.number(Tag.LONGSIZE, values.number(Tag.SIZE, 0)),
        payload_compressor=values.text(Tag.PAYLOADCOMPRESSOR, ""),
        digest_algorithm=values.algorithm(Tag.FILEDIGESTALGO, "md5"),
        payload_digest=_payload_digest(values, Tag.PAYLOADSHA256),
        payload_digest_alt=_payload_digest(values, Tag.PAYLOADSHA256ALT),
        header_digest=header_digest,
        package_md5=signed.raw(SignatureTag.MD5, b"").hex(),
        prefix=prefix,
        blob=main.blob,
        tags={tag: value for tag, value in values.items() if tag in _KEPT_TAGS},
    )


def _checked_digest(signed: Values, main: Structure) -> Digest | None:
    """Returns the strongest digest that the signature has of the header, if it is right."""
    algorithms = {
        SignatureTag.SHA3_256HEADER: "sha3_256",
        SignatureTag.SHA256HEADER: "sha256",
        SignatureTag.SHA1HEADER: "sha1",
    }
    for tag, algorithm in algorithms.items():
        if tag in signed:
            digest = hashlib.new(algorithm, main.digested, usedforsecurity=False).hexdigest()
            if signed.text(tag).lower() != digest:
                raise FormatError(f"header does not match its {algorithm} digest")
            return Digest(algorithm=algorithm, value=digest)
    return None


def _payload_digest(values: Values, tag: Tag) -> Digest | None:
    found = values.texts(tag)
    if not found:
        return None
    return Digest(
        algorithm=values.algorithm(Tag.PAYLOADSHA256ALGO, DIGEST_ALGORITHMS[8]),
        value=found[0].lower(),
    )


def _nevra(values: Values) -> Nevra:
    return Nevra(
        name=values.word(Tag.NAME, r"[A-Za-z0-9_][A-Za-z0-9._+-]*"),
        version=values.word(Tag.VERSION, r"[A-Za-z0-9._+~^]+"),
        release=values.word(Tag.RELEASE, r"[A-Za-z0-9._+~^]+"),
        arch=values.word(Tag.ARCH, r"[A-Za-z0-9_]+"),
        epoch=values.number(Tag.EPOCH, 0),
    )
