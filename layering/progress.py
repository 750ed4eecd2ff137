# SPDX-License-Identifier: LGPL-2.1-or-later
"""What an operation tells while it runs: events.

The library never prints: it calls a `Report`. How events are shown is the command line's business
(`layering.cli.showing`).
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class Kind(StrEnum):
    """What an event says of its phase."""

    START = "start"
    PROGRESS = "progress"
    END = "end"
    NOTE = "note"
    DETAIL = "detail"  # for who wants to know all of it
    WARNING = "warning"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One thing told: `done` of `total` in `unit`, or `seconds` at a phase's end.

    What goes with a warning, as the last words of a script, is its `details`, a line each.
    """

    kind: Kind
    phase: str
    item: str = ""
    done: int = 0
    total: int = 0
    unit: str = ""
    seconds: float = 0.0
    failed: bool = False  # how a phase ended
    details: tuple[str, ...] = ()


Report = Callable[[Event], None]


def silent(event: Event) -> None:
    """Tells nobody."""


@contextmanager
def phase(report: Report, name: str, item: str = "") -> Iterator[None]:
    """Reports the start and the end of a phase with its seconds, and whether the body failed."""
    report(Event(kind=Kind.START, phase=name, item=item))
    started = time.monotonic()
    failed = True
    try:
        yield
        failed = False
    finally:
        seconds = time.monotonic() - started
        report(Event(kind=Kind.END, phase=name, item=item, seconds=seconds, failed=failed))


class Step(Protocol):
    """How far something is: what the other rooms tell."""

    @property
    def phase(self) -> str:
        """Of what."""

    @property
    def item(self) -> str:
        """What is done just now."""

    @property
    def done(self) -> int:
        """How many units are done."""

    @property
    def total(self) -> int:
        """How many there are; 0 if that is not known."""

    @property
    def unit(self) -> str:
        """What is counted."""


def step(report: Report, told: Step) -> None:
    """Reports how far another room is."""
    report(
        Event(
            kind=Kind.PROGRESS,
            phase=told.phase,
            item=told.item,
            done=told.done,
            total=told.total,
            unit=told.unit,
        )
    )


def note(report: Report, name: str, text: str) -> None:
    """Reports something worth a line that is no problem."""
    report(Event(kind=Kind.NOTE, phase=name, item=text))


def detail(report: Report, name: str, text: str) -> None:
    """Reports what is worth a line only to who asked for more."""
    report(Event(kind=Kind.DETAIL, phase=name, item=text))


def warn(report: Report, name: str, text: str, details: Sequence[str] = ()) -> None:
    """Reports a problem that does not stop the operation, with lines that belong to it."""
    report(Event(kind=Kind.WARNING, phase=name, item=text, details=tuple(details)))
