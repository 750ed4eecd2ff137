# SPDX-License-Identifier: LGPL-2.1-or-later
"""Requests that came as files, made ready for the solver: by their files, by layers, or not at all.

What the base has, in that version or a newer one, is asked of nobody: such a request rests, as one
of a repository's would, and no file has to be there for it. All others need the file that a person
just gave, or a layer of it: of the pending tree, or one that the repository keeps.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from layering import progress, rpmdb, rpmdb_query
from layering.errors import MissingLayerError, give_again
from layering.importer import layer_info
from layering.keptlayers import kept_of_local
from layering.localrpm import local_packages
from layering.origin import LocalPackage
from layering.repo import Repo
from layering.stubs import fits
from layering.target import Target
from solver import LayerStub, Nevra, compare_evr


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalRequests:
    """What the solver is given for requests that came as files."""

    files: tuple[Path, ...]  # RPMs, or stubs of layers
    stubs: tuple[LayerStub, ...]  # those of layers that are not the pending tree's
    resting: tuple[str, ...]  # NEVRAs of requests that the base meets


def local_requests(
    repo: Repo,
    target: Target,
    wanted: Sequence[LocalPackage],
    given: Mapping[LocalPackage, Path],
    stubs: Sequence[LayerStub],
    directory: Path,
    report: progress.Report,
) -> LocalRequests:
    """Returns what stands for requests: for one that is `given` just now, the file.

    Args:
        repo: holds the layers.
        target: on the next base.
        wanted: the requests.
        given: files of this command.
        stubs: of the pending tree's layers.
        directory: where further stubs are written.
        report: is told, where the base moves, which resting requests have no file for another.

    Raises:
        MissingLayerError: requests that the base does not meet, and of which no layer is there.
    """
    files: list[Path] = []
    more: list[LayerStub] = []
    resting: list[str] = []
    missing: list[str] = []
    base = _base_packages(target) if set(wanted) - given.keys() else ()
    for number, package in enumerate(wanted):
        if package in given:
            files.append(given[package])
            continue
        kept = directory / f"kept-{number}.rpm"
        stub = _stub_of(package, stubs) or _kept_stub(repo, target, package, kept)
        if _is_met(package, base):
            resting.append(package.nevra)
            if stub is None and target.base_commit != target.pending.base_checksum:
                _tell_of_no_file(package, report)
        elif stub is None:
            missing.append(package.nevra)
        else:
            files.append(stub.path)
            more += () if stub in stubs else (stub,)
    if missing:
        raise MissingLayerError(missing)
    return LocalRequests(files=tuple(files), stubs=tuple(more), resting=tuple(resting))


def local_overrides(
    repo: Repo,
    target: Target,
    wanted: Sequence[LocalPackage],
    given: Mapping[LocalPackage, Path],
    stubs: Sequence[LayerStub],
    directory: Path,
) -> LocalRequests:
    """Returns what stands for packages that replace those of the base, and are held as they are.

    One whose package the base does not have, or has just so, rests.

    Raises:
        MissingLayerError: of one that does not rest there is neither a file nor a layer.
    """
    files: list[Path] = []
    more: list[LayerStub] = []
    resting: list[str] = []
    missing: list[str] = []
    base = _base_packages(target) if wanted else ()
    names = {package.name for package in base}
    for number, package in enumerate(wanted):
        asked = Nevra.parse(package.nevra)
        if asked.name not in names or asked in base:
            resting.append(package.nevra)
            continue
        if package in given:
            files.append(given[package])
            continue
        kept = directory / f"held-{number}.rpm"
        stub = _stub_of(package, stubs) or _kept_stub(repo, target, package, kept)
        if stub is None:
            missing.append(package.nevra)
        else:
            files.append(stub.path)
            more += () if stub in stubs else (stub,)
    if missing:
        raise MissingLayerError(missing, overriding=True)
    return LocalRequests(files=tuple(files), stubs=tuple(more), resting=tuple(resting))


def _base_packages(target: Target) -> tuple[Nevra, ...]:
    database = rpmdb.database_in(target.base.installroot)
    return tuple(package.nevra for package in rpmdb_query.packages(database))


def _is_met(package: LocalPackage, base: Sequence[Nevra]) -> bool:
    asked = Nevra.parse(package.nevra)
    return any(
        has.name == asked.name
        and (has.arch == asked.arch or "noarch" in (has.arch, asked.arch))
        and compare_evr(has.evr, asked.evr) >= 0
        for has in base
    )


def _stub_of(package: LocalPackage, stubs: Sequence[LayerStub]) -> LayerStub | None:
    # An origin names a local package by the digest of its header, which the stub holds.
    of_it = (stub for stub in stubs if str(stub.nevra) == package.nevra)
    return next((stub for stub in of_it if package in local_packages([stub.path])), None)


def _kept_stub(repo: Repo, target: Target, package: LocalPackage, path: Path) -> LayerStub | None:
    kept = (layer for layer in kept_of_local(repo, package) if fits(repo, target, layer))
    layer = next(kept, None)
    if layer is None:
        return None
    path.write_bytes(layer_info(repo, layer).stub)
    return LayerStub(nevra=layer.nevra, digest=layer.digest, path=path)


def _tell_of_no_file(package: LocalPackage, report: progress.Report) -> None:
    progress.warn(
        report,
        "resolve",
        f"{package.nevra} came as a file that is not kept: the base has it, but for one that does "
        f"not, {give_again([package.nevra])}",
    )
