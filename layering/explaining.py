# SPDX-License-Identifier: LGPL-2.1-or-later
"""Why packages are in a tree, and the picture of it: no repository is asked.

A request's packages are those that dnf would take it for and that the tree's metadata says came for
it. Of requests that the base meets they are the base's. A layer of which nothing is recorded (as of
other tools' trees) belongs to the request that matches it.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from layering import progress
from layering.dependencygraph import Chain, Graph
from layering.deployed import Deployed
from layering.errors import NotInTreeError
from layering.needs import Need
from layering.packagequeries import Place, Questions, questions
from layering.repositories import RepositoryOptions
from layering.treeneeds import tree_needs
from layering.treeview import TreeView
from solver import Nevra, near_misses

_DIRECT = ("user", "group")


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """A package and why it is there."""

    nevra: Nevra
    place: Place
    requests: tuple[str, ...]  # that name it themselves
    chains: tuple[Chain, ...]  # from all requests, those that name it included
    needed_by: tuple[Nevra, ...] = ()  # of the base's: layers that need it directly


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeGraph:
    """Requests, layers, and what of the base they touch."""

    roots: Mapping[str, tuple[Nevra, ...]]
    layers: tuple[Nevra, ...]
    base: tuple[Nevra, ...]
    needs: tuple[Need, ...]  # of layers

    def place(self, nevra: Nevra) -> Place:
        """Returns where one of the packages is."""
        return Place.LAYER if nevra in self.layers else Place.BASE


class Explanations:
    """What there is to say of one tree."""

    def __init__(self, answers: Questions) -> None:
        self._answers = answers
        self._packages, self._needs = tree_needs(answers.view.database, answers.view.links)

    @property
    def view(self) -> TreeView:
        """Returns the tree."""
        return self._answers.view

    def place(self, nevra: Nevra) -> Place:
        """Returns where one of the tree's packages is."""
        return Place.LAYER if nevra in self.view.layers else Place.BASE

    def why(self, spec: str) -> tuple[Explained, ...]:
        """Returns why the packages that a spec names are there, sorted.

        Raises:
            NotInTreeError: the tree has none; with names that are like it.
        """
        named = self._answers.answering(spec)
        if not named:
            error = NotInTreeError(spec, str(self.view))
            near = near_misses(spec, {nevra.name for nevra in self._packages})
            if near:
                error.add_note(f"names like '{spec}': {', '.join(near)}")
            error.add_note(f"'overlay info {spec}' looks in the repositories, too")
            raise error
        return tuple(self._explained(nevra) for nevra in sorted(named, key=str))

    def graph(self) -> TreeGraph:
        """Returns the graph of requests, layers, and what of the base they touch."""
        layers = frozenset(self.view.layers)
        needs = tuple(
            need
            for need in self._needs
            if need.source in layers and (need.target in layers or not need.weak)
        )
        roots = {
            request: tuple(sorted(self._roots[request], key=str)) for request in sorted(self._roots)
        }
        touched = {nevra for need in needs for nevra in (need.source, need.target)}
        touched |= {nevra for named in roots.values() for nevra in named}
        return TreeGraph(
            roots=roots,
            layers=tuple(sorted(layers, key=str)),
            base=tuple(sorted(touched - layers, key=str)),
            needs=needs,
        )

    def _explained(self, nevra: Nevra) -> Explained:
        layers = self.view.layers
        direct = {need.source for need in self._needs if need.target == nevra and not need.weak}
        return Explained(
            nevra=nevra,
            place=self.place(nevra),
            requests=tuple(sorted(r for r, roots in self._roots.items() if nevra in roots)),
            chains=self._graph.chains(nevra),
            needed_by=()
            if nevra in layers
            else tuple(sorted((each for each in direct if each in layers), key=str)),
        )

    @cached_property
    def _graph(self) -> Graph:
        return Graph(roots=self._roots, needs=self._needs)

    @cached_property
    def _roots(self) -> Mapping[str, frozenset[Nevra]]:
        return {request: self._named_by(request) for request in self.view.requested}

    def _named_by(self, request: str) -> frozenset[Nevra]:
        matching = self._answers.answering(request)
        layers = self.view.layers
        direct = {
            nevra
            for nevra, record in layers.items()
            if record is not None and record.reason in _DIRECT and request in record.requested_by
        }
        if direct:
            # What obsoletes the request, or is of its group, has another name.
            return frozenset(direct & matching or direct)
        return frozenset(nevra for nevra in matching if layers.get(nevra) is None)


@contextmanager
def explanations(
    sysroot: Deployed,
    stateroot: str | None,
    revision: str | None,
    host_cache: Path,
    report: progress.Report,
) -> Iterator[Explanations]:
    """Gives what there is to say of a revision's tree, or of the pending deployment's.

    Raises:
        LayeringError: there is no such tree, or it has no package database.
    """
    with questions(
        sysroot,
        stateroot,
        revision,
        RepositoryOptions(),
        host_cache,
        report,
        repositories=False,
    ) as answers:
        yield Explanations(answers)
