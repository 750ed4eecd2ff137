# SPDX-License-Identifier: LGPL-2.1-or-later
"""Small worlds to solve in: a base's rpmdb, repositories and local files, made by rpm's own tools.

A test shows its whole world: `world.base("libfoo-1-1.noarch")`,
`world.repo("updates", "libfoo-2-1.noarch", pkg("app-1-1.noarch", requires=["libfoo >= 2"]))`.
"""

import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from solver import Goal, LayerStub, Nevra, Report, Sack, SackConfig, Transaction, ignore
from tests.rpms import Spec, build_rpm


@dataclass(frozen=True, slots=True)
class Pkg:
    """One package: what it is called and what its spec file says."""

    nevra: str
    spec: Spec


def pkg(nevra: str, **spec: Any) -> Pkg:
    """Returns a package with the given fields of `tests.rpms.Spec`."""
    return Pkg(nevra, Spec(**spec))


class World:
    """A directory with everything that a sack reads, and what it may write."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.root = directory / "root"
        self.cache = directory / "cache"
        self.root.mkdir()
        self._repos: dict[str, Path] = {}

    def base(self, *packages: str | Pkg) -> None:
        """Records packages as installed in the base's rpmdb; no file is laid down."""
        rpms = self._build(self.directory / "base-rpms", packages)
        install_base(self.root, rpms)

    def repo(self, repo_id: str, *packages: str | Pkg, comps: str = "") -> Path:
        """Makes a repository, or adds packages to one, and returns its directory."""
        directory = self.directory / "repos" / repo_id
        self._build(directory, packages)
        command = ["createrepo_c", "--quiet", "--no-database", str(directory)]
        if comps:
            (self.directory / "comps.xml").write_text(comps, encoding="utf-8")
            command += ["--groupfile", str(self.directory / "comps.xml")]
        subprocess.run(command, check=True, capture_output=True)
        self._repos[repo_id] = directory
        return directory

    def file(self, package: str | Pkg) -> Path:
        """Makes a local RPM file."""
        return self._build(self.directory / "files", [package])[0]

    def layer(self, package: str | Pkg) -> LayerStub:
        """Makes the stub of a cached layer; its digest is one that no file has."""
        path = self._build(self.directory / "layers", [package])[0]
        stub = path.with_suffix(".stub")
        stub.write_bytes(without_payload(path.read_bytes()))
        path.unlink()
        nevra = package if isinstance(package, str) else package.nevra
        return LayerStub(nevra=Nevra.parse(nevra), digest=f"sha256:{'0' * 63}1", path=stub)

    def config(self, **options: Any) -> SackConfig:
        """Returns the configuration for this world, its repositories given by path."""
        repos = tuple((repo_id, str(path)) for repo_id, path in self._repos.items())
        settings: dict[str, Any] = {"repos_from_path": repos, "arch": "x86_64", **options}
        return SackConfig(installroot=self.root, cache_dir=self.cache, **settings)

    def sack(self, report: Report = ignore, **options: Any) -> Sack:
        """Opens a sack over this world."""
        return Sack.open(self.config(**options), report)

    def resolve(self, *specs: str, **goal: Any) -> Transaction:
        """Solves for specs and further fields of `Goal`, in a sack of its own."""
        with self.sack() as sack:
            return sack.resolve(Goal(install=specs, **goal))

    def _build(self, directory: Path, packages: Sequence[str | Pkg]) -> list[Path]:
        directory.mkdir(parents=True, exist_ok=True)
        made = []
        for package in packages:
            named = Pkg(package, Spec()) if isinstance(package, str) else package
            name, content = _built(named.nevra, repr(named.spec), named.spec)
            made.append(directory / name)
            made[-1].write_bytes(content)
        return made


_BUILT: dict[tuple[str, str], tuple[str, bytes]] = {}


def _built(nevra: str, key: str, spec: Spec) -> tuple[str, bytes]:
    """Returns an RPM's file name and content; many tests use the same plain packages."""
    if (nevra, key) not in _BUILT:
        with tempfile.TemporaryDirectory() as directory:
            path = build_rpm(Path(directory), nevra, spec)
            _BUILT[nevra, key] = (path.name, path.read_bytes())
    return _BUILT[nevra, key]


def names(transaction: Transaction) -> list[str]:
    """Returns the NEVRAs of a transaction."""
    return [str(package.nevra) for package in transaction.packages]


def hints(error: BaseException) -> list[str]:
    """Returns what an error says that a person can do."""
    return list(getattr(error, "__notes__", []))


def install_base(root: Path, rpms: Sequence[Path]) -> None:
    """Records RPMs in the rpmdb at the host librpm's place below `root`."""
    dbpath = subprocess.run(
        ["rpm", "--eval", "%_dbpath"], check=True, capture_output=True, text=True
    ).stdout.strip()
    database = root / dbpath.lstrip("/")
    database.mkdir(parents=True, exist_ok=True)
    command = ["rpm", "--dbpath", str(database), "-U", "--justdb", "--nodeps", "--noscripts"]
    command += ["--ignorearch", "--noverify", *map(str, rpms)]
    subprocess.run(command, check=True, capture_output=True)


def without_payload(rpm: bytes) -> bytes:
    """Returns lead, signature and header of an RPM file."""
    signature_end = _header_end(rpm, 96)
    return rpm[: _header_end(rpm, signature_end + -signature_end % 8)]


def _header_end(rpm: bytes, start: int) -> int:
    assert rpm[start : start + 3] == b"\x8e\xad\xe8"
    entries = int.from_bytes(rpm[start + 8 : start + 12])
    size = int.from_bytes(rpm[start + 12 : start + 16])
    return start + 16 + 16 * entries + size


def listing(directory: Path) -> dict[str, tuple[int, int, bytes]]:
    """Returns name, inode, time and content of everything below a directory."""
    return {
        str(path.relative_to(directory)): (
            path.lstat().st_ino,
            path.lstat().st_mtime_ns,
            path.read_bytes() if path.is_file() else b"",
        )
        for path in sorted(directory.rglob("*"))
    }
