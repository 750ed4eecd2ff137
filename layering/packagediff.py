# SPDX-License-Identifier: LGPL-2.1-or-later
"""What happened to packages between two sets of them. Pure.

A package that both sets have under one name and architecture, in different versions, is one that
moved; installonly packages, of which a set may hold several, are paired one by one.
"""

from dataclasses import dataclass

from solver import Nevra, compare_evr


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageDifference:
    """Packages by what happened to them; upgraded and downgraded as (before, after)."""

    added: tuple[Nevra, ...] = ()
    removed: tuple[Nevra, ...] = ()
    upgraded: tuple[tuple[Nevra, Nevra], ...] = ()
    downgraded: tuple[tuple[Nevra, Nevra], ...] = ()


def compare_packages(before: tuple[Nevra, ...], after: tuple[Nevra, ...]) -> PackageDifference:
    """Returns what happened between two sets; pairs are of one name and architecture."""
    gone = sorted(set(before) - set(after), key=str)
    come = sorted(set(after) - set(before), key=str)
    pairs = _pairs(gone, come)
    paired = {nevra for pair in pairs for nevra in pair}
    return PackageDifference(
        added=tuple(nevra for nevra in come if nevra not in paired),
        removed=tuple(nevra for nevra in gone if nevra not in paired),
        upgraded=tuple(pair for pair in pairs if compare_evr(pair[0].evr, pair[1].evr) < 0),
        downgraded=tuple(pair for pair in pairs if compare_evr(pair[0].evr, pair[1].evr) >= 0),
    )


def _pairs(gone: list[Nevra], come: list[Nevra]) -> list[tuple[Nevra, Nevra]]:
    waiting = {(nevra.name, nevra.arch): nevra for nevra in gone}
    found = []
    for nevra in come:
        old = waiting.pop((nevra.name, nevra.arch), None)
        if old is not None:
            found.append((old, nevra))
    return found
