# SPDX-License-Identifier: LGPL-2.1-or-later
"""Which file stands where several sides bring one path: the base's, a layer's, or nobody's.

Every layer is judged against the base, and every two layers against each other, whatever a third
one brings: so a set without conflicts never gets one by taking a package away. Colours come before
leave to replace, as in rpm.
"""

import hashlib
import os
import stat
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import combinations

from layering.claims import Claim, Difference
from layering.colours import COLOURLESS, Colours, Preferred
from layering.conflicts import compare_files
from layering.fates import BaseFile, Fate, fate_over_base
from layering.repo import Repo

THE_BASE = "the base"


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerFile:
    """A file as one layer has it."""

    checksum: str
    owner: str  # "user:group", as the package says
    claim: Claim
    order: int  # its place among those that may replace others' files; -1: it may not


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseSide:
    """The base's file, and a question that only some contests ask: who owns it."""

    checksum: str
    owners: Callable[[], Sequence[Claim]]


@dataclass(slots=True)
class Settled:
    """What is at a path, and who objects."""

    checksum: str
    of_base: bool
    suffix: str = ""  # of the name under which `beside` is kept; "" if nothing is
    beside: str = ""  # a checksum
    beside_of: LayerFile | None = None  # None: it is the base's
    lost: list[LayerFile] = field(default_factory=list)  # whose own file is not at the path
    wrong_colour: list[LayerFile] = field(default_factory=list)  # lost to a preferred colour's
    replaced: list[tuple[str, str]] = field(default_factory=list)  # by leave to: loser, winner
    over_base: dict[str, list[str]] = field(default_factory=dict)  # whom who would replace there
    objectors: set[str] = field(default_factory=set)  # of the conflict: owners ...
    differences: list[tuple[Difference, ...]] = field(default_factory=list)  # ... and what differs


class Contest:
    """Settles paths of one union."""

    def __init__(self, repo: Repo, colours: Callable[[], Colours]) -> None:
        self._repo = repo
        self._colours = colours

    def settle(self, base: BaseSide | None, layers: Sequence[LayerFile]) -> Settled:
        """Returns what stands; the layers are in an order that does not change."""
        settled = Settled(checksum=layers[0].checksum, of_base=False)
        fates = [self._fate(settled, base, layer) if base else Fate.TAKE for layer in layers]
        # What the base's colour keeps out meets no other layer.
        out = {at for at, fate in enumerate(fates) if fate is Fate.COLOUR}
        at = self._among_layers(settled, layers, out)
        winner, fate = layers[at], fates[at]
        if base is not None and (fate is None or fate.base_stands):
            settled.checksum, settled.of_base = base.checksum, True
            settled.lost = [each for each in layers if fate or self._between(winner, each)]
        else:
            settled.checksum = winner.checksum
            settled.lost = [each for each in layers if self._between(winner, each)]
        if not settled.of_base or fate is None:
            settled.replaced = [(each, winner.claim.package) for each in _losers(settled, winner)]
        if base is not None and fate and fate.suffix:
            settled.suffix = fate.suffix
            settled.beside = winner.checksum if fate.base_stands else base.checksum
            settled.beside_of = winner if fate.base_stands else None
        return settled

    def _among_layers(self, settled: Settled, layers: Sequence[LayerFile], out: set[int]) -> int:
        """Notes who objects, and returns which layer's file stands, as far as the base lets it."""
        wrong_colour, replaced = set(out), set[tuple[int, int]]()
        left = [(at, layer) for at, layer in enumerate(layers) if at not in out]
        for (at, one), (after, other) in combinations(left, 2):
            found = self._between(one, other)
            if not found:
                continue
            preferred = self._prefer(one.claim, other.claim)
            if preferred is not None:
                wrong_colour.add(at if preferred is Preferred.LATER else after)
            elif one.order != other.order:  # the later of two, or the only one that may
                replaced.add((at, after) if one.order < other.order else (after, at))
            else:
                settled.objectors |= {one.claim.package, other.claim.package}
                settled.differences.append(found)
        settled.wrong_colour = [layers[at] for at in sorted(wrong_colour)]
        coloured = [at for at in range(len(layers)) if at not in wrong_colour]
        standing = [at for at in coloured if not any((at, by) in replaced for by in coloured)]
        return (standing or coloured or [0])[0]

    def _between(self, one: LayerFile, other: LayerFile) -> tuple[Difference, ...]:
        if one is other:
            return ()
        found = compare_files(self._repo, one.checksum, other.checksum, ignore_owner=False)
        return (*found, Difference.OWNER) if one.owner != other.owner else found

    def _prefer(self, one: Claim, other: Claim) -> Preferred | None:
        return self._colours().prefer(one.colour, other.colour) if one.colour else None

    def _fate(self, settled: Settled, base: BaseSide, layer: LayerFile) -> Fate | None:
        """Returns what becomes of a layer's file; None where it is the base's own."""
        given_away = layer.owner != "root:root"  # resolved later; the object says root
        found = compare_files(self._repo, base.checksum, layer.checksum, ignore_owner=given_away)
        if not found and not given_away:
            return None
        owners = base.owners()
        if not found and not any(owner.entry and not owner.ghost for owner in owners):
            return None
        verdict = fate_over_base(
            layer.claim,
            BaseFile(
                owners=owners,
                is_content_of=lambda claim: self._has_content(base.checksum, claim),
                directly=found,
            ),
            colours=self._colours() if layer.claim.colour else COLOURLESS,
            forced=layer.order >= 0,
        )
        if verdict.replaced:
            replaced = [package or THE_BASE for package in verdict.replaced]
            settled.over_base[layer.claim.package] = replaced
        for package, differences in verdict.conflicts:
            settled.objectors |= {package or THE_BASE, layer.claim.package}
            settled.differences.append(differences)
        return verdict.fate if found or verdict.fate is not Fate.KEEP else None

    def _has_content(self, checksum: str, claim: Claim) -> bool:
        if claim.entry is None:
            return False
        target = self._repo.file_info(checksum).target
        if target is not None:
            same = os.fsencode(target) == claim.entry.link_target
            return stat.S_ISLNK(claim.entry.mode) and same
        if not stat.S_ISREG(claim.entry.mode) or not claim.entry.digest or not claim.algorithm:
            return False
        digest = hashlib.new(claim.algorithm, usedforsecurity=False)
        for chunk in self._repo.file_chunks(checksum):
            digest.update(chunk)
        return digest.hexdigest() == claim.entry.digest


def _losers(settled: Settled, winner: LayerFile) -> list[str]:
    """Returns the packages whose file another one had leave to replace."""
    lost = (each for each in settled.lost if not any(each is c for c in settled.wrong_colour))
    layers = [each.claim.package for each in lost if each.order < winner.order]
    return [*settled.over_base.get(winner.claim.package, ()), *layers]
