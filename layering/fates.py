# SPDX-License-Identifier: LGPL-2.1-or-later
"""What becomes of a package's file where the base has another one already.

rpm asks each installed owner in turn (`handleInstInstalledFile` in
https://github.com/rpm-software-management/rpm/blob/master/lib/transaction.cc), and for %config also
the disk (`rpmfilesDecideFate`, `rpmfilesConfigConflict` in lib/rpmfi.cc). Two answers are not
rpm's. A file that no package owns, and that is no %config of the new one, rpm overwrites without a
word: here that is a conflict. And where headers agree, but the base has changed its file since, the
base's change stays: rpm would undo it.
"""

import stat
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from layering.claims import Claim, Difference, differences, in_order
from layering.colours import Colours, Preferred


class Fate(StrEnum):
    """Which file stands, and under what name the other one is kept."""

    KEEP = "keep"  # the base's; the package's is not in the tree
    COLOUR = "colour"  # the base's, as it is of the preferred colour
    TAKE = "take"  # the package's; the base's is gone
    NEW = ".rpmnew"  # the base's, and the package's beside it
    SAVE = ".rpmsave"  # the package's, and the base's beside it
    ORIG = ".rpmorig"  # so, too: no package owned the base's

    @property
    def base_stands(self) -> bool:
        """Whether the path remains the base's."""
        return self in (Fate.KEEP, Fate.COLOUR, Fate.NEW)

    @property
    def suffix(self) -> str:
        """What is added to the name of the file that is kept beside; "" if none is."""
        return self.value if self.value.startswith(".") else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseFile:
    """The file that the base has: its own claims, and how its content compares."""

    owners: Sequence[Claim]
    is_content_of: Callable[[Claim], bool]  # is it, to the byte or the link's target, a claim's?
    directly: tuple[Difference, ...]  # how it differs from the package's as it is in the tree


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What becomes of the package's file; conflicts name the base's packages (None: the base)."""

    fate: Fate
    conflicts: tuple[tuple[str | None, tuple[Difference, ...]], ...] = ()
    replaced: tuple[str | None, ...] = ()  # whose file would stand, had the package no leave


def fate_over_base(new: Claim, base: BaseFile, *, colours: Colours, forced: bool) -> Verdict:
    """Returns what becomes of a package's file that differs from the base's.

    `forced`: the package may take the place of others' files.
    """
    owners = [owner for owner in base.owners if owner.installed]
    if not owners:
        return _over_unowned(new, base, forced=forced)
    fate = Fate.KEEP
    conflicts: list[tuple[str | None, tuple[Difference, ...]]] = []
    replaced: list[str | None] = []
    for owner in owners:
        found = _compared(new, owner, base)
        disputed = found and not owner.going
        preferred = colours.prefer(owner.colour, new.colour) if disputed else None
        if preferred is Preferred.EARLIER:
            return Verdict(fate=Fate.COLOUR, conflicts=tuple(conflicts))
        if disputed and preferred is None:
            if forced:
                replaced.append(owner.package)
            else:
                conflicts.append((owner.package, found))
        if owner.config or new.config:
            fate = _config_fate(new, owner, base, differ=bool(found))
        elif found or owner.ghost or owner.going:
            fate = Fate.TAKE
    return Verdict(fate=fate, conflicts=tuple(conflicts), replaced=tuple(replaced))


def _compared(new: Claim, owner: Claim, base: BaseFile) -> tuple[Difference, ...]:
    if new.entry is None or owner.entry is None:
        return base.directly
    found = differences(owner, new)
    # Capabilities rpm does not compare. Losing or gaining some by the way is not for us to decide.
    if not found and owner.entry.capabilities != new.entry.capabilities and not owner.ghost:
        return in_order([(Difference.XATTRS,)])
    return found


def _over_unowned(new: Claim, base: BaseFile, *, forced: bool) -> Verdict:
    if new.config:
        if base.is_content_of(new):
            return Verdict(fate=Fate.TAKE)
        return Verdict(fate=Fate.NEW if new.noreplace else Fate.ORIG)
    if forced:
        return Verdict(fate=Fate.TAKE, replaced=(None,))
    return Verdict(fate=Fate.KEEP, conflicts=((None, base.directly),))


def _config_fate(new: Claim, owner: Claim, base: BaseFile, *, differ: bool) -> Fate:
    """Returns the fate of a file that is %config on either side."""
    if owner.entry is None or new.entry is None:
        return Fate.TAKE
    if not (stat.S_ISREG(owner.entry.mode) or stat.S_ISLNK(owner.entry.mode)):
        return Fate.TAKE
    if base.is_content_of(new):
        return Fate.TAKE if differ or owner.ghost else Fate.KEEP
    if base.is_content_of(owner):
        return Fate.TAKE
    if not new.config:
        return Fate.SAVE
    if not owner.ghost and _same_content(owner, new):
        return Fate.KEEP
    return Fate.NEW if new.noreplace else Fate.SAVE


def _same_content(owner: Claim, new: Claim) -> bool:
    unlike = (Difference.TYPE, Difference.CONTENT, Difference.TARGET)
    return not any(difference in unlike for difference in differences(owner, new))
