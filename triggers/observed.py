# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a script was seen to look at.

A path counts as looked at whether or not anything was there: what is absent decides as much as what
is present. Where a name leads through links, each link and the place that is reached count as well,
so that links which the script itself has made on the way hide nothing.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """All that the result of a script can depend on in the tree, or why that cannot be said."""

    # Absolute paths inside the sandbox that it named (opened, stat'ed, executed, …, or failed to),
    # lexically normalised; and the links on the way, and what they lead to.
    looked: frozenset[str]
    listed: frozenset[str]  # directories whose names it read
    # Whether the linker's cache was named by anything but the loader, which takes from it what it
    # is asked for.
    whole_cache: bool = False
    doubts: tuple[str, ...] = ()  # why nothing may be concluded: "a 32-bit program", "chroot", …


class DoubtError(Exception):
    """Something was done of which cannot be said what it looks at; says what."""
