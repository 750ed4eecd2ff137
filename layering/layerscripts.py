# SPDX-License-Identifier: LGPL-2.1-or-later
"""What layers bring to run, read from their headers, in the order in which rpm installs them."""

from collections.abc import Mapping, Sequence
from functools import reduce
from operator import or_

from layering.fileentries import FileEntry
from layering.header import PackageHeader
from layering.headerindex import TagValue
from layering.importer import LayerInfo
from layering.paths import BaseLayout, tree_path
from layering.providedaccounts import account_lines
from solver import Dependency, OrderItem, install_order
from triggers import PackageScripts, file_triggers_of, package_triggers_of, scriptlets_of

# rpm's tags of a dependency's names, flags and versions.
_REQUIRES = (1049, 1048, 1050)
_PROVIDES = (1047, 1112, 1113)
_ORDER_WITH = (5035, 5037, 5036)
_RECOMMENDS = (5046, 5048, 5047)
_SUGGESTS = (5049, 5051, 5050)


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
    provided = _dependencies(header.tags, *_PROVIDES)
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

    def of(*kind: int) -> tuple[Dependency, ...]:
        return tuple(_canonical(each, layout) for each in _dependencies(header.tags, *kind))

    return OrderItem(
        nevra=header.nevra,
        requires=of(*_REQUIRES),
        provides=_dependencies(header.tags, *_PROVIDES),
        files=frozenset(_live(entry, layout) for entry in header.files),
        recommends=(*of(*_RECOMMENDS), *of(*_SUGGESTS)),
        order_with=of(*_ORDER_WITH),
        colour=reduce(or_, (entry.color for entry in header.files), 0),
    )


def _canonical(dependency: Dependency, layout: BaseLayout) -> Dependency:
    if not dependency.name.startswith("/"):
        return dependency
    path = dependency.name.encode("utf-8", "surrogateescape")
    live = tree_path(path, layout).live.decode("utf-8", "surrogateescape")
    return Dependency(name=live, flags=dependency.flags, version=dependency.version)


def _dependencies(
    tags: Mapping[int, TagValue], names: int, flags: int, versions: int
) -> tuple[Dependency, ...]:
    texts = [_text(item) for item in _items(tags, names)]
    bits = [item if isinstance(item, int) else 0 for item in _items(tags, flags)]
    evrs = [_text(item) for item in _items(tags, versions)]
    bits += [0] * (len(texts) - len(bits))
    evrs += [""] * (len(texts) - len(evrs))
    return tuple(
        Dependency(name=name, flags=flag, version=version)
        for name, flag, version in zip(texts, bits, evrs, strict=False)
    )


def _items(tags: Mapping[int, TagValue], tag: int) -> tuple[int | bytes, ...]:
    value = tags.get(tag, ())
    return value if isinstance(value, tuple) else (value,)


def _text(item: int | bytes) -> str:
    return item.decode("utf-8", "surrogateescape") if isinstance(item, bytes) else str(item)
