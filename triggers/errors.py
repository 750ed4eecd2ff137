# SPDX-License-Identifier: LGPL-2.1-or-later
"""What can go wrong with scriptlets and triggers, said in rpm's terms.

One line each: what happened, where, whose it is. What a person can do about it is a note (PEP 678).
"""

from triggers.declared import BUILT_IN
from triggers.invocation import Outcome, describe_end
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


class SkipRuleError(TriggerError):
    """A rule of the configuration that turns off no script that there could be."""

    def __init__(
        self, what: str, rule: str, *, slots: tuple[str, ...] = (), meant: str = ""
    ) -> None:
        super().__init__(f"no rule for scripts, {what}, {rule!r}")
        if meant:
            self.add_note(f'did you mean "{meant}"?')
        if slots:
            self.add_note(f"slots that run: {', '.join(slots)}")


class PatternError(TriggerError):
    """A pattern of paths that means nothing."""

    def __init__(self, what: str, pattern: str) -> None:
        super().__init__(f"no pattern of paths, {what}, {pattern!r}")
        self.what = what


class DropInError(TriggerError):
    """A drop-in file that cannot be used."""

    def __init__(self, what: str, path: str, hint: str = "") -> None:
        super().__init__(f"{what}: {path}")
        self.what = what
        self.path = path
        self.owner = ""
        self.hint = hint
        if hint:
            self.add_note(hint)

    def of(self, owner: str) -> None:
        """Says whose the file is."""
        self.owner = owner
        self.args = (f"{self.what}: {self.path} of {owner}",)


class TriggerOrderError(TriggerError):
    """Declared triggers that cannot be put in an order."""

    def __init__(self, what: str, among: tuple[str, ...]) -> None:
        super().__init__(f"no order of triggers, {what}")
        self.what = what
        self.among = among  # names of those that have to do with it


class SandboxError(TriggerError):
    """The sandbox itself could not be set up; the scriptlet never started."""

    def __init__(self, what: str, label: str) -> None:
        super().__init__(f"sandbox not started, {what}, {label}")


class StoppedError(TriggerError):
    """What a person ran in the sandbox was ended for taking too much of the machine."""

    def __init__(self, label: str, what: str) -> None:
        super().__init__(f"{label} was stopped, {what}")


class ScriptletFailedError(TriggerError):
    """A scriptlet failed whose failure stops the operation (%pretrans, %pre, sysusers).

    Or it has `removed` what no other can do without.
    """

    def __init__(self, outcome: Outcome, *, removed: str | None = None) -> None:
        invocation = outcome.invocation
        builtin = invocation.phase is Phase.BUILTIN
        what = invocation.label if builtin else invocation.phase
        whose = (invocation.origin or BUILT_IN) if builtin else invocation.owner
        how = f"has removed {removed}, which every tree needs" if removed else describe_end(outcome)
        super().__init__(f"{what} {how}, {whose}")
        self.outcome = outcome
        # Shown on the spot: nobody should have to look for what a script said.
        said = tuple(line.rstrip() for line in outcome.output.strip().splitlines())
        self.details = (*said, f"it ran as: {outcome.replay}")
        name = invocation.owner.rsplit("-", 2)[0]
        if not builtin:
            self.add_note(f"'--noscripts {name}' installs the package without its scriptlets")
