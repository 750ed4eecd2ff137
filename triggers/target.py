# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a declared trigger is asked to do: one target for each distinct set of captures."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from triggers.declared import DeclaredTrigger
from triggers.filetrigger import PathList
from triggers.pattern import Pattern, compiled, filled


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One run that a trigger asks for: what was captured, and the paths that asked."""

    trigger: DeclaredTrigger
    captures: tuple[str, ...]  # values, in the order of `captures_of(trigger)`
    paths: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """What messages call the run: "gtk-update-icon-cache hicolor"."""
        return " ".join((self.trigger.name, *self.captures))

    def tool(self, exists: Callable[[str], bool]) -> str | None:
        """Returns the program to run, None if the tree has none of them."""
        return next((tool for tool in self.filled(self.trigger.tools) if exists(tool)), None)

    def filled(self, texts: Iterable[str]) -> tuple[str, ...]:
        """Returns texts of the trigger with the captures filled in."""
        values = dict(zip(captures_of(self.trigger), self.captures, strict=True))
        return tuple(filled(text, values) for text in texts)


def captures_of(trigger: DeclaredTrigger) -> tuple[str, ...]:
    """Returns the names of what a trigger's patterns capture, which is the same for all of them."""
    return compiled(trigger.paths[0]).captures


def targets(trigger: DeclaredTrigger, paths: PathList) -> Iterator[Target]:
    """Yields the runs that `paths`, which came or went, ask of a trigger, sorted by captures."""
    names = captures_of(trigger)
    but = [compiled(each) for each in trigger.but]
    found: dict[tuple[str, ...], set[str]] = {}
    for pattern in map(compiled, trigger.paths):
        order = [pattern.captures.index(name) for name in names]
        for path, values in pattern.matches(paths):
            if not _any(but, path):
                found.setdefault(tuple(values[at] for at in order), set()).add(path)
    for captures in sorted(found):
        yield Target(trigger=trigger, captures=captures, paths=tuple(sorted(found[captures])))


def _any(patterns: Iterable[Pattern], path: str) -> bool:
    return any(pattern.match(path) is not None for pattern in patterns)
