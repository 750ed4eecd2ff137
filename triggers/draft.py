# SPDX-License-Identifier: LGPL-2.1-or-later
"""A plan in the making: what is decided so far, for those who decide the rest."""

from dataclasses import dataclass, field

from triggers.change import TreeChange
from triggers.filetrigger import FileTrigger
from triggers.invocation import Skipped
from triggers.order import Source
from triggers.phase import Phase
from triggers.skiprule import SkipRule


@dataclass(slots=True)
class Draft:
    """A plan in the making."""

    change: TreeChange
    new: frozenset[str]  # NEVRAs of the packages that came
    going: frozenset[str]  # NEVRAs of those that went
    noscripts: frozenset[str]
    rules: tuple[SkipRule, ...] = ()
    skipped: list[Skipped] = field(default_factory=list)
    fired: list[FileTrigger] = field(default_factory=list)
    asked: dict[tuple[str, tuple[str, ...]], str] = field(default_factory=dict)

    def skip(self, phase: Phase, owner: str, label: str, reason: str) -> None:
        """Notes what does not run, and why."""
        self.skipped.append(Skipped(phase=phase, owner=owner, label=label, reason=reason))


def label_of(source: Source) -> str:
    """Returns how rpm calls a script in its messages: "%post(foo-1-1.noarch)"."""
    return f"{source.phase}({source.package})"
