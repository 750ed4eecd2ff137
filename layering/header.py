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
from layering.headerchecks import HEADER, SIGNATURE
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
from layering.signaturetags import check_signature_tags
from layering.tagvalues import Values
from solver import Nevra

_LEAD_SIZE = 96
_MAGIC_SIZE = 8
_LEAD_MAGIC = b"\xed\xab\xee\xdb"
_KEPT_TAGS = SCRIPT_TAGS | DEPENDENCY_TAGS | DESCRIPTION_TAGS
_PAYLOAD_DIGESTS = {Tag.PAYLOADSHA512: "sha512", Tag.PAYLOADSHA3_256: "sha3_256"}
_PAYLOAD_DIGESTS_ALT = {Tag.PAYLOADSHA512ALT: "sha512", Tag.PAYLOADSHA3_256ALT: "sha3_256"}
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
    payload_digests: tuple[Digest, ...]  # of the payload as it is stored
    payload_digests_alt: tuple[Digest, ...]  # of the decompressed payload
    header_digest: Digest | None  # of `blob` behind rpm's magic; checked
    package_md5: str  # of header and payload; "" from rpm 6 on
    prefix: bytes  # lead, signature and header
    blob: bytes  # the main header without its magic, as `rpm.hdr(blob)` takes it
    tags: Mapping[int, TagValue]  # scriptlets, triggers, dependencies, summary

    @property
    def payload_digest(self) -> Digest | None:
        """The first digest of the payload as it is stored."""
        return next(iter(self.payload_digests), None)

    @property
    def payload_digest_alt(self) -> Digest | None:
        """The first digest of the decompressed payload."""
        return next(iter(self.payload_digests_alt), None)

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
        signature = read_structure(stream, SIGNATURE)
        padding = read_exactly(stream, -len(signature.raw) % 8, "signature's padding")
        main = read_structure(stream, HEADER)
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
    check_signature_tags(signature, main)
    signed = Values(signature.decode(frozenset(SignatureTag)))
    header_digest = _checked_digest(signed, main)
    values = Values(main.decode(_WANTED))
    if Tag.SOURCEPACKAGE in values:
        raise FormatError("a source package, which cannot be installed")
    if values.text(Tag.PAYLOADFORMAT, "cpio") != "cpio":
        raise FormatError(f"payload format {values.text(Tag.PAYLOADFORMAT)} is not cpio")
    stored = _payload_digests(values, Tag.PAYLOADSHA256, _PAYLOAD_DIGESTS)
    plain = _payload_digests(values, Tag.PAYLOADSHA256ALT, _PAYLOAD_DIGESTS_ALT)
    # MD5 is over both, and held against them where the payload has no digest of its own.
    md5 = SignatureTag.MD5 in signed and not (stored or plain)
    if not (header_digest or md5):
        raise FormatError("has no digest of its header")
    if not (stored or plain or md5):
        raise FormatError("has no digest of its payload")
    return PackageHeader(
        nevra=_nevra(values),
        files=file_entries(values, signed),
        build_time=values.number(Tag.BUILDTIME, 0),
        install_size=values.number(Tag.LONGSIZE, values.number(Tag.SIZE, 0)),
        payload_compressor=values.text(Tag.PAYLOADCOMPRESSOR, ""),
        digest_algorithm=values.algorithm(Tag.FILEDIGESTALGO, "md5"),
        payload_digests=stored,
        payload_digests_alt=plain,
        header_digest=header_digest,
        package_md5=signed.raw(SignatureTag.MD5, b"").hex(),
        prefix=prefix,
        blob=main.blob,
        tags={tag: value for tag, value in values.items() if tag in _KEPT_TAGS},
    )


def _checked_digest(signed: Values, main: Structure) -> Digest | None:
    """Returns the strongest digest that the signature has of the header, if all are right."""
    algorithms = {
        SignatureTag.SHA3_256HEADER: "sha3_256",
        SignatureTag.SHA256HEADER: "sha256",
        SignatureTag.SHA1HEADER: "sha1",
    }
    found = []
    for tag, algorithm in algorithms.items():
        if tag in signed:
            digest = hashlib.new(algorithm, main.digested, usedforsecurity=False).hexdigest()
            if signed.text(tag).lower() != digest:
                raise FormatError(f"header does not match its {algorithm} digest")
            found.append(Digest(algorithm=algorithm, value=digest))
    return found[0] if found else None


def _payload_digests(values: Values, first: Tag, others: Mapping[Tag, str]) -> tuple[Digest, ...]:
    """Returns the digests of a payload: of the algorithm that the header names, then of others."""
    found = [
        Digest(
            algorithm=values.algorithm(Tag.PAYLOADSHA256ALGO, DIGEST_ALGORITHMS[8]),
            value=digest.lower(),
        )
        for digest in values.texts(first)[:1]
    ]
    found += [
        Digest(algorithm=algorithm, value=values.text(tag).lower())
        for tag, algorithm in others.items()
        if tag in values
    ]
    return tuple(found)


def _nevra(values: Values) -> Nevra:
    return Nevra(
        name=values.word(Tag.NAME, r"[A-Za-z0-9_][A-Za-z0-9._+-]*"),
        version=values.word(Tag.VERSION, r"[A-Za-z0-9._+~^]+"),
        release=values.word(Tag.RELEASE, r"[A-Za-z0-9._+~^]+"),
        arch=values.word(Tag.ARCH, r"[A-Za-z0-9_]+"),
        epoch=values.number(Tag.EPOCH, 0),
    )
