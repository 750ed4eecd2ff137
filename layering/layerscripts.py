# SPDX-License-Identifier: LGPL-2.1-or-later
"""What layers bring to run, read from their headers, in the order in which rpm installs them."""

from collections.abc import Mapping, Sequence

from layering.fileentries import FileEntry
from layering.header import PackageHeader
from layering.headerindex import TagValue
from layering.importer import LayerInfo
from layering.paths import BaseLayout, tree_path
from layering.rpmtags import FileFlag
from solver import Dependency, OrderItem, install_order
from triggers import PackageScripts, file_triggers_of, package_triggers_of, scriptlets_of

# rpm's tags of a dependency's names, flags and versions.
_REQUIRES = (1049, 1048, 1050)
_PROVIDES = (1047, 1112, 1113)


def install_sequence(layers: Sequence[LayerInfo]) -> tuple[LayerInfo, ...]:
    """Returns the layers in install order."""
    if len(layers) < 2:
        return tuple(layers)
    by_nevra = {layer.layer.nevra: layer for layer in layers}
    order = install_order([_order_item(layer.header) for layer in layers])
    return tuple(by_nevra[nevra] for nevra in order)


def scripts_of(layer: LayerInfo, layout: BaseLayout) -> PackageScripts:
    """Returns a layer's files as the running system names them, its scriptlets and triggers."""
    package, header = str(layer.layer.nevra), layer.header
    return PackageScripts(
        package=package,
        files=tuple(
            _live(entry, layout) for entry in header.files if not entry.flags & FileFlag.GHOST
        ),
        scriptlets=scriptlets_of(package, header.tags),
        file_triggers=file_triggers_of(package, header.tags),
        package_triggers=package_triggers_of(package, header.tags),
    )


def _live(entry: FileEntry, layout: BaseLayout) -> str:
    directory = (entry.mode & 0o170000) == 0o040000
    live = tree_path(entry.path, layout, directory=directory).live
    return live.decode("utf-8", "surrogateescape")


def _order_item(header: PackageHeader) -> OrderItem:
    return OrderItem(
        nevra=header.nevra,
        requires=_dependencies(header.tags, *_REQUIRES),
        provides=_dependencies(header.tags, *_PROVIDES),
        files=frozenset(entry.path.decode("utf-8", "surrogateescape") for entry in header.files),
    )


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
