# SPDX-License-Identifier: LGPL-2.1-or-later
"""RPM files as packages of one Base.

libdnf5 reads a file once and keeps its package to the end, so each file is added once, however many
goals have it. It passes over what does not end in `.rpm` without a word:
https://github.com/rpm-software-management/dnf5/blob/main/libdnf5/repo/repo_sack.cpp
"""

from collections.abc import Iterable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import libdnf5

from solver.errors import UnreadableRpmError
from solver.model import COMMANDLINE_REPO


class FilePackages:
    """The packages of all files that were ever added to a Base, by absolute path."""

    def __init__(self, base: Any, links: Path) -> None:
        self._base = base
        self._links = links  # a directory for links, made when it is needed
        self._numbers = count()
        self._packages: dict[Path, Any] = {}
        self._paths: dict[int, Path] = {}  # and back, by libdnf5's package id

    def __contains__(self, path: Path) -> bool:
        return path.absolute() in self._packages

    def __iter__(self) -> Iterator[Any]:
        return iter(self._packages.values())

    def __getitem__(self, path: Path) -> Any:
        return self._packages[path.absolute()]

    def path_of(self, package: Any) -> Path:
        """Returns the file that a package of the command line was read from."""
        return self._paths[int(package.get_id().id)]

    def add(self, paths: Iterable[Path]) -> None:
        """Reads the files that are new; what the configuration excludes does not become a package.

        Raises:
            UnreadableRpmError: a file is not a whole RPM.
        """
        names: dict[str, Path] = {}
        for path in dict.fromkeys(path.absolute() for path in paths):
            if path not in self._packages:
                names[str(self._rpm_name(path))] = path
        if not names:
            return
        try:
            self._base.get_repo_sack().add_cmdline_packages(sorted(names), False)
        except libdnf5.exception.Error as error:
            broken = next(
                (names[name] for name in sorted(names) if f'"{name}"' in str(error)), None
            )
            cause = str(error).rpartition(": ")[2]
            raise UnreadableRpmError(broken or Path("?"), cause) from error
        query = libdnf5.rpm.PackageQuery(self._base)
        query.filter_repo_id([COMMANDLINE_REPO])
        for package in query:
            name = str(package.get_package_path())
            if name in names:
                self._packages[names[name]] = package
                self._paths[int(package.get_id().id)] = names[name]

    def _rpm_name(self, path: Path) -> Path:
        """Returns a path to the file that ends in .rpm."""
        if path.name.endswith(".rpm"):
            return path
        link = self._links / f"{next(self._numbers)}.rpm"
        link.parent.mkdir(exist_ok=True)
        link.symlink_to(path)
        return link
