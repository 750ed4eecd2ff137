# SPDX-License-Identifier: LGPL-2.1-or-later
"""One invocation carried out: its output collected, its time and what else it takes watched."""

import os
import select
import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace

from triggers.commandline import command_of, environment_of, script_path_of
from triggers.errors import SandboxError
from triggers.invocation import Invocation
from triggers.limits import INTERVAL, Excess, Watch
from triggers.observed import Observed
from triggers.observer import observing
from triggers.output import LIMIT, Capture
from triggers.process import Command, Confined, Streams, Terms, confined, memory_file
from triggers.sandbox import Sandbox

_NOT_FOUND = 127  # rpm's status, and the shell's, for an interpreter that is not there
_KILLED = 128 + 9


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a process in the sandbox ended."""

    status: int
    output: Capture
    errors: bytes  # only where they were kept apart
    seconds: float
    timed_out: bool = False
    excess: Excess | None = None
    observed: Observed | None = None  # what it looked at, if that was asked for and could be seen


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """How long an invocation may go on, what it may take, and how much of its output is kept."""

    terms: Terms
    watch: Watch
    seconds: float
    output: int = LIMIT  # bytes of it that are kept


def command(invocation: Invocation) -> Command:
    """Returns what runs in the sandbox for an invocation."""
    body = invocation.body
    return Command(
        words=command_of(invocation),
        label=invocation.label,
        script=None if body is None else body.encode("utf-8", "surrogateescape"),
        script_path=script_path_of(invocation),
        environment=environment_of(invocation),
    )


def execute(
    invocation: Invocation,
    sandbox: Sandbox,
    bounds: Bounds,
    *,
    keep_errors_apart: bool = False,
    observe: bool = False,
) -> Ended:
    """Runs an invocation as it is, and returns how it ended, and with `observe` what it looked at.

    Raises:
        SandboxError: the sandbox could not be set up.
    """
    began = time.monotonic()
    capture = Capture(bounds.output)
    bounds.watch.begin()
    with ExitStack() as stack:
        errors = memory_file(stack, b"" if keep_errors_apart else None)
        stdin = memory_file(stack, invocation.stdin)
        streams = Streams(stdin=stdin, stderr=errors)
        observer = stack.enter_context(observing()) if observe else None
        prepare = observer.install if observer else None
        with confined(
            command(invocation), sandbox, streams, bounds.terms, prepare=prepare
        ) as running:
            in_time, excess = _follow(running, capture, began + bounds.seconds, bounds.watch)
            running.end()
            excess = excess or bounds.watch.excess(None)
            with suppress(BlockingIOError):
                while _take(_output_of(running), capture):
                    pass
        observed = observer.observed() if observer else None
        if observed and (not in_time or excess):
            observed = replace(observed, doubts=(*observed.doubts, "a script that was stopped"))
        apart = os.pread(errors, 1 << 16, 0) if errors is not None else b""
    status = running.status
    if in_time and not excess and not running.ran:
        status = _never_ran(apart or capture.data(), status, invocation.label)
    return Ended(
        status=status if in_time and not excess else _KILLED,
        output=capture,
        errors=apart,
        seconds=time.monotonic() - began,
        timed_out=not in_time,
        excess=excess,
        observed=observed,
    )


def _follow(
    running: Confined, capture: Capture, deadline: float, watch: Watch
) -> tuple[bool, Excess | None]:
    """Takes output until bubblewrap ends, or must; returns whether in time, and what was too much.

    Its output may be closed long before it ends.
    """
    output, poll = _output_of(running), select.poll()
    for each in (output, running.reports, running.ended):
        poll.register(each, select.POLLIN)
    look = time.monotonic() + INTERVAL
    while (now := time.monotonic()) < deadline:
        ready = {each for each, _ in poll.poll(max(0.0, min(deadline, look) - now) * 1000)}
        if output in ready and not _take(output, capture):
            poll.unregister(output)
        if running.reports in ready and not running.listen():
            poll.unregister(running.reports)
        if running.ended in ready:
            return True, None
        if time.monotonic() >= look:
            excess = watch.excess(running.namespace)
            if excess:
                return True, excess
            look = time.monotonic() + INTERVAL
    return False, None


def _output_of(running: Confined) -> int:
    assert running.process.stdout is not None  # it was started with a pipe
    descriptor = running.process.stdout.fileno()
    os.set_blocking(descriptor, False)
    return descriptor


def _take(output: int, capture: Capture) -> bool:
    """Takes what is there; returns whether there may be more."""
    data = os.read(output, 1 << 16)
    capture.add(data)
    return bool(data)


def _never_ran(output: bytes, status: int, label: str) -> int:
    """Returns the status of a command that bubblewrap could not start; raises if it did not try."""
    last = output.decode("utf-8", "replace").strip().rpartition("\n")[2]
    if last.startswith("bwrap: execvp "):
        return _NOT_FOUND
    if last.startswith("bwrap: "):
        raise SandboxError(last.removeprefix("bwrap: "), label)
    return status
