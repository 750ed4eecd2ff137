# SPDX-License-Identifier: LGPL-2.1-or-later
"""Work in another thread: in order, not far behind, its errors raised where it is given."""

import threading

import pytest

from layering.inorder import InOrder


def fail() -> None:
    raise ValueError("no")


def test_work_is_done_in_the_order_it_is_given() -> None:
    done: list[int] = []
    with InOrder("t", behind=3) as thread:
        for number in range(100):
            thread.give(lambda number=number: done.append(number))  # type: ignore[misc]
        thread.finish()
    assert done == list(range(100))


def test_no_more_waits_than_is_allowed() -> None:
    started, gate = threading.Semaphore(0), threading.Event()
    given: list[int] = []

    def work() -> None:
        started.release()
        gate.wait()

    def giver(thread: InOrder) -> None:
        for number in range(10):
            thread.give(work)
            given.append(number)

    with InOrder("t", behind=3) as thread:
        giving = threading.Thread(target=giver, args=[thread])
        giving.start()
        started.acquire()
        giving.join(0.2)
        assert given == [0, 1, 2]
        gate.set()
        giving.join()
        thread.finish()


def test_an_error_is_raised_at_the_next_chance() -> None:
    with InOrder("t", behind=1) as thread:
        thread.give(fail)
        with pytest.raises(ValueError, match="no"):
            thread.give(lambda: None)
    with InOrder("t", behind=9) as thread:
        thread.give(fail)
        with pytest.raises(ValueError, match="no"):
            thread.finish()


def test_no_thread_is_left_behind_an_error() -> None:
    with pytest.raises(KeyError), InOrder("left-behind", behind=9) as thread:
        thread.give(lambda: None)
        raise KeyError
    assert not [each for each in threading.enumerate() if each.name.startswith("left-behind")]
