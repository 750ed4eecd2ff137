# SPDX-License-Identifier: LGPL-2.1-or-later
"""The layers of the pending tree, as the solver is offered them: header-only RPMs.

A layer that an earlier importer made serves on, as long as it has the base's layout.
"""

from pathlib import Path

from layering.importer import Layer, cached_layer, layer_info
from layering.repo import Repo
from layering.target import Target
from solver import LayerStub, Nevra


def serving_layer(
    repo: Repo,
    target: Target,
    nevra: Nevra,
    digest: str,
    drop_special: frozenset[str] = frozenset(),
) -> Layer | None:
    """Returns the layer that serves for a package of the pending tree."""
    layout, labels = target.base.layout, target.base.labels
    cached = cached_layer(repo, nevra, digest, layout, labels=labels, drop_special=drop_special)
    if cached is not None:
        return cached
    for record in target.tree.layers:
        commit = repo.try_resolve(record.commit) if record.digest == digest else None
        if commit and repo.commit_of(commit).text("overlay.layout") == layout.key:
            return Layer(nevra=nevra, digest=digest, ref="", commit=commit)
    return None


def write_stubs(repo: Repo, target: Target, directory: Path) -> tuple[LayerStub, ...]:
    """Writes the pending tree's layers as header-only RPMs; one that is gone is left out."""
    found = []
    for number, record in enumerate(target.tree.layers):
        nevra = Nevra.parse(record.nevra)
        layer = serving_layer(repo, target, nevra, record.digest)
        if layer is not None:
            path = directory / f"{number}.rpm"
            path.write_bytes(layer_info(repo, layer).stub)
            found.append(LayerStub(nevra=nevra, digest=record.digest, path=path))
    return tuple(found)
