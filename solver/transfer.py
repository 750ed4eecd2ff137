# SPDX-License-Identifier: LGPL-2.1-or-later
"""What libdnf5 tells while it downloads: progress, and the reason of each failure.

The callbacks are called from C, where a Python exception must not pass: whatever a callback raises
(a Ctrl-C above all) is kept, the download is told to stop, and the caller raises it afterwards.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import libdnf5

Told = Callable[[str, int, int], None]


class Transfers:
    """The state of a batch of downloads, each under a key that the caller chose."""

    def __init__(self, told: Told) -> None:
        self.failures: dict[str, str] = {}
        self.interruption: BaseException | None = None
        self._told = told
        self._keys: dict[int, str] = {}  # by the number that libdnf5 hands back as user data
        self._active: dict[int, str] = {}  # by the number of the running download
        self._reasons: dict[str, str] = {}
        self._last: dict[str, tuple[int, int]] = {}

    def expect(self, number: int, key: str) -> None:
        """Says under which key the download with user data `number` (above 0) is known."""
        self._keys[number] = key

    def raise_interruption(self) -> None:
        """Raises again what a callback raised while C code was running."""
        if self.interruption is not None:
            raise self.interruption

    @contextmanager
    def attached(self, base: Any) -> Iterator[None]:
        """Lets libdnf5 tell this object what it does inside the block."""
        callbacks = _Callbacks(self)
        # the pointer owns the C++ side from here on; `callbacks` keeps the Python side alive
        base.set_download_callbacks(libdnf5.repo.DownloadCallbacksUniquePtr(callbacks))
        try:
            yield
        finally:
            silent = libdnf5.repo.DownloadCallbacks()
            base.set_download_callbacks(libdnf5.repo.DownloadCallbacksUniquePtr(silent))
        self.raise_interruption()

    def start(self, user_data: int, description: str) -> int:
        """Takes note of a new download and returns its number."""
        number = len(self._active) + 1
        self._active[number] = self._keys.get(user_data, description)
        return number

    def step(self, number: int, done: float, total: float) -> None:
        """Passes progress on where it changed: librepo repeats itself many times a second."""
        key = self._active.get(number, "")
        now = (int(done), max(0, int(total)))
        if now != self._last.get(key) and now != (0, 0):
            self._last[key] = now
            self._told(key, *now)

    def mirror_failed(self, number: int, message: str) -> None:
        """Keeps the reason: at the end librepo only says that no mirror was left."""
        self._reasons.setdefault(self._active.get(number, ""), message)

    def failed(self, number: int, message: str) -> None:
        """Takes note that a download failed for good."""
        key = self._active.get(number, "")
        self.failures[key] = " ".join((self._reasons.get(key) or message).split())


class _Callbacks(libdnf5.repo.DownloadCallbacks):  # type: ignore[misc]  # libdnf5 has no types
    def __init__(self, transfers: Transfers) -> None:
        super().__init__()
        self._transfers = transfers

    def add_new_download(self, user_data: Any, description: str, total_to_download: float) -> int:
        return self._transfers.start(int(user_data or 0), description)

    def progress(self, user_cb_data: Any, total_to_download: float, downloaded: float) -> int:
        return self._guard(
            lambda: self._transfers.step(int(user_cb_data or 0), downloaded, total_to_download)
        )

    def mirror_failure(self, user_cb_data: Any, msg: str, url: str, metadata: str) -> int:
        return self._guard(lambda: self._transfers.mirror_failed(int(user_cb_data or 0), str(msg)))

    def end(self, user_cb_data: Any, status: int, msg: str) -> int:
        if status == libdnf5.repo.DownloadCallbacks.TransferStatus_ERROR:
            self._transfers.failed(int(user_cb_data or 0), str(msg))
        return self._guard(lambda: None)

    def _guard(self, call: Callable[[], None]) -> int:
        try:
            call()
        except BaseException as error:  # noqa: BLE001 - raised again by raise_interruption
            self._transfers.interruption = self._transfers.interruption or error
        stop = self._transfers.interruption is not None
        return int(libdnf5.repo.DownloadCallbacks.ABORT if stop else 0)
