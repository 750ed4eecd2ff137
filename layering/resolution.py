# SPDX-License-Identifier: LGPL-2.1-or-later
"""Requests to packages: the solver, set up for a target, with the layers that the tree has already.

Layers of the pending tree are offered to the solver as header-only RPMs. So nothing that is layered
moves because something else is installed, and taking a package away needs no repository at all. A
layer that an earlier importer made serves on until its package is imported anew; one that is gone
is got again from a repository.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from layering import progress, provenance
from layering.errors import MissingLayerError
from layering.importer import Layer, cached_layer, import_packages, layer_info
from layering.leased import leased, sweep
from layering.localrpm import local_packages
from layering.origin import LocalPackage
from layering.repo import Repo
from layering.requests import Wanted
from layering.target import Target
from solver import (
    Goal,
    LayerStub,
    Nevra,
    Package,
    Sack,
    SackConfig,
    Source,
    Transaction,
)
from solver import Progress as SolverProgress

_STUBS = "stubs-"


@dataclass(frozen=True, slots=True, kw_only=True)
class RepositoryOptions:
    """Which repositories are used, beside what the target's configuration says."""

    enable: tuple[str, ...] = ()
    disable: tuple[str, ...] = ()
    from_path: tuple[tuple[str, str], ...] = ()
    setopts: tuple[tuple[str, str], ...] = ()
    cache_only: bool = False
    refresh: bool = False
    releasever: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked of the solver."""

    wanted: Wanted
    new_local: Mapping[LocalPackage, Path] = field(default_factory=dict)
    needs_repositories: bool = True
    weak_deps: bool = True
    exclude: tuple[str, ...] = ()
    best: bool = False  # the best version of every package, rather than the one that is layered
    other_release: bool = False  # the layers are of another release than the base


class Resolution:
    """The solver's answer, and the way to the packages that it names."""

    def __init__(
        self, sack: Sack, transaction: Transaction, repo: Repo, target: Target, cache_dir: Path
    ) -> None:
        self._sack = sack
        self._repo = repo
        self._target = target
        self._cache_dir = cache_dir
        self.transaction = transaction

    def layer_of(self, package: Package) -> Layer | None:
        """Returns the cached layer of a package, if there is one."""
        if package.source is Source.LAYER:
            return _layer(self._repo, self._target, package.nevra, package.digest)
        layout = self._target.base.layout
        return cached_layer(self._repo, package.nevra, package.digest, layout)

    def fetch(self, report: progress.Report) -> tuple[Layer, ...]:
        """Downloads and imports what is not cached, and returns all layers, sorted by NEVRA.

        Raises:
            SolverError: a package cannot be had, or is not what its repository says.
            BrokenPackageError, UnsupportedPathError: a package cannot become a layer.
        """
        packages = self.transaction.packages
        missing = [package for package in packages if self.layer_of(package) is None]
        if missing:
            with progress.phase(report, "download"):
                rpms = self._sack.download(missing)
            with progress.phase(report, "import"):
                import_packages(rpms, self._repo, self._target.base.layout, report)
        came = {each.digest: each.repo_id for each in packages if each.source is not Source.LAYER}
        provenance.record(self._cache_dir, came)
        layers = [self.layer_of(package) for package in packages]
        return tuple(layer for layer in layers if layer is not None)


@contextmanager
def resolved(
    repo: Repo,
    target: Target,
    question: Question,
    options: RepositoryOptions,
    cache_dir: Path,
    report: progress.Report,
) -> Iterator[Resolution]:
    """Gives the answer to a question; the solver's memory is let go at the end of the body.

    Raises:
        SolverError: no package has such a name, no set fits, a repository cannot be read.
        MissingLayerError: a local package is nowhere any more.
    """
    cache_dir.mkdir(parents=True, exist_ok=True)
    sweep_stubs(cache_dir)
    with leased(cache_dir, _STUBS) as directory:
        stubs = _stubs(repo, target, directory)
        # Without their layers, what stays has to come from the repositories again.
        complete = bool(target.tree.policy_version) and len(stubs) == len(target.tree.layers)
        goal = Goal(
            install=question.wanted.requested,
            local=_local_files(question, stubs),
            layers=_offered(question, stubs),
            weak_deps=question.weak_deps,
            exclude=question.exclude,
            upgrade=question.best,
        )
        config = sack_config(target, options, cache_dir, question.wanted.requested)
        if complete and not question.needs_repositories:
            config = replace(config, load_repositories=False)
        with progress.phase(report, "metadata"):
            sack = Sack.open(config, told(report))
        with sack:
            with progress.phase(report, "resolve"):
                transaction = sack.resolve(goal)
            for line in transaction.held_back:
                progress.note(report, "resolve", f"held back: {line}")
            yield Resolution(sack, transaction, repo, target, cache_dir)


def sweep_stubs(cache_dir: Path) -> tuple[Path, ...]:
    """Removes what killed runs left in the cache directory, and returns the paths."""
    return sweep(cache_dir, _STUBS)


def sack_config(
    target: Target, options: RepositoryOptions, cache_dir: Path, specs: Sequence[str] = ()
) -> SackConfig:
    """Returns where the solver's packages come from: the target's own configuration."""
    dnf_conf = target.etc / "dnf" / "dnf.conf"
    return SackConfig(
        installroot=target.base.installroot,
        cache_dir=cache_dir,
        repo_dirs=(target.etc / "yum.repos.d",),
        vars_dirs=(target.etc / "dnf" / "vars",),
        dnf_conf=dnf_conf if dnf_conf.is_file() else None,
        releasever=options.releasever or target.base.releasever,
        repos_from_path=options.from_path,
        enable_repos=options.enable,
        disable_repos=options.disable,
        setopts=options.setopts,
        cache_only=options.cache_only,
        refresh=options.refresh,
        need_filelists=any(spec.startswith("/") for spec in specs),
    )


def told(report: progress.Report) -> Callable[[SolverProgress], None]:
    """Returns the report that the solver is given: its steps become our events."""

    def tell(event: SolverProgress) -> None:
        progress.step(report, event)

    return tell


def _layer(repo: Repo, target: Target, nevra: Nevra, digest: str) -> Layer | None:
    """Returns the layer that serves for a package of the pending tree."""
    layout = target.base.layout
    cached = cached_layer(repo, nevra, digest, layout)
    if cached is not None:
        return cached
    for record in target.tree.layers:
        commit = repo.try_resolve(record.commit) if record.digest == digest else None
        if commit and repo.commit_of(commit).text("overlay.layout") == layout.key:
            return Layer(nevra=nevra, digest=digest, ref="", commit=commit)
    return None


def _stubs(repo: Repo, target: Target, directory: Path) -> tuple[LayerStub, ...]:
    """Writes the pending tree's layers as header-only RPMs; one that is gone is left out."""
    found = []
    for number, record in enumerate(target.tree.layers):
        nevra = Nevra.parse(record.nevra)
        layer = _layer(repo, target, nevra, record.digest)
        if layer is not None:
            path = directory / f"{number}.rpm"
            path.write_bytes(layer_info(repo, layer).stub)
            found.append(LayerStub(nevra=nevra, digest=record.digest, path=path))
    return tuple(found)


def _offered(question: Question, stubs: tuple[LayerStub, ...]) -> tuple[LayerStub, ...]:
    """Returns the layers that may serve: of another release those alone that came as files."""
    if not question.other_release:
        return stubs
    files = {package.nevra for package in question.wanted.requested_local}
    return tuple(stub for stub in stubs if str(stub.nevra) in files)


def _local_files(question: Question, stubs: Sequence[LayerStub]) -> tuple[Path, ...]:
    files: list[Path] = []
    missing: list[str] = []
    for package in question.wanted.requested_local:
        # An origin names a local package by the digest of its header, which the stub holds.
        layers = (stub.path for stub in stubs if str(stub.nevra) == package.nevra)
        made = (path for path in layers if package in local_packages([path]))
        path = question.new_local.get(package) or next(made, None)
        if path is None:
            missing.append(package.nevra)
        else:
            files.append(path)
    if missing:
        raise MissingLayerError(missing)
    return tuple(files)
