# SPDX-License-Identifier: LGPL-2.1-or-later
"""RPM headers made in memory by librpm: enough to solve and to order, in no time.

`write_stub` makes a file without payload of one, which createrepo_c and libdnf5 read like an RPM.
"""

import hashlib
import struct
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import rpm

_MAGIC = b"\x8e\xad\xe8\x01\0\0\0\0"
_COMPARISONS = {"": 0, "<": 2, ">": 4, "=": 8, "<=": 10, ">=": 12}
_SHA256HEADER = 273
_REGION, _IMMUTABLE = 62, 63


@dataclass(frozen=True, slots=True)
class Dep:
    """A dependency: "name", or "name >= version"; `sense` are more flags."""

    text: str
    sense: int = 0

    @property
    def name(self) -> str:
        return self._parts()[0]

    @property
    def flags(self) -> int:
        return self.sense | _COMPARISONS[self._parts()[1]]

    @property
    def version(self) -> str:
        return self._parts()[2]

    def _parts(self) -> list[str]:
        words = [self.text] if self.text.startswith("(") else self.text.split()
        return [*words, "", ""][:3]


def header(
    nevra: str,
    *,
    epoch: int = 0,
    requires: Sequence[Dep] = (),
    provides: Sequence[Dep] = (),
    conflicts: Sequence[Dep] = (),
    obsoletes: Sequence[Dep] = (),
    recommends: Sequence[Dep] = (),
    supplements: Sequence[Dep] = (),
    order_with: Sequence[Dep] = (),
    files: Sequence[str] = (),
) -> Any:
    """Returns librpm's header of a package, with its self-provide; its files are only names."""
    name_evr, arch = nevra.rsplit(".", 1)
    name, version, release = name_evr.rsplit("-", 2)
    made = rpm.hdr()
    made[rpm.RPMTAG_NAME], made[rpm.RPMTAG_VERSION] = name, version
    made[rpm.RPMTAG_RELEASE], made[rpm.RPMTAG_ARCH] = release, arch
    made[rpm.RPMTAG_OS] = "linux"
    made[rpm.RPMTAG_SOURCERPM] = f"{name}-{version}-{release}.src.rpm"  # else it is a source
    made[rpm.RPMTAG_SUMMARY] = made[rpm.RPMTAG_DESCRIPTION] = "test package"
    made[rpm.RPMTAG_SIZE] = made[rpm.RPMTAG_BUILDTIME] = 1
    made[rpm.RPMTAG_PAYLOADFORMAT], made[rpm.RPMTAG_PAYLOADCOMPRESSOR] = "cpio", "gzip"
    made[rpm.RPMTAG_LICENSE] = "LGPL-2.1-or-later"
    if epoch:
        made[rpm.RPMTAG_EPOCH] = epoch
    own = Dep(f"{name} = {f'{epoch}:' if epoch else ''}{version}-{release}")
    for kind, deps in (
        ("REQUIRE", requires),
        ("PROVIDE", [own, *provides]),
        ("CONFLICT", conflicts),
        ("OBSOLETE", obsoletes),
        ("RECOMMEND", recommends),
        ("SUPPLEMENT", supplements),
        ("ORDER", order_with),
    ):
        if deps:
            made[getattr(rpm, f"RPMTAG_{kind}NAME")] = [dep.name for dep in deps]
            made[getattr(rpm, f"RPMTAG_{kind}FLAGS")] = [dep.flags for dep in deps]
            made[getattr(rpm, f"RPMTAG_{kind}VERSION")] = [dep.version for dep in deps]
    if files:
        parts = [path.rpartition("/") for path in sorted(files)]
        made[rpm.RPMTAG_BASENAMES] = [name for _, _, name in parts]
        made[rpm.RPMTAG_DIRNAMES] = [f"{directory}/" for directory, _, _ in parts]
        made[rpm.RPMTAG_DIRINDEXES] = list(range(len(parts)))
        made[rpm.RPMTAG_FILEMODES] = [0o100644] * len(parts)
        for tag in ("SIZES", "MTIMES", "RDEVS", "FLAGS", "VERIFYFLAGS", "DEVICES", "INODES"):
            made[getattr(rpm, f"RPMTAG_FILE{tag}")] = [0] * len(parts)
        for tag, text in (("DIGESTS", "0" * 32), ("LINKTOS", ""), ("LANGS", "")):
            made[getattr(rpm, f"RPMTAG_FILE{tag}")] = [text] * len(parts)
        for tag in ("USERNAME", "GROUPNAME"):
            made[getattr(rpm, f"RPMTAG_FILE{tag}")] = ["root"] * len(parts)
    return rpm.hdr(_sealed(made.unload()))


def _sealed(blob: bytes) -> bytes:
    """Returns a header with the immutable region around it, without which rpm 6 takes none."""
    entries, size = struct.unpack(">ii", blob[:8])
    index, store = blob[8 : 8 + 16 * entries], blob[8 + 16 * entries :]
    region = struct.pack(">iiii", _IMMUTABLE, 7, size, 16)
    trailer = struct.pack(">iiii", _IMMUTABLE, 7, -16 * (entries + 1), 16)
    return struct.pack(">ii", entries + 1, size + 16) + region + index + store + trailer


def write_stub(made: Any, directory: Path) -> Path:
    """Writes lead, a signature with the header's digest, and the header; returns the file."""
    directory.mkdir(parents=True, exist_ok=True)
    body = _MAGIC + made.unload()
    digest = hashlib.sha256(body).hexdigest().encode() + b"\0"
    store = digest + struct.pack(">iiii", _REGION, 7, -32, 16)
    index = struct.pack(">iiii", _REGION, 7, len(digest), 16)
    index += struct.pack(">iiii", _SHA256HEADER, 6, 0, 1)
    signature = _MAGIC + struct.pack(">ii", 2, len(store)) + index + store
    signature += b"\0" * (-len(signature) % 8)
    nevra = str(made[rpm.RPMTAG_NEVRA])
    lead = struct.pack(
        ">4sBBHH66sHH16s", b"\xed\xab\xee\xdb", 3, 0, 0, 1, nevra.encode()[:65], 1, 5, b""
    )
    path = directory / f"{nevra}.rpm"
    path.write_bytes(lead + signature + body)
    return path


@contextmanager
def database(root: Path) -> Iterator[Any]:
    """Yields a librpm transaction over the rpmdb at librpm's place below `root`, without chroot."""
    place = root / str(rpm.expandMacro("%_dbpath")).lstrip("/")
    place.mkdir(parents=True, exist_ok=True)
    rpm.addMacro("_dbpath", str(place))
    try:
        transaction = rpm.TransactionSet()
        transaction.setVSFlags(-1)
        yield transaction
        transaction.closeDB()
    finally:
        rpm.delMacro("_dbpath")


def write_database(headers: Sequence[Any], root: Path) -> None:
    """Records headers as installed, whatever they require."""
    place = root / str(rpm.expandMacro("%_dbpath")).lstrip("/")
    place.mkdir(parents=True, exist_ok=True)
    dump = b"".join(_MAGIC + made.unload() for made in headers)
    command = ["rpmdb", "--dbpath", str(place), "--importdb"]
    subprocess.run(command, input=dump, check=True, capture_output=True)


def would_erase(
    headers: Sequence[Any], root: Path, removed: Sequence[str] = ()
) -> tuple[list[str], list[str]]:
    """Returns what librpm says of installing headers: its problems, and what it would erase.

    What is `removed`, by name, is erased at once.
    """
    with database(root) as transaction:
        for name in removed:
            transaction.addErase(name)
        for made in headers:
            transaction.addInstall(made, None, "u")
        transaction.check()
        problems = sorted(str(problem) for problem in transaction.problems())
        erased = sorted(str(e.NEVRA()) for e in transaction if e.Type() == rpm.TR_REMOVED)
    return problems, erased
