# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs inside the guest: reads commands from a virtio port, runs them, and tells what came of it.

A message is a line `NUMBER KIND LENGTH` and LENGTH bytes. In come `run` (a shell command) and
`kill`; out go `hello` (the boot's id, once), `out`, `err` (pieces of output as they come) and
`end` (the exit status). Only modules that are part of the interpreter, or nearly so, are
imported: the guest is emulated, and the tree's Python has no byte code.
"""

import os
import select
import signal
import sys

NAME = "org.overlay.agent"
ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin",
    "HOME": "/root",
    "USER": "root",
    "LOGNAME": "root",
    "SHELL": "/bin/bash",
    "LANG": "C.UTF-8",
    "TERM": "dumb",
}
PIECE = 32768


def find_port() -> str:
    """Returns the device node of the harness's port."""
    for port in sorted(os.listdir("/sys/class/virtio-ports")):  # noqa: PTH208 - see above
        try:
            with open(f"/sys/class/virtio-ports/{port}/name", encoding="ascii") as stream:  # noqa: PTH123
                if stream.read().strip() == NAME:
                    return f"/dev/{port}"
        except FileNotFoundError:
            continue  # a port without a name
    sys.exit(f"no virtio port is called {NAME}")


class Agent:
    """The port, and the commands that run."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.poll = select.poll()
        self.poll.register(port, select.POLLIN)
        self.pending = b""
        self.pids: dict[int, int] = {}  # command number -> process
        self.streams: dict[int, tuple[int, bytes]] = {}  # descriptor -> (command number, kind)
        self.processes: dict[int, int] = {}  # descriptor of a process -> command number

    def send(self, number: int, kind: bytes, payload: bytes) -> None:
        """Writes one message, all of it."""
        rest = b"%d %s %d\n" % (number, kind, len(payload)) + payload
        while rest:
            rest = rest[os.write(self.port, rest) :]

    def serve(self) -> None:
        """Handles messages, output and ends until the harness is gone."""
        while True:
            for descriptor, _event in self.poll.poll():
                if descriptor == self.port:
                    piece = os.read(self.port, PIECE)
                    if not piece:
                        return
                    self.pending += piece
                    self.take_messages()
                elif descriptor in self.streams:
                    self.forward(descriptor)
                elif descriptor in self.processes:
                    self.end(descriptor)

    def take_messages(self) -> None:
        """Handles every message that has arrived whole."""
        while b"\n" in self.pending:
            head, _, rest = self.pending.partition(b"\n")
            number, kind, length = head.split()
            if len(rest) < int(length):
                return
            payload, self.pending = rest[: int(length)], rest[int(length) :]
            if kind == b"run":
                self.run(int(number), payload)
            elif kind == b"kill" and int(number) in self.pids:
                os.killpg(self.pids[int(number)], signal.SIGKILL)

    def run(self, number: int, command: bytes) -> None:
        """Starts a command in a session of its own."""
        out, out_of_child = os.pipe()
        err, err_of_child = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                os.setsid()
                os.chdir("/root")
                os.dup2(os.open("/dev/null", os.O_RDONLY), 0)
                os.dup2(out_of_child, 1)
                os.dup2(err_of_child, 2)
                os.execve("/bin/bash", [b"bash", b"-c", command], ENVIRONMENT)
            finally:
                os._exit(126)
        os.close(out_of_child)
        os.close(err_of_child)
        self.pids[number] = child
        process = os.pidfd_open(child)
        self.processes[process] = number
        self.poll.register(process, select.POLLIN)
        for descriptor, kind in ((out, b"out"), (err, b"err")):
            os.set_blocking(descriptor, False)
            self.streams[descriptor] = (number, kind)
            self.poll.register(descriptor, select.POLLIN)

    def forward(self, descriptor: int) -> bool:
        """Passes a piece of output on; returns whether there may be more right now."""
        number, kind = self.streams[descriptor]
        try:
            piece = os.read(descriptor, PIECE)
        except BlockingIOError:
            return False
        if piece:
            self.send(number, kind, piece)
            return True
        self.close(descriptor)
        return False

    def end(self, process: int) -> None:
        """Tells how a command ended, after all that it had written until then.

        What it left running may keep the pipes open: nobody waits for that.
        """
        number = self.processes[process]
        ended, status = os.waitpid(self.pids[number], os.WNOHANG)
        if not ended:
            return  # the event was of an earlier owner of this descriptor's number
        del self.pids[number], self.processes[process]
        self.poll.unregister(process)
        os.close(process)
        for descriptor in [each for each, of in self.streams.items() if of[0] == number]:
            while self.forward(descriptor):
                pass
            if descriptor in self.streams:
                self.close(descriptor)
        self.send(number, b"end", b"%d" % os.waitstatus_to_exitcode(status))

    def close(self, descriptor: int) -> None:
        """Forgets a stream."""
        self.poll.unregister(descriptor)
        del self.streams[descriptor]
        os.close(descriptor)


def main() -> None:
    """Says hello and serves."""
    agent = Agent(os.open(find_port(), os.O_RDWR | os.O_CLOEXEC))
    with open("/proc/sys/kernel/random/boot_id", "rb") as stream:  # noqa: PTH123
        agent.send(0, b"hello", stream.read().strip())
    agent.serve()


if __name__ == "__main__":
    main()
