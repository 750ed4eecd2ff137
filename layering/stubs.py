# SPDX-License-Identifier: LGPL-2.1-or-later
"""The layers of the pending tree, as the solver is offered them: header-only RPMs.

A layer that an earlier importer made serves on, as long as it has the base's layout.
"""

from pathlib import Path

from layering.importer import Layer, known_layer, layer_info
from layering.keptlayers import kept_layers
from layering.layerinfo import refuse_places
from layering.repo import Repo
from layering.target import Target
from solver import LayerStub, Nevra, Reason


def serving_layer(
    repo: Repo,
    target: Target,
    nevra: Nevra,
    digest: str,
    drop_special: frozenset[str] = frozenset(),
) -> Layer | None:
    """Returns the layer that serves for a package of the pending tree.

    Raises:
        UnsupportedPathError: the package fills a top-level directory that is not allowed any more.
    """
    layer = _layer_there(repo, target, nevra, digest, drop_special)
    if layer is not None:
        dropping = nevra.name in drop_special
        refuse_places(repo, layer, target.base.layout, dropping=dropping)
    return layer


def _layer_there(
    repo: Repo,
    target: Target,
    nevra: Nevra,
    digest: str,
    drop_special: frozenset[str] = frozenset(),
) -> Layer | None:
    layout, labels = target.base.layout, target.base.labels
    cached = known_layer(repo, nevra, digest, layout, labels=labels, drop_special=drop_special)
    if cached is not None:
        return cached
    for record in target.tree.layers:
        commit = repo.try_resolve(record.commit) if record.digest == digest else None
        if commit and repo.commit_of(commit).text("overlay.layout") == layout.key:
            return Layer(nevra=nevra, digest=digest, ref="", commit=commit)
    kept = (layer for layer in kept_layers(repo, nevra) if layer.digest == digest)
    return next((layer for layer in kept if fits(repo, target, layer, drop_special)), None)


def fits(
    repo: Repo, target: Target, layer: Layer, drop_special: frozenset[str] = frozenset()
) -> bool:
    """Returns whether a layer that was made for some tree serves on the target's base."""
    if repo.commit_of(layer.commit).text("overlay.layout") != target.base.layout.key:
        return False
    return layer.nevra.name in drop_special or not layer_info(repo, layer).dropped


def write_stubs(repo: Repo, target: Target, directory: Path) -> tuple[LayerStub, ...]:
    """Writes the pending tree's layers as header-only RPMs; one that is gone is left out.

    One that is not allowed any more is among them: it may be what is about to be uninstalled.
    """
    found = []
    for number, record in enumerate(target.tree.layers):
        nevra = Nevra.parse(record.nevra)
        layer = _layer_there(repo, target, nevra, record.digest)
        if layer is not None:
            path = directory / f"{number}.rpm"
            path.write_bytes(layer_info(repo, layer).stub)
            groups = tuple(each for each in record.requested_by if each.startswith("@"))
            asked = record.reason in (Reason.GROUP, Reason.USER)
            found.append(
                LayerStub(
                    nevra=nevra, digest=record.digest, path=path, groups=groups if asked else ()
                )
            )
    return tuple(found)
