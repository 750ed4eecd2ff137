# SPDX-License-Identifier: LGPL-2.1-or-later
"""A thread that does what it is given, in order, a few steps behind the one who gives.

Hashing, compression and libostree let other Python threads run meanwhile; what comes out does not
depend on who is how fast. How far behind it may be bounds the memory that waiting work holds.
"""

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Self


class InOrder:
    """The thread; as a context manager it is at rest at the end, whatever happened."""

    def __init__(self, name: str, *, behind: int) -> None:
        self._pool = ThreadPoolExecutor(1, thread_name_prefix=name)
        self._behind = behind
        self._waiting: deque[Future[None]] = deque()

    def give(self, work: Callable[[], None]) -> None:
        """Adds work, once no more than so many steps wait; raises what earlier work raised."""
        while len(self._waiting) >= self._behind:
            self._waiting.popleft().result()
        self._waiting.append(self._pool.submit(work))

    def finish(self) -> None:
        """Waits for all work; raises what the first that failed raised."""
        while self._waiting:
            self._waiting.popleft().result()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)
