# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a person turns off for good: scripts of packages that do harm, or nothing, in a tree.

A rule is a package's name, which may have wildcards, and perhaps one slot: "NAME" or "NAME.%post".
Names may hold dots, so a slot is told by its percent sign. Unlike `--noscripts`, a rule also holds
for packages of the base, whose triggers run over what layers bring.
"""

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Self

from triggers.errors import SkipRuleError
from triggers.phase import RULES, Phase


@dataclass(frozen=True, slots=True, kw_only=True)
class SkipRule:
    """Which scripts never run."""

    package: str  # a name, may have wildcards
    phase: Phase | None = None  # None: every slot

    @classmethod
    def parse(cls, text: str) -> Self:
        """Returns the rule that `text` writes down.

        Raises:
            SkipRuleError: it names no package, or a slot that there is not or that never runs.
        """
        package, mark, slot = text.rpartition(".%") if ".%" in text else (text, "", "")
        if not package or "%" in package or any(char.isspace() for char in text):
            raise SkipRuleError("it has to be NAME or NAME.%SLOT", text)
        if not mark:
            name, _dot, word = text.rpartition(".")
            if name and f"%{word}" in _slots():
                raise SkipRuleError("a slot has a percent sign", text, meant=f"{name}.%{word}")
            return cls(package=package)
        try:
            phase = Phase(f"%{slot}")
        except ValueError:
            raise SkipRuleError(f"there is no slot %{slot}", text, slots=_slots()) from None
        if not RULES[phase].runs:
            raise SkipRuleError(f"%{slot} never runs", text, slots=_slots())
        return cls(package=package, phase=phase)

    def matches(self, name: str, phase: Phase) -> bool:
        """Whether the rule turns off a script of package `name`."""
        return fnmatchcase(name, self.package) and self.phase in (None, phase)

    def __str__(self) -> str:
        return self.package + (f".{self.phase}" if self.phase else "")


def _slots() -> tuple[str, ...]:
    return tuple(phase for phase, rule in RULES.items() if rule.runs and phase.startswith("%"))
