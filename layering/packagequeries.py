# SPDX-License-Identifier: LGPL-2.1-or-later
"""Questions about packages, answered for a tree: what is the base's, what a layer, and for whom.

What matches is the solver's business (`solver.queries`); here each answer gets its place in the
tree. Repositories are loaded only for questions that they can answer, and their lists of files only
for those about paths.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property
from pathlib import Path

from layering import progress, provenance
from layering.deployed import Deployed
from layering.errors import NothingMatchesError
from layering.querycache import query_cache
from layering.repositories import RepositoryOptions, configured, told
from layering.spellings import spellings
from layering.treeview import TreeView, tree_view
from solver import Catalogue, Found, Nevra, PackageInfo, Provider, near_misses


class Scope(StrEnum):
    """Which packages are asked for."""

    ALL = "all"
    INSTALLED = "installed"  # the tree's
    BASE = "base"
    LAYERED = "layered"
    AVAILABLE = "available"  # the repositories'


class Place(StrEnum):
    """Where a package is."""

    BASE = "base"
    LAYER = "layer"
    REPOSITORY = "repository"


_OF_SCOPE = {
    Scope.ALL: frozenset(Place),
    Scope.INSTALLED: frozenset({Place.BASE, Place.LAYER}),
    Scope.BASE: frozenset({Place.BASE}),
    Scope.LAYERED: frozenset({Place.LAYER}),
    Scope.AVAILABLE: frozenset({Place.REPOSITORY}),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownPackage:
    """A package, and what it is to the tree."""

    info: PackageInfo
    place: Place
    repository: str  # of a layer, where it came from, if this host knows; "" for the base's
    reason: str = ""  # of a layer: as `solver.Reason` calls it
    requested_by: tuple[str, ...] = ()  # of a layer: who pulls it; of the base's: whom it meets


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """The packages that were asked for, by where they are."""

    tree: tuple[KnownPackage, ...]
    available: tuple[KnownPackage, ...]
    unmatched: tuple[str, ...]


class Questions:
    """Answers about one tree and, if they were loaded, the repositories."""

    def __init__(
        self, view: TreeView, catalogue: Catalogue, origins: dict[str, str], *, loaded: bool
    ) -> None:
        self.view = view
        self._loaded = loaded  # whether repositories are asked at all
        self._catalogue = catalogue
        self._origins = origins

    @property
    def where(self) -> str:
        """Returns where answers were looked for, as errors say it."""
        if not self.repositories:
            return str(self.view)
        noun = "repository" if len(self.repositories) == 1 else "repositories"
        return f"{self.view}, {noun} {', '.join(self.repositories)}"

    @property
    def repositories(self) -> tuple[str, ...]:
        """Returns the ids of the repositories that were asked."""
        if not self._loaded:
            return ()
        return tuple(each.id for each in self._catalogue.repositories() if not each.skipped)

    def select(self, specs: Sequence[str], scope: Scope, *, all_versions: bool = False) -> Listing:
        """Returns the packages that names, NEVRAs and globs select, without any all of them."""
        tree: dict[PackageInfo, None] = {}
        available: dict[PackageInfo, None] = {}
        unmatched = []
        for spec in dict.fromkeys(specs) or (None,):
            words = () if spec is None else (spec,)
            found = self._catalogue.select(words, all_versions=all_versions)
            here = [each for each in found.installed if self._place(each) in _OF_SCOPE[scope]]
            there = found.available if Place.REPOSITORY in _OF_SCOPE[scope] else ()
            tree |= dict.fromkeys(here)
            available |= dict.fromkeys(there)
            if spec is not None and not (here or there):
                unmatched.append(spec)
        if scope is not Scope.AVAILABLE:  # what the tree has is told once
            present = {each.nevra for each in tree}
            available = {each: None for each in available if each.nevra not in present}
        return Listing(
            tree=tuple(map(self.known, sorted(tree, key=_by_name))),
            available=tuple(map(self.known, sorted(available, key=_by_name))),
            unmatched=tuple(unmatched),
        )

    def search(self, words: Sequence[str], *, everywhere: bool) -> tuple[Found, ...]:
        """Returns the packages in whose names and summaries all words are; the best first."""
        return self._catalogue.search(words, everywhere=everywhere)

    def providers(self, spec: str) -> tuple[Provider, ...]:
        """Returns the packages that provide a capability, a path, a glob of them, a program."""
        path = spec.startswith("/") and not spec.endswith("/")
        return self._catalogue.providers(spec, spellings(spec, self.view.links) if path else ())

    def answering(self, request: str) -> frozenset[Nevra]:
        """Returns the tree's packages that a request names."""
        return self._catalogue.answering(request)

    def known(self, info: PackageInfo) -> KnownPackage:
        """Returns what a package is to the tree."""
        place = self._place(info)
        if place is Place.REPOSITORY:
            return KnownPackage(info=info, place=place, repository=info.repo_id)
        record = self.view.layers.get(info.nevra)
        if record is None:
            met = self._met.get(info.nevra, ()) if place is Place.BASE else ()
            return KnownPackage(info=info, place=place, repository="", requested_by=met)
        return KnownPackage(
            info=info,
            place=place,
            repository=self._origins.get(record.digest, ""),
            reason=record.reason,
            requested_by=record.requested_by,
        )

    def nothing_matches(self, specs: Sequence[str]) -> NothingMatchesError:
        """Returns the error for specs that select nothing, with names that are like them."""
        error = NothingMatchesError(specs, self.where)
        names = self._catalogue.names()
        for spec in specs:
            near = near_misses(spec, names)
            if near:
                error.add_note(f"names like '{spec}': {', '.join(near)}")
        return error

    def _place(self, info: PackageInfo) -> Place:
        if not info.installed:
            return Place.REPOSITORY
        return Place.LAYER if info.nevra in self.view.layers else Place.BASE

    @cached_property
    def _met(self) -> dict[Nevra, tuple[str, ...]]:
        """The requests that packages of the base meet."""
        answered = {
            request
            for record in self.view.layers.values()
            if record is not None
            for request in record.requested_by
        }
        met: dict[Nevra, tuple[str, ...]] = {}
        for request in sorted(set(self.view.requested) - answered):
            for nevra in self._catalogue.answering(request):
                met[nevra] = (*met.get(nevra, ()), request)
        return met


@contextmanager
def questions(
    sysroot: Deployed,
    stateroot: str | None,
    revision: str | None,
    options: RepositoryOptions,
    host_cache: Path,
    report: progress.Report,
    *,
    repositories: bool = True,
    paths: bool = False,
) -> Iterator[Questions]:
    """Gives the answers about a revision's tree, or about the pending deployment's.

    Nothing is locked; what is written is the cache, the host's or the caller's own. `paths` says
    that files are asked for beside those that every repository lists.

    Raises:
        LayeringError: there is no such tree, or it has no package database.
        SolverError: a repository cannot be had.
    """
    with (
        query_cache(host_cache) as cache,
        tree_view(sysroot, stateroot, revision, cache) as view,
    ):
        config = configured(view.etc, view.installroot, view.releasever, options, cache.own)
        config = replace(
            config,
            other_cache=cache.host,
            load_repositories=repositories,
            need_filelists=paths,
        )
        with progress.phase(report, "metadata"):
            catalogue = Catalogue.open(config, told(report))
        with catalogue:
            for each in catalogue.repositories():
                if repositories and each.skipped:
                    progress.warn(report, "metadata", f"without {each.id}: {each.skipped}")
            yield Questions(view, catalogue, provenance.read(host_cache), loaded=repositories)


def _by_name(info: PackageInfo) -> tuple[str, str]:
    return info.nevra.name, info.nevra.arch
