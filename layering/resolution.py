# SPDX-License-Identifier: LGPL-2.1-or-later
"""Requests to packages: the solver, set up for a target, with the layers that the tree has already.

Layers of the pending tree are offered to the solver as header-only RPMs. So nothing that is layered
moves because something else is installed, and taking a package away needs no repository at all. A
layer that an earlier importer made serves on until its package is imported anew; one that is gone
is got again from a repository.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from layering import progress, provenance
from layering.importer import Layer, cached_layer, import_packages
from layering.leased import leased, sweep
from layering.localrequests import local_overrides, local_requests
from layering.question import Question, goal_of, unasked
from layering.relabel import relabelled_layer
from layering.repo import Repo
from layering.repositories import RepositoryOptions, sack_config, told
from layering.stubs import serving_layer, write_stubs
from layering.target import Target
from solver import Goal, Package, Sack, SackConfig, SolverError, Source, Transaction

_STUBS = "stubs-"


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
        offered = (*stubs, *local.stubs, *held.stubs)
        goal = goal_of(question, offered, local=local.files, replacing=held.files)
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
            for line in unasked(question, sack.repositories()) if question.best else ():
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


def _with_resting(
    transaction: Transaction, requests: Sequence[str], overrides: Sequence[str]
) -> Transaction:
    return replace(
        transaction,
        inactive=tuple(sorted({*transaction.inactive, *requests})),
        resting=tuple(sorted({*transaction.resting, *overrides})),
    )
