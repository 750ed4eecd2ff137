# SPDX-License-Identifier: LGPL-2.1-or-later
"""From RPM files to layer commits: once per package, and only after everything was checked.

A layer is the package's files in their final places, root's all of them, with the header and the
owners beside in the commit's metadata. It is a function of the package, this importer's version and
the base's layout alone: equal inputs give an equal checksum on every host. The packages of one call
land together with their refs, or none does.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from threading import Event as Flag
from typing import IO, cast

from layering import interrupts
from layering._ostree import GLib
from layering.capabilities import XATTR, capability_xattr
from layering.errors import BrokenPackageError, UnsupportedPathError
from layering.fileentries import FileEntry
from layering.header import read_header
from layering.layerinfo import Layer, LayerInfo, layer_info, layer_metadata
from layering.layerplan import LayerPlan, PlannedFile, plan_layer
from layering.layertree import write_layer_tree
from layering.objects import Xattrs
from layering.owners import OwnedPath
from layering.package_errors import FormatError, shown
from layering.paths import BaseLayout
from layering.payload import Content, PayloadItem, read_payload
from layering.progress import Event, Kind, Report, silent
from layering.refs import layer_ref
from layering.repo import Repo
from layering.versions import IMPORTER_VERSION
from solver import Nevra, VerifiedRpm

__all__ = [
    "IMPORTER_VERSION",
    "Layer",
    "LayerInfo",
    "OwnedPath",
    "cached_layer",
    "import_packages",
    "layer_info",
]

_INLINE_MAX = 1 << 20  # bytes; larger files are streamed


@dataclass(frozen=True, slots=True, kw_only=True)
class _Draft:
    """A layer whose files are written and whose commit is not."""

    nevra: Nevra
    digest: str
    ref: str
    tree: tuple[str, str]  # checksums of the root's tree and metadata
    timestamp: int
    metadata: Mapping[str, GLib.Variant]


def import_packages(
    rpms: Sequence[VerifiedRpm], repo: Repo, layout: BaseLayout, report: Report = silent
) -> tuple[Layer, ...]:
    """Returns the layers of packages, in their order; those that are cached are not even opened.

    Raises:
        BrokenPackageError: an RPM contradicts itself, or is not the one that was verified.
        UnsupportedPathError: an RPM brings what a tree of this layout cannot hold.
        RepoError: the repository cannot be written.
    """
    cached = [cached_layer(repo, rpm.package.nevra, rpm.package.digest, layout) for rpm in rpms]
    missing = [rpm for rpm, layer in zip(rpms, cached, strict=True) if layer is None]
    if missing:
        imported = iter(_import_all(missing, repo, layout, report))
        cached = [layer or next(imported) for layer in cached]
    return tuple(layer for layer in cached if layer)


def cached_layer(repo: Repo, nevra: Nevra, digest: str, layout: BaseLayout) -> Layer | None:
    """Returns the layer that this importer made of a package for trees of a layout, if it has."""
    ref = layer_ref(nevra, digest, IMPORTER_VERSION, layout.key)
    commit = repo.try_resolve(ref)
    return Layer(nevra=nevra, digest=digest, ref=ref, commit=commit) if commit else None


def _import_all(
    rpms: Sequence[VerifiedRpm], repo: Repo, layout: BaseLayout, report: Report
) -> list[Layer]:
    # libostree takes objects from several threads into one transaction, and objects that come
    # after its end go to the repository itself. So all threads are at rest before it ends.
    with repo.transaction():
        drafts = _in_threads(rpms, repo, layout, report)
        return [_committed(repo, draft) for draft in drafts]


def _committed(repo: Repo, draft: _Draft) -> Layer:
    commit = repo.write_commit(
        tree=draft.tree,
        subject=str(draft.nevra),
        timestamp=draft.timestamp,
        metadata=draft.metadata,
    )
    repo.set_ref(draft.ref, commit)
    return Layer(nevra=draft.nevra, digest=draft.digest, ref=draft.ref, commit=commit)


def _in_threads(
    rpms: Sequence[VerifiedRpm], repo: Repo, layout: BaseLayout, report: Report
) -> list[_Draft]:
    failed = Flag()
    workers = min(len(rpms), len(os.sched_getaffinity(0)))
    with (
        interrupts.held() as interrupt,
        ThreadPoolExecutor(workers, thread_name_prefix="import") as pool,
    ):

        def stopped() -> bool:
            return failed.is_set() or interrupt.came

        tasks = {pool.submit(_import, rpm, repo, layout, stopped): rpm for rpm in rpms}
        try:
            for done, task in enumerate(as_completed(tasks), 1):
                task.result()
                report(_progress(str(tasks[task].package.nevra), done, len(rpms)))
        except BaseException:
            failed.set()
            pool.shutdown(wait=False, cancel_futures=True)
            if not interrupt.came:
                raise
    return [task.result() for task in tasks]


def _progress(item: str, done: int, total: int) -> Event:
    return Event(
        kind=Kind.PROGRESS, phase="import", item=item, done=done, total=total, unit="packages"
    )


def _import(
    rpm: VerifiedRpm, repo: Repo, layout: BaseLayout, stopped: Callable[[], bool]
) -> _Draft:
    package = rpm.package
    header = read_header(rpm.path)
    if header.nevra != package.nevra:
        raise BrokenPackageError(rpm.path, f"it is {header.nevra}, not {package.nevra}")
    plan = plan_layer(header, layout)
    files: dict[bytes, str] = {}
    for item in read_payload(rpm.path, header, digest=package.digest):
        if stopped():
            raise InterruptedError("interrupted, or another package failed")
        if item.content is not None:
            files |= _write_file(repo, plan, item, item.content, rpm)
    for place, target in plan.links.items():
        files[place] = repo.write_symlink(target)
    if plan.tmpfiles:
        content = plan.tmpfiles
        files[plan.tmpfiles_path] = repo.write_regular(content, length=len(content), mode=0o644)
    return _Draft(
        nevra=package.nevra,
        digest=package.digest,
        ref=layer_ref(package.nevra, package.digest, IMPORTER_VERSION, layout.key),
        tree=write_layer_tree(repo, files, plan.directories),
        timestamp=header.build_time,
        metadata=layer_metadata(header, plan, package.digest, layout),
    )


def _write_file(
    repo: Repo, plan: LayerPlan, item: PayloadItem, content: Content, rpm: VerifiedRpm
) -> dict[bytes, str]:
    """Writes the object of a file, or of all hard links of a set, and returns it by place."""
    entry = item.entries[0]
    planned = [plan.files[link.path] for link in item.entries]
    _check_links(item.entries, planned, rpm)
    checksum = repo.write_regular(
        # What the repository wants of a stream is `read`.
        content.read() if entry.size <= _INLINE_MAX else cast("IO[bytes]", content),
        length=entry.size,
        mode=planned[0].mode,
        xattrs=_xattrs(entry, rpm),
    )
    return {file.place: checksum for file in planned}


def _check_links(
    entries: Sequence[FileEntry], planned: Sequence[PlannedFile], rpm: VerifiedRpm
) -> None:
    if any(file.mode != planned[0].mode for file in planned):
        why = "hard links from /usr or /etc to elsewhere are not supported"
        raise UnsupportedPathError(str(rpm.package.nevra), shown(entries[0].path), why)


def _xattrs(entry: FileEntry, rpm: VerifiedRpm) -> Xattrs:
    if not entry.capabilities:
        return ()
    try:
        return ((XATTR, capability_xattr(entry.capabilities)),)
    except FormatError as error:
        raise BrokenPackageError(rpm.path, f"{shown(entry.path)}: {error}") from None
