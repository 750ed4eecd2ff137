# SPDX-License-Identifier: LGPL-2.1-or-later
"""A person in the sandbox: the terminal works there, and is not the person's own."""

import os
import pty
import re
import select
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.triggers.roots import add_script, make_root
from triggers import Invocation, Phase

pytestmark = pytest.mark.bwrap

PROGRAM = """
import sys
from pathlib import Path
from tests.triggers.roots import sandbox_over
from triggers import shell
sandbox = sandbox_over(Path({root!r}))
sys.exit(shell(sandbox, {words!r}, terminal={terminal}))
"""


def program(root: Path, words: tuple[str, ...] | None, *, terminal: bool) -> list[str]:
    text = PROGRAM.format(root=str(root), words=words, terminal=terminal)
    return [sys.executable, "-c", text]


class Person:
    """Somebody at a terminal that a program has been started in."""

    def __init__(self, argv: list[str]) -> None:
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            os.execv(argv[0], argv)
        self.screen = ""
        self._ready = select.poll()  # select(2) takes no number above 1023
        self._ready.register(self.terminal, select.POLLIN)

    def types(self, text: str) -> None:
        os.write(self.terminal, text.encode())

    def waits_for(self, pattern: str) -> re.Match[str]:
        """Returns where the screen shows a pattern, and forgets what is before it."""
        deadline = time.monotonic() + 30
        while not (found := re.search(pattern, self.screen)):
            assert time.monotonic() < deadline, f"no {pattern!r} in {self.screen!r}"
            if self._ready.poll(100):
                self.screen += os.read(self.terminal, 4096).decode()
        self.screen = self.screen[found.end() :]
        return found

    def resizes(self, rows: int, columns: int) -> None:
        termios.tcsetwinsize(self.terminal, (rows, columns))

    def leaves(self) -> int:
        """Returns the status of what was started, which must be about to end."""
        while True:
            try:
                if not os.read(self.terminal, 4096):
                    break
            except OSError:
                break
        _, status = os.waitpid(self.pid, 0)
        self.pid = 0
        return os.waitstatus_to_exitcode(status)

    def is_gone(self) -> None:
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)
            self.leaves()


@pytest.fixture
def root(scratch: Path) -> Path:
    return make_root(scratch / "root", ("sh", "bash", "cat", "sleep", "stty", "ls"))


@pytest.fixture
def person(root: Path) -> Iterator[Person]:
    somebody = Person(program(root, None, terminal=True))
    yield somebody
    somebody.is_gone()


def test_ctrl_c_ends_a_command_and_not_the_shell(person: Person) -> None:
    # Before the shell is there, Ctrl-C is for whoever starts it.
    person.types("echo ready $((1 + 1)); sleep 1000; echo $?\n")
    person.waits_for("ready 2")
    time.sleep(0.5)
    person.types("\x03")
    person.types("echo still $((40 + 2))\n")
    person.waits_for("still 42")
    person.types("exit 3\n")
    assert person.leaves() == 3


def test_jobs_can_be_stopped_and_continued(person: Person) -> None:
    person.types("echo ready $((1 + 1)); sleep 1000\n")
    person.waits_for("ready 2")
    time.sleep(0.5)
    person.types("\x1a")
    person.waits_for("Stopped")
    person.types("jobs; kill %1; fg; echo ended $((1 + 1))\n")
    person.waits_for("ended 2")
    person.types("exit\n")
    person.leaves()


def test_a_terminal_that_grows_is_seen_to_grow(person: Person) -> None:
    person.resizes(31, 117)
    time.sleep(0.3)
    person.types("stty size\n")
    person.waits_for("31 117")
    person.types("exit\n")
    assert person.leaves() == 0


def test_what_it_is_in_is_the_sandbox_of_scripts(person: Person, root: Path) -> None:
    person.types("echo /proc/[0-9]* ; echo x > /usr/share/made; echo $TERM\n")
    person.waits_for("/proc/1 /proc/2")
    person.types("exit\n")
    assert person.leaves() == 0
    assert (root / "usr/share/made").read_text() == "x\n"


def test_the_persons_terminal_is_as_before_afterwards(root: Path) -> None:
    words = ("/bin/sh", "-c", "stty raw -echo; exit 5")
    person = Person(program(root, words, terminal=True))
    try:
        before = termios.tcgetattr(person.terminal)
        assert person.leaves() == 5
        assert termios.tcgetattr(person.terminal) == before
    finally:
        person.is_gone()


def test_without_a_terminal_bytes_go_in_and_out_as_they_are(root: Path) -> None:
    words = ("/bin/sh", "-c", "cat; echo wrong >&2; [ -t 1 ] && echo terminal; exit 4")
    done = subprocess.run(
        program(root, words, terminal=False), input=b"\xff\0\n", capture_output=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (4, b"\xff\0\n", b"wrong\n")


def test_what_is_left_running_ends_with_the_shell(root: Path) -> None:
    words = ("/bin/sh", "-c", "(while :; do echo >> /usr/share/beat; sleep 0.02; done) & sleep 0.2")
    done = subprocess.run(program(root, words, terminal=False), timeout=30, check=False)
    assert done.returncode == 0
    beaten = (root / "usr/share/beat").stat().st_size
    time.sleep(0.2)
    assert beaten == (root / "usr/share/beat").stat().st_size > 0


REPLAY = """
import sys
from pathlib import Path
from tests.triggers.roots import sandbox_over
from tests.triggers.test_interactive import replayed
from triggers import replay
sys.exit(replay(replayed(expand={expand}), sandbox_over(Path({root!r}))))
"""


def replayed(*, expand: bool) -> Invocation:
    return Invocation(
        phase=Phase.POST,
        owner="foo-1-1.noarch",
        label="%post(foo-1-1.noarch)",
        interpreter=("/bin/sh",),
        body='echo "$0 $1"; cat; echo wrong >&2; exit 6',
        args=("1",),
        stdin=b"/usr/a\n",
        expand=expand,
        why="a test",
    )


@pytest.mark.parametrize("expand", [False, True])
def test_a_script_is_run_again_as_it_was_planned(root: Path, expand: bool) -> None:
    add_script(root, "/usr/bin/rpm", 'echo "$2"')
    argv = [sys.executable, "-c", REPLAY.format(root=str(root), expand=expand)]
    done = subprocess.run(argv, capture_output=True, text=True, input="never", check=False)
    expected = (6, "/run/overlay/foo-1-1.noarch.post 1\n/usr/a\n", "wrong\n")
    assert (done.returncode, done.stdout, done.stderr) == expected


def test_a_body_that_cannot_be_written_out_is_not_run_again(root: Path) -> None:
    add_script(root, "/usr/bin/rpm", "echo 'error: bad macro' >&2; exit 1")
    argv = [sys.executable, "-c", REPLAY.format(root=str(root), expand=True)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "error: bad macro\n")
