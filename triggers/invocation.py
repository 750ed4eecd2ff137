# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a plan is made of, and what comes of running it.

An invocation is exactly what runs: whatever rpm does inside its own process (Lua, defaults for
interpreters) has been turned into a program and its arguments by the time one exists.
"""

import signal
from dataclasses import dataclass

from triggers.phase import Phase


@dataclass(frozen=True, slots=True, kw_only=True)
class Invocation:
    """One script to run in the sandbox."""

    phase: Phase
    owner: str  # NEVRA, or the name of a built-in trigger
    label: str  # "%post(foo-1-1.noarch)", as rpm says it
    interpreter: tuple[str, ...]
    body: str | None = None  # None: the interpreter alone is the script, and gets no arguments
    args: tuple[str, ...] = ()  # $1, $2
    stdin: bytes | None = None  # None: at end of file from the start
    environment: tuple[tuple[str, str], ...] = ()  # on top of the sandbox's own
    expand: bool = False  # rpm expands macros in the body first
    query: str | None = None  # then it formats the body with this package's header: its NEVRA
    fatal: bool = False
    origin: str = ""  # of a declared trigger: "built-in", or its drop-in's path
    memo: bool = False  # whether its result may be remembered
    reads: tuple[str, ...] = ()  # what it is declared to depend on: PATH, DIR/* or DIR/**
    writes: tuple[str, ...] = ()  # what it is declared to change, likewise
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """A script that rpm would run and we don't, or a built-in trigger that has nothing to do."""

    phase: Phase
    owner: str
    label: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What runs over a tree before owners are fixed, and what after."""

    before: tuple[Invocation, ...] = ()
    after: tuple[Invocation, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    warnings: tuple[str, ...] = ()  # of triggers that are left out

    @property
    def why(self) -> tuple[str, ...]:
        """One line for each script, run or not; if there is none, the line that says so."""
        lines = [f"{each.label}: {each.why}" for each in self.before + self.after]
        lines += [f"{each.label} is skipped: {each.reason}" for each in self.skipped]
        return tuple(lines) or (
            "nothing to run: no scriptlets, and no path that a trigger watches",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of one invocation."""

    invocation: Invocation
    status: int  # as a shell has it: 128 + N for signal N
    seconds: float
    output: str  # stdout and stderr together; the middle is left out when it is long
    replay: str  # a line for a shell that runs the same again
    timed_out: bool = False
    excess: str = ""  # what it was stopped for: "more than 4096 processes"
    nothing_left: bool = False  # so that no script could run after it
    remembered: bool = False  # it did not run: what it would have done was known


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a run is; `phase` is "scripts"."""

    phase: str
    item: str
    done: int
    total: int
    unit: str


def describe_end(outcome: Outcome) -> str:
    """Returns how an outcome came about: "failed with exit status 3", "was stopped: …"."""
    how = "was stopped:" if outcome.excess or outcome.timed_out else "failed with"
    return f"{how} {describe_status(outcome)}"


def describe_status(outcome: Outcome) -> str:
    """Returns an outcome's status in words: "exit status 3", "signal SIGSEGV"."""
    if outcome.excess:
        return outcome.excess
    if outcome.timed_out:
        return f"no end after {outcome.seconds:.0f} seconds"
    if outcome.status > 128:
        try:
            return f"signal {signal.Signals(outcome.status - 128).name}"
        except ValueError:
            pass  # no such signal: a plain status after all
    return f"exit status {outcome.status}"
