# SPDX-License-Identifier: LGPL-2.1-or-later
"""A person in the sandbox: a shell there, or a script once more with its output on the screen.

A terminal is never handed in. Whoever has it open can read what is typed into it, and type into it
himself (ioctl_tty(2), TIOCSTI), which then runs outside. So what runs inside has a pseudo-terminal
of its own (pty(7)), or pipes, and only bytes pass between it and the caller's.
"""

import errno
import fcntl
import os
import select
import signal
import termios
import tty
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace

from triggers.errors import StoppedError
from triggers.execution import Bounds, command
from triggers.invocation import Invocation, Outcome
from triggers.limits import INTERVAL, Limits
from triggers.process import Command, Confined, Streams, confined, memory_file
from triggers.runner import bounds_of, written_out
from triggers.sandbox import Sandbox
from triggers.tools import tools_in

_STDIN, _STDOUT, _STDERR = 0, 1, 2
_FOREVER = 10 * 365 * 86400.0  # seconds
_DEFAULT = Limits()


def shell(
    sandbox: Sandbox,
    words: Sequence[str] | None = None,
    *,
    terminal: bool,
    limits: Limits = _DEFAULT,
) -> int:
    """Runs a command in the sandbox for a person, or a shell; returns its status as a shell does.

    With `terminal`, the standard input must be one. Without, what the command reads is the standard
    input, and what it writes goes to standard output and error as it is.

    Raises:
        SandboxError: the sandbox could not be set up.
    """
    asked = Command(
        words=tuple(words) if words else (_shell_of(sandbox),),
        label="shell",
        environment=(("TERM", os.environ.get("TERM", "dumb")),) if terminal else (),
    )
    with bounds_of(sandbox, limits, _FOREVER) as bounds:
        if terminal:
            return _at_terminal(asked, sandbox, bounds)
        stdin = None if os.isatty(_STDIN) else _STDIN
        return _relayed(asked, sandbox, bounds, stdin)


def replay(invocation: Invocation, sandbox: Sandbox, *, limits: Limits = _DEFAULT) -> int:
    """Runs an invocation again, its output straight to the caller's; returns its status.

    There is no limit to its time: a person is there to end it.

    Raises:
        SandboxError: the sandbox could not be set up.
    """
    with bounds_of(sandbox, limits, _FOREVER) as bounds, ExitStack() as stack:
        final = written_out(invocation, sandbox, bounds)
        if isinstance(final, Outcome):
            _write(_STDERR, final.output.encode("utf-8", "replace"))
            return final.status
        stdin = memory_file(stack, final.stdin)
        return _relayed(command(final), sandbox, bounds, stdin)


def _shell_of(sandbox: Sandbox) -> str:
    return "/usr/bin/bash" if tools_in(sandbox.root)("/usr/bin/bash") else "/bin/sh"


def _relayed(asked: Command, sandbox: Sandbox, bounds: Bounds, stdin: int | None) -> int:
    """Runs a command whose output is handed on through pipes."""
    with ExitStack() as stack:
        ends = []
        with ExitStack() as theirs:
            for _ in (_STDOUT, _STDERR):
                reading, writing = os.pipe2(os.O_CLOEXEC)
                stack.callback(os.close, reading)
                theirs.callback(os.close, writing)
                ends.append((reading, writing))
            (output, stdout), (errors, stderr) = ends
            streams = Streams(stdin=stdin, stdout=stdout, stderr=stderr)
            running = stack.enter_context(confined(asked, sandbox, streams, bounds.terms))
        return _attend(running, {output: _STDOUT, errors: _STDERR}, bounds)


def _at_terminal(asked: Command, sandbox: Sandbox, bounds: Bounds) -> int:
    """Runs a command with a terminal of its own, shown in the caller's."""
    with ExitStack() as stack:
        outer, inner = os.openpty()
        stack.callback(os.close, outer)
        terms = replace(bounds.terms, take_terminal=_take_terminal)
        with ExitStack() as theirs:
            theirs.callback(os.close, inner)
            stack.enter_context(_same_size(outer))
            streams = Streams(stdin=inner, stdout=inner, stderr=inner)
            running = stack.enter_context(confined(asked, sandbox, streams, terms))
        stack.enter_context(_raw())
        return _attend(running, {outer: _STDOUT}, bounds, typed_to=outer)


def _attend(
    running: Confined, routes: dict[int, int], bounds: Bounds, *, typed_to: int | None = None
) -> int:
    """Hands on bytes from file to file until the command ends; returns its status.

    Raises:
        StoppedError: it took too much of the machine.
    """
    bounds.watch.begin()
    for each in routes:
        os.set_blocking(each, False)
    keys, excess, waiting = _Keys(typed_to), None, [running.reports, running.ended]
    while not excess:
        poll = select.poll()
        for each in (*routes, *waiting):
            poll.register(each, select.POLLIN)
        keys.register(poll)
        ready = {each for each, _ in poll.poll(INTERVAL * 1000)}
        keys.pass_on(ready)
        for source in routes.keys() & ready:
            if not _hand_on(source, routes[source]):
                del routes[source]
        if running.reports in ready and not running.listen():
            waiting = [running.ended]
        if running.ended in ready:
            break
        excess = bounds.watch.excess(running.namespace)
    running.end()
    excess = excess or bounds.watch.excess(None)  # a shell that cannot fork ends by itself
    for source, target in routes.items():
        while _hand_on(source, target):
            pass
    if excess:
        raise StoppedError(running.label, excess.what)
    return running.status


class _Keys:
    """What is typed, on its way to a terminal that may not take it at once."""

    def __init__(self, target: int | None) -> None:
        self._target = target
        self._pending = b""

    def register(self, poll: "select.poll") -> None:
        """Has `poll` wait for what comes next."""
        if self._target is None:
            return
        if self._pending:
            poll.register(self._target, select.POLLIN | select.POLLOUT)
        else:
            poll.register(_STDIN, select.POLLIN)

    def pass_on(self, ready: set[int]) -> None:
        """Reads, where something can be read, and writes what can be written."""
        if self._target is None:
            return
        if _STDIN in ready:
            self._pending = os.read(_STDIN, 1 << 12)
            if not self._pending:  # the person has gone
                self._target = None
        if self._target is not None and self._pending:
            with suppress(BlockingIOError):
                self._pending = self._pending[os.write(self._target, self._pending) :]


def _hand_on(source: int, target: int) -> bool:
    """Copies what there is; returns whether there was something."""
    try:
        data = os.read(source, 1 << 16)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno == errno.EIO:  # so a terminal says that nobody has it open any more
            return False
        raise
    _write(target, data)
    return bool(data)


def _write(target: int, data: bytes) -> None:
    while data:
        data = data[os.write(target, data) :]


def _take_terminal() -> None:
    # Standard input is that terminal by now, and the session is new.
    fcntl.ioctl(_STDIN, termios.TIOCSCTTY, 0)


@contextmanager
def _raw() -> Iterator[None]:
    """Has each key passed on as it is: Ctrl-C is for the terminal inside."""
    before = termios.tcgetattr(_STDIN)
    tty.setraw(_STDIN, termios.TCSADRAIN)  # what was typed ahead stays
    try:
        yield
    finally:
        termios.tcsetattr(_STDIN, termios.TCSADRAIN, before)


@contextmanager
def _same_size(terminal: int) -> Iterator[None]:
    """Keeps a terminal as large as the caller's."""

    def follow(*_: object) -> None:
        termios.tcsetwinsize(terminal, termios.tcgetwinsize(_STDIN))

    follow()
    before = signal.signal(signal.SIGWINCH, follow)
    try:
        yield
    finally:
        signal.signal(signal.SIGWINCH, before)
