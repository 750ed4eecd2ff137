# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a tree's commit says of itself beside its files: requests, packages, layers, warnings.

rpm-ostree takes a commit that has `rpmostree.clientlayer` for one of its own and aborts if a key of
that version's set is missing (`rpmostree_deployment_get_layered_info` in
https://github.com/coreos/rpm-ostree/blob/main/src/libpriv/rpmostree-util.cxx), so a layered tree
gets the complete set of version 6, and a composed base none of it. What only we need is under
`overlay.`. `layering.metadata_read` reads all of it back.
"""

import functools
import hashlib
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from layering._ostree import GLib
from layering.allowances import NOTHING, Allowances
from solver import Nevra, compare_evr

CLIENT_LAYER_VERSION = 6

# Every key that is written, with its type.
TYPES: Mapping[str, str] = {
    "version": "s",
    "ostree.bootable": "b",
    "ostree.linux": "s",
    "rpmostree.clientlayer": "b",
    "rpmostree.clientlayer_version": "u",
    "rpmostree.packages": "as",
    "rpmostree.modules": "as",
    "rpmostree.removed-base-packages": "av",
    "rpmostree.replaced-base-packages": "a(vv)",
    "rpmostree.replaced-base-remote-packages": "a{sv}",
    "rpmostree.rpmmd-repos": "aa{sv}",
    "rpmostree.rpmdb.pkglist": "a(sssss)",
    "rpmostree.state-sha512": "s",
    "overlay.layers": "a(sssssas)",
    "overlay.warnings": "a(ssis)",
    "overlay.policy-version": "u",
    "overlay.allowances": "a{sas}",
    "overlay.skip": "as",
    "overlay.triggers": "a(ss)",
    "overlay.skipped": "a(ss)",
    "overlay.notes": "as",
}
_ALWAYS = frozenset(
    {"rpmostree.rpmmd-repos", "rpmostree.rpmdb.pkglist"}
    | {"overlay.layers", "overlay.warnings", "overlay.policy-version"}
)
# Written where there is something to write.
_SOMETIMES = (
    *("overlay.allowances", "overlay.skip", "overlay.triggers"),
    *("overlay.skipped", "overlay.notes"),
)
Replaced = tuple[tuple[Nevra, Nevra], ...]  # (new, old)


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerRecord:
    """One layered package of a tree, and why it is there."""

    nevra: str
    digest: str  # "sha256:<hex>" of the RPM
    commit: str  # the layer's
    repo: str  # id of the repository it came from
    reason: str
    requested_by: tuple[str, ...]

    @property
    def name(self) -> str:
        """The package's name."""
        return self.nevra.rsplit("-", 2)[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class WarningRecord:
    """A scriptlet or trigger that failed without stopping the operation."""

    package: str  # NEVRA, or the name of a built-in trigger
    phase: str
    status: int
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SkippedRecord:
    """A script of a package that did not run, and why."""

    label: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RepositoryRecord:
    """A repository that was there when the tree was made."""

    id: str
    timestamp: int  # when its metadata was generated, in seconds since 1970


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeMetadata:
    """What a tree's commit says of itself; all of it may be empty in a commit of someone else's."""

    layered: bool = False  # made on a client from a base, which is the commit's parent
    version: str = ""
    linux: str = ""  # the kernel's version; "" for a tree that cannot be booted
    requested: tuple[str, ...] = ()
    packages: tuple[Nevra, ...] = ()  # all of the tree's, the base's too
    removed: tuple[Nevra, ...] = ()
    replaced_local: Replaced = ()
    replaced_remote: tuple[tuple[str, Replaced], ...] = ()  # by source: "repo=ID"
    repositories: tuple[RepositoryRecord, ...] = ()
    layers: tuple[LayerRecord, ...] = ()
    warnings: tuple[WarningRecord, ...] = ()
    policy_version: int = 0
    allowances: Allowances = NOTHING
    skip: tuple[str, ...] = ()  # rules of the host that kept scripts from running
    triggers: tuple[tuple[str, str], ...] = ()  # the host's own: file names, and digests or ""
    skipped: tuple[SkippedRecord, ...] = ()
    notes: tuple[str, ...] = ()  # warnings of no script's failure

    def pack(self) -> dict[str, GLib.Variant]:
        """Returns the commit's metadata, in which the order of what came in is not to be seen."""
        values: dict[str, object] = {
            "version": self.version,
            "ostree.bootable": True,
            "ostree.linux": self.linux,
            "rpmostree.clientlayer": True,
            "rpmostree.clientlayer_version": CLIENT_LAYER_VERSION,
            "rpmostree.packages": sorted(self.requested),
            "rpmostree.modules": [],
            "rpmostree.removed-base-packages": [_pack_nevra(n) for n in _sorted(self.removed)],
            "rpmostree.replaced-base-packages": _pack_replaced(self.replaced_local),
            "rpmostree.replaced-base-remote-packages": {
                source: GLib.Variant("a(vv)", _pack_replaced(pairs))
                for source, pairs in sorted(self.replaced_remote)
            },
            "rpmostree.rpmmd-repos": [self._pack_repository(r) for r in self.repositories],
            "rpmostree.rpmdb.pkglist": [_row(nevra) for nevra in _sorted(self.packages)],
            "rpmostree.state-sha512": self._state(),
            "overlay.layers": sorted(map(_pack_layer, self.layers)),
            "overlay.warnings": [(w.package, w.phase, w.status, w.message) for w in self.warnings],
            "overlay.policy-version": self.policy_version,
            "overlay.allowances": dict(sorted(self.allowances.to_dict().items())),
            "overlay.skip": sorted(self.skip),
            "overlay.triggers": sorted(self.triggers),
            "overlay.skipped": [(each.label, each.reason) for each in self.skipped],
            "overlay.notes": self.notes,
        }
        kept = [key for key in TYPES if self._has(key) or (key in _SOMETIMES and values[key])]
        return {key: GLib.Variant(TYPES[key], values[key]) for key in kept}

    def _has(self, key: str) -> bool:
        if key == "version":
            return bool(self.version)
        if key.startswith("ostree."):
            return bool(self.linux)
        return key in _ALWAYS or (self.layered and key not in _SOMETIMES)

    def _pack_repository(self, repository: RepositoryRecord) -> dict[str, GLib.Variant]:
        timestamp = repository.timestamp
        if (
            not self.layered
        ):  # rpm-ostree reads a base's numbers as big-endian, a client's as they are
            timestamp = int.from_bytes(timestamp.to_bytes(8, sys.byteorder), "big")
        packed = GLib.Variant("t", timestamp)
        return {"id": GLib.Variant("s", repository.id), "timestamp": packed}

    def _state(self) -> str:
        """Returns what rpm-ostree compares for changes; the one that it computes never matches."""
        lines = [f"policy {self.policy_version}", *sorted(f"request {r}" for r in self.requested)]
        lines += sorted(f"layer {layer.digest} {layer.nevra}" for layer in self.layers)
        lines += sorted(f"removed {nevra}" for nevra in self.removed)
        sources = (("", self.replaced_local), *self.replaced_remote)
        lines += sorted(f"replaced {s} {old} {new}" for s, pairs in sources for new, old in pairs)
        return hashlib.sha512("\n".join(lines).encode()).hexdigest()


def _sorted(nevras: Iterable[Nevra]) -> list[Nevra]:
    """Returns packages as rpm-ostree sorts them: by name, then version, then architecture."""
    by_version = functools.cmp_to_key(compare_evr)
    return sorted(nevras, key=lambda nevra: (nevra.name, by_version(nevra.evr), nevra.arch))


def _row(nevra: Nevra) -> tuple[str, str, str, str, str]:
    return nevra.name, str(nevra.epoch), nevra.version, nevra.release, nevra.arch


def _pack_nevra(nevra: Nevra) -> GLib.Variant:
    fields = (str(nevra), nevra.name, nevra.epoch, nevra.version, nevra.release, nevra.arch)
    return GLib.Variant("(sstsss)", fields)


def _pack_replaced(pairs: Replaced) -> list[tuple[GLib.Variant, GLib.Variant]]:
    ordered = sorted(pairs, key=lambda pair: tuple(map(str, pair)))
    return [(_pack_nevra(new), _pack_nevra(old)) for new, old in ordered]


def _pack_layer(layer: LayerRecord) -> tuple[str, str, str, str, str, list[str]]:
    by = sorted(layer.requested_by)
    return layer.nevra, layer.digest, layer.commit, layer.repo, layer.reason, by
