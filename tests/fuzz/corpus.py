# SPDX-License-Identifier: LGPL-2.1-or-later
"""Packages to be damaged: hand-made ones, ones of rpmbuild, and other people's where they are."""

import functools
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from layering.header import read_header
from tests.layering.rpmbytes import MATERIAL, Member, Rpm, newc, stripped
from tests.rpms import File, Spec, build_rpm

_LARGEST = 64 << 10  # bytes of a package; a larger one holds nothing that a smaller one lacks
_LEAD = 96

MEMBERS = (
    Member(path=b"/usr/a", content=b"abc"),
    Member(path=b"/usr/b", mode=0o120777, target=b"a"),
    Member(path=b"/usr/d", mode=0o040755),
    Member(path=b"/usr/one", content=b"same", inode=7),
    Member(path=b"/usr/two", content=b"same", inode=7),
    Member(path=b"/usr/e"),
)

_BUILT = Spec(
    files={
        "/usr/bin/tool": File(content=b"tool" * 100, mode=0o4755, user="games", group="mail"),
        "/usr/bin/capable": File(mode=0o755, directives="%caps(cap_net_raw=ep)"),
        "/usr/share/one": File(content=b"same"),
        "/usr/share/two": File(hard_link="/usr/share/one"),
        "/usr/share/link": File(link="../bin/tool"),
        "/usr/share/dir": File(directory=True, mode=0o2750, group="mail"),
        "/etc/built.conf": File(content=b"c", directives="%config(noreplace)"),
        "/var/lib/built/data": File(content=b"d"),
        "/var/log/built.log": File(directives="%ghost"),
    },
    requires=["something >= 2:1.0"],
    tags="Summary(de): übersetzt\nEpoch: 3",
    sections="%post -p <lua>\nprint('x')\n%triggerin -- bash\ntrue\n",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A whole package in its parts."""

    name: str
    lead: bytes
    signature: bytes  # with its padding
    header: bytes
    payload: bytes

    @property
    def data(self) -> bytes:
        """The package."""
        return self.lead + self.signature + self.header + self.payload


@functools.cache
def samples() -> Mapping[str, Sample]:
    """Returns the packages, by name: a test draws the name, for it is what is shown if it fails."""
    found = [
        _sample("newc", Rpm(members=MEMBERS, payload=newc(MEMBERS))),
        _sample("stripped", Rpm(members=MEMBERS, payload=stripped(MEMBERS))),
        _sample("empty", Rpm()),
    ]
    with tempfile.TemporaryDirectory() as scratch:
        for number, flags in ((4, "w9.gzdio"), (6, "w3.zstdio"), (4, "w6.xzdio"), (6, "w9.bzdio")):
            directory = Path(scratch, flags)
            directory.mkdir()
            spec = Spec(
                files=_BUILT.files,
                requires=_BUILT.requires,
                tags=_BUILT.tags,
                sections=_BUILT.sections,
                payload=flags,
                rpm_format=number,
            )
            found.append(_of_file(build_rpm(directory, "built-1.0-1.x86_64", spec), flags))
    for path in sorted(MATERIAL.rglob("*.rpm")) if MATERIAL.is_dir() else []:
        if "rpmdb" not in path.parts and path.stat().st_size <= _LARGEST:
            found.append(_of_file(path, str(path.relative_to(MATERIAL))))
    return {sample.name: sample for sample in found}


def _sample(name: str, package: Rpm) -> Sample:
    return _split(name, package.prefix, len(package.header), package.stored_payload)


def _of_file(path: Path, name: str) -> Sample:
    header, data = read_header(path), path.read_bytes()
    end = header.payload_offset
    return _split(name, data[:end], len(header.signed), data[end:])


def _split(name: str, prefix: bytes, header_size: int, payload: bytes) -> Sample:
    begin = len(prefix) - header_size
    return Sample(
        name=name,
        lead=prefix[:_LEAD],
        signature=prefix[_LEAD:begin],
        header=prefix[begin:],
        payload=payload,
    )
