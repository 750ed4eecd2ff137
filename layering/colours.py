# SPDX-License-Identifier: LGPL-2.1-or-later
"""Which of two ELF files stands where packages of two word sizes bring one path.

rpm gives each ELF file a colour (1: 32 bits, 2: 64 bits) when a package is built, and lets the file
of the preferred colour win over another colour's without a conflict (`handleColorConflict` in
https://github.com/rpm-software-management/rpm/blob/master/lib/transaction.cc). Which colours count
at all, `%_transaction_color`, librpm reads from the macros of the machine that it runs on. A tree
must not depend on that: here it follows from the architectures of the tree's own packages, with the
values of rpm's own platform files.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

_COLOUR_BITS = 0x0F  # what rpm heeds of a file's colour
# Where rpm's platform files say 3, both word sizes: a 32-bit sibling exists, or might.
_WIDE = frozenset(
    """aarch64 amd64 ia32e loongarch64 mips64 mips64el mips64r6 mips64r6el ppc64 ppc64le ppc64p7
    riscv64 s390x sparc64 sparc64v x86_64 x86_64_v2 x86_64_v3 x86_64_v4""".split()
)


class Preferred(StrEnum):
    """Which of two files stands, an earlier or a later one."""

    EARLIER = "earlier"
    LATER = "later"


@dataclass(frozen=True, slots=True, kw_only=True)
class Colours:
    """The colours that count, as bits, and the one that wins; the default is a 64-bit system's."""

    known: int = 3
    preferred: int = 2

    def prefer(self, earlier: int, later: int) -> Preferred | None:
        """Returns which of two different files stands; None if their colours do not settle it."""
        one, other = (colour & _COLOUR_BITS & self.known for colour in (earlier, later))
        if not one or not other or one == other:
            return None
        if other & self.preferred:
            return Preferred.LATER
        return Preferred.EARLIER if one & self.preferred else None


COLOURLESS = Colours(known=0)


def colours_of(architectures: Iterable[str]) -> Colours:
    """Returns what counts in a tree with packages of these architectures."""
    return COLOURLESS if _WIDE.isdisjoint(architectures) else Colours()
