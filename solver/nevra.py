# SPDX-License-Identifier: LGPL-2.1-or-later
"""A package's name, epoch, version, release and architecture, and rpm's order of versions.

The order is rpm's own: https://rpm-software-management.github.io/rpm/man/rpm-version.7
A release is only compared where both sides have one, as rpm does for dependencies.
"""

import re
from dataclasses import dataclass

_NEVRA = re.compile(
    r"(?P<name>[^\s/]+)-(?:(?P<epoch>[0-9]+):)?(?P<version>[^\s:/-]+)-(?P<release>[^\s:/-]+)"
    r"\.(?P<arch>[^\s:/.-]+)"
)
_EVR = re.compile(r"(?:(?P<epoch>[0-9]*):)?(?P<version>[^-]*)(?:-(?P<release>.*))?", re.DOTALL)
# What neither orders nor belongs to a run of digits or letters only separates. ASCII alone counts.
_SEPARATORS = re.compile(r"[^0-9A-Za-z~^]+")
_RUN = re.compile(r"[0-9]+|[A-Za-z]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Nevra:
    """The identity of a binary package."""

    name: str
    version: str
    release: str
    arch: str
    epoch: int = 0

    @property
    def evr(self) -> str:
        """Returns "epoch:version-release", without the epoch where it is 0."""
        epoch = f"{self.epoch}:" if self.epoch else ""
        return f"{epoch}{self.version}-{self.release}"

    def __str__(self) -> str:
        return f"{self.name}-{self.evr}.{self.arch}"

    @classmethod
    def parse(cls, text: str) -> "Nevra":
        """Reads "name-[epoch:]version-release.arch".

        Raises:
            ValueError: the text has no such form.
        """
        match = _NEVRA.fullmatch(text)
        if match is None:
            raise ValueError(f"'{text}' is not of the form name-[epoch:]version-release.arch")
        return cls(
            name=match["name"],
            epoch=int(match["epoch"] or 0),
            version=match["version"],
            release=match["release"],
            arch=match["arch"],
        )


def compare_evr(a: str, b: str) -> int:
    """Returns -1, 0 or 1 as `a`, "[epoch:]version[-release]", is older, equal or newer than `b`."""
    epoch_a, version_a, release_a = split_evr(a)
    epoch_b, version_b, release_b = split_evr(b)
    if epoch_a != epoch_b:
        return -1 if epoch_a < epoch_b else 1
    order = compare_versions(version_a, version_b)
    if order or release_a is None or release_b is None:
        return order
    return compare_versions(release_a, release_b)


def split_evr(text: str) -> tuple[int, str, str | None]:
    """Returns epoch (0 if there is none), version and release (None if there is none)."""
    match = _EVR.fullmatch(text)
    if match is None:  # a hyphen in the epoch's place cannot happen: the version ends there
        return 0, text, None
    return int(match["epoch"] or 0), match["version"], match["release"]


def compare_versions(a: str, b: str) -> int:
    """Returns -1, 0 or 1 for two version (or two release) strings, as rpm's rpmvercmp does."""
    while a or b:
        a, b = _drop_separators(a), _drop_separators(b)
        if a.startswith("~") or b.startswith("~"):
            # a tilde sorts before everything, even before the end
            if not (a.startswith("~") and b.startswith("~")):
                return -1 if a.startswith("~") else 1
            a, b = a[1:], b[1:]
            continue
        if a.startswith("^") or b.startswith("^"):
            # a caret sorts after the end, but before anything else that could follow
            if not (a.startswith("^") and b.startswith("^")):
                return _order_at_caret(a, b)
            a, b = a[1:], b[1:]
            continue
        if not (a and b):
            break
        run_a, run_b = _first_run(a), _first_run(b)
        order = _compare_runs(run_a, run_b)
        if order:
            return order
        a, b = a[len(run_a) :], b[len(run_b) :]
    return bool(a) - bool(b)


def _drop_separators(text: str) -> str:
    match = _SEPARATORS.match(text)
    return text[match.end() :] if match else text


def _order_at_caret(a: str, b: str) -> int:
    if not a:
        return -1
    if not b:
        return 1
    return -1 if a.startswith("^") else 1


def _first_run(text: str) -> str:
    match = _RUN.match(text)
    return match[0] if match else ""


def _compare_runs(a: str, b: str) -> int:
    if a[0].isdigit() != b[0].isdigit():
        return 1 if a[0].isdigit() else -1  # a number is newer than a word
    if a[0].isdigit():
        number_a, number_b = a.lstrip("0"), b.lstrip("0")
        if len(number_a) != len(number_b):
            return -1 if len(number_a) < len(number_b) else 1
        a, b = number_a, number_b
    return (a > b) - (a < b)
