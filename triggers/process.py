# SPDX-License-Identifier: LGPL-2.1-or-later
"""A command in the sandbox as a process: started under its limits, and ended with all it started.

bubblewrap gets what it is to show of the tree through a pipe, and waits for that: meanwhile limits
and control group are set from outside, before anything inside could miss them; and if we die
first, there is no tree to run a program from.

bubblewrap ends as soon as the command does, while the init of the process namespace and whatever
the command left behind are only about to die. Nobody is left who could write to the tree only when
that init has ended, which it does last (pid_namespaces(7)).
"""

import json
import os
import select
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from triggers.cgroup import Group
from triggers.errors import SandboxError
from triggers.limits import Limits, restrain
from triggers.sandbox import Descriptors, Sandbox
from triggers.syscalls import filter_program

_PATIENCE = 30.0  # seconds for a killed namespace to be gone: slow storage may keep it
_FIRST_STEPS = 1.0  # seconds for bubblewrap to make its namespaces


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """What runs in the sandbox."""

    words: tuple[str, ...]
    label: str  # who is to blame, in messages
    script: bytes | None = None  # can be read at `script_path`
    script_path: str | None = None
    environment: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Streams:
    """Open files for the command, by number."""

    stdin: int | None = None  # None: at its end
    stdout: int | None = None  # None: a pipe that the caller reads
    stderr: int | None = None  # None: with the output


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What holds for all the commands of a run."""

    limits: Limits
    group: Group | None = None
    # Called in the new process, to give it a terminal; without it, it has none.
    take_terminal: Callable[[], None] | None = None


class Confined:
    """A running bubblewrap, and the namespace that it has made."""

    def __init__(self, process: "subprocess.Popen[bytes]", reports: int, label: str) -> None:
        self.process = process
        self.reports = reports  # can be read when there is something to `listen` to
        self.ended = os.pidfd_open(process.pid)  # can be read when bubblewrap has ended
        self.namespace: int | None = None  # the number of its process namespace, while that lives
        self.label = label
        self._told = b""
        self._met = False
        self._init: int | None = None  # a pidfd

    @property
    def ran(self) -> bool:
        """Whether the command was started, and has ended."""
        return b'"exit-code"' in self._told

    @property
    def status(self) -> int:
        """Returns how bubblewrap ended, as a shell has it."""
        status = self.process.returncode
        return status if status >= 0 else 128 - status

    def listen(self) -> bool:
        """Takes what bubblewrap reports; returns whether it may report more."""
        with suppress(BlockingIOError):
            while data := os.read(self.reports, 1 << 16):
                self._told += data
                if not self._met and b"\n" in self._told:
                    self._meet(json.loads(self._told.partition(b"\n")[0]))
            return False
        return True

    def end(self) -> None:
        """Kills whatever still runs, and returns when it is gone.

        Raises:
            SandboxError: something cannot be killed.
        """
        if self.process.poll() is None:
            if not self._met:
                # Killed between two steps of its own it could leave a child that nobody knows of.
                _readable(self.reports, _FIRST_STEPS)
                self.listen()
            self.process.kill()
        self.process.wait()
        self.listen()
        if self._init is not None:
            self._bury(self._init)

    def _meet(self, told: dict[str, int]) -> None:
        self._met = True
        child = told["child-pid"]
        try:
            init = os.pidfd_open(child)
        except ProcessLookupError:
            return  # it has ended
        try:
            number = Path(f"/proc/{child}/ns/pid").stat().st_ino
        except OSError:
            number = -1
        if number == told.get("pid-namespace", number):
            self._init, self.namespace = init, number
        else:  # it has ended, and its number is somebody else's by now
            os.close(init)

    def _bury(self, init: int) -> None:
        try:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(init, signal.SIGKILL)
            if not _readable(init, _PATIENCE):
                raise SandboxError("what it has started cannot be killed", self.label)
        finally:
            os.close(init)
            self._init = self.namespace = None


@contextmanager
def confined(
    command: Command,
    sandbox: Sandbox,
    streams: Streams,
    terms: Terms,
    *,
    prepare: Callable[[], None] | None = None,
) -> Iterator[Confined]:
    """Gives the running command; afterwards nothing of it is left.

    `prepare` is called in the new process, before it becomes bubblewrap.

    Raises:
        SandboxError: the sandbox could not be set up, or what ran in it not be ended.
    """
    sandbox.ready(command.label)
    with ExitStack() as ours:
        reports, reported = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        ours.callback(os.close, reports)
        with ExitStack() as theirs:  # what bubblewrap alone has open from then on
            theirs.callback(os.close, reported)
            gate, opener = os.pipe2(os.O_CLOEXEC)
            theirs.callback(os.close, gate)
            with os.fdopen(opener, "wb") as opened:
                descriptors = Descriptors(
                    null=_null(theirs),
                    script=memory_file(theirs, command.script),
                    status=reported,
                    tree=gate,
                    calls=memory_file(theirs, filter_program()),
                )
                process = _start(
                    command, sandbox, descriptors, streams, terms, prepare or terms.take_terminal
                )
                if process.stdout is not None:
                    ours.callback(process.stdout.close)
                running = Confined(process, reports, command.label)
                ours.callback(os.close, running.ended)
                ours.callback(running.end)
                with suppress(BrokenPipeError, ProcessLookupError):  # seen by how it ended
                    restrain(process.pid, terms.limits)
                    if terms.group is not None:
                        terms.group.add(process.pid)
                    opened.write(sandbox.tree_words())
                    opened.flush()
        yield running


def _start(
    command: Command,
    sandbox: Sandbox,
    descriptors: Descriptors,
    streams: Streams,
    terms: Terms,
    prepare: Callable[[], None] | None,
) -> "subprocess.Popen[bytes]":
    argv = sandbox.argv(
        command.words,
        descriptors=descriptors,
        script_path=command.script_path,
        environment=command.environment,
        terminal=terms.take_terminal is not None,
    )
    try:
        return subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL if streams.stdin is None else streams.stdin,
            stdout=subprocess.PIPE if streams.stdout is None else streams.stdout,
            stderr=subprocess.STDOUT if streams.stderr is None else streams.stderr,
            pass_fds=descriptors.numbers(),
            env={"PATH": os.environ.get("PATH", os.defpath)},
            umask=0o022,
            # An interrupt from the terminal is for the caller, who then ends the script.
            start_new_session=True,
            preexec_fn=prepare,
        )
    except FileNotFoundError:
        error = SandboxError("bubblewrap's program 'bwrap' is not on the path", command.label)
        error.add_note("install the package 'bubblewrap'")
        raise error from None
    except OSError as error:
        what = f"cannot start 'bwrap': {error.strerror}"
        raise SandboxError(what, command.label) from error


def memory_file(stack: ExitStack, data: bytes | None) -> int | None:
    """Returns a file in memory that holds `data`, open as long as the stack; None for None."""
    if data is None:
        return None
    number = os.memfd_create("overlay")
    stack.callback(os.close, number)
    with os.fdopen(number, "wb", closefd=False) as file:
        file.write(data)
    os.lseek(number, 0, os.SEEK_SET)
    return number


def _null(stack: ExitStack) -> int:
    number = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
    stack.callback(os.close, number)
    return number


def _readable(descriptor: int, seconds: float) -> bool:
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(seconds * 1000))
