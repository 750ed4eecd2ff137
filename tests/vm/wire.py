# SPDX-License-Identifier: LGPL-2.1-or-later
"""The harness's end of the wire to the guest's agent (`guest/agent.py` has the format).

A thread reads all that comes, so that a command in the background never waits for its reader.
When the machine dies the wire ends, and whoever waits is told at once.
"""

import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count


class WireError(Exception):
    """The guest did not answer in time, or the machine ended; the message says which."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """How a command ended, and what it wrote. A negative status is the signal that killed it."""

    command: str
    status: int
    stdout: str
    stderr: str

    def __str__(self) -> str:
        return f"{self.command!r} ended with {self.status}\n{self.stdout}{self.stderr}".rstrip()


class Job:
    """A command that runs in the guest."""

    def __init__(self, command: str, number: int, wire: "Wire") -> None:
        self.command = command
        self._number = number
        self._wire = wire
        self._written = {"out": bytearray(), "err": bytearray()}
        self._status: int | None = None

    @property
    def stdout(self) -> str:
        """What it wrote to standard output so far."""
        return self._written["out"].decode(errors="replace")

    @property
    def stderr(self) -> str:
        """What it wrote to standard error so far."""
        return self._written["err"].decode(errors="replace")

    @property
    def ended(self) -> bool:
        """Whether it is known to have ended."""
        return self._status is not None

    def wait(self, limit: float) -> Result:
        """Returns how it ended.

        Raises:
            WireError: if it has not ended after `limit` seconds (it is killed then), or the
                machine ended first.
        """
        try:
            self._wire.wait_until(lambda: self.ended, limit, f"the end of {self.command!r}")
        except WireError as error:
            self.kill()
            error.add_note(f"it had written:\n{self.stdout}{self.stderr}")
            raise
        assert self._status is not None
        return Result(
            command=self.command, status=self._status, stdout=self.stdout, stderr=self.stderr
        )

    def wait_for(self, text: str, limit: float) -> None:
        """Returns as soon as it has written `text` to either stream.

        Raises:
            WireError: if that is not so after `limit` seconds, or it or the machine ended first.
        """

        def there() -> bool:
            return text in self.stdout or text in self.stderr

        self._wire.wait_until(
            lambda: there() or self.ended, limit, f"{text!r} from {self.command!r}"
        )
        if not there():
            raise WireError(
                f"{self.command!r} ended with {self._status} and never wrote {text!r}:\n"
                f"{self.stdout}{self.stderr}"
            )

    def kill(self) -> None:
        """Kills it and the processes of its session's first group, if the machine still runs."""
        self._wire.send(self._number, "kill", b"")

    def take(self, kind: str, payload: bytes) -> None:
        """Notes a message of the agent."""
        if kind == "end":
            self._status = int(payload)
        else:
            self._written[kind] += payload


class Wire:
    """The connection of one boot."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._changed = threading.Condition()
        self._jobs: dict[int, Job] = {}
        self._numbers = count(1)
        self._boot_id = ""
        self._gone = False
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def wait_for_agent(self, limit: float) -> str:
        """Returns the id of the boot once the agent has said hello.

        Raises:
            WireError: if it has not after `limit` seconds, or the machine ended.
        """
        self.wait_until(lambda: bool(self._boot_id), limit, "the guest's agent")
        return self._boot_id

    def start(self, command: str) -> Job:
        """Starts a shell command and returns at once.

        Raises:
            WireError: if the machine ended.
        """
        if self._gone:
            raise WireError(f"the machine ended before {command!r} was started")
        job = Job(command, next(self._numbers), self)
        with self._changed:
            self._jobs[job._number] = job
        self.send(job._number, "run", command.encode())
        return job

    def send(self, number: int, kind: str, payload: bytes) -> None:
        """Sends one message; nothing happens if the machine is gone."""
        try:
            self._connection.sendall(
                b"%d %s %d\n" % (number, kind.encode(), len(payload)) + payload
            )
        except OSError:
            self._end()

    def wait_until(self, condition: Callable[[], bool], limit: float, what: str) -> None:
        """Returns when `condition()` is true, which is asked again after each message.

        Raises:
            WireError: if it is not after `limit` seconds, or cannot become so.
        """
        deadline = time.monotonic() + limit
        with self._changed:
            while not condition():
                if self._gone:
                    raise WireError(f"the machine ended while waiting for {what}")
                if not self._changed.wait(max(0.0, deadline - time.monotonic())):
                    raise WireError(f"no sign of {what} in {limit:.0f} s")

    def close(self) -> None:
        """Ends the connection and its thread."""
        self._end()
        self._connection.close()
        self._reader.join()

    def _end(self) -> None:
        with self._changed:
            self._gone = True
            self._changed.notify_all()
        try:
            self._connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            return  # the other side was faster

    def _read(self) -> None:
        with self._connection.makefile("rb") as stream:
            try:
                while head := stream.readline():
                    number, kind, length = head.split()
                    payload = stream.read(int(length))
                    self._take(int(number), kind.decode(), payload)
            except (OSError, ValueError):
                pass  # cut in the middle of a message
        self._end()

    def _take(self, number: int, kind: str, payload: bytes) -> None:
        with self._changed:
            if kind == "hello":
                self._boot_id = payload.decode()
            elif number in self._jobs:
                self._jobs[number].take(kind, payload)
            self._changed.notify_all()
