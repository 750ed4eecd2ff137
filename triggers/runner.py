# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs invocations one after the other, each in a sandbox of its own.

The script and what it reads are in memory files: nothing is written to the machine, and nothing of
the caller's is inherited. Killing bubblewrap kills everything that a script has started, as the
first process inside is the init of a process namespace and dies with it.
"""

import os
import select
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace

from triggers.errors import SandboxError, ScriptletFailedError
from triggers.invocation import Invocation, Outcome, Progress
from triggers.output import LIMIT, Capture
from triggers.replay import command_of, replay_line, script_path_of
from triggers.sandbox import Descriptors, Sandbox

Report = Callable[[Progress], None]

_NOT_FOUND = 127  # rpm's status, and the shell's, for an interpreter that is not there
_KILLED = 128 + 9
_EXPANSION_LIMIT = 1 << 22


def ignore(progress: Progress) -> None:
    """Reports nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ended:
    """How a process in the sandbox ended."""

    status: int
    output: Capture
    errors: bytes  # only where they were kept apart
    seconds: float
    timed_out: bool


def run(
    invocations: Iterable[Invocation],
    sandbox: Sandbox,
    *,
    report: Report = ignore,
    time_limit: float = 600.0,
) -> tuple[Outcome, ...]:
    """Runs `invocations` in order, each for at most `time_limit` seconds; returns the outcomes.

    Raises:
        ScriptletFailedError: a fatal invocation failed; those after it did not run.
        SandboxError: the sandbox could not be set up.
    """
    every = tuple(invocations)
    outcomes: list[Outcome] = []
    for done, invocation in enumerate(every):
        report(_progress(invocation.label, done, len(every)))
        outcome = _run_one(invocation, sandbox, time_limit)
        outcomes.append(outcome)
        if outcome.status and invocation.fatal:
            raise ScriptletFailedError(outcome)
    if every:
        report(_progress(every[-1].label, len(every), len(every)))
    return tuple(outcomes)


def _progress(item: str, done: int, total: int) -> Progress:
    return Progress(phase="scripts", item=item, done=done, total=total, unit="scripts")


def _run_one(invocation: Invocation, sandbox: Sandbox, time_limit: float) -> Outcome:
    if not invocation.expand:
        ended = _execute(invocation, sandbox, time_limit)
        return _outcome(invocation, sandbox, ended, ended.output.text())
    expansion = replace(
        invocation,
        interpreter=("rpm", "--eval", invocation.body or ""),
        body=None,
        args=(),
        stdin=None,
        expand=False,
    )
    ended = _execute(expansion, sandbox, time_limit, keep_errors_apart=True)
    if ended.status or not ended.output.complete:
        text = ended.errors.decode("utf-8", "replace") or "too long after macro expansion\n"
        return _outcome(expansion, sandbox, replace(ended, status=ended.status or 1), text)
    # rpm ends what it prints with a newline of its own.
    body = ended.output.data().decode("utf-8", "surrogateescape").removesuffix("\n")
    return _run_one(replace(invocation, body=body, expand=False), sandbox, time_limit)


def _outcome(invocation: Invocation, sandbox: Sandbox, ended: _Ended, output: str) -> Outcome:
    return Outcome(
        invocation=invocation,
        status=ended.status,
        seconds=ended.seconds,
        output=output,
        replay=replay_line(invocation, sandbox),
        timed_out=ended.timed_out,
    )


def _execute(
    invocation: Invocation,
    sandbox: Sandbox,
    time_limit: float,
    *,
    keep_errors_apart: bool = False,
) -> _Ended:
    began = time.monotonic()
    sandbox.ready(invocation.label)
    capture = Capture(_EXPANSION_LIMIT if keep_errors_apart else LIMIT)
    with ExitStack() as stack:
        null = stack.enter_context(_descriptor(os.open(os.devnull, os.O_RDWR)))
        body, stdin = invocation.body, invocation.stdin
        script = stack.enter_context(_memory_file(_encoded(body))) if body is not None else None
        given = stack.enter_context(_memory_file(stdin)) if stdin is not None else null
        errors = stack.enter_context(_memory_file(b"")) if keep_errors_apart else None
        reports, reported = _pipe(stack)
        argv = sandbox.argv(
            command_of(invocation),
            descriptors=Descriptors(null=null, script=script, status=reported),
            script_path=script_path_of(invocation),
            environment=invocation.environment,
        )
        passed = [each for each in (null, script, reported) if each is not None]
        process = _start(argv, given, errors, passed, invocation.label)
        try:
            in_time = _follow(process, capture, began + time_limit)
        finally:
            _kill(process)
        told = _read_all(reports)
        apart = _read_all(errors, rewind=True) if errors is not None else b""
    status = process.returncode if process.returncode >= 0 else 128 - process.returncode
    if in_time and b"exit-code" not in told:
        status = _never_ran(apart or capture.data(), status, invocation.label)
    return _Ended(
        status=status if in_time else _KILLED,
        output=capture,
        errors=apart,
        seconds=time.monotonic() - began,
        timed_out=not in_time,
    )


def _start(
    argv: tuple[str, ...], stdin: int, errors: int | None, passed: list[int], label: str
) -> "subprocess.Popen[bytes]":
    try:
        return subprocess.Popen(
            argv,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT if errors is None else errors,
            pass_fds=passed,
            env={"PATH": os.environ.get("PATH", os.defpath)},
            umask=0o022,
            # An interrupt from the terminal is for the caller, who then ends the script.
            start_new_session=True,
        )
    except FileNotFoundError:
        error = SandboxError("bubblewrap's program 'bwrap' is not on the path", label)
        error.add_note("install the package 'bubblewrap'")
        raise error from None
    except OSError as error:
        raise SandboxError(f"cannot start 'bwrap': {error.strerror}", label) from error


def _follow(process: "subprocess.Popen[bytes]", capture: Capture, deadline: float) -> bool:
    """Takes output until the process ends; returns whether it did so in time."""
    assert process.stdout is not None  # it was started with a pipe
    descriptor = process.stdout.fileno()
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    while True:
        left = deadline - time.monotonic()
        if left <= 0:
            return False
        if poll.poll(left * 1000):
            data = os.read(descriptor, 1 << 16)
            if not data:
                break
            capture.add(data)
    try:
        # It may have closed its output and gone on.
        process.wait(timeout=max(0.0, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        return False
    return True


def _kill(process: "subprocess.Popen[bytes]") -> None:
    if process.poll() is None:
        process.kill()
        process.wait()
    if process.stdout is not None:
        process.stdout.close()


def _never_ran(output: bytes, status: int, label: str) -> int:
    """Returns the status of a command that bubblewrap could not start; raises if it did not try."""
    last = output.decode("utf-8", "replace").strip().rpartition("\n")[2]
    if last.startswith("bwrap: execvp "):
        return _NOT_FOUND
    if last.startswith("bwrap: "):
        raise SandboxError(last.removeprefix("bwrap: "), label)
    return status


@contextmanager
def _descriptor(number: int) -> Iterator[int]:
    try:
        yield number
    finally:
        os.close(number)


@contextmanager
def _memory_file(data: bytes) -> Iterator[int]:
    with (
        _descriptor(os.memfd_create("overlay")) as number,
        open(number, "wb", closefd=False) as file,
    ):
        file.write(data)
        file.flush()
        os.lseek(number, 0, os.SEEK_SET)
        yield number


def _pipe(stack: ExitStack) -> tuple[int, int]:
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    return stack.enter_context(_descriptor(reading)), stack.enter_context(_descriptor(writing))


def _read_all(number: int, *, rewind: bool = False) -> bytes:
    """Reads what has been written; the writer has ended."""
    if rewind:
        os.lseek(number, 0, os.SEEK_SET)
    try:
        return os.read(number, 1 << 16)
    except BlockingIOError:
        return b""


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
