# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a run may be given to spare it scripts whose results are known.

Whoever knows how trees are stored implements it. The order of calls is the contract: for each
invocation either `recall` alone gives its output, or `begin`, the script itself and `keep` follow.
"""

from typing import Protocol

from triggers.invocation import Invocation, Outcome
from triggers.observed import Observed


class Memory(Protocol):
    """Results of scripts, by what they were made from."""

    def recall(self, invocation: Invocation) -> str | None:
        """Returns what a script would print, if its result is known and now in the tree.

        Only asked of an invocation with `memo`. The tree as others see it has the result from then
        on; the mounted one has it at the next `begin`.
        """

    def begin(self, invocation: Invocation) -> bool:
        """Makes the mounted tree complete for a script that really runs, whichever it is.

        Returns whether it is to be observed.
        """

    def keep(self, outcome: Outcome, observed: Observed | None) -> None:
        """Notes what came of a script once it has ended; None: nobody could observe it."""
