# SPDX-License-Identifier: LGPL-2.1-or-later
"""What layers bring to run, read from their headers, in the order in which rpm installs them."""

import os
from collections.abc import Mapping, Sequence
from functools import reduce
from operator import or_

from layering.fileentries import FileEntry
from layering.header import PackageHeader
from layering.headerdependencies import (
    ORDER_WITH,
    PROVIDES,
    RECOMMENDS,
    REQUIRES,
    SUGGESTS,
    dependencies_in,
)
from layering.headerindex import TagValue
from layering.importer import LayerInfo
from layering.paths import BaseLayout, tree_path
from layering.providedaccounts import account_lines
from layering.sides import Departed
from solver import Dependency, Nevra, OrderItem, erase_order, install_order
from triggers import PackageScripts, file_triggers_of, package_triggers_of, scriptlets_of


def install_sequence(layers: Sequence[LayerInfo], layout: BaseLayout) -> tuple[LayerInfo, ...]:
    """Returns the layers in the order in which rpm installs them.

    A file that one package brings as /usr/bin/x and another asks for as /bin/x is the same if
    `layout` says that /bin is a link.
    """
    if len(layers) < 2:
        return tuple(layers)
    by_nevra = {layer.layer.nevra: layer for layer in layers}
    order = install_order([order_item(layer.header, layout) for layer in layers])
    return tuple(by_nevra[nevra] for nevra in order)


def scripts_of(layer: LayerInfo, layout: BaseLayout) -> PackageScripts:
    """Returns a layer's files as the running system names them, its scriptlets and triggers.

    Raises:
        BadAccountError: it provides an account that is none.
    """
    package, header = str(layer.layer.nevra), layer.header
    files = [(_live(entry, layout), entry.ghost) for entry in header.files]
    provided = dependencies_in(header.tags, *PROVIDES)
    return PackageScripts(
        package=package,
        files=tuple(path for path, _ghost in files),
        ghosts=frozenset(path for path, ghost in files if ghost),
        scriptlets=scriptlets_of(package, header.tags),
        file_triggers=file_triggers_of(package, header.tags),
        package_triggers=package_triggers_of(package, header.tags),
        accounts=account_lines(
            package,
            ((each.name, each.flags, each.version) for each in provided),
        ),
    )


def _live(entry: FileEntry, layout: BaseLayout) -> str:
    directory = (entry.mode & 0o170000) == 0o040000
    live = tree_path(entry.path, layout, directory=directory).live
    return live.decode("utf-8", "surrogateescape")


def order_item(header: PackageHeader, layout: BaseLayout) -> OrderItem:
    """Returns what of a package decides its place in a transaction."""
    files = [(_live(entry, layout), entry.color) for entry in header.files]
    return _order_item(header.nevra, header.tags, files, layout)


def departed_scripts(
    departed: Sequence[Departed], layout: BaseLayout
) -> tuple[PackageScripts, ...]:
    """Returns what packages of the base would run that go, in the order in which rpm erases them.

    A transaction gets to know of what replaced packages by the order of those that replace them,
    and of what a person removes after that.
    """
    known = sorted(departed, key=_known_by)
    scripts = {each.nevra: _scripts_of_departed(each) for each in known}
    items = [
        _order_item(
            each.nevra, each.tags, [(os.fsdecode(live), c) for live, c in each.files], layout
        )
        for each in known
    ]
    return tuple(scripts[nevra] for nevra in erase_order(items))


def _known_by(departed: Departed) -> tuple[bool, str, str]:
    return not departed.replaced_by, departed.replaced_by, str(departed.nevra)


def _scripts_of_departed(departed: Departed) -> PackageScripts:
    package = str(departed.nevra)
    return PackageScripts(
        package=package,
        files=tuple(os.fsdecode(live) for live, _colour in departed.files),
        scriptlets=scriptlets_of(package, departed.tags),
        file_triggers=file_triggers_of(package, departed.tags),
        package_triggers=package_triggers_of(package, departed.tags),
        kept=frozenset(map(os.fsdecode, departed.kept)),
        replaced_by=departed.replaced_by,
    )


def _order_item(
    nevra: Nevra,
    tags: Mapping[int, TagValue],
    files: Sequence[tuple[str, int]],
    layout: BaseLayout,
) -> OrderItem:
    def of(*kind: int) -> tuple[Dependency, ...]:
        return tuple(_canonical(each, layout) for each in dependencies_in(tags, *kind))

    return OrderItem(
        nevra=nevra,
        requires=of(*REQUIRES),
        provides=dependencies_in(tags, *PROVIDES),
        files=frozenset(path for path, _colour in files),
        recommends=(*of(*RECOMMENDS), *of(*SUGGESTS)),
        order_with=of(*ORDER_WITH),
        colour=reduce(or_, (colour for _path, colour in files), 0),
    )


def _canonical(dependency: Dependency, layout: BaseLayout) -> Dependency:
    if not dependency.name.startswith("/"):
        return dependency
    path = dependency.name.encode("utf-8", "surrogateescape")
    live = tree_path(path, layout).live.decode("utf-8", "surrogateescape")
    return Dependency(name=live, flags=dependency.flags, version=dependency.version)
