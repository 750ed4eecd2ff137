# SPDX-License-Identifier: LGPL-2.1-or-later
"""Questions about packages, to a tree and to the repositories; nothing is solved.

What matches is dnf5's own: `list` and `info` take NEVRA forms and globs whatever their case, and of
the repositories show the newest; `search` wants every word, or with `everywhere` any; `provides`
takes a capability, a path, a glob of either, or the name of a program.
https://dnf5.readthedocs.io/en/latest/commands/index.html
What configuration excludes is hidden in repositories; a tree has what it has.
"""

from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from itertools import chain
from types import TracebackType
from typing import Any, Self

import libdnf5

from solver.answers import info_of, infos_of, place_of, provider_of
from solver.identity import nevra_of
from solver.model import Report, Repository, SackConfig, ignore
from solver.nevra import Nevra
from solver.queried import Field, Found, Provider, Selection
from solver.repositories import describe, load_repositories
from solver.sack import configured_base, nothing_kept
from solver.scratch import private_root

_GLOB = frozenset("*?[")
_CONTAINS = libdnf5.common.QueryCmp_ICONTAINS
_MATCHES = libdnf5.common.QueryCmp_IGLOB
_GLOBS = libdnf5.common.QueryCmp_GLOB
_PROGRAMS = ("/usr/bin", "/usr/sbin")  # where the word of a shell is looked for


class Catalogue:
    """The packages of a tree and of the repositories; a context manager."""

    def __init__(self, config: SackConfig, report: Report) -> None:
        self._cleanup = ExitStack()
        private = self._cleanup.enter_context(private_root(config.installroot, config.cache_dir))
        try:
            self._base = configured_base(config, private)
            options = self._base.get_config()
            disabled = list(options.get_disable_excludes_option().get_value())
            options.disable_excludes = ["*"]  # they would hide packages of the tree, too
            self._skipped = load_repositories(self._base, config, report)
            self._installed = libdnf5.rpm.PackageQuery(self._base)
            self._installed.filter_installed()
            options.disable_excludes = disabled
            self._base.get_rpm_package_sack().load_config_excludes_includes()
            self._available = libdnf5.rpm.PackageQuery(self._base)
            self._available.filter_available()
        except BaseException:
            self.close()
            raise

    @classmethod
    def open(cls, config: SackConfig, report: Report = ignore) -> Self:
        """Loads the tree's packages and the repositories.

        Raises:
            ConfigurationError, RepositoryError
        """
        with nothing_kept():
            return cls(config, report)

    def select(self, specs: Sequence[str], *, all_versions: bool = False) -> Selection:
        """Returns what NEVRA forms and globs name, or without any all packages.

        Of the repositories that is the newest of each name and architecture, unless all versions
        are wanted.
        """
        if not specs:
            available = _offered(self._available, all_versions=all_versions)
            return Selection(installed=infos_of(self._installed), available=infos_of(available))
        installed = libdnf5.rpm.PackageSet(self._base)
        offered = libdnf5.rpm.PackageSet(self._base)
        unmatched = []
        for spec in dict.fromkeys(specs):
            here = _named(self._installed, spec)
            named = _named(self._available, spec)
            there = _offered(named, all_versions=all_versions)
            installed.update(here)
            offered.update(there)
            if not (here.size() or there.size()):
                unmatched.append(spec)
        return Selection(
            installed=infos_of(installed),
            available=infos_of(offered),
            unmatched=tuple(unmatched),
        )

    def search(self, words: Sequence[str], *, everywhere: bool = False) -> tuple[Found, ...]:
        """Returns the packages that have all words in their names or summaries; the best first.

        With `everywhere` one word is enough, and descriptions and addresses are looked at, too.
        What the tree has is not told again from a repository.
        """
        looked_at = _offered(self._available, all_versions=False)
        twins = libdnf5.rpm.PackageQuery(looked_at)
        twins.filter_name_arch(self._installed)
        looked_at.difference(twins)
        looked_at.update(self._installed)
        hits = [_hits(looked_at, word, everywhere=everywhere) for word in words]
        numbers = [frozenset(chain(*found.values())) for found in hits]
        wanted = frozenset.union(*numbers) if everywhere else frozenset.intersection(*numbers)
        found = [
            Found(
                package=info_of(package),
                fields=_fields(hits, _id(package)),
            )
            for package in looked_at
            if _id(package) in wanted
        ]
        return tuple(sorted(found, key=_rank))

    def providers(self, spec: str, spellings: Iterable[str] = ()) -> tuple[Provider, ...]:
        """Returns the packages that provide a capability or own a path; the tree's first.

        `spellings` are other ways to write a path. A word that nothing provides may be the name of
        a program.
        """
        paths = tuple(path for path in {spec, *spellings} if path.startswith(("/", "*")))
        found = self._providing(spec, paths)
        if not found.size() and "/" not in spec:
            paths = tuple(f"{place}/{spec}" for place in _PROGRAMS)
            found = self._owning(paths)
        here = {nevra_of(package) for package in found if package.is_installed()}
        answers = (
            provider_of(package, spec, paths)
            for package in found
            if package.is_installed() or nevra_of(package) not in here
        )
        return tuple(
            sorted(answers, key=lambda each: (not each.package.installed, place_of(each.package)))
        )

    def answering(self, request: str) -> frozenset[Nevra]:
        """Returns the tree's packages that a request names, as dnf takes it."""
        query = libdnf5.rpm.PackageQuery(self._installed)
        query.resolve_pkg_spec(request, libdnf5.base.GoalJobSettings(), False)
        return frozenset(nevra_of(package) for package in query)

    def names(self) -> frozenset[str]:
        """Returns the names of all packages."""
        both = (self._installed, self._available)
        return frozenset(str(package.get_name()) for query in both for package in query)

    def repositories(self) -> tuple[Repository, ...]:
        """Returns the enabled repositories, sorted by id."""
        return describe(self._base, self._skipped)

    def close(self) -> None:
        """Lets everything go; the catalogue cannot be used afterwards."""
        for name in ("_available", "_installed", "_base"):
            self.__dict__.pop(name, None)
        self._cleanup.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _everything(self) -> Any:
        everything = libdnf5.rpm.PackageQuery(self._available)
        everything.update(self._installed)
        return everything

    def _providing(self, spec: str, paths: Sequence[str]) -> Any:
        comparison = libdnf5.common.QueryCmp_EQ if _GLOB.isdisjoint(spec) else _GLOBS
        query = self._everything()
        query.filter_provides([spec], comparison)
        query.update(self._owning(paths))
        return query

    def _owning(self, paths: Sequence[str]) -> Any:
        query = self._everything()
        query.filter_file(list(paths), _GLOBS)
        return query


def _offered(packages: Any, *, all_versions: bool) -> Any:
    """Returns all, or of each name and architecture the newest that the best repository has."""
    query = libdnf5.rpm.PackageQuery(packages)
    if not all_versions:
        query.filter_priority()
        query.filter_latest_evr()
    return query


def _named(packages: Any, spec: str) -> Any:
    settings = libdnf5.base.ResolveSpecSettings()
    settings.set_ignore_case(True)
    settings.set_with_provides(False)
    settings.set_with_filenames(False)
    settings.set_with_binaries(False)
    query = libdnf5.rpm.PackageQuery(packages)
    query.resolve_pkg_spec(spec, settings, False)
    return query


def _hits(packages: Any, word: str, *, everywhere: bool) -> dict[Field, frozenset[int]]:
    """Returns in which packages' fields a word is, or what a glob matches from end to end."""
    comparison = _CONTAINS if _GLOB.isdisjoint(word) else _MATCHES
    found: dict[Field, frozenset[int]] = {field: frozenset() for field in Field}
    for field in Field:
        query = libdnf5.rpm.PackageQuery(packages)
        match field:
            case Field.EXACT_NAME:
                query.filter_name([word], libdnf5.common.QueryCmp_IEXACT)
            case Field.NAME:
                query.filter_name([word], comparison)
            case Field.SUMMARY:
                query.filter_summary([word], comparison)
            case Field.DESCRIPTION if everywhere:
                query.filter_description([word], comparison)
            case Field.URL if everywhere:
                query.filter_url([word], comparison)
            case _:
                continue
        found[field] = frozenset(_id(package) for package in query)
    return found


def _fields(hits: Sequence[dict[Field, frozenset[int]]], number: int) -> tuple[Field, ...]:
    found = [field for field in Field if any(number in hit[field] for hit in hits)]
    # who is called so has the word in its name
    return tuple(f for f in found if f is not Field.NAME or Field.EXACT_NAME not in found)


def _rank(found: Found) -> tuple[object, ...]:
    missing = tuple(field not in found.fields for field in Field)
    return (*missing, place_of(found.package))


def _id(package: Any) -> int:
    return int(package.get_id().id)
