# SPDX-License-Identifier: LGPL-2.1-or-later
"""What comes of a script, for tests of what is said of it."""

from triggers import Invocation, Outcome, Phase


def outcome(status: int, *, label: str = "%post(a-1-1.noarch)", output: str = "") -> Outcome:
    invocation = Invocation(
        phase=Phase.POST,
        owner="a-1-1.noarch",
        label=label,
        interpreter=("/bin/sh",),
        why="it is installed",
    )
    return Outcome(
        invocation=invocation,
        status=status,
        seconds=1.5,
        output=output,
        replay="bwrap … /bin/sh",
    )
