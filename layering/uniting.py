# SPDX-License-Identifier: LGPL-2.1-or-later
"""A base and its layers made ready for `layering.union`: their headers, and what follows from them.

The union asks by paths of the tree; an rpmdb knows paths of a system that rpm filled. So a path is
asked for under both names: /usr/etc/x is also /etc/x.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cache

from layering import rpmdb, rpmdb_query
from layering.base import Base
from layering.basewithout import base_without
from layering.claims import Claim, staying
from layering.colours import Colours, colours_of
from layering.departures import Departure, departing
from layering.layerclaims import LayerClaims
from layering.layerinfo import LayerInfo
from layering.layerscripts import install_sequence
from layering.owners import OwnedPath
from layering.ownership import OwnedPackage
from layering.repo import Repo
from layering.rpmdb_claims import InstalledFiles
from layering.rpmtags import Tag
from layering.stateclaims import state_conflicts
from layering.union import LayerTree, Union, union

# Where files of packages lie in a tree, and what their headers call these places.
_MOVED = (
    ("/usr/etc/", "/etc/"),
    ("/usr/lib/opt/", "/opt/"),
    ("/usr/lib/ostree-boot/", "/boot/"),
    ("/usr/share/factory/var/", "/var/"),
    ("/usr/share/factory/run/", "/run/"),
)


def unite(
    repo: Repo,
    base: Base,
    layers: Sequence[LayerInfo],
    *,
    replacing: frozenset[str] = frozenset(),
    departures: Sequence[Departure] = (),
) -> Union:
    """Returns the union of a base, less the packages that go, and layers, written.

    Raises:
        NotInBaseError: the base does not have a package that is to go.
        FileConflictError: as `layering.union`.
    """
    trees = [
        LayerTree(
            name=str(layer.layer.nevra),
            commit=layer.layer.commit,
            owned_dirs=layer.owned_dirs,
            owners={path.path: f"{path.user}:{path.group}" for path in layer.owners},
            claim=_claim_of(layer, base),
        )
        for layer in (install_sequence(layers, base.layout) if replacing else layers)
    ]
    going = departing(base, departures)
    left = base_without(repo, base, going, layers) if going else None
    claims = _base_claims(base, frozenset(str(package.nevra) for package in going))
    united = union(
        repo,
        base.commit,
        trees,
        base_claims=claims,
        base_root=left.root if left else None,
        replacing=replacing,
        colours=lambda: tree_colours(base, layers),
        known=state_conflicts(layers, base.layout, lambda path: staying(claims(path)), replacing),
    )
    return replace(united, departed=left.departed) if left else united


def tree_colours(base: Base, layers: Sequence[LayerInfo]) -> Colours:
    """Returns the ELF colours that count in a tree: by its base's packages, without one by its own.

    Not by the macros of this machine, which may compose a tree for another one.
    """
    if base.commit is None:
        return colours_of(layer.layer.nevra.arch for layer in layers)
    kept = base.installroot.with_name(f"{base.installroot.name}.architectures.json")
    database = rpmdb.database_in(base.installroot)
    packages = rpmdb_query.tagged(database, frozenset({Tag.ARCH}), kept)
    return colours_of(package.nevra.arch for package in packages)


def owned_paths(layers: Sequence[LayerInfo], united: Union) -> tuple[OwnedPackage, ...]:
    """Returns what of the layers is not root's, where it is: not what another's file stands for."""
    owned = []
    for layer in layers:
        name = str(layer.layer.nevra)
        paths = tuple(_placed(layer.owners, name, united))
        if paths:
            owned.append(OwnedPackage(package=name, paths=paths))
    return tuple(owned)


def _placed(paths: Sequence[OwnedPath], name: str, united: Union) -> Iterator[OwnedPath]:
    for path in paths:
        place = united.placed.get((name, path.path), path.path)
        if place is not None:
            yield replace(path, path=place)


def _claim_of(layer: LayerInfo, base: Base) -> Callable[[bytes], Claim | None]:
    @cache
    def claims() -> LayerClaims:  # the header is read only for paths that somebody else has, too
        return LayerClaims(layer.header, base.layout)

    return lambda path: claims().at(path)


def _base_claims(base: Base, going: frozenset[str]) -> Callable[[str], Sequence[Claim]]:
    if base.commit is None:
        return lambda _path: ()
    installed = InstalledFiles(rpmdb.database_in(base.installroot), base.links)

    @cache
    def claims(path: str) -> Sequence[Claim]:
        names = [path]
        names += [there + path[len(here) :] for here, there in _MOVED if path.startswith(here)]
        found = installed.at(names)
        return [replace(claim, going=claim.package in going) for claim in found] if going else found

    return claims
