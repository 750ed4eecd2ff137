# SPDX-License-Identifier: LGPL-2.1-or-later
"""A thread that watches what a script looks at, from before bubblewrap starts until nothing lives.

It has to wait already when bubblewrap is executed: that call is told to it as well, and whoever
starts a process waits until it has executed. Each call is answered whatever becomes of our looking
at it. It is stopped when nothing of the sandbox lives any more; where something could still live
then, it is on its way out by SIGKILL.

Identifiers of notifications count up by one. A gap between them is a call that a signal cut off
before it was received (`triggers.cutoff` says what that means). Once it is received, nothing but
death cuts it off.
"""

import os
import select
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager

from triggers.notify import Call, answer, installer, receive, take_listener
from triggers.observed import Observed
from triggers.pathcalls import MACHINES, Machine
from triggers.sightings import Sightings

_KILLED = "a process that was killed"


class Observer:
    """What watches one script."""

    def __init__(self, install: Callable[[], None] | None, stop: int) -> None:
        self.install = install  # to be called in the new process, before it executes bubblewrap
        self._stop = stop
        self._result: Future[Observed | None] | None = None

    def follow(self, result: "Future[Observed | None]") -> None:
        """Takes the result that is to come."""
        self._result = result

    def observed(self) -> Observed | None:
        """Returns what was seen, once nothing of the script lives; None if the kernel refused."""
        os.eventfd_write(self._stop, 1)
        return self._result.result() if self._result else _unknown()


@contextmanager
def observing() -> Iterator[Observer]:
    """Gives an observer, to be left when nothing of what it observes lives."""
    machine = MACHINES.get(os.uname().machine)
    with ExitStack() as stack:
        stop = os.eventfd(0, os.EFD_CLOEXEC)
        stack.callback(os.close, stop)
        if machine is None:
            yield Observer(None, stop)
            return
        ours, theirs = socket.socketpair()
        stack.callback(ours.close)
        stack.callback(theirs.close)
        pool = stack.enter_context(ThreadPoolExecutor(1, thread_name_prefix="observer"))
        stack.callback(os.eventfd_write, stop, 1)
        observer = Observer(installer(machine, theirs), stop)
        observer.follow(pool.submit(_observe, machine, ours, stop))
        yield observer


def _unknown() -> Observed:
    doubt = f"an unknown machine, {os.uname().machine}"
    return Observed(looked=frozenset(), listed=frozenset(), doubts=(doubt,))


def _observe(machine: Machine, source: socket.socket, stop: int) -> Observed | None:
    """Returns what is seen until `stop` can be read; None where there is nothing to listen to."""
    if not _ready(source.fileno(), stop):
        return None
    listener = take_listener(source)
    if listener is None:
        return None
    with ExitStack() as stack:
        stack.callback(os.close, listener)
        sightings = stack.enter_context(closing(Sightings(machine)))
        stack.callback(_let_go_on, listener, stop)
        _watch(listener, stop, sightings)
        return sightings.observed()


def _watch(listener: int, stop: int, sightings: Sightings) -> None:
    first = last = None
    received = 0
    for call in _calls(listener, stop):
        identifier = call[0]
        received += 1
        first = identifier if first is None else first
        last = identifier
        there = False
        try:
            sightings.see(call)
        finally:
            there = answer(listener, identifier)
        if not there:
            sightings.doubt(_KILLED)
    if first is not None and last is not None and (last - first + 1) % (1 << 64) != received:
        sightings.cut_off()


def _let_go_on(listener: int, stop: int) -> None:
    """Answers what still comes, if watching has ended early."""
    for call in _calls(listener, stop):
        answer(listener, call[0])


def _calls(listener: int, stop: int) -> Iterator[Call]:
    """Gives calls as they come, until nobody is left to make one or nobody is to be waited for."""
    poll, buffer = select.poll(), bytearray(80)
    poll.register(listener, select.POLLIN)
    poll.register(stop, select.POLLIN)
    while True:
        ready = dict(poll.poll())
        if ready.get(listener, 0) & select.POLLIN:
            call = receive(listener, buffer)
            if call is not None:
                yield call
        elif ready:
            return


def _ready(descriptor: int, stop: int) -> bool:
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    poll.register(stop, select.POLLIN)
    return any(each == descriptor for each, _ in poll.poll())
