# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a merged tree is made from: all of it, and nothing that differs by host or day.

A checkout only saves time, as does what is known of earlier runs; the limits on scripts decide
whether there is a tree, not which.
"""

from dataclasses import dataclass

from layering.base import Base
from layering.departures import Departure
from layering.hosttriggers import HostFile
from layering.importer import LayerInfo
from layering.labels import Labels
from layering.workspace import Checkout
from triggers import SkipRule


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """What a merged tree is made from."""

    base: Base
    layers: tuple[LayerInfo, ...]
    checkout: Checkout | None  # an existing one near the result; None: a new one is made
    departures: tuple[Departure, ...] = ()  # packages of the base that go
    noscripts: frozenset[str] = frozenset()
    skip: tuple[SkipRule, ...] = ()  # scripts that are turned off, the base's triggers included
    triggers: tuple[HostFile, ...] = ()  # drop-ins of this host alone
    replacing: frozenset[str] = frozenset()  # packages whose files may take the place of others'
    time_limit: float = 600.0  # seconds for each script
    keep_failed: bool = False  # a tree that cannot be finished is kept as it is (`failedtree`)
    recall: bool = True  # what scripts gave before is used; False: each runs, and is kept anew

    @property
    def labels(self) -> Labels:
        """Returns the labels that files get until the merged tree's own policy is known."""
        return self.base.labels

    @property
    def timestamp(self) -> int:
        """Returns the newest time of the inputs, in seconds since 1970."""
        return max(
            (self.base.timestamp, *(layer.header.build_time for layer in self.layers)), default=0
        )
