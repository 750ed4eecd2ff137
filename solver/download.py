# SPDX-License-Identifier: LGPL-2.1-or-later
"""Packages fetched through libdnf5, and nothing handed out whose digest was not seen to be right.

A fetched file lies in a directory that its digest names, so that what is there is either the right
file, a part of it, or broken. `file:` repositories are used in place.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import libdnf5

from solver.errors import BrokenDownloadError, DownloadError
from solver.identity import nevra_of
from solver.model import Package, Progress, Report, SackConfig, Source, VerifiedRpm
from solver.scratch import locked
from solver.signature import SignatureChecker
from solver.solution import digest_of, file_digest
from solver.transfer import Transfers


class Downloader:
    """Fetches and checks packages of one Base."""

    def __init__(self, base: Any, config: SackConfig, private: Path, report: Report) -> None:
        self._base = base
        self._cache_only = config.cache_only
        self._directory = config.cache_dir / "packages"
        self._signatures = SignatureChecker(base, private / "keyrings")
        self._report = report

    def download(self, packages: Sequence[Package]) -> tuple[VerifiedRpm, ...]:
        """Returns the checked file of each package, but of layers, in the given order.

        Raises:
            DownloadError, BrokenDownloadError, SignatureError
        """
        wanted = [package for package in packages if package.source is not Source.LAYER]
        remote = {
            package: self._find(package)
            for package in wanted
            if package.source is Source.REPOSITORY
        }
        paths = {package: package.path for package in wanted if package.path is not None}
        paths |= {package: self._place(package, found) for package, found in remote.items()}
        self._directory.mkdir(parents=True, exist_ok=True)
        with locked(self._directory):
            whole = self._digests(paths)
            missing = [package for package in remote if whole[package] != package.digest]
            self._fetch([(package, remote[package], paths[package]) for package in missing])
            whole |= self._digests({package: paths[package] for package in missing})
        verified = []
        for package in wanted:
            path = paths[package]
            if whole[package] != package.digest:
                raise self._broken(package, path, whole[package])
            self._signatures.check(package, remote.get(package), path)
            verified.append(VerifiedRpm(package=package, path=path))
        return tuple(verified)

    def _find(self, package: Package) -> Any:
        """Returns libdnf5's package again: the one of this digest, wherever the lock hides it."""
        sack = self._base.get_rpm_package_sack()
        sack.clear_user_excludes()
        sack.clear_versionlock_excludes()
        query = libdnf5.rpm.PackageQuery(self._base)
        query.filter_available()
        query.filter_repo_id([package.repo_id])
        query.filter_nevra([str(package.nevra)])
        for found in query:
            if digest_of(found) == package.digest and nevra_of(found) == package.nevra:
                return found
        raise DownloadError(
            str(package.nevra), package.repo_id, f"it has none with digest {package.digest}"
        )

    def _place(self, package: Package, found: Any) -> Path:
        """Returns where the package's file is, or is going to be."""
        for url in found.get_remote_locations():
            parts = urlsplit(str(url))
            if parts.scheme == "file" and Path(unquote(parts.path)).is_file():
                return Path(unquote(parts.path))
        name = os.path.basename(str(found.get_location()))  # noqa: PTH119 - as librepo names it
        return self._directory / package.digest.partition(":")[2] / name

    def _digests(self, paths: dict[Package, Path]) -> dict[Package, str]:
        """Returns the digest of each package's file, "" where there is none."""

        def digest(package: Package) -> str:
            path = paths[package]
            algorithm = package.digest.partition(":")[0]
            return file_digest(path, algorithm) if path.is_file() else ""

        with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
            return dict(zip(paths, pool.map(digest, paths), strict=True))

    def _fetch(self, missing: Iterable[tuple[Package, Any, Path]]) -> None:
        batch = [entry for entry in missing if entry[2].is_relative_to(self._directory)]
        if not batch:
            return
        if self._cache_only:
            package = batch[0][0]
            error = DownloadError(str(package.nevra), package.repo_id, "it is not in the cache")
            error.add_note("leave out --cache-only (-C) to fetch it")
            raise error
        transfers = Transfers(self._tell)
        downloader = libdnf5.repo.PackageDownloader(self._base)
        downloader.force_keep_packages(True)
        for number, (package, found, path) in enumerate(batch, 1):
            path.parent.mkdir(parents=True, exist_ok=True)
            # A part of a file is fetched on from where it ends; a whole wrong one is of no use.
            if path.is_file() and path.stat().st_size >= package.download_size:
                path.unlink()
            transfers.expect(number, str(package.nevra))
            downloader.add(found, str(path.parent), number)
        with transfers.attached(self._base):
            try:
                downloader.download()
            except libdnf5.exception.Error as error:
                transfers.raise_interruption()
                raise _download_error(batch, transfers.failures, str(error)) from error

    def _broken(self, package: Package, path: Path, found: str) -> BrokenDownloadError:
        if path.is_relative_to(self._directory):
            path.unlink(missing_ok=True)
        return BrokenDownloadError(
            str(package.nevra), package.repo_id, expected=package.digest, found=found or "no file"
        )

    def _tell(self, key: str, done: int, total: int) -> None:
        self._report(Progress(phase="download", item=key, done=done, total=total, unit="bytes"))


def _download_error(
    batch: Iterable[tuple[Package, Any, Path]], failures: dict[str, str], message: str
) -> DownloadError:
    failed = list(_failed(batch, failures))
    package = failed[0] if failed else next(iter(batch))[0]
    cause = failures.get(str(package.nevra), " ".join(message.split()))
    return DownloadError(str(package.nevra), package.repo_id, cause)


def _failed(
    batch: Iterable[tuple[Package, Any, Path]], failures: dict[str, str]
) -> Iterator[Package]:
    for package, _, _ in batch:
        if str(package.nevra) in failures:
            yield package
