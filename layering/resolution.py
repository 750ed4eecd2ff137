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
from layering.importer import Layer, cached_layer, import_packages
from layering.leased import leased, sweep
from layering.localrequests import local_overrides, local_requests
from layering.origin import LocalPackage
from layering.overriding import FROM_REPOSITORY, Instead
from layering.relabel import relabelled_layer
from layering.repo import Repo
from layering.requests import Wanted
from layering.stubs import serving_layer, write_stubs
from layering.target import Target
from solver import (
    Goal,
    LayerStub,
    Package,
    Replacing,
    Sack,
    SackConfig,
    SolverError,
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
    instead: tuple[Instead, ...] = ()  # words for what is to replace base packages
    needs_repositories: bool = True
    weak_deps: bool = True
    exclude: tuple[str, ...] = ()
    standing: frozenset[str] = frozenset()  # of what is wanted, what was so before
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

    def layer_of(
        self, package: Package, drop_special: frozenset[str] = frozenset()
    ) -> Layer | None:
        """Returns the cached layer of a package, if there is one.

        That of a package in `drop_special` lacks device nodes, pipes and sockets.
        """
        if package.source is Source.LAYER:
            return serving_layer(
                self._repo, self._target, package.nevra, package.digest, drop_special
            )
        base = self._target.base
        return cached_layer(
            self._repo,
            package.nevra,
            package.digest,
            base.layout,
            labels=base.labels,
            drop_special=drop_special,
        )

    def fetch(
        self, report: progress.Report, drop_special: frozenset[str] = frozenset()
    ) -> tuple[Layer, ...]:
        """Downloads and imports what is not cached, and returns all layers, sorted by NEVRA.

        Raises:
            SolverError: a package cannot be had, or is not what its repository says.
            BrokenPackageError, UnsupportedPathError: a package cannot become a layer.
        """
        packages = self.transaction.packages
        missing = [package for package in packages if self.layer_of(package, drop_special) is None]
        if missing:
            with progress.phase(report, "download"):
                rpms = self._sack.download(missing)
            with progress.phase(report, "import"):
                base = self._target.base
                import_packages(
                    rpms,
                    self._repo,
                    base.layout,
                    report,
                    labels=base.labels,
                    drop_special=drop_special,
                )
        came = {each.digest: each.repo_id for each in packages if each.source is not Source.LAYER}
        provenance.record(self._cache_dir, came)
        layers = [self.layer_of(package, drop_special) for package in packages]
        return tuple(self._labelled(layer, drop_special) for layer in layers if layer is not None)

    def _labelled(self, layer: Layer, drop_special: frozenset[str]) -> Layer:
        base, dropping = self._target.base, layer.nevra.name in drop_special
        return relabelled_layer(self._repo, layer, base.layout, base.labels, dropping=dropping)


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
        stubs = write_stubs(repo, target, directory)
        # Without their layers, what stays has to come from the repositories again.
        complete = bool(target.tree.policy_version) and len(stubs) == len(target.tree.layers)
        wanted, given = question.wanted, question.new_local
        local = local_requests(
            repo, target, wanted.requested_local, given, stubs, directory, report
        )
        held = local_overrides(
            repo, target, wanted.overrides.replace_local, given, (*stubs, *local.stubs), directory
        )
        goal = Goal(
            install=wanted.requested,
            local=local.files,
            layers=_offered(question, (*stubs, *local.stubs, *held.stubs)),
            remove=wanted.overrides.remove,
            replace=_replacing(question, held.files),
            weak_deps=question.weak_deps,
            exclude=question.exclude,
            standing=question.standing,
            upgrade=question.best,
        )
        config = sack_config(target, options, cache_dir, question.wanted.requested)
        if not question.needs_repositories:
            alone = replace(config, load_repositories=False)
            if complete or (not target.tree.layered and _is_answered(goal, alone)):
                config = alone
        with progress.phase(report, "metadata"):
            sack = Sack.open(config, told(report))
        with sack:
            with progress.phase(report, "resolve"), _told_of_no_repository(sack, config):
                transaction = _with_resting(sack.resolve(goal), local.resting, held.resting)
            for line in transaction.held_back:
                progress.note(report, "resolve", f"held back: {line}")
            for line in _unasked(question, sack):
                progress.warn(report, "resolve", line)
            yield Resolution(sack, transaction, repo, target, cache_dir)


def _is_answered(goal: Goal, config: SackConfig) -> bool:
    """Tells whether the base meets all that is asked for, as it does where nothing is layered.

    Not so where something else than we put a bare tree in place of a layered one.
    """
    try:
        with Sack.open(config) as sack:
            return not sack.resolve(goal).packages
    except SolverError:
        return False


@contextmanager
def _told_of_no_repository(sack: Sack, config: SackConfig) -> Iterator[None]:
    try:
        yield
    except SolverError as error:
        if config.load_repositories and not sack.repositories():
            # Nothing else would help.
            error.__notes__ = ["no repository is enabled: see --enablerepo and --disablerepo"]
        raise


def sweep_stubs(cache_dir: Path) -> tuple[Path, ...]:
    """Removes what killed runs left in the cache directory, and returns the paths."""
    return sweep(cache_dir, _STUBS)


def sack_config(
    target: Target, options: RepositoryOptions, cache_dir: Path, specs: Sequence[str] = ()
) -> SackConfig:
    """Returns where the solver's packages come from: the target's own configuration."""
    return configured(
        target.etc, target.base.installroot, target.base.releasever, options, cache_dir, specs
    )


def configured(
    etc: Path | None,
    installroot: Path,
    releasever: str | None,
    options: RepositoryOptions,
    cache_dir: Path,
    specs: Sequence[str] = (),
) -> SackConfig:
    """Returns where the solver's packages come from: the configuration in some `/etc`."""
    dnf_conf = etc / "dnf" / "dnf.conf" if etc else None
    return SackConfig(
        installroot=installroot,
        cache_dir=cache_dir,
        repo_dirs=(etc / "yum.repos.d",) if etc else (),
        vars_dirs=(etc / "dnf" / "vars",) if etc else (),
        dnf_conf=dnf_conf if dnf_conf and dnf_conf.is_file() else None,
        releasever=options.releasever or releasever,
        repos_from_path=options.from_path,
        enable_repos=options.enable,
        disable_repos=options.disable,
        setopts=options.setopts,
        cache_only=options.cache_only,
        refresh=options.refresh,
        need_filelists=any(spec.startswith(("/", "*/")) for spec in specs),
    )


def told(report: progress.Report) -> Callable[[SolverProgress], None]:
    """Returns the report that the solver is given: its steps become our events."""

    def tell(event: SolverProgress) -> None:
        progress.step(report, event)

    return tell


def _with_resting(
    transaction: Transaction, requests: Sequence[str], overrides: Sequence[str]
) -> Transaction:
    return replace(
        transaction,
        inactive=tuple(sorted({*transaction.inactive, *requests})),
        resting=tuple(sorted({*transaction.resting, *overrides})),
    )


def _unasked(question: Question, sack: Sack) -> Iterator[str]:
    """Yields what an upgrade cannot ask for newer packages in the place of the base's."""
    enabled = {repository.id for repository in sack.repositories()} if question.best else set()
    for each in question.wanted.overrides.replace if question.best else ():
        if each.source.removeprefix(FROM_REPOSITORY) not in enabled:
            yield f"{', '.join(each.packages)} cannot follow {each.source}: it is not enabled"


def _replacing(question: Question, files: Sequence[Path]) -> tuple[Replacing, ...]:
    """Returns what is to replace base packages; of one package's the last counts."""
    followed = (
        Replacing(spec=name, repo_id=each.source.removeprefix(FROM_REPOSITORY))
        for each in question.wanted.overrides.replace
        for name in each.packages
    )
    return (
        *followed,
        *(Replacing(path=path) for path in files),
        *(Replacing(spec=w.spec, repo_id=w.repo_id, renewed=True) for w in question.instead),
    )


def _offered(question: Question, stubs: tuple[LayerStub, ...]) -> tuple[LayerStub, ...]:
    """Returns the layers that may serve: of another release those alone that came as files."""
    if not question.other_release:
        return stubs
    wanted = question.wanted
    local = (*wanted.requested_local, *wanted.overrides.replace_local)
    files = {package.nevra for package in local}
    return tuple(stub for stub in stubs if str(stub.nevra) in files)
