# SPDX-License-Identifier: LGPL-2.1-or-later
"""The wire and the guest's agent, with a socket in place of the virtual machine's port."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.vm.wire import Wire, WireError

pytestmark = pytest.mark.root  # commands start in /root

AGENT = "import sys; from tests.vm.guest.agent import Agent; Agent(int(sys.argv[1])).serve()"
SECONDS = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Guest:
    """A process that runs the agent, and the wire to it."""

    wire: Wire
    process: subprocess.Popen[bytes]

    def run(self, command: str) -> tuple[int, str, str]:
        result = self.wire.start(command).wait(SECONDS)
        return result.status, result.stdout, result.stderr


@pytest.fixture
def guest() -> Iterator[Guest]:
    ours, theirs = socket.socketpair()
    with theirs:
        argv = [sys.executable, "-c", AGENT, str(theirs.fileno())]
        process = subprocess.Popen(argv, pass_fds=[theirs.fileno()])
    wire = Wire(ours)
    try:
        yield Guest(wire=wire, process=process)
    finally:
        process.kill()
        process.wait()
        wire.close()


def test_output_error_and_status_come_back(guest: Guest) -> None:
    assert guest.run("echo out; echo err >&2; exit 7") == (7, "out\n", "err\n")


def test_signal_is_a_negative_status(guest: Guest) -> None:
    assert guest.run("kill -TERM $$")[0] == -15


def test_environment_is_that_of_a_plain_root_shell(guest: Guest) -> None:
    status, out, _err = guest.run("env -u SHLVL -u _ -u PWD | sort; pwd; cat")
    assert status == 0
    assert out.splitlines() == [
        "HOME=/root",
        "LANG=C.UTF-8",
        "LOGNAME=root",
        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin",
        "SHELL=/bin/bash",
        "TERM=dumb",
        "USER=root",
        "/root",
    ]


def test_long_output_is_whole(guest: Guest) -> None:
    _status, out, err = guest.run("head -c 3000000 /dev/zero; head -c 1000000 /dev/zero >&2")
    assert (len(out), len(err)) == (3_000_000, 1_000_000)


def test_commands_run_beside_each_other(guest: Guest) -> None:
    slow = guest.wire.start("echo slow; sleep 987")
    slow.wait_for("slow", SECONDS)
    assert guest.run("echo fast") == (0, "fast\n", "")
    assert not slow.ended
    slow.kill()
    assert slow.wait(SECONDS).status == -9


def test_nobody_waits_for_what_a_command_left_running(guest: Guest) -> None:
    status, out, _err = guest.run("sleep 5 & echo left")
    assert (status, out) == (0, "left\n")


def test_command_past_its_limit_is_killed_and_its_output_told(guest: Guest) -> None:
    job = guest.wire.start("echo begun; sleep 987")
    with pytest.raises(WireError, match=r"no sign of the end of .* in 1 s") as caught:
        job.wait(1)
    assert caught.value.__notes__ == ["it had written:\nbegun\n"]
    guest.wire.wait_until(lambda: job.ended, SECONDS, "the end")


def test_text_that_never_comes_is_told_at_the_commands_end(guest: Guest) -> None:
    job = guest.wire.start("echo other; exit 4")
    with pytest.raises(WireError, match="ended with 4 and never wrote 'this':\nother"):
        job.wait_for("this", SECONDS)


def test_whoever_waits_learns_that_the_machine_ended(guest: Guest) -> None:
    job = guest.wire.start("echo begun; sleep 2")
    job.wait_for("begun", SECONDS)
    guest.process.kill()
    with pytest.raises(WireError, match="the machine ended while waiting for the end of"):
        job.wait(SECONDS)
    with pytest.raises(WireError, match="the machine ended before 'true' was started"):
        guest.wire.start("true")
