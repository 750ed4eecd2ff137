# SPDX-License-Identifier: LGPL-2.1-or-later
"""What can go wrong with scriptlets and triggers, said in rpm's terms.

One line each: what happened, where, whose it is. What a person can do about it is a note (PEP 678).
"""

from triggers.invocation import Outcome, describe_status
from triggers.phase import Phase


class TriggerError(Exception):
    """Root of every error that this package raises."""


class BrokenScriptTagsError(TriggerError):
    """A package header whose scriptlet or trigger arrays do not fit together."""

    def __init__(self, what: str, package: str) -> None:
        super().__init__(f"broken scriptlet tags, {what}, {package}")


class UnsupportedScriptletError(TriggerError):
    """A scriptlet that cannot be run as rpm would run it."""

    def __init__(self, what: str, label: str, name: str) -> None:
        super().__init__(f"scriptlet cannot be run, {what}, {label}")
        self.add_note(f"'--noscripts {name}' installs the package without its scriptlets")


class SandboxError(TriggerError):
    """The sandbox itself could not be set up; the scriptlet never started."""

    def __init__(self, what: str, label: str) -> None:
        super().__init__(f"sandbox not started, {what}, {label}")


class ScriptletFailedError(TriggerError):
    """A scriptlet failed whose failure stops the operation (%pretrans, %pre, sysusers)."""

    def __init__(self, outcome: Outcome) -> None:
        invocation = outcome.invocation
        how = describe_status(outcome)
        builtin = invocation.phase is Phase.BUILTIN
        what = invocation.label if builtin else invocation.phase
        whose = "built-in" if builtin else invocation.owner
        super().__init__(f"{what} failed with {how}, {whose}")
        self.outcome = outcome
        # Shown on the spot: nobody should have to look for what a script said.
        said = tuple(line.rstrip() for line in outcome.output.strip().splitlines())
        self.details = (*said, f"it ran as: {outcome.replay}")
        name = invocation.owner.rsplit("-", 2)[0]
        if not builtin:
            self.add_note(f"'--noscripts {name}' installs the package without its scriptlets")
