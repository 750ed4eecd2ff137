# SPDX-License-Identifier: LGPL-2.1-or-later
"""libdnf5's packages as the values that questions are answered with, in one order."""

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from functools import cmp_to_key
from typing import Any

from solver.identity import nevra_of
from solver.nevra import compare_evr
from solver.queried import PackageInfo, Provider


def provider_of(package: Any, spec: str, paths: Sequence[str]) -> Provider:
    """Returns a package with what of it a spec, or one of the paths, asks for."""
    name = spec.split()[0] if spec.split() else spec
    capabilities = {
        str(reldep.to_string())
        for reldep in package.get_provides()
        if fnmatchcase(str(reldep.get_name()), name) or str(reldep.get_name()) == name
    }
    owned = {
        str(path)
        for path in package.get_files()
        if any(fnmatchcase(str(path), glob) or str(path) == glob for glob in paths)
    }
    return Provider(
        package=info_of(package),
        capabilities=tuple(sorted(capabilities)),
        paths=tuple(sorted(owned)),
    )


def infos_of(packages: Iterable[Any]) -> tuple[PackageInfo, ...]:
    """Returns packages as values, sorted."""
    return tuple(sorted(map(info_of, packages), key=place_of))


def info_of(package: Any) -> PackageInfo:
    """Returns a package as a value."""
    installed = bool(package.is_installed())
    return PackageInfo(
        nevra=nevra_of(package),
        repo_id="" if installed else str(package.get_repo_id()),
        installed=installed,
        summary=str(package.get_summary()),
        description=str(package.get_description()),
        url=str(package.get_url()),
        license=str(package.get_license()),
        vendor=str(package.get_vendor()),
        source=str(package.get_sourcerpm()),
        download_size=0 if installed else int(package.get_download_size()),
        install_size=int(package.get_install_size()),
        build_time=int(package.get_build_time()),
    )


_by_version = cmp_to_key(compare_evr)


def place_of(package: PackageInfo) -> tuple[object, ...]:
    """Returns by what packages are sorted: name, architecture, version, repository."""
    nevra = package.nevra
    return nevra.name, nevra.arch, _by_version(nevra.evr), package.repo_id
