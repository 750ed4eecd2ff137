# SPDX-License-Identifier: LGPL-2.1-or-later
"""From RPM files to layer commits: once per package, and only after everything was checked.

A layer is the package's files in their final places, root's all of them, with the header and the
owners beside in the commit's metadata. It is a function of the package, this importer's version,
the base's layout and the policy for labels alone, and of whether special files may be left out:
equal inputs give an equal checksum on every host. Which top-level directories a host allows is not
among them: one that is not allowed, or not any more, refuses the package, made before or not. The
packages of one call land together with their refs, or none does.
"""

import os
import stat
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from threading import Event as Flag

from layering import interrupts
from layering._ostree import GLib
from layering.errors import BrokenPackageError
from layering.header import PackageHeader, read_header
from layering.labels import UNLABELLED, Labels
from layering.layerfiles import write_files
from layering.layerinfo import Layer, LayerInfo, layer_info, layer_metadata, refuse_places
from layering.layerplan import LayerPlan, plan_layer
from layering.layertree import write_layer_tree
from layering.owners import OwnedPath
from layering.package_errors import FormatError
from layering.paths import BaseLayout
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
    "known_layer",
    "layer_info",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Making:
    """What shapes a layer beside its package."""

    layout: BaseLayout
    labels: Labels = UNLABELLED
    drop_special: frozenset[str] = frozenset()

    def ref(self, nevra: Nevra, digest: str) -> str:
        """Returns the ref of the layer that a package becomes."""
        return layer_ref(
            nevra,
            digest,
            IMPORTER_VERSION,
            self.layout.key,
            labels=self.labels.key,
            dropping=nevra.name in self.drop_special,
        )


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
    rpms: Sequence[VerifiedRpm],
    repo: Repo,
    layout: BaseLayout,
    report: Report = silent,
    *,
    labels: Labels = UNLABELLED,
    drop_special: frozenset[str] = frozenset(),
) -> tuple[Layer, ...]:
    """Returns the layers of packages, in their order; those that are cached are not even opened.

    `labels` says which labels their files carry, `drop_special` the names of the packages whose
    device nodes, pipes and sockets are left out; others must have none.

    Raises:
        BrokenPackageError: an RPM contradicts itself, or is not the one that was verified.
        UnsupportedPathError: an RPM brings what a tree of this layout cannot hold.
        RepoError: the repository cannot be written.
    """
    making = _Making(layout=layout, labels=labels, drop_special=drop_special)
    cached = [_cached(repo, rpm.package.nevra, rpm.package.digest, making) for rpm in rpms]
    missing = [rpm for rpm, layer in zip(rpms, cached, strict=True) if layer is None]
    if missing:
        imported = iter(_import_all(missing, repo, making, report))
        cached = [layer or next(imported) for layer in cached]
    return tuple(layer for layer in cached if layer)


def cached_layer(
    repo: Repo,
    nevra: Nevra,
    digest: str,
    layout: BaseLayout,
    *,
    labels: Labels = UNLABELLED,
    drop_special: frozenset[str] = frozenset(),
) -> Layer | None:
    """Returns the layer that `import_packages` made of a package, given the same, if it has.

    Raises:
        UnsupportedPathError: the package fills a top-level directory that is not allowed any more.
    """
    making = _Making(layout=layout, labels=labels, drop_special=drop_special)
    return _cached(repo, nevra, digest, making)


def known_layer(
    repo: Repo,
    nevra: Nevra,
    digest: str,
    layout: BaseLayout,
    *,
    labels: Labels = UNLABELLED,
    drop_special: frozenset[str] = frozenset(),
) -> Layer | None:
    """Returns the same as `cached_layer`, to be looked at alone: whatever is allowed just now."""
    making = _Making(layout=layout, labels=labels, drop_special=drop_special)
    return _known(repo, nevra, digest, making)


def _cached(repo: Repo, nevra: Nevra, digest: str, making: _Making) -> Layer | None:
    layer = _known(repo, nevra, digest, making)
    if layer is not None:
        refuse_places(repo, layer, making.layout, dropping=nevra.name in making.drop_special)
    return layer


def _known(repo: Repo, nevra: Nevra, digest: str, making: _Making) -> Layer | None:
    ref = making.ref(nevra, digest)
    commit = repo.try_resolve(ref)
    return Layer(nevra=nevra, digest=digest, ref=ref, commit=commit) if commit else None


def _import_all(
    rpms: Sequence[VerifiedRpm], repo: Repo, making: _Making, report: Report
) -> list[Layer]:
    # libostree takes objects from several threads into one transaction, and objects that come
    # after its end go to the repository itself. So all threads are at rest before it ends.
    with repo.transaction():
        drafts = _in_threads(rpms, repo, making, report)
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
    rpms: Sequence[VerifiedRpm], repo: Repo, making: _Making, report: Report
) -> list[_Draft]:
    failed = Flag()
    workers = min(len(rpms), len(os.sched_getaffinity(0)))
    with (
        interrupts.held() as interrupt,
        ThreadPoolExecutor(workers, thread_name_prefix="import") as pool,
    ):

        def step() -> None:
            if failed.is_set() or interrupt.came:
                raise InterruptedError("interrupted, or another package failed")

        tasks = {pool.submit(_import, rpm, repo, making, step): rpm for rpm in rpms}
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


def _import(rpm: VerifiedRpm, repo: Repo, making: _Making, step: Callable[[], None]) -> _Draft:
    package = rpm.package
    header = read_header(rpm.path)
    if header.nevra != package.nevra:
        raise BrokenPackageError(rpm.path, f"it is {header.nevra}, not {package.nevra}")
    plan = _plan(rpm, header, making)
    labels = making.labels
    files = write_files(rpm.path, header, plan, repo, digest=package.digest, step=step)
    for place, target in plan.links.items():
        xattrs = labels.xattrs(place, stat.S_IFLNK | 0o777)
        files[place] = repo.write_symlink(target, xattrs=xattrs)
    if plan.tmpfiles:
        files[plan.tmpfiles_path] = repo.write_regular(
            plan.tmpfiles,
            length=len(plan.tmpfiles),
            mode=0o644,
            xattrs=labels.xattrs(plan.tmpfiles_path, stat.S_IFREG | 0o644),
        )
    return _Draft(
        nevra=package.nevra,
        digest=package.digest,
        ref=making.ref(package.nevra, package.digest),
        tree=write_layer_tree(repo, files, plan.directories, labels),
        timestamp=header.build_time,
        metadata=layer_metadata(header, plan, package.digest, making.layout, labels.key),
    )


def _plan(rpm: VerifiedRpm, header: PackageHeader, making: _Making) -> LayerPlan:
    dropping = header.nevra.name in making.drop_special
    try:
        return plan_layer(header, making.layout, labels=making.labels, drop_special=dropping)
    except FormatError as error:
        raise BrokenPackageError(rpm.path, str(error)) from None
