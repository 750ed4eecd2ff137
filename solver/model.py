# SPDX-License-Identifier: LGPL-2.1-or-later
"""The values that go into the solver and come out of it.

Nothing here knows libdnf5: its objects die with their Base, so whatever crosses this border is a
frozen value of our own. A `Transaction` is the complete layered set of a tree, never a delta.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from solver.nevra import Nevra

COMMANDLINE_REPO = "@commandline"
LAYERS_REPO = "@layers"


class Reason(StrEnum):
    """Why a package is in the set."""

    USER = "user"
    DEPENDENCY = "dependency"
    WEAK = "weak-dependency"
    GROUP = "group"
    OVERRIDE = "override"  # it stands in the place of a base package


class Source(StrEnum):
    """Where a package's content comes from."""

    REPOSITORY = "repository"
    LOCAL = "local"
    LAYER = "layer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """One package that a tree gets beside its base."""

    nevra: Nevra
    repo_id: str  # "@commandline" for a local file, "@layers" for a cached layer
    digest: str  # "sha256:<hex>" of the whole RPM file
    download_size: int  # bytes of the RPM file; 0 for a layer, which needs none
    install_size: int  # bytes
    reason: Reason
    requested_by: tuple[str, ...]  # the requests that pull it, also through others; sorted
    source: Source
    path: Path | None  # the local file or the layer's stub; None for a repository's package
    summary: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerStub:
    """A cached layer offered to the solver: lead, signature and header of its RPM, no payload."""

    nevra: Nevra
    digest: str  # of the RPM that the layer was made from, not of the stub
    path: Path
    groups: tuple[str, ...] = ()  # the requests for groups ("@id") that brought it


@dataclass(frozen=True, slots=True, kw_only=True)
class Replacing:
    """What is to stand in the place of base packages: what a spec matches, or a file."""

    spec: str = ""  # name, NEVRA forms, glob
    repo_id: str = ""  # of the only repository that it may come from; "": from any
    path: Path | None = None  # a file, or the stub of a layer that was made from it
    renewed: bool = False  # chosen among all that there is, whatever is layered


@dataclass(frozen=True, slots=True, kw_only=True)
class Replaced:
    """A base package, and what stands in its place."""

    old: Nevra
    new: Nevra
    replacing: Replacing


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """What is wanted on top of the base, and what of it is not."""

    install: tuple[str, ...] = ()  # name, NEVRA forms, provide, /file/path, glob, @group
    local: tuple[Path, ...] = ()  # RPM files, or the stubs of layers that were such files
    layers: tuple[LayerStub, ...] = ()  # preferred over the repositories' versions, unless:
    upgrade: bool = False  # the best version of each package, wherever it comes from
    weak_deps: bool = True
    exclude: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()  # names of base packages
    replace: tuple[Replacing, ...] = ()
    standing: frozenset[str] = frozenset()  # requests of before, as they are called; for hints


@dataclass(frozen=True, slots=True, kw_only=True)
class Transaction:
    """The answer to a `Goal`."""

    packages: tuple[Package, ...]  # all that the tree holds beside its base, sorted by NEVRA
    inactive: tuple[str, ...]  # requests that the base meets by itself; sorted
    held_back: tuple[str, ...] = ()  # of an upgrade: why newer versions could not be taken
    removed: tuple[Nevra, ...] = ()  # base packages that go; sorted
    replaced: tuple[Replaced, ...] = ()  # base packages that others stand for; sorted by NEVRA
    resting: tuple[str, ...] = ()  # overrides that mean nothing to this base; sorted


@dataclass(frozen=True, slots=True, kw_only=True)
class SackConfig:
    """Which packages there are: the base's and the repositories'."""

    installroot: Path  # holds the base rpmdb at the host librpm's %_dbpath; never written to
    cache_dir: Path  # metadata and packages, shared across runs
    other_cache: Path | None = None  # root's, for whoever may not write there: copied if it serves
    repo_dirs: tuple[Path, ...] = ()  # directories with *.repo files, of the target tree
    vars_dirs: tuple[Path, ...] = ()
    dnf_conf: Path | None = None
    releasever: str | None = None  # None: as the base's release package has it
    arch: str | None = None  # None: this machine's
    repos_from_path: tuple[tuple[str, str], ...] = ()  # (id, URL or directory)
    enable_repos: tuple[str, ...] = ()  # globs of ids
    disable_repos: tuple[str, ...] = ()
    setopts: tuple[tuple[str, str], ...] = ()  # ("option" or "repo.option", value)
    cache_only: bool = False
    refresh: bool = False
    load_repositories: bool = True  # False: only the goal's layers and local files are there
    need_filelists: bool = False  # set it where a request starts with "/" or "*/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Repository:
    """An enabled repository as it was loaded."""

    id: str
    name: str
    urls: tuple[str, ...]
    gpgcheck: bool
    packages: int
    generated: int  # seconds since the epoch; 0 where the metadata does not say
    skipped: str  # why it could not be loaded, under skip_if_unavailable; else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseMove:
    """A base package that a solution would replace or remove, and whose requests those are."""

    requests: tuple[str, ...]
    base: Nevra
    replacement: Nevra | None  # None: it would be removed
    repo_id: str = ""

    @property
    def updates(self) -> bool:
        """Whether it is another version of the same package that replaces it."""
        return self.replacement is not None and self.replacement.name == self.base.name

    def __str__(self) -> str:
        requests = ", ".join(self.requests)
        if self.replacement is None:
            return f"'{requests}' would remove base package {self.base}"
        where = "a local file" if self.repo_id == COMMANDLINE_REPO else f"'{self.repo_id}'"
        return (
            f"'{requests}' would replace base package {self.base} "
            f"with {self.replacement} from {where}"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """One link of the chain from a request to what stops it."""

    kind: str  # of `solver.rules.RuleKind`
    text: str
    package: str = ""  # the NEVRA of what the link is about
    relation: str = ""  # what it needs, conflicts with, …
    other: str = ""  # the NEVRA of the package that it meets


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """A step of something that takes time."""

    phase: str  # "metadata" or "download"
    item: str
    done: int
    total: int  # 0: not known
    unit: str


Report = Callable[[Progress], None]


def ignore(progress: Progress) -> None:
    """Takes progress and does nothing with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedRpm:
    """A file whose digest, and where the repository asks for it signature, was checked."""

    package: Package
    path: Path
