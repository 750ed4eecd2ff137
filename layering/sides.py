# SPDX-License-Identifier: LGPL-2.1-or-later
"""The sides of a union: the base and the layers, and what each of them has at one path."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from layering.claims import Claim
from layering.dirtree import DirNode
from layering.headerindex import TagValue
from layering.objects import DirMeta
from solver import Nevra

# What the base's packages say of a path of the tree.
BaseClaims = Callable[[str], Sequence[Claim]]
# Where the own file of a layer (its name, its path) went, None if it is nowhere in the tree.
Placed = dict[tuple[str, bytes], bytes | None]
# Paths, as the headers of layers (by name) spell them, that lost to a file of a preferred colour.
WrongColour = dict[str, list[bytes]]


class ReplacedFile(NamedTuple):
    """A file that another package had leave to replace."""

    path: str  # as the running system names it
    loser: str  # NEVRA, or "the base" where no package is known
    winner: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Departed:
    """A package of the base that is not in a united tree, or not any more with all its files."""

    nevra: Nevra
    replaced_by: str  # NEVRA of what updates or obsoletes it; "" if a person removed it
    tags: Mapping[int, TagValue]  # of its scripts and dependencies
    files: tuple[tuple[bytes, int], ...]  # live path and ELF colour of all of them
    kept: frozenset[bytes]  # live paths that are there still, as others have them


_ROOT_OWNER = "root:root"


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerTree:
    """What the union needs to know of a layer; paths are the tree's, absolute."""

    name: str  # for messages: the NEVRA
    commit: str
    owned_dirs: tuple[bytes, ...] = ()  # directories that the RPM itself lists
    owners: Mapping[bytes, str] = field(default_factory=dict)  # "user:group" where not root:root
    claim: Callable[[bytes], Claim | None] = lambda _path: None  # what its header says of a path


@dataclass(slots=True)
class Merged:
    """What one directory of the base, or a new one, is given; `meta` None leaves it alone."""

    files: dict[str, str] = field(default_factory=dict)
    dirs: dict[str, "Merged | DirNode"] = field(default_factory=dict)
    meta: str | DirMeta | None = None


class Party:
    """What the header of a layer says about paths, ready to be asked; the base claims nothing."""

    def __init__(
        self, name: str, rank: int, layer: LayerTree | None = None, order: int = -1
    ) -> None:
        self.name = name
        self.rank = rank  # the base's is 0
        self.order = order  # among those that may replace others' files; -1: it may not
        self._layer = layer
        self.dirs = frozenset(map(text_of, layer.owned_dirs if layer else ()))
        owners = layer.owners if layer else {}
        self.owners = {text_of(path): owner for path, owner in owners.items()}
        self.above_owners = frozenset(each for path in self.owners for each in above(path))

    def owner(self, path: str) -> str:
        """Returns whose a path is, as "user:group"."""
        return self.owners.get(path, _ROOT_OWNER)

    def claim(self, path: str) -> Claim:
        """Returns the layer's claim to a path that it has."""
        found = self._layer.claim(bytes_of(path)) if self._layer else None
        return found or Claim(package=self.name)


class FileSide(NamedTuple):
    """A file as one side has it; `at` is the side's own path, also where a link led away."""

    party: Party
    at: str
    checksum: str


class DirSide(NamedTuple):
    """A directory as one side has it."""

    party: Party
    at: str
    node: DirNode


def text_of(path: bytes) -> str:
    """Returns a path as dirtrees spell it, without a slash at its end."""
    return path.decode("utf-8", "surrogateescape").rstrip("/")


def bytes_of(path: str) -> bytes:
    """Returns the bytes of a path of a tree."""
    return path.encode("utf-8", "surrogateescape")


def above(path: str) -> Iterable[str]:
    """Yields every directory above a path, the root (an empty string) last."""
    while path:
        path = path.rpartition("/")[0]
        yield path
