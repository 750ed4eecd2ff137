# SPDX-License-Identifier: LGPL-2.1-or-later
"""Deployments of a sysroot, as values, and the rules by which one of them is meant.

An operation looks at two: requests and kernel arguments go on from the *pending* tree, what is in
`/etc` comes from the one that is *booted*. In a sysroot that is not booted, the default deployment
(the first of its stateroot) is both.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from layering.origin import Origin


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """One bootable checkout of a commit."""

    index: int  # in the boot order, which is how users name it
    stateroot: str
    checksum: str
    serial: int  # tells deployments of one commit apart
    path: Path  # the checkout, absolute
    booted: bool
    staged: bool  # written, but put into the boot order only at shutdown
    pinned: bool
    pending: bool  # would be booted next, instead of the booted one
    rollback: bool  # what comes after the booted, or else the default one
    origin: Origin
    kargs: tuple[str, ...]
    base_checksum: str  # the commit's own, if nothing is layered
    timestamp: int  # the commit's, in seconds since 1970
    version: str  # the commit's, "" if it has none
    locked: bool = False  # staged, and not finalized at shutdown until it is told to be
    dropped_next: bool = False  # gives way when what is staged is finalized
    boot_checksum: str = ""  # of kernel and initramfs: names their directory in /boot
    origin_error: str = ""  # why the origin cannot be read: `origin` is empty then
    commit_error: str = ""  # why the commit cannot be: base, time and version are unknown then

    @property
    def id(self) -> str:
        """The name that rpm-ostree gives it, too: `STATEROOT-CHECKSUM.SERIAL`."""
        return f"{self.stateroot}-{self.checksum}.{self.serial}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a deployment stands in the boot order: all that the rules look at."""

    stateroot: str
    booted: bool = False
    staged: bool = False
    pinned: bool = False


def current_of(places: Sequence[Place], stateroot: str) -> int | None:
    """Returns the deployment that runs, or, if none of the stateroot does, that would.

    It is never the staged one: that has no `/etc` of its own yet.
    """
    mine = [
        at for at, place in enumerate(places) if place.stateroot == stateroot and not place.staged
    ]
    return next((at for at in mine if places[at].booted), mine[0] if mine else None)


def is_pending(places: Sequence[Place], at: int) -> bool:
    """Returns whether a deployment stands before the one that runs."""
    current = current_of(places, places[at].stateroot)
    return places[at].staged or (current is not None and at < current)


def is_rollback(places: Sequence[Place], at: int) -> bool:
    """Returns whether a deployment is the first of its stateroot behind the current one."""
    current = current_of(places, places[at].stateroot)
    if current is None or at <= current:
        return False
    return all(place.stateroot != places[at].stateroot for place in places[current + 1 : at])


def dropped_next(places: Sequence[Place]) -> list[int]:
    """Returns which deployments give way when what is staged is finalized.

    Those of its stateroot, but for what runs (or whose `/etc` it takes) and what is pinned
    (https://ostreedev.github.io/ostree/reference/ostree-OstreeSysroot.html, at
    `ostree_sysroot_simple_write_deployment`).
    """
    stateroot = next((place.stateroot for place in places if place.staged), None)
    if stateroot is None:
        return []
    current = current_of(places, stateroot)
    return [
        at
        for at, place in enumerate(places)
        if place.stateroot == stateroot
        and at != current
        and not (place.staged or place.booted or place.pinned)
    ]


def rolled_back(places: Sequence[Place], stateroot: str) -> tuple[int, ...] | None:
    """Returns the boot order in which the first two of a stateroot have changed places.

    With a pending deployment before the booted one that puts the booted one back on top. None, if
    there is nothing to change places with.
    """
    mine = [at for at, place in enumerate(places) if place.stateroot == stateroot]
    if len(mine) < 2:
        return None
    order = list(range(len(places)))
    order[mine[0]], order[mine[1]] = mine[1], mine[0]
    return tuple(order)


def kept(places: Sequence[Place], stateroot: str, *, pending: bool, rollback: bool) -> list[int]:
    """Returns what stays in the boot order when pending or rollback deployments are dropped.

    What runs, what is pinned, and other stateroots always stay.
    """
    current = current_of(places, stateroot)
    return [
        at
        for at, place in enumerate(places)
        if place.stateroot != stateroot
        or at == current
        or place.pinned
        or not (pending if is_pending(places, at) else rollback)
    ]
