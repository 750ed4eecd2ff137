# SPDX-License-Identifier: LGPL-2.1-or-later
"""Changes to what an origin asks for: adding and dropping requests.

Requests are a set written in sorted order: the order in which a person typed them must not reach
the merged commit. What is there already is no error; what is not there cannot be dropped.
"""

import fnmatch
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from layering.errors import LayeringError
from layering.origin import LocalPackage, Origin
from layering.originvalues import NO_OVERRIDES, Overrides, sorted_overrides


class NotRequestedError(LayeringError):
    """Something is to be uninstalled that nobody asked for."""

    def __init__(self, specs: Sequence[str]) -> None:
        names = ", ".join(repr(spec) for spec in specs)
        super().__init__(f"nobody requested {names}: nothing to uninstall")


class Layered(Protocol):
    """What dropping a request needs to know of a layered package."""

    @property
    def nevra(self) -> str:
        """NAME-EVR.ARCH."""

    @property
    def name(self) -> str:
        """The package's name."""

    @property
    def reason(self) -> str:
        """Why it is there: "user" where a request names it itself."""

    @property
    def requested_by(self) -> tuple[str, ...]:
        """The requests that lead to it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What an operation wants the next tree to hold: the complete requests, sorted."""

    requested: tuple[str, ...]
    requested_local: tuple[LocalPackage, ...]
    overrides: Overrides = NO_OVERRIDES  # of base packages

    def __bool__(self) -> bool:
        return bool(self.requested or self.requested_local or self.overrides)

    @property
    def names(self) -> frozenset[str]:
        """Returns the words by which the solver knows the requests: a file's is its NEVRA."""
        return frozenset((*self.requested, *(package.nevra for package in self.requested_local)))

    def to_origin(self, origin: Origin) -> Origin:
        """Returns the origin with these requests in place of its own."""
        return origin.with_requests(
            requested=self.requested,
            requested_local=self.requested_local,
            overrides=self.overrides,
        )

    def without_requests(self) -> "Wanted":
        """Returns what is wanted of base packages alone."""
        return replace(NOTHING, overrides=self.overrides)


def current(origin: Origin) -> Wanted:
    """Returns what an origin asks for."""
    return _wanted(origin.requested, origin.requested_local, sorted_overrides(origin.overrides))


def adding(wanted: Wanted, specs: Sequence[str], local: Sequence[LocalPackage] = ()) -> Wanted:
    """Returns the requests with these added; a local package takes the place of an older one.

    Both are of one name then, and of one architecture, unless one of them is for all.
    """
    kept = [old for old in wanted.requested_local if not any(_replaces(new, old) for new in local)]
    return _wanted([*wanted.requested, *specs], [*kept, *local], wanted.overrides)


def dropping(wanted: Wanted, specs: Sequence[str], layered: Sequence[Layered]) -> Wanted:
    """Returns the requests without those that the specs name.

    A spec, which may be a glob, names a request by its text, or by the package that the request
    led to (`uninstall strace` takes back a request for `/usr/bin/strace`). A request that led to
    more packages than were named, and one that others need, stay: their text names them.

    Raises:
        NotRequestedError: for all specs that name none, with a hint where one is a dependency.
    """
    dropped: set[str] = set()
    dropped_local: set[LocalPackage] = set()
    missing: list[str] = []
    for spec in dict.fromkeys(specs):
        plain = {text for text in wanted.requested if _matches(spec, text)}
        files = {package for package in wanted.requested_local if _names_local(spec, package)}
        if not plain and not files:
            plain = _behind(spec, layered) & set(wanted.requested)
        dropped |= plain
        dropped_local |= files
        if not plain and not files:
            missing.append(spec)
    if missing:
        raise _not_requested(missing, layered)
    return _wanted(
        set(wanted.requested) - dropped,
        set(wanted.requested_local) - dropped_local,
        wanted.overrides,
    )


def _not_requested(missing: Sequence[str], layered: Sequence[Layered]) -> NotRequestedError:
    error = NotRequestedError(missing)
    needed = [
        f"{package.nevra} is there because of {', '.join(package.requested_by)}"
        for package in layered
        if package.requested_by and any(_names(spec, package) for spec in missing)
    ]
    instead = [
        f"{package.nevra} is in the place of a base package: overlay override reset {package.name}"
        for package in layered
        if package.reason == "override" and any(_names(spec, package) for spec in missing)
    ]
    for note in instead or needed or ["'overlay status' lists the requests"]:
        error.add_note(note)
    return error


def _behind(spec: str, layered: Sequence[Layered]) -> set[str]:
    """Returns the requests by another word that led to the packages which the spec names."""
    named: set[str] = set()
    for package in layered:
        if _names(spec, package):
            named |= _direct(package)
    beside = [package for package in layered if not _names(spec, package)]
    return named - {request for package in beside for request in _direct(package)}


def _direct(package: Layered) -> set[str]:
    """Returns the requests that ask for the package itself, not for what needs it."""
    if package.reason != "user":
        return set()
    if len(package.requested_by) == 1:
        return set(package.requested_by)
    words = (package.name, package.nevra)
    return {text for text in package.requested_by if text.rpartition("/")[2] in words}


def _names(spec: str, package: Layered) -> bool:
    arch = package.nevra.rpartition(".")[2]
    words = (package.name, f"{package.name}.{arch}", package.nevra)
    return any(_matches(spec, word) for word in words)


def _matches(spec: str, text: str) -> bool:
    return spec == text or fnmatch.fnmatchcase(text, spec)


def _names_local(spec: str, package: LocalPackage) -> bool:
    name, arch = _name_arch(package)
    return any(
        _matches(spec, word) for word in (str(package), package.nevra, name, f"{name}.{arch}")
    )


def _replaces(new: LocalPackage, old: LocalPackage) -> bool:
    (name, arch), (old_name, old_arch) = _name_arch(new), _name_arch(old)
    return name == old_name and (arch == old_arch or "noarch" in (arch, old_arch))


def _name_arch(package: LocalPackage) -> tuple[str, str]:
    return package.nevra.rsplit("-", 2)[0], package.nevra.rpartition(".")[2]


def _wanted(
    requested: Sequence[str] | set[str],
    local: Sequence[LocalPackage] | set[LocalPackage],
    overrides: Overrides,
) -> Wanted:
    return Wanted(
        requested=tuple(sorted(set(requested))),
        requested_local=tuple(sorted(set(local), key=str)),
        overrides=overrides,
    )


NOTHING = Wanted(requested=(), requested_local=())
