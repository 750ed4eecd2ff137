# SPDX-License-Identifier: LGPL-2.1-or-later
"""Whose metadata a directory gets that several sides have.

A directory keeps the base's, unless a package lists it: then the package's hold. Packages that list
one must agree about it, among each other and with those of the base; what the base has made of a
directory since its package brought it stays, if that is all that differs.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from layering.claims import Claim, Conflict, Difference, differences, in_order
from layering.conflicts import compare_dirs, with_label_of
from layering.objects import DirMeta
from layering.repo import Repo
from layering.sides import BaseClaims, DirSide

_Found = tuple[Difference, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SettledDir:
    """What a directory is given; `meta` None leaves the base's alone."""

    meta: str | DirMeta | None
    conflict: Conflict | None = None
    lost: tuple[DirSide, ...] = ()  # whose owner is not the directory's


class Listings:
    """Settles the directories of one union."""

    def __init__(self, repo: Repo, base_claims: BaseClaims) -> None:
        self._repo = repo
        self._base_claims = base_claims

    def settle(self, path: str, base: DirSide | None, sides: Sequence[DirSide]) -> SettledDir:
        """Returns a directory's metadata; the sides, the base's first, are in a fixed order."""
        listing = [side for side in sides if side.at in side.party.dirs]
        if not listing:
            return SettledDir(meta=None if base else sides[0].node.meta)
        # Of equals the first: its metadata is theirs, or there is a conflict.
        chosen = max(listing, key=lambda side: side.party.order)
        meta = self._over_base(path, base, chosen) if base else chosen.node.meta
        owner = chosen.party.owner(chosen.at)
        return SettledDir(
            meta=meta,
            conflict=self._conflict(path, base, [s for s in listing if s.party.order < 0]),
            lost=tuple(side for side in listing if side.party.owner(side.at) != owner),
        )

    def _conflict(
        self, path: str, base: DirSide | None, listing: Sequence[DirSide]
    ) -> Conflict | None:
        """Returns what those disagree about who may not replace anything."""
        found = list(self._among(listing))
        names = [side.party.name for side in listing] if any(found) else []
        for side in listing if base else ():
            for owner, differ in self._with_base(path, base, side):
                names += [owner.package, side.party.name]
                found.append(differ)
        if not names:
            return None
        ranks = {side.party.name: side.party.rank for side in listing}
        return Conflict(
            path=path or "/",
            owners=tuple(dict.fromkeys(sorted(names, key=lambda name: ranks.get(name, 0)))),
            differences=in_order(found),
        )

    def _among(self, listing: Sequence[DirSide]) -> Sequence[_Found]:
        metas = [self._repo.dirmeta(side.node.meta) for side in listing]
        found = [compare_dirs(metas[0], meta, ignore_owner=True) for meta in metas]
        owners = {side.party.owner(side.at) for side in listing}
        return [*found, (Difference.OWNER,)] if len(owners) > 1 else found

    def _with_base(
        self, path: str, base: DirSide | None, side: DirSide
    ) -> Sequence[tuple[Claim, _Found]]:
        seen = self._seen(base, side) if base else ()
        if not seen and not _given_away(side):
            return ()
        pairs = [(owner, dir_differences(owner, side, seen)) for owner in self._owners(path, side)]
        return [(owner, differ) for owner, differ in pairs if differ]

    def _over_base(self, path: str, base: DirSide, side: DirSide) -> DirMeta | None:
        seen = self._seen(base, side)
        if not seen:
            return None
        owners = self._owners(path, side)
        differ = any(dir_differences(owner, side, seen) for owner in owners)
        if owners and not differ and not all(owner.ghost for owner in owners):
            return None
        old, meta = self._repo.dirmeta(base.node.meta), self._repo.dirmeta(side.node.meta)
        uid, gid = (old.uid, old.gid) if _given_away(side) else (meta.uid, meta.gid)
        xattrs = with_label_of(meta.xattrs, old.xattrs)
        return DirMeta(uid=uid, gid=gid, mode=meta.mode, xattrs=xattrs)

    def _seen(self, base: DirSide, side: DirSide) -> _Found:
        old, meta = self._repo.dirmeta(base.node.meta), self._repo.dirmeta(side.node.meta)
        return compare_dirs(old, meta, ignore_owner=_given_away(side))

    def _owners(self, path: str, side: DirSide) -> Sequence[Claim]:
        # Behind a link of the base the directory is not the one that the package names.
        return self._base_claims(path) if side.at == path else ()


def dir_differences(owner: Claim, side: DirSide, seen: _Found) -> _Found:
    """Returns how a base's package and a layer differ; `seen` where a header says nothing."""
    claim = side.party.claim(side.at)
    return seen if owner.entry is None or claim.entry is None else differences(owner, claim)


def _given_away(side: DirSide) -> bool:
    """Whether a directory is somebody else's than root's; its object says root."""
    return side.at in side.party.owners
