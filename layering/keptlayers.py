# SPDX-License-Identifier: LGPL-2.1-or-later
"""Layers that the repository keeps of a package, whichever tree they were made for.

An origin names a local package by the digest of its header; a layer holds the header, and so is
known by it. A request that the base meets has no layer in its tree: this is where it is found when
the base no longer does.
"""

import hashlib
from collections.abc import Iterator

from layering.layerinfo import Layer, layer_info
from layering.originvalues import LocalPackage
from layering.refs import LAYER_PREFIX, escape
from layering.repo import Repo
from solver import Nevra


def kept_layers(repo: Repo, nevra: Nevra) -> Iterator[Layer]:
    """Yields the layers of a NEVRA by their refs: of any build, importer and layout."""
    prefix = f"{LAYER_PREFIX}/{escape(nevra.name)}/{escape(f'{nevra.evr}.{nevra.arch}')}"
    for ref, commit in sorted(repo.refs(prefix).items()):
        digest = repo.commit_of(commit).text("overlay.digest")
        if digest:
            yield Layer(nevra=nevra, digest=digest, ref=ref, commit=commit)


def kept_of_local(repo: Repo, package: LocalPackage) -> Iterator[Layer]:
    """Yields the layers of a package that came as a file: of that very build."""
    for layer in kept_layers(repo, Nevra.parse(package.nevra)):
        if hashlib.sha256(layer_info(repo, layer).stub).hexdigest() == package.digest:
            yield layer
