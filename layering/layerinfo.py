# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a layer commit says of the package it was made from, and how that is written in it.

The keys are `overlay.nevra`, `overlay.digest` and `overlay.layout` (s), `overlay.importer-version`
(u), `overlay.header` (ay: all of the RPM before its payload), `overlay.owners` (a(ayssus): path,
user, group, mode and capabilities of what isn't root's), `overlay.owned-dirs` (aay: which
directories the RPM lists) and, where there is something to say, `overlay.labels` (s: the policy
that labelled it), `overlay.dropped` (as: what was left out) and `overlay.top-level` (aay: the
directories of / that it needed leave for). Paths are the tree's; of what was left out, the RPM's.

A layer that needed leave is there for hosts that give it: `refuse_places` is for whoever takes one.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from layering._ostree import GLib
from layering.errors import BrokenObjectError
from layering.header import PackageHeader, parse_header
from layering.layerplan import LayerPlan, plan_layer
from layering.objects import Commit, bytes_variant
from layering.owners import OwnedPath
from layering.paths import BaseLayout
from layering.repo import Repo
from layering.versions import IMPORTER_VERSION
from solver import Nevra

_HEADER = "overlay.header"
_OWNERS = "overlay.owners"
_OWNED_DIRS = "overlay.owned-dirs"
_DROPPED = "overlay.dropped"
_TOP_LEVEL = "overlay.top-level"


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """One package in the repository."""

    nevra: Nevra
    digest: str  # "sha256:…" of the RPM file
    ref: str
    commit: str  # 64 hexadecimal digits


@dataclass(frozen=True, kw_only=True)
class LayerInfo:
    """A layer with what its commit says; no slots, as `header` keeps what it has parsed."""

    layer: Layer
    owners: tuple[OwnedPath, ...]  # what isn't root:root
    owned_dirs: tuple[bytes, ...]  # directories that the RPM itself lists
    stub: bytes  # the RPM up to its payload
    dropped: tuple[str, ...] = ()  # special files that were left out: "/dev/x: device node"

    @cached_property
    def header(self) -> PackageHeader:
        """The package's header; BrokenPackageError if what the commit has is none."""
        return parse_header(self.stub, self.layer.ref)


def layer_info(repo: Repo, layer: Layer) -> LayerInfo:
    """Returns what a layer's commit says.

    Raises:
        BrokenObjectError: it says less than an importer wrote.
        UnknownRevisionError: the commit is gone.
    """
    commit = repo.commit_of(layer.commit)
    stub = commit.raw(_HEADER)
    if stub is None:
        raise BrokenObjectError(layer.commit, f"no {_HEADER}")
    return LayerInfo(
        layer=layer,
        owners=tuple(_owned(row) for row in _children(commit, _OWNERS, "a(ayssus)")),
        owned_dirs=tuple(_bytes(row) for row in _children(commit, _OWNED_DIRS, "aay")),
        stub=stub,
        dropped=_texts(commit.metadata.lookup_value(_DROPPED, GLib.VariantType.new("as"))),
    )


def refuse_places(repo: Repo, layer: Layer, layout: BaseLayout, *, dropping: bool = False) -> None:
    """Raises what importing the package anew would, where it fills what is not allowed any more.

    Raises:
        UnsupportedPathError: a top-level directory was allowed when the layer was made, and isn't.
    """
    commit = repo.commit_of(layer.commit)
    if commit.metadata.lookup_value(_TOP_LEVEL, None) is not None:
        plan_layer(layer_info(repo, layer).header, layout, drop_special=dropping)


def layer_metadata(
    header: PackageHeader, plan: LayerPlan, digest: str, layout: BaseLayout, labels: str = ""
) -> Mapping[str, GLib.Variant]:
    """Returns the metadata of a layer's commit; `labels` is the key of the policy, if any."""
    optional = {}
    if labels:
        optional["overlay.labels"] = GLib.Variant.new_string(labels)
    if plan.dropped:
        optional[_DROPPED] = GLib.Variant.new_strv(list(plan.dropped))
    if plan.top_level:
        optional[_TOP_LEVEL] = _array("ay", (bytes_variant(name) for name in plan.top_level))
    return {
        **optional,
        "overlay.nevra": GLib.Variant.new_string(str(header.nevra)),
        "overlay.digest": GLib.Variant.new_string(digest),
        "overlay.layout": GLib.Variant.new_string(layout.key),
        "overlay.importer-version": GLib.Variant.new_uint32(IMPORTER_VERSION),
        _HEADER: bytes_variant(header.prefix),
        _OWNERS: _array("(ayssus)", (_owner_row(owned) for owned in plan.owners)),
        _OWNED_DIRS: _array("ay", (bytes_variant(path) for path in sorted(plan.directories))),
    }


def _owner_row(owned: OwnedPath) -> GLib.Variant:
    return GLib.Variant.new_tuple(
        bytes_variant(owned.path),
        GLib.Variant.new_string(owned.user),
        GLib.Variant.new_string(owned.group),
        GLib.Variant.new_uint32(owned.mode),
        GLib.Variant.new_string(owned.capabilities),
    )


def _owned(row: GLib.Variant) -> OwnedPath:
    child = row.get_child_value
    return OwnedPath(
        path=_bytes(child(0)),
        user=child(1).get_string(),
        group=child(2).get_string(),
        mode=child(3).get_uint32(),
        capabilities=child(4).get_string(),
    )


def _array(kind: str, rows: Iterable[GLib.Variant]) -> GLib.Variant:
    return GLib.Variant.new_array(GLib.VariantType.new(kind), list(rows))


def _children(commit: Commit, key: str, kind: str) -> Iterable[GLib.Variant]:
    value = commit.metadata.lookup_value(key, GLib.VariantType.new(kind))
    if value is None:
        raise BrokenObjectError(commit.checksum, f"no {key}")
    return [value.get_child_value(at) for at in range(value.n_children())]


def _texts(value: GLib.Variant | None) -> tuple[str, ...]:
    return () if value is None else tuple(value.get_strv())


def _bytes(value: GLib.Variant) -> bytes:
    return bytes(value.get_data_as_bytes().get_data() or b"")
