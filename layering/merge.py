# SPDX-License-Identifier: LGPL-2.1-or-later
"""The walk behind `layering.union`: all sides of a directory at once, nothing written.

The result says what each shared directory of the base is given; a directory that is on one side
only appears in it as a pair of checksums. Sides are always in one order (the base, then the layers
by name and commit), so the order in which layers were asked for leaves no trace.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence

from layering.claims import Claim, Conflict, Difference, in_order, staying
from layering.colours import Colours
from layering.contest import THE_BASE, BaseSide, Contest, LayerFile, Settled
from layering.dirtree import DirNode, find
from layering.links import directory_at
from layering.listings import Listings, dir_differences
from layering.objects import DirMeta
from layering.repo import Repo
from layering.sides import (
    BaseClaims,
    DirSide,
    FileSide,
    LayerTree,
    Merged,
    Party,
    Placed,
    ReplacedFile,
    WrongColour,
    above,
    bytes_of,
)
from layering.spellings import live_path

_TYPE = (Difference.TYPE,)


class Merge:
    """Finds what the union of a base (None: an empty tree) and layers is, and every conflict."""

    def __init__(
        self,
        repo: Repo,
        base: DirNode | None,
        layers: Sequence[LayerTree],
        *,
        base_claims: BaseClaims,
        replacing: frozenset[str],
        colours: Callable[[], Colours],
    ) -> None:
        self.conflicts: dict[str, Conflict] = {}
        self.placed: Placed = {}  # of files that are not where their layer has them
        self.wrong_colour: WrongColour = {}
        self.replaced: list[ReplacedFile] = []
        self._repo = repo
        self._every_claim = base_claims
        self._contest = Contest(repo, colours)
        self._listings = Listings(repo, self._base_claims)
        self._base = Party(THE_BASE, 0)
        self._roots = [DirSide(self._base, "", base)] if base else []
        self._root_tree = self._roots[0].node.tree if base else ""
        order = {layer.commit + layer.name: at for at, layer in enumerate(layers)}
        ranked = sorted(layers, key=lambda layer: (layer.name, layer.commit))
        for rank, layer in enumerate(ranked, start=1):
            may = layer.name.rsplit("-", 2)[0] in replacing
            at = order[layer.commit + layer.name] if may else -1
            self._roots.append(self._root(Party(layer.name, rank, layer, at), layer.commit))
        # Directories that go elsewhere because the base has a symbolic link at their path.
        self._moved: set[tuple[Party, str]] = set()
        self._arrived: dict[str, list[DirSide]] = defaultdict(list)
        self._towards: dict[str, set[str]] = defaultdict(set)

    def run(self) -> Merged | DirNode:
        """Returns what the root directory is given; `conflicts` has what stands against it."""
        if not self._roots:
            return Merged()
        while True:
            moved = len(self._moved)
            for found in (self.conflicts, self.placed, self.wrong_colour, self.replaced):
                found.clear()
            merged = self._directory("", self._roots)
            if len(self._moved) == moved:
                return merged
            # Something was moved to a directory that this walk may have left behind already.

    def _base_claims(self, path: str) -> Sequence[Claim]:
        """Returns the claims of packages that stay in the base."""
        return staying(self._every_claim(path))

    def _root(self, party: Party, commit: str) -> DirSide:
        found = self._repo.commit_of(commit)
        return DirSide(party, "", DirNode(tree=found.root_tree, meta=found.root_meta))

    def _directory(self, path: str, sides: list[DirSide]) -> Merged | DirNode:
        sides = [*sides, *self._arrived.get(path, ())]
        if len(sides) == 1 and path not in self._towards:
            return sides[0].node
        meta = self._meta(path, sides)
        if self._all_same(path, sides):
            node = sides[0].node
            # Only without the base, which is entered and not replaced, is it a checksum.
            return (
                DirNode(tree=node.tree, meta=meta) if isinstance(meta, str) else Merged(meta=meta)
            )
        merged = Merged(meta=meta)
        files, dirs = self._names(path, sides)
        for name in sorted(files.keys() | dirs.keys()):
            self._entry(merged, path, name, files.get(name, []), dirs.get(name, []))
        return merged

    def _all_same(self, path: str, sides: list[DirSide]) -> bool:
        """Tells whether nothing below can differ; recorded owners are not in the objects."""
        return (
            len({side.node.tree for side in sides}) == 1
            and path not in self._towards
            and not any(side.at in side.party.above_owners for side in sides)
        )

    def _names(
        self, path: str, sides: list[DirSide]
    ) -> tuple[dict[str, list[FileSide]], dict[str, list[DirSide]]]:
        """Returns the sides of each name that a layer has, or that leads to a moved directory."""
        files: dict[str, list[FileSide]] = defaultdict(list)
        dirs: dict[str, list[DirSide]] = defaultdict(list)
        layers = sides[1:] if sides[0].party is self._base else sides
        trees = [self._repo.dirtree(side.node.tree) for side in layers]
        wanted = self._towards.get(path, set()).union(
            *({entry[0] for entry in (*tree.files, *tree.dirs)} for tree in trees)
        )
        for side in sides:
            tree = self._repo.dirtree(side.node.tree)
            for name, checksum in tree.files:
                if name in wanted:
                    files[name].append(FileSide(side.party, f"{side.at}/{name}", checksum))
            for name, below, meta in tree.dirs:
                if name in wanted:
                    node = DirNode(tree=below, meta=meta)
                    dirs[name].append(DirSide(side.party, f"{side.at}/{name}", node))
        return files, dirs

    def _entry(
        self, merged: Merged, parent: str, name: str, files: list[FileSide], dirs: list[DirSide]
    ) -> None:
        path = f"{parent}/{name}"
        if files and dirs:
            if not self._through_link(path, files, dirs):
                self._report_types(path, [*files, *dirs])
            return
        if dirs:
            merged.dirs[name] = self._directory(path, dirs)
            return
        settled = self._settled(path, files)
        if not settled.of_base:
            merged.files[name] = settled.checksum
        if settled.suffix:
            merged.files[name + settled.suffix] = settled.beside

    def _settled(self, path: str, sides: list[FileSide]) -> Settled:
        """Returns which file stands for all sides, and notes who objects, and what is not there."""
        base = sides[0] if sides[0].party is self._base else None
        one_object = len({side.checksum for side in sides}) == 1
        if one_object and not any(side.at in side.party.owners for side in sides):
            return Settled(checksum=sides[0].checksum, of_base=base is not None)
        layers = {
            side: LayerFile(
                checksum=side.checksum,
                owner=side.party.owner(side.at),
                claim=side.party.claim(side.at),
                order=side.party.order,
            )
            for side in sides
            if side is not base
        }
        if base is None:
            settled = self._contest.settle(None, list(layers.values()))
        else:
            owned = BaseSide(checksum=base.checksum, owners=lambda: self._every_claim(path))
            settled = self._contest.settle(owned, list(layers.values()))
        if settled.suffix and self._brought(f"{path}{settled.suffix}"):
            settled.suffix, settled.beside_of = "", None
        for side, layer in layers.items():
            if any(layer is lost for lost in settled.lost):
                beside = layer is settled.beside_of
                place = bytes_of(path + settled.suffix) if beside else None
                self.placed[side.party.name, bytes_of(side.at)] = place
        self.replaced += (ReplacedFile(live_path(path), *pair) for pair in settled.replaced)
        for lost in settled.wrong_colour:
            if lost.claim.entry is not None:
                paths = self.wrong_colour.setdefault(lost.claim.package, [])
                paths.append(lost.claim.entry.path)
        if settled.differences:
            objectors = [side for side in sides if side.party.name in settled.objectors]
            named = sorted(settled.objectors - {side.party.name for side in objectors})
            owners = [*named, *(side.party.name for side in objectors)]
            self._object(path, owners, settled.differences)
        return settled

    def _through_link(self, path: str, files: list[FileSide], dirs: list[DirSide]) -> bool:
        """Moves directories to where the base's symbolic link points; False if rpm would refuse.

        rpm follows a link to a directory, but not one that a package of the same path's directory
        meets in another package's file list, nor one that leads nowhere.
        """
        if len(files) != 1 or files[0].party is not self._base:
            return False
        listing = [side for side in dirs if side.at in side.party.dirs]
        owners = self._base_claims(path) if listing else ()
        if any(dir_differences(owner, side, _TYPE) for owner in owners for side in listing):
            return False
        target = directory_at(self._repo, self._root_tree, path)
        if target is None:
            return False
        target = target.rstrip("/")
        for side in dirs:
            if (side.party, side.at) not in self._moved:
                self._moved.add((side.party, side.at))
                self._arrived[target].append(side)
                for each in above(target):
                    self._towards[each].add(target[len(each) + 1 :].partition("/")[0])
        return True

    def _meta(self, path: str, sides: list[DirSide]) -> str | DirMeta | None:
        base = sides[0] if sides[0].party is self._base else None
        settled = self._listings.settle(path, base, sides)
        for side in settled.lost:
            self.placed[side.party.name, bytes_of(side.at)] = None
        if settled.conflict is not None:
            self.conflicts[path] = settled.conflict
        return settled.meta

    def _brought(self, path: str) -> bool:
        """Tells whether a layer brings something at a path, or the base has a directory there."""
        found = [find(self._repo.dirtree, root.node.tree, path) for root in self._roots]
        base = self._roots[0].party is self._base
        return any(found[base:]) or isinstance(found[0], DirNode)

    def _report_types(self, path: str, sides: Sequence[FileSide | DirSide]) -> None:
        owners = list[str]()
        for side in sorted(sides, key=lambda side: side.party.rank):
            claims = self._base_claims(path) if side.party is self._base else ()
            owners += [claim.package for claim in claims] or [side.party.name]
        self._object(path, owners, [_TYPE], replaceable=False)

    def _object(
        self,
        path: str,
        owners: Sequence[str],
        found: Sequence[tuple[Difference, ...]],
        *,
        replaceable: bool = True,
    ) -> None:
        self.conflicts[path] = Conflict(
            path=path or "/",
            owners=tuple(dict.fromkeys(owners)),
            differences=in_order(found),
            replaceable=replaceable,
        )
