# SPDX-License-Identifier: LGPL-2.1-or-later
"""The answers to questions about packages: frozen values, as nothing of libdnf5's may leave."""

from dataclasses import dataclass
from enum import StrEnum

from solver.nevra import Nevra


class Field(StrEnum):
    """Where a word was found, the better place first."""

    EXACT_NAME = "name (exact)"
    NAME = "name"
    SUMMARY = "summary"
    DESCRIPTION = "description"
    URL = "url"


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageInfo:
    """What a tree's package database or a repository says of one package."""

    nevra: Nevra
    repo_id: str  # "" for a package of the tree
    installed: bool  # in the tree that was asked
    summary: str
    description: str
    url: str
    license: str
    vendor: str
    source: str  # file name of the source package, "" if there is none
    download_size: int  # bytes of the RPM file; 0 for a package of the tree
    install_size: int  # bytes
    build_time: int  # seconds since 1970


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """The packages that specs name; sorted by name, architecture and version."""

    installed: tuple[PackageInfo, ...] = ()
    available: tuple[PackageInfo, ...] = ()
    unmatched: tuple[str, ...] = ()  # specs without any


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A package that was searched for, and where its words are."""

    package: PackageInfo
    fields: tuple[Field, ...]  # never empty; in the order of `Field`


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """A package that provides what was asked for, and as what."""

    package: PackageInfo
    capabilities: tuple[str, ...]  # "name = 1:2-3", as the package has them
    paths: tuple[str, ...]
