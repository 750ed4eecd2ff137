# SPDX-License-Identifier: LGPL-2.1-or-later
"""The sysroot's lock, held by real processes."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from layering._ostree import Gio, OSTree
from layering.lock import as_typed, held, holders_of
from layering.progress import Event
from tests.sysroots import run

# Takes libostree's own lock, says so, and holds it as long as it is told.
HOLD = """
import sys, time, gi
gi.require_version("OSTree", "1.0")
from gi.repository import Gio, OSTree
sysroot = OSTree.Sysroot.new(Gio.File.new_for_path(sys.argv[1]))
sysroot.load(None)
sysroot.lock()
print("held", flush=True)
time.sleep(float(sys.argv[2]))
sysroot.unlock()
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    run("ostree", "admin", "init-fs", "--modern", str(tmp_path))
    return tmp_path


@contextmanager
def holder(root: Path, seconds: float) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", HOLD, str(root), str(seconds)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
    finally:
        process.kill()
        process.wait()


class Lock:
    """libostree's lock as `held` wants it."""

    def __init__(self, root: Path) -> None:
        self.file = root / "ostree/lock"
        self.sysroot = OSTree.Sysroot.new(Gio.File.new_for_path(str(root)))
        self.sysroot.load(None)
        self.told: list[str] = []

    def take(self) -> bool:
        return bool(self.sysroot.try_lock()[1])

    def report(self, event: Event) -> None:
        self.told.append(event.item)


def test_a_free_lock_is_taken_without_a_word(root: Path) -> None:
    lock, other = Lock(root), Lock(root)
    with held(lock.take, lock.sysroot.unlock, lock.file, lock.report):
        assert not other.take()
    assert other.take()
    assert lock.told == []


def test_a_taken_lock_is_waited_for_and_its_holder_named(root: Path) -> None:
    lock = Lock(root)
    with holder(root, 1.0) as process:
        started = time.monotonic()
        with held(lock.take, lock.sysroot.unlock, lock.file, lock.report):
            waited = time.monotonic() - started
    assert 0.5 < waited < 5
    (text,) = lock.told
    head = f"waiting for the sysroot's lock, which process {process.pid} ({sys.executable} -c '"
    assert text.startswith(head)
    assert text.endswith("…) holds")


def test_the_next_holder_is_named_too(root: Path) -> None:
    lock = Lock(root)
    with ExitStack() as first, ExitStack() as second:
        pids = [first.enter_context(holder(root, 30)).pid]

        def take() -> bool:
            """Lets the second holder follow the first, once that was named, and then us."""
            if len(lock.told) == 1 and len(pids) == 1:
                first.close()
                pids.append(second.enter_context(holder(root, 30)).pid)
            elif len(lock.told) == 2:
                second.close()
            return lock.take()

        with held(take, lock.sysroot.unlock, lock.file, lock.report):
            pass
    assert [text.split("process ")[1].split(" ")[0] for text in lock.told] == list(map(str, pids))


def test_a_holder_who_cannot_be_seen_is_told_once(tmp_path: Path) -> None:
    """Somebody else's processes, for who isn't root, or those of another pid namespace."""
    answers = iter([False] * 5 + [True])
    told: list[str] = []
    with held(lambda: next(answers), lambda: None, tmp_path, lambda event: told.append(event.item)):
        pass
    assert told == ["waiting for the sysroot's lock, which another process holds"]


def test_an_interrupt_ends_the_wait(root: Path) -> None:
    lock = Lock(root)
    timer = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))
    with holder(root, 30):
        timer.start()
        with (
            pytest.raises(KeyboardInterrupt),
            held(lock.take, lock.sysroot.unlock, lock.file, lock.report),
        ):
            pytest.fail("the lock was not free")
    assert Lock(root).take()


def test_the_lock_is_let_go_when_the_body_fails(root: Path) -> None:
    lock = Lock(root)
    with (
        pytest.raises(ZeroDivisionError),
        held(lock.take, lock.sysroot.unlock, lock.file, lock.report),
    ):
        raise ZeroDivisionError
    assert Lock(root).take()


def test_who_only_has_the_file_open_is_no_holder(root: Path) -> None:
    lock_file = root / "ostree/lock"
    command = [sys.executable, "-c", "import sys; open(sys.argv[1]); print(1, flush=True); input()"]
    lock_file.touch()
    with subprocess.Popen(
        [*command, str(lock_file)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None and process.stdin is not None
        process.stdout.readline()
        assert holders_of(lock_file) == ()
        process.stdin.close()


def test_a_lock_file_that_is_not_there_has_no_holders(tmp_path: Path) -> None:
    assert holders_of(tmp_path / "lock") == ()


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (["/usr/bin/python3", "-I", "/usr/bin/overlay", "install", "x"], "overlay install x"),
        (["/venv/bin/python3.14", "/venv/bin/overlay", "upgrade"], "overlay upgrade"),
        (["python3", "-c", "import os"], "python3 -c 'import os'"),
        (["python3", "-m", "layering"], "python3 -m layering"),
        (["python3"], "python3"),
        (["/usr/bin/ostree", "admin", "finalize-staged"], "/usr/bin/ostree admin finalize-staged"),
        (["/usr/bin/rpm-ostree", "start-daemon"], "/usr/bin/rpm-ostree start-daemon"),
    ],
)
def test_a_command_is_told_as_one_would_type_it(words: list[str], shown: str) -> None:
    assert as_typed(words) == shown


def test_a_long_command_is_cut() -> None:
    text = as_typed(["overlay", "install", *["package"] * 99])
    assert len(text) == 200
    assert text.endswith("…")


def test_another_overlay_is_named_by_what_it_does(root: Path, tmp_path: Path) -> None:
    script = tmp_path / "overlay"
    script.write_text(HOLD)
    command = [sys.executable, str(script), str(root), "30"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        (holder,) = holders_of(root / "ostree/lock")
        process.kill()
    assert str(holder) == f"process {process.pid} (overlay {root} 30)"
