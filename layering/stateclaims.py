# SPDX-License-Identifier: LGPL-2.1-or-later
"""Conflicts below /var and /run, which no tree shows.

What packages bring there becomes lines of tmpfiles.d, of which systemd would take the first one for
a path and forget the others. rpm refuses packages that disagree, there as elsewhere; so their
headers are compared. The content of files waits in the tree, where the union compares it.
"""

import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import combinations

from layering.claims import Claim, Conflict, Difference, differences, in_order
from layering.layerinfo import LayerInfo
from layering.paths import BaseLayout, Zone, tree_path

_PLACES = (b"/var/", b"/run/")


def state_conflicts(
    layers: Sequence[LayerInfo],
    layout: BaseLayout,
    base_claims: Callable[[str], Sequence[Claim]],
    replacing: frozenset[str],
) -> tuple[Conflict, ...]:
    """Returns what packages disagree about, by path; `base_claims` takes paths of a live system."""
    claims: dict[bytes, list[Claim]] = {}
    for layer in sorted(layers, key=lambda layer: str(layer.layer.nevra)):
        for path, claim in _claims(layer, layout):
            claims.setdefault(path, []).append(claim)
    found: list[Conflict] = []
    for path in sorted(claims):
        text = path.decode("utf-8", "surrogateescape")
        owners = [owner for owner in base_claims(text) if owner.entry is not None]
        conflict = _conflict(text, [*owners, *claims[path]], replacing)
        found += [conflict] if conflict else list(_beneath(path, claims))
    return tuple(found)


def _claims(layer: LayerInfo, layout: BaseLayout) -> Iterator[tuple[bytes, Claim]]:
    linked = tuple(link + b"/" for link, to in layout.links.items() if to.startswith(b"/var/"))
    for entry in layer.header.files:
        if entry.ghost or not entry.path.startswith((*_PLACES, *linked)):
            continue
        place = tree_path(entry.path, layout, directory=stat.S_ISDIR(entry.mode))
        if place.zone is Zone.STATE:
            algorithm = layer.header.digest_algorithm
            claim = Claim(package=str(layer.layer.nevra), entry=entry, algorithm=algorithm)
            yield place.live, claim


def _conflict(path: str, owners: Sequence[Claim], replacing: frozenset[str]) -> Conflict | None:
    objectors, found, replaceable = set[str](), list[tuple[Difference, ...]](), True
    for one, other in combinations(owners, 2):
        each = differences(one, other) if one.package != other.package else ()
        kinds = {stat.S_IFMT(claim.entry.mode) for claim in (one, other) if claim.entry}
        directory = stat.S_IFDIR in kinds and len(kinds) > 1
        forced = {_name(one.package), _name(other.package)} & replacing
        # What differs in content the union tells, of the factory's files.
        if not each or Difference.CONTENT in each or (forced and not directory):
            continue
        objectors |= {one.package, other.package}
        found.append(each)
        replaceable = replaceable and not directory
    if not found:
        return None
    named = tuple(dict.fromkeys(claim.package for claim in owners if claim.package in objectors))
    return Conflict(path=path, owners=named, differences=in_order(found), replaceable=replaceable)


def _beneath(path: bytes, claims: Mapping[bytes, Sequence[Claim]]) -> Iterator[Conflict]:
    """Yields the conflict of a path with what another package has for a file above it."""
    above = path.rpartition(b"/")[0]
    while above:
        for owner in claims.get(above, ()):
            others = [claim.package for claim in claims[path] if claim.package != owner.package]
            if others and owner.entry and not stat.S_ISDIR(owner.entry.mode):
                yield Conflict(
                    path=above.decode("utf-8", "surrogateescape"),
                    owners=(owner.package, *others),
                    differences=(Difference.TYPE,),
                    replaceable=False,
                )
                return
        above = above.rpartition(b"/")[0]


def _name(nevra: str) -> str:
    return nevra.rsplit("-", 2)[0]
