# SPDX-License-Identifier: LGPL-2.1-or-later
"""The order in which packages are installed: rpm's own, to the last tie.

The order decides in which tree a scriptlet finds itself, so "as rpm" is not enough: this gives what
librpm gives for the same packages, added by ascending NEVRA (`rpm -U *.rpm`). Circles are cut where
it hurts scriptlets least: at the packages farthest from any need of a `%pre` or `%post`. The rules
are those of rpm's lib/order.cc and lib/rpmal.cc, and the tests ask librpm about random sets.
https://rpm-software-management.github.io/rpm/manual/dependencies.html
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from solver.nevra import Nevra
from solver.reldep import Dependency, Sense, ordering_parts, satisfies
from solver.tsort import Node, relate, relate_erasure, sort

__all__ = ["Dependency", "OrderItem", "Sense", "erase_order", "install_order", "satisfies"]

_SENSE = Sense.LESS | Sense.GREATER | Sense.EQUAL
_SCRIPTLET = Sense.SCRIPT_PRE | Sense.SCRIPT_POST
_INSTALL = _SCRIPTLET | Sense.RPMLIB | Sense.KEYRING | Sense.PRETRANS | Sense.POSTTRANS
_ERASE = Sense.SCRIPT_PREUN | Sense.SCRIPT_POSTUN | Sense.PREUNTRANS | Sense.POSTUNTRANS
_ALWAYS_ORDERED = _SCRIPTLET | Sense.SCRIPT_PREUN | Sense.SCRIPT_POSTUN
_UNORDERED = (
    Sense.RPMLIB
    | Sense.CONFIG
    | Sense.PRETRANS
    | Sense.POSTTRANS
    | Sense.PREUNTRANS
    | Sense.POSTUNTRANS
    | Sense.SCRIPT_VERIFY
    | Sense.META
)
# What a dependency may say of itself; of these, a `PreReq` of old says nothing but that.
_ANY_KIND = (
    _UNORDERED
    | _ALWAYS_ORDERED
    | Sense.INTERP
    | Sense.FIND_REQUIRES
    | Sense.KEYRING
    | Sense.PREREQ
    | Sense.MISSINGOK
) & ~Sense.CONFIG
_PREFERRED_COLOUR = 2  # 64-bit, as librpm prefers everywhere (%_prefer_color)


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderItem:
    """What is known of a package when its place is looked for."""

    nevra: Nevra
    requires: tuple[Dependency, ...]
    provides: tuple[Dependency, ...]
    files: frozenset[str]  # absolute paths, directories included
    recommends: tuple[Dependency, ...] = ()  # and suggests: they count where a scriptlet's are
    order_with: tuple[Dependency, ...] = ()  # OrderWithRequires
    colour: int = 0  # bits of its ELF files: 1 is 32-bit, 2 is 64-bit


def install_order(items: Sequence[OrderItem]) -> tuple[Nevra, ...]:
    """Returns the NEVRAs of all items in the order in which rpm installs them."""
    ranked = sorted(items, key=lambda item: str(item.nevra))
    nodes = _nodes(ranked)
    providers = _Providers(ranked)
    for node, item in zip(nodes, ranked, strict=True):
        for require in _ordering(item, _INSTALL):
            found = providers.of(require, node.index)
            if found is not None and found != node.index:
                strong = bool(_strength(require, _INSTALL, Sense.SCRIPT_PRE))
                relate(node, nodes[found], strong=strong)
    order = sort(nodes, late=lambda colour: colour not in (0, _PREFERRED_COLOUR))
    return tuple(ranked[index].nevra for index in order)


def erase_order(items: Sequence[OrderItem]) -> tuple[Nevra, ...]:
    """Returns the NEVRAs of all items in the order in which rpm erases them.

    Ties depend on the order of `items`, which is that in which a transaction got to know of them.
    """
    nodes = _nodes(items)
    providers = _Providers(items)
    for node, item in zip(nodes, items, strict=True):
        for require in _ordering(item, _ERASE):
            found = providers.of(require, node.index)
            if found is not None and found != node.index:
                strong = bool(_strength(require, _ERASE, Sense.SCRIPT_PREUN))
                relate_erasure(nodes[found], node, strong=strong)
    order = sort(nodes, late=lambda colour: colour == _PREFERRED_COLOUR)
    return tuple(items[index].nevra for index in order)


def _nodes(items: Sequence[OrderItem]) -> list[Node]:
    return [Node(index, item.colour) for index, item in enumerate(items)]


class _Providers:
    """Which of the packages meets a need; of several, librpm's choice."""

    def __init__(self, items: Sequence[OrderItem]) -> None:
        self._items = items
        self._provides: dict[str, list[tuple[int, Dependency]]] = defaultdict(list)
        self._files: dict[str, list[int]] = defaultdict(list)
        for index, item in enumerate(items):
            for provide in item.provides:
                self._provides[provide.name].append((index, provide))
            for path in item.files:
                self._files[path].append(index)

    def of(self, require: Dependency, asking: int) -> int | None:
        """Returns the one whose place matters, None if nobody in the set provides it."""
        found = list(self._files.get(require.name, ())) if require.name.startswith("/") else []
        if not found:
            provides = self._provides.get(require.name, ())
            found = [index for index, provide in provides if satisfies(provide, require)]
        best, best_score = None, 0
        for index in reversed(found):  # the last that was added is looked at first
            score = 2 if self._items[index].colour == _PREFERRED_COLOUR else 0
            score += index == asking
            if best is None or score > best_score:
                best, best_score = index, score
        return best


def _ordering(item: OrderItem, scriptlets: int) -> Iterator[Dependency]:
    """Yields what asks for an order, in librpm's order; the weak ask as plain ones at most."""
    for require in _parts(item.requires):
        weak = bool(require.flags & Sense.MISSINGOK)
        yield from _demoted(require, scriptlets) if weak else (require,)
    for recommend in _parts(item.recommends):
        yield from _demoted(recommend, scriptlets)
    yield from _parts(item.order_with)


def _parts(dependencies: Iterable[Dependency]) -> Iterator[Dependency]:
    for dependency in dependencies:
        if not dependency.flags & _UNORDERED or dependency.flags & _ALWAYS_ORDERED:
            yield from ordering_parts(dependency)


def _demoted(weak: Dependency, scriptlets: int) -> Iterator[Dependency]:
    # "Recommends" alone would only tie knots; "Recommends(post)" is worth an order, no more.
    if _strength(weak, scriptlets, Sense.PREREQ):
        yield Dependency(name=weak.name, flags=weak.flags & _SENSE, version=weak.version)


def _strength(require: Dependency, scriptlets: int, of_old: int) -> int:
    """Returns the scriptlets that need it; of a `PreReq` of old, which says none, `of_old`."""
    legacy = require.flags & _ANY_KIND == Sense.PREREQ
    return require.flags & scriptlets | (of_old if legacy else 0)
