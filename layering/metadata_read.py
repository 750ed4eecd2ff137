# SPDX-License-Identifier: LGPL-2.1-or-later
"""Reads what a tree's commit says of itself: a commit of ours, of rpm-ostree, or of anybody.

Nothing is assumed: a key that is absent, or of another type than `layering.metadata` writes, is as
if it were empty. rpm-ostree left keys out in earlier versions of its set, and composes have others.
"""

from collections.abc import Iterator, Mapping, Sequence

from layering._ostree import GLib
from layering.allowances import NOTHING, Allowances
from layering.metadata import (
    TYPES,
    LayerRecord,
    Replaced,
    RepositoryRecord,
    SkippedRecord,
    TreeMetadata,
    WarningRecord,
)
from layering.objects import Commit
from solver import Nevra


def read(commit: Commit) -> TreeMetadata:
    """Returns what a commit says, ours or rpm-ostree's."""
    found = _Found(commit.metadata)
    return TreeMetadata(
        layered=is_layered(commit),
        version=found.text("version"),
        linux=found.text("ostree.linux"),
        requested=tuple(map(str, found.rows("rpmostree.packages"))),
        packages=tuple(_packages(found.rows("rpmostree.rpmdb.pkglist"))),
        removed=tuple(_nevras(found.rows("rpmostree.removed-base-packages"))),
        replaced_local=_replaced(found.rows("rpmostree.replaced-base-packages")),
        replaced_remote=found.sources(),
        repositories=tuple(found.repositories()),
        layers=tuple(_layers(found.rows("overlay.layers"))),
        warnings=tuple(_warnings(found.rows("overlay.warnings"))),
        policy_version=found.number("overlay.policy-version"),
        allowances=found.allowances(),
        skip=tuple(map(str, found.rows("overlay.skip"))),
        triggers=tuple(_texts(found.rows("overlay.triggers"))),
        skipped=tuple(_skipped(found.rows("overlay.skipped"))),
        notes=tuple(map(str, found.rows("overlay.notes"))),
    )


def is_layered(commit: Commit) -> bool:
    """Returns whether a commit was made on a client on top of another, its parent."""
    flag = _Found(commit.metadata).value("rpmostree.clientlayer")
    if commit.parent is None:
        return False
    if flag is None:  # before version 1, its place was taken by a description of the layers
        return "rpmostree.spec" in commit.metadata.keys()  # noqa: SIM118
    return bool(flag.get_boolean())


def base_of(commit: Commit) -> str:
    """Returns the checksum of the base: the commit's own, if nothing is layered on it."""
    return commit.parent if commit.parent and is_layered(commit) else commit.checksum


class _Found:
    """Values of a commit's metadata, asked for by the type that they ought to have."""

    def __init__(self, metadata: GLib.Variant) -> None:
        self._metadata = metadata

    def value(self, key: str) -> GLib.Variant | None:
        return self._metadata.lookup_value(key, GLib.VariantType.new(TYPES[key]))

    def text(self, key: str) -> str:
        value = self.value(key)
        return "" if value is None else str(value.get_string())

    def number(self, key: str) -> int:
        value = self.value(key)
        return 0 if value is None else int(value.get_uint32())

    def rows(self, key: str) -> Sequence[object]:
        value = self.value(key)
        rows: Sequence[object] = () if value is None else value.unpack()
        return rows

    def sources(self) -> tuple[tuple[str, Replaced], ...]:
        value = self.value("rpmostree.replaced-base-remote-packages")
        found: Mapping[str, object] = {} if value is None else value.unpack()
        return tuple((source, _replaced(pairs)) for source, pairs in sorted(found.items()))

    def allowances(self) -> Allowances:
        value = self.value("overlay.allowances")
        return NOTHING if value is None else Allowances.of(value.unpack())

    def repositories(self) -> Iterator[RepositoryRecord]:
        for row in self.rows("rpmostree.rpmmd-repos"):
            match row:
                case {"id": str(name), "timestamp": int(timestamp)}:
                    yield RepositoryRecord(id=name, timestamp=timestamp)
                case {"id": str(name)}:
                    yield RepositoryRecord(id=name, timestamp=0)


def _packages(rows: Sequence[object]) -> Iterator[Nevra]:
    for row in rows:
        match row:
            case (str(name), str(epoch), str(version), str(release), str(arch)):
                number = int(epoch) if epoch.isdecimal() else 0
                yield Nevra(name=name, epoch=number, version=version, release=release, arch=arch)


def _nevras(rows: object) -> Iterator[Nevra]:
    """Yields the packages of rows that are variants: they may be anything."""
    for row in rows if isinstance(rows, (list, tuple)) else ():
        match row:
            case (str(), str(name), int(epoch), str(version), str(release), str(arch)):
                yield Nevra(name=name, epoch=epoch, version=version, release=release, arch=arch)


def _replaced(rows: object) -> Replaced:
    pairs = [tuple(_nevras(row)) for row in rows] if isinstance(rows, list) else []
    return tuple((pair[0], pair[1]) for pair in pairs if len(pair) == 2)


def _layers(rows: Sequence[object]) -> Iterator[LayerRecord]:
    for row in rows:
        match row:
            case (str(nevra), str(digest), str(commit), str(repo), str(reason), list(by)):
                yield LayerRecord(
                    nevra=nevra,
                    digest=digest,
                    commit=commit,
                    repo=repo,
                    reason=reason,
                    requested_by=tuple(map(str, by)),
                )


def _warnings(rows: Sequence[object]) -> Iterator[WarningRecord]:
    for row in rows:
        match row:
            case (str(package), str(phase), int(status), str(message)):
                yield WarningRecord(package=package, phase=phase, status=status, message=message)


def _texts(rows: Sequence[object]) -> Iterator[tuple[str, str]]:
    for row in rows:
        match row:
            case (str(first), str(second)):
                yield first, second


def _skipped(rows: Sequence[object]) -> Iterator[SkippedRecord]:
    for row in rows:
        match row:
            case (str(label), str(reason)):
                yield SkippedRecord(label=label, reason=reason)
