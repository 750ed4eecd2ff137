# SPDX-License-Identifier: LGPL-2.1-or-later
"""What an operation would change, for a person to agree to, and for `-n` to show. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from layering.allowances import NOTHING, Allowances
from layering.packagediff import PackageDifference


class LayeredPackage(Protocol):
    """A package of the present tree, as its commit's metadata tells."""

    @property
    def nevra(self) -> str:
        """NAME-EVR.ARCH."""

    @property
    def name(self) -> str:
        """The package's name."""

    @property
    def digest(self) -> str:
        """The RPM's: two packages of one NEVRA may be two builds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposedPackage:
    """One package that the next tree holds, and why."""

    name: str
    evr: str
    arch: str
    digest: str
    repository: str
    download_size: int  # bytes still to fetch; 0 for what is cached as a layer
    install_size: int  # bytes
    why: str  # "requested", "for strace", "recommended by mc"

    @property
    def nevra(self) -> str:
        """NAME-EVR.ARCH."""
        return f"{self.name}-{self.evr}.{self.arch}"


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseChange:
    """Another base: another commit, another branch, or both."""

    refspec_before: str  # "" if the deployment followed no branch
    refspec_after: str
    commit_before: str
    commit_after: str
    version_before: str  # "" if it has none
    version_after: str
    packages: PackageDifference  # of the bases alone


@dataclass(frozen=True, slots=True, kw_only=True)
class Instead:
    """What is to stand in the place of a base package from now on."""

    old: str  # NEVRA
    package: ProposedPackage
    source: str  # "repo=ID" that it will follow; "": it is held

    @property
    def old_evr(self) -> str:
        """The base package's version."""
        return "-".join(self.old.rsplit("-", 2)[1:]).rpartition(".")[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Overridden:
    """What becomes of base packages that was not so before."""

    removed: tuple[str, ...] = ()  # NEVRAs
    replaced: tuple[Instead, ...] = ()
    restored: tuple[str, ...] = ()  # NEVRAs that are the base's own again
    resting: tuple[str, ...] = ()  # overrides without effect: names, or NEVRAs of what is held

    def __bool__(self) -> bool:
        return bool(self.removed or self.replaced or self.restored)


NOT_OVERRIDDEN = Overridden()


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """The difference between the pending tree's layers and the next tree's."""

    added: tuple[ProposedPackage, ...] = ()
    changed: tuple[tuple[str, ProposedPackage], ...] = ()  # (EVR before, package); may be equal
    removed: tuple[str, ...] = ()  # NEVRAs, sorted as all of these
    kept: tuple[str, ...] = ()  # NEVRAs
    inactive: tuple[str, ...] = ()  # requests that the base satisfies
    returning: tuple[str, ...] = ()  # requests that it no longer does
    requests_changed: bool = False
    base: BaseChange | None = None  # None: it stays
    allowances: Allowances = NOTHING  # those that newly apply
    overridden: Overridden = NOT_OVERRIDDEN

    @property
    def empty(self) -> bool:
        """Whether the next tree would be the present one."""
        moved = bool(self.added or self.changed or self.removed or self.overridden)
        return not (moved or self.requests_changed or self.base or self.allowances)

    @property
    def download_size(self) -> int:
        """Returns how many bytes are to be fetched."""
        changed = (package for _evr, package in self.changed)
        instead = (each.package for each in self.overridden.replaced)
        return sum(package.download_size for package in (*self.added, *changed, *instead))


def compare(
    present: Sequence[LayeredPackage],
    following: Sequence[ProposedPackage],
    *,
    inactive: tuple[str, ...] = (),
    returning: tuple[str, ...] = (),
    requests_changed: bool = False,
    base: BaseChange | None = None,
    allowances: Allowances = NOTHING,
    overridden: Overridden = NOT_OVERRIDDEN,
) -> Proposal:
    """Returns what changes from the layers of one tree to those of the next.

    A package takes the place of one of its name, of the same architecture if there is one. Another
    build of the same NEVRA is a change.
    """
    before = {(package.nevra, package.digest): package for package in present}
    after = {(package.nevra, package.digest): package for package in following}
    gone = [before[key] for key in sorted(before.keys() - after.keys())]
    added: list[ProposedPackage] = []
    changed: list[tuple[str, ProposedPackage]] = []
    for key in sorted(after.keys() - before.keys()):
        package = after[key]
        old = _predecessor(package, gone)
        if old is None:
            added.append(package)
        else:
            gone.remove(old)
            evr = old.nevra.removeprefix(f"{package.name}-").rpartition(".")[0]
            changed.append((evr, package))
    return Proposal(
        added=tuple(added),
        changed=tuple(changed),
        removed=tuple(package.nevra for package in gone),
        kept=tuple(nevra for nevra, _digest in sorted(after.keys() & before.keys())),
        inactive=inactive,
        returning=returning,
        requests_changed=requests_changed,
        base=base,
        allowances=allowances,
        overridden=overridden,
    )


def _predecessor(package: ProposedPackage, gone: Sequence[LayeredPackage]) -> LayeredPackage | None:
    same = [old for old in gone if old.name == package.name]
    exact = [old for old in same if old.nevra.endswith(f".{package.arch}")]
    return next(iter(exact or same), None)
