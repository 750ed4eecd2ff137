# SPDX-License-Identifier: LGPL-2.1-or-later
"""Packages as a repository's metadata describes them: read, written, and made into an rpmdb.

A distribution's metadata alone is enough to solve over, whatever became of its packages. Only the
packages that are asked for are parsed: all of a distribution would take Python many seconds. The
format is what createrepo_c writes, https://createrepo.baseurl.org.
"""

import gzip
import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree
from xml.sax.saxutils import quoteattr

from tests.solver.headers import Dep, header, write_database

_SIGNS = {"EQ": "=", "LT": "<", "GT": ">", "LE": "<=", "GE": ">="}
_FLAGS = {sign: flag for flag, sign in _SIGNS.items()}
_RPM = "http://linux.duke.edu/metadata/rpm"
_COMMON = "http://linux.duke.edu/metadata/common"
_FILELISTS = "http://linux.duke.edu/metadata/filelists"
_REPO = "http://linux.duke.edu/metadata/repo"
KINDS = ("provides", "requires", "conflicts", "obsoletes", "recommends", "supplements")


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """One package; dependencies are written as rpm's command line does: "name >= 1:2-3"."""

    name: str
    epoch: int = 0
    version: str
    release: str
    arch: str
    provides: tuple[str, ...] = ()  # its own name among them only where it was read
    requires: tuple[str, ...] = ()
    conflicts: tuple[str, ...] = ()
    obsoletes: tuple[str, ...] = ()
    recommends: tuple[str, ...] = ()
    supplements: tuple[str, ...] = ()
    files: tuple[str, ...] = ()

    @property
    def evr(self) -> str:
        """Returns what a versioned dependency on it compares with."""
        return f"{f'{self.epoch}:' if self.epoch else ''}{self.version}-{self.release}"

    @property
    def nevra(self) -> str:
        """Returns its NEVRA, an epoch of 0 left out."""
        return f"{self.name}-{self.evr}.{self.arch}"

    def header(self) -> Any:
        """Returns librpm's header of it."""
        own = f"{self.name} = {self.evr}"
        deps = {kind: [Dep(text) for text in getattr(self, kind) if text != own] for kind in KINDS}
        nevra = f"{self.name}-{self.version}-{self.release}.{self.arch}"
        return header(nevra, epoch=self.epoch, files=self.files, **deps)


class Metadata:
    """The primary metadata of a repository, a piece of text for each package."""

    def __init__(self, repository: Path) -> None:
        self.repository = repository
        (primary,) = (repository / "repodata").glob("*primary.xml.gz")
        with gzip.open(primary, "rt", encoding="utf-8") as stream:
            _, *self._pieces = stream.read().split("<package ")

    def __len__(self) -> int:
        return len(self._pieces)

    def __getitem__(self, number: int) -> Described:
        text = self._pieces[number].partition("</package>")[0]
        return _described(ElementTree.fromstring(f'<package xmlns:rpm="{_RPM}" {text}</package>'))

    def named(self, nevras: Iterable[str]) -> list[Described]:
        """Returns the packages of the given NEVRAs, in the order of the metadata."""
        wanted = set(nevras)
        names = {nevra.rsplit("-", 2)[0] for nevra in wanted}
        found = (self[number] for number in range(len(self)) if self._name(number) in names)
        return [package for package in found if package.nevra in wanted]

    def _name(self, number: int) -> str:
        return self._pieces[number].partition("<name>")[2].partition("</name>")[0]


def _described(element: ElementTree.Element) -> Described:
    version = element.find("version")
    described = element.find("format")
    assert version is not None and described is not None
    texts = {kind: tuple(_dependencies(described, kind)) for kind in KINDS}
    return Described(
        name=str(element.findtext("name")),
        epoch=int(version.attrib["epoch"]),
        version=version.attrib["ver"],
        release=version.attrib["rel"],
        arch=str(element.findtext("arch")),
        files=tuple(sorted({str(file.text) for file in described.findall("file")})),
        **texts,
    )


def _dependencies(described: ElementTree.Element, kind: str) -> Iterator[str]:
    for entry in described.iterfind(f"{{{_RPM}}}{kind}/{{{_RPM}}}entry"):
        name, flags = entry.attrib["name"], entry.get("flags")
        if flags is None:
            yield name
            continue
        epoch, release = entry.get("epoch", "0"), entry.get("rel")
        evr = (f"{epoch}:" if epoch != "0" else "") + entry.attrib["ver"]
        yield f"{name} {_SIGNS[flags]} {evr}{f'-{release}' if release else ''}"


def install(packages: Sequence[Described], root: Path) -> None:
    """Records packages as installed below a root, in an rpmdb where librpm has it."""
    write_database([package.header() for package in packages], root)


def write_repository(
    directory: Path, packages: Iterable[Described], *, groups: Mapping[str, Sequence[str]]
) -> None:
    """Writes a repository's metadata; `groups` have the packages that each of them makes a must.

    A file list holds a package's files and a few hundred bytes of others, as most lists do.
    """
    repodata = directory / "repodata"
    repodata.mkdir(parents=True)
    primary, filelists = repodata / "primary.xml.gz", repodata / "filelists.xml.gz"
    with (
        gzip.open(primary, "wt", compresslevel=1, encoding="utf-8") as first,
        gzip.open(filelists, "wt", compresslevel=1, encoding="utf-8") as second,
    ):
        first.write(f'<metadata xmlns="{_COMMON}" xmlns:rpm="{_RPM}">\n')
        second.write(f'<filelists xmlns="{_FILELISTS}">\n')
        for package in packages:
            digest = hashlib.sha256(package.nevra.encode()).hexdigest()
            first.write(_primary(package, digest))
            second.write(_filelist(package, digest))
        first.write("</metadata>\n")
        second.write("</filelists>\n")
    comps = repodata / "comps.xml"
    comps.write_text(f"<comps>{''.join(map(_group, groups, groups.values()))}</comps>", "utf-8")
    parts = [("primary", primary), ("filelists", filelists), ("group", comps)]
    data = "".join(_part(kind, path) for kind, path in parts)
    text = f'<repomd xmlns="{_REPO}"><revision>1</revision>{data}</repomd>'
    (repodata / "repomd.xml").write_text(text, encoding="utf-8")


def _primary(package: Described, digest: str) -> str:
    own = f"{package.name} = {package.evr}"
    deps = {kind: getattr(package, kind) for kind in KINDS}
    deps["provides"] = (own, *package.provides)
    lists = "".join(
        f"<rpm:{kind}>{''.join(map(_entry, texts))}</rpm:{kind}>\n"
        for kind, texts in deps.items()
        if texts
    )
    files = "".join(f"<file>{path}</file>\n" for path in package.files if _in_primary(path))
    return (
        f'<package type="rpm"><name>{package.name}</name><arch>{package.arch}</arch>'
        f'<version epoch="{package.epoch}" ver="{package.version}" rel="{package.release}"/>\n'
        f'<checksum type="sha256" pkgid="YES">{digest}</checksum>\n'
        f"<summary>The package {package.name}</summary>\n"
        f"<description>What {package.name} is for, in a sentence or two, which nobody reads while "
        f"packages are chosen, but which has to be parsed and kept all the same.</description>\n"
        f"<packager>Nobody</packager><url>https://example.org/{package.name}</url>\n"
        f'<time file="1700000000" build="1700000000"/>'
        f'<size package="10000" installed="30000" archive="31000"/>\n'
        f'<location href="Packages/{package.name[0]}/{package.nevra}.rpm"/>\n'
        f"<format><rpm:license>MIT</rpm:license><rpm:vendor>Nobody</rpm:vendor>"
        f"<rpm:sourcerpm>{package.name}-{package.version}-{package.release}.src.rpm</rpm:sourcerpm>"
        f'<rpm:header-range start="4504" end="9000"/>\n{lists}{files}</format></package>\n'
    )


def _in_primary(path: str) -> bool:
    """Tells whether createrepo_c would list a file in the primary metadata as well."""
    return path.startswith("/etc/") or "bin/" in path or path == "/usr/lib/sendmail"


def _filelist(package: Described, digest: str) -> str:
    more = (f"/usr/share/doc/{package.name}/{name}" for name in ("README", "NEWS", "AUTHORS"))
    files = "".join(f"<file>{path}</file>\n" for path in (*package.files, *more))
    return (
        f'<package pkgid="{digest}" name="{package.name}" arch="{package.arch}">'
        f'<version epoch="{package.epoch}" ver="{package.version}" rel="{package.release}"/>\n'
        f"{files}</package>\n"
    )


def _entry(text: str) -> str:
    words = [text] if text.startswith("(") else text.split()
    if len(words) == 1:
        return f"<rpm:entry name={quoteattr(words[0])}/>\n"
    evr, _, release = words[2].partition("-")
    epoch, _, version = evr.rpartition(":")
    rel = f' rel="{release}"' if release else ""
    return (
        f'<rpm:entry name={quoteattr(words[0])} flags="{_FLAGS[words[1]]}" '
        f'epoch="{epoch or 0}" ver="{version}"{rel}/>\n'
    )


def _group(name: str, packages: Sequence[str]) -> str:
    listed = "".join(f'<packagereq type="mandatory">{each}</packagereq>' for each in packages)
    return (
        f"<group><id>{name}</id><name>{name}</name><uservisible>true</uservisible>"
        f"<packagelist>{listed}</packagelist></group>\n"
    )


def _part(kind: str, path: Path) -> str:
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return (
        f'<data type="{kind}"><checksum type="sha256">{digest}</checksum>'
        f'<location href="repodata/{path.name}"/><timestamp>1700000000</timestamp>'
        f"<size>{path.stat().st_size}</size></data>"
    )
