# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a script was seen to look at.

A path counts as looked at whether or not anything was there: what is absent decides as much as what
is present. Links are not followed: whoever concludes something from a path has to look at every
link on the way as well.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """All that the result of a script can depend on in the tree, or why that cannot be said."""

    # Absolute paths inside the sandbox that it named (opened, stat'ed, executed, …, or failed to),
    # lexically normalised, links not followed.
    looked: frozenset[str]
    listed: frozenset[str]  # directories whose names it read
    doubts: tuple[str, ...] = ()  # why nothing may be concluded: "a 32-bit program", "chroot", …
