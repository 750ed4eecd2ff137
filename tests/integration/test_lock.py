# SPDX-License-Identifier: LGPL-2.1-or-later
"""One change at a time: who comes second waits, says for whom, and can be told to stop."""

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.integration.hosts import Host
from tests.integration.test_nothing_damaged import LONG, deployed, directories

pytestmark = [pytest.mark.world, pytest.mark.root, pytest.mark.bwrap]

# Takes the lock as libostree does, says so, and keeps it until its standard input ends.
HOLD = """
import sys
from layering._ostree import Gio, OSTree
sysroot = OSTree.Sysroot.new(Gio.File.new_for_path(sys.argv[1]))
sysroot.load(None)
sysroot.lock()
print("held", flush=True)
sys.stdin.read()
"""


@contextmanager
def somebody_else(sysroot: Path) -> Iterator[subprocess.Popen[str]]:
    """Holds the sysroot's lock in another process until that one's standard input is closed."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(sysroot)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


@contextmanager
def started(host: Host, *words: str) -> Iterator[subprocess.Popen[str]]:
    """Runs `overlay` beside this process; it cannot outlive the test."""
    with subprocess.Popen(
        host.argv(*words),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        watchdog = threading.Timer(60, process.kill)
        watchdog.start()
        yield process
        watchdog.cancel()
        process.kill()


def line_with(process: subprocess.Popen[str], text: str) -> str:
    """Returns the next line of standard error that holds a text."""
    assert process.stderr is not None
    for line in process.stderr:
        if text in line:
            return line
    raise AssertionError(f"never said: {text}")


def test_a_change_waits_for_the_lock_and_says_who_has_it(host: Host) -> None:
    with (
        somebody_else(host.path) as holder,
        started(host, "install", "case-empty") as second,
    ):
        told = line_with(second, "waiting")
        who = f"process {holder.pid} ({sys.executable} -c "
        assert told.startswith(f"waiting for the sysroot's lock, which {who}")
        assert second.poll() is None
        assert holder.stdin is not None
        holder.stdin.close()
        _out, rest = second.communicate(timeout=60)
        assert second.returncode == 0, rest
    assert host.deployments()[0]["requested"] == ["case-empty"]


def test_waiting_ends_at_an_interrupt(host: Host) -> None:
    with somebody_else(host.path), started(host, "install", "case-empty") as second:
        line_with(second, "waiting")
        second.send_signal(signal.SIGINT)
        out, err = second.communicate(timeout=10)
        assert (second.returncode, out, err) == (130, "", "\ninterrupted\n")
    assert host.checksum() == host.base


@pytest.mark.parametrize(
    "words", [["status"], ["status", "-v"], ["-q", "install", "--dry-run", "case-empty"]], ids=str
)
def test_looking_does_not_wait(host: Host, words: list[str]) -> None:
    with somebody_else(host.path), started(host, *words) as looking:
        _out, err = looking.communicate(timeout=60)
    assert (looking.returncode, "waiting" in err) == (0, False)


@pytest.mark.parametrize("phase", ["import", "scripts after", "deploy"])
def test_an_interrupt_leaves_everything_as_it_was(host: Host, phase: str) -> None:
    with started(host, "--progress=json", "install", *LONG) as process:
        line_with(process, f'"event": "start", "phase": "{phase}"')
        process.send_signal(signal.SIGINT)
        _out, err = process.communicate(timeout=60)
    if process.returncode:
        assert process.returncode == 130
        assert json.loads(err.splitlines()[-1])["item"] == "interrupted"
    *made, base = [each["checksum"] for each in host.deployments()]
    assert base == host.base
    # The signal may come after the boot order was written: that is then said.
    assert len(made) <= (1 if phase == "deploy" else 0)
    assert not (made and process.returncode) or "interrupted too late" in err
    assert deployed(host) == directories(host)
    assert not list((host.repo / "tmp").glob("overlay-*"))
    host.fsck()
    host.change("install", *LONG)
    assert host.leftovers() == []
    assert deployed(host) == directories(host)


def test_two_changes_at_once_both_happen(host: Host) -> None:
    with started(host, "install", "case-empty") as one, started(host, "install", "tree") as other:
        ends = [process.communicate(timeout=60) for process in (one, other)]
    assert [one.returncode, other.returncode] == [0, 0], ends
    assert host.deployments()[0]["requested"] == ["case-empty", "tree"]
