# SPDX-License-Identifier: LGPL-2.1-or-later
"""Ctrl-C around a step that must not be left half-way: it cancels, and is raised at the end.

Python raises KeyboardInterrupt between any two instructions, so after libostree has written a
deployment and before we know of it. Inside `held`, an interrupt raises nothing: it cancels what
libostree is at, where that can be undone, and once the step has come to an end, whichever, it is
raised. Python runs a signal's handler in the main thread alone and not while that one is in a call
of C: the call is made in another thread.
"""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TypeVar

from layering._ostree import Gio

_Result = TypeVar("_Result")


class Interrupt:
    """Whether Ctrl-C was pressed, and what it cancels."""

    def __init__(self) -> None:
        self.cancellable = Gio.Cancellable.new()

    @property
    def came(self) -> bool:
        """Whether there was one."""
        return bool(self.cancellable.is_cancelled())

    def run(self, call: Callable[[Gio.Cancellable], _Result]) -> _Result:
        """Makes a call in another thread; returns what it returns, raises what it raises."""
        results: list[_Result] = []
        errors: list[BaseException] = []
        ended = threading.Event()

        def work() -> None:
            try:
                results.append(call(self.cancellable))
            except BaseException as error:  # noqa: BLE001  raised in the caller's thread
                errors.append(error)
            finally:
                ended.set()

        threading.Thread(target=work, name="libostree").start()
        ended.wait()
        if errors:
            raise errors[0]
        return results[0]


@contextmanager
def held() -> Iterator[Interrupt]:
    """Keeps Ctrl-C from ending the body, and raises KeyboardInterrupt after it if one came.

    What the body raises itself goes first. Where interrupts are ignored, or this isn't the main
    thread, nothing changes.
    """
    interrupt = Interrupt()
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(before):
        yield interrupt
        return

    def cancel(number: int, frame: FrameType | None) -> None:
        interrupt.cancellable.cancel()

    signal.signal(signal.SIGINT, cancel)
    try:
        yield interrupt
    finally:
        signal.signal(signal.SIGINT, before)
    if interrupt.came:
        raise KeyboardInterrupt
