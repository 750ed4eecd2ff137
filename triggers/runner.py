# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs invocations one after the other, each in a sandbox of its own.

A body with macros or tags in it is written out first, by the tree's own rpm in the sandbox, in
rpm's order: macros, then tags of the package's header (rpm's lib/rpmscript.cc, rpmScriptNext).
"""

import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from triggers.cgroup import group
from triggers.commandline import replay_line
from triggers.errors import ScriptletFailedError
from triggers.execution import Bounds, Ended, execute
from triggers.ground import tidy, written_places
from triggers.invocation import Invocation, Outcome, Progress
from triggers.limits import Limits, Watch
from triggers.memory import Memory
from triggers.observed import Observed
from triggers.output import LIMIT
from triggers.process import Terms
from triggers.sandbox import Sandbox
from triggers.tools import vital_in

Report = Callable[[Progress], None]
After = Callable[[Outcome], None]

_WRITTEN_OUT_LIMIT = 1 << 22  # bytes of a body
_DEFAULT = Limits()


def ignore(_: object) -> None:
    """Reports nothing."""


def run(
    invocations: Iterable[Invocation],
    sandbox: Sandbox,
    *,
    report: Report = ignore,
    time_limit: float = 600.0,
    limits: Limits = _DEFAULT,
    after: After = ignore,
    memory: Memory | None = None,
) -> tuple[Outcome, ...]:
    """Runs `invocations` in order, each for at most `time_limit` seconds; returns the outcomes.

    `after` is called with each outcome once nothing that its script has started runs any more. With
    a `memory` a script whose result is known does not run.

    Raises:
        ScriptletFailedError: a fatal invocation failed, or one has left no room for the next, or
            no tree that could run it; those after it did not run.
        SandboxError: the sandbox could not be set up.
    """
    every = tuple(invocations)
    if not every:
        return ()
    outcomes: list[Outcome] = []
    vital = vital_in(sandbox.root)
    with bounds_of(sandbox, limits, time_limit) as bounds:
        for done, invocation in enumerate(every):
            report(_progress(invocation.label, done, len(every)))
            outcome = _run_one(invocation, sandbox, bounds, memory)
            after(outcome)
            outcomes.append(outcome)
            if outcome.status and (invocation.fatal or outcome.nothing_left):
                raise ScriptletFailedError(outcome)
            gone = next((path for path in vital if not os.path.lexists(path)), None)
            if gone is not None:
                raise ScriptletFailedError(outcome, removed=f"/{gone.relative_to(sandbox.root)}")
    report(_progress(every[-1].label, len(every), len(every)))
    return tuple(outcomes)


@contextmanager
def bounds_of(sandbox: Sandbox, limits: Limits, time_limit: float) -> Iterator[Bounds]:
    """Gives what holds for the scripts of one run."""
    try:
        with group(limits.processes, limits.memory_bytes) as ours:
            yield Bounds(
                terms=Terms(limits=limits, group=ours),
                watch=Watch(limits, written_places(sandbox), ours),
                seconds=time_limit,
            )
    finally:
        tidy(sandbox)


def written_out(invocation: Invocation, sandbox: Sandbox, bounds: Bounds) -> Invocation | Outcome:
    """Returns an invocation whose body is what its interpreter gets, or how that went wrong."""
    for step in (_expansion, _query):
        asked = step(invocation)
        if asked is None:
            continue
        room = replace(bounds, output=_WRITTEN_OUT_LIMIT)
        ended = execute(asked, sandbox, room, keep_errors_apart=True)
        written = ended.output.data()
        # rpm -q says what is wrong with a format, prints nothing, and calls it a success.
        if ended.status or not ended.output.complete or (ended.errors and not written):
            text = ended.errors.decode("utf-8", "replace") or ended.output.text()[:LIMIT]
            text = text if ended.output.complete else "too long once macros are written out\n"
            return _outcome(asked, sandbox, replace(ended, status=ended.status or 1), text)
        body = written.decode("utf-8", "surrogateescape")
        # rpm ends what --eval prints with a newline of its own, and what --qf prints with none.
        body = body.removesuffix("\n") if step is _expansion else body
        invocation = replace(invocation, body=body)
    return replace(invocation, expand=False, query=None)


def _expansion(invocation: Invocation) -> Invocation | None:
    if not invocation.expand:
        return None
    return _asked(invocation, ("rpm", "--eval", invocation.body or ""))


def _query(invocation: Invocation) -> Invocation | None:
    if invocation.query is None:
        return None
    words = ("rpm", "-q", "--qf", invocation.body or "", invocation.query)
    return _asked(invocation, words)


def _asked(invocation: Invocation, words: tuple[str, ...]) -> Invocation:
    return replace(
        invocation, interpreter=words, body=None, args=(), stdin=None, expand=False, query=None
    )


def _run_one(
    invocation: Invocation, sandbox: Sandbox, bounds: Bounds, memory: Memory | None
) -> Outcome:
    if memory is None:
        return _really(invocation, sandbox, bounds, observe=False)[0]
    began = time.monotonic()
    known = memory.recall(invocation) if invocation.memo else None
    if known is not None:
        return Outcome(
            invocation=invocation,
            status=0,
            seconds=time.monotonic() - began,
            output=known,
            replay=replay_line(invocation, sandbox),
            remembered=True,
        )
    observe = memory.begin(invocation)
    outcome, observed = _really(invocation, sandbox, bounds, observe=observe)
    memory.keep(outcome, observed)
    return outcome


def _really(
    invocation: Invocation, sandbox: Sandbox, bounds: Bounds, *, observe: bool
) -> tuple[Outcome, Observed | None]:
    final = written_out(invocation, sandbox, bounds)
    if isinstance(final, Outcome):
        return final, None
    ended = execute(final, sandbox, bounds, observe=observe)
    return _outcome(final, sandbox, ended, ended.output.text()), ended.observed


def _outcome(invocation: Invocation, sandbox: Sandbox, ended: Ended, output: str) -> Outcome:
    return Outcome(
        invocation=invocation,
        status=ended.status,
        seconds=ended.seconds,
        output=output,
        replay=replay_line(invocation, sandbox),
        timed_out=ended.timed_out,
        excess=ended.excess.what if ended.excess else "",
        nothing_left=ended.excess is not None and ended.excess.fatal,
    )


def _progress(item: str, done: int, total: int) -> Progress:
    return Progress(phase="scripts", item=item, done=done, total=total, unit="scripts")
