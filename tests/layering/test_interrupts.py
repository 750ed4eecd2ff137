# SPDX-License-Identifier: LGPL-2.1-or-later
"""Ctrl-C around a step that must come to an end: real signals, sent to this process."""

import os
import signal
import threading
from collections.abc import Iterator

import pytest

from layering._ostree import Gio, GLib
from layering.interrupts import held


@pytest.fixture(autouse=True)
def _handler() -> Iterator[None]:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def interrupt() -> None:
    os.kill(os.getpid(), signal.SIGINT)


def waiting(cancellable: Gio.Cancellable) -> str:
    """Works until it is cancelled, as libostree does."""
    reached = threading.Event()
    cancellable.connect(lambda *_: reached.set())
    reached.wait(30)
    cancellable.set_error_if_cancelled()
    return "never"


def test_without_an_interrupt_a_call_is_a_call() -> None:
    with held() as step:
        assert step.run(lambda cancel: "done") == "done"
        assert not step.came


def test_an_interrupt_waits_for_the_end_of_the_step() -> None:
    done = []
    with pytest.raises(KeyboardInterrupt), held() as step:
        interrupt()
        assert step.came
        done.append("all")
    assert done == ["all"]


def test_an_interrupt_cancels_the_call_that_runs() -> None:
    threading.Timer(0.2, interrupt).start()
    with pytest.raises(GLib.Error) as caught, held() as step:
        step.run(waiting)
    assert caught.value.matches(Gio.io_error_quark(), Gio.IOErrorEnum.CANCELLED)


def test_a_second_interrupt_does_no_more_than_the_first() -> None:
    done = []
    with pytest.raises(KeyboardInterrupt), held():
        interrupt()
        interrupt()
        done.append("all")
    assert done == ["all"]


def test_what_the_step_raises_goes_before_the_interrupt() -> None:
    with pytest.raises(ZeroDivisionError), held() as step:
        interrupt()
        step.run(lambda cancel: 1 // 0)


def test_interrupts_are_as_before_afterwards() -> None:
    with held():
        pass
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    with pytest.raises(KeyboardInterrupt):
        interrupt()


def test_who_ignores_interrupts_goes_on_ignoring_them() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with held() as step:
        interrupt()
        assert not step.came


def test_another_thread_than_the_main_one_changes_nothing() -> None:
    handlers = []

    def work() -> None:
        with held():
            handlers.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert handlers == [signal.default_int_handler]
