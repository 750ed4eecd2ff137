# SPDX-License-Identifier: LGPL-2.1-or-later
"""The log of an operation: all that its scripts wrote, and the line that runs each again.

One file an operation, made when the first script has ended, and written script by script, so that
of a run that is killed everything up to then is there. The newest few are kept. A log that cannot
be written is no reason to fail: that is said once.
"""

import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from layering import progress
from triggers import Outcome, describe_status

KEPT = 20  # files
_SUFFIX = ".log"


class ScriptLog:
    """Takes outcomes as they come; `path` is None as long as there is no file."""

    def __init__(self, directory: Path, head: Sequence[str], report: progress.Report) -> None:
        self.path: Path | None = None
        self.failed: list[Outcome] = []
        self._directory = directory
        self._head = head
        self._report = report
        self._file: TextIO | None = None
        self._broken = False

    def __call__(self, outcome: Outcome) -> None:
        """Writes what came of a script."""
        if outcome.status:
            self.failed.append(outcome)
        if self._broken:
            return
        try:
            file = self._file or self._opened()
            file.write(_entry(outcome))
            file.flush()
        except OSError as error:
            self._broken = True
            what = f"cannot keep what scripts write: {error.strerror}: {self._directory}"
            progress.warn(self._report, "scripts", what)

    def close(self) -> None:
        """Closes the file."""
        if self._file is not None:
            self._file.close()

    def _opened(self) -> TextIO:
        self._directory.mkdir(parents=True, exist_ok=True)
        for old in sorted(self._directory.glob(f"*{_SUFFIX}"))[: -(KEPT - 1)]:
            old.unlink(missing_ok=True)
        stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        path, number = self._directory / f"{stamp}{_SUFFIX}", 0
        while True:
            try:
                # What scripts say may be nobody else's business.
                handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
                break
            except FileExistsError:
                number += 1
                path = self._directory / f"{stamp}-{number}{_SUFFIX}"
        self._file = os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace")
        self._file.write("".join(f"{line}\n" for line in self._head))
        self.path = path
        return self._file


def _entry(outcome: Outcome) -> str:
    invocation = outcome.invocation
    how = describe_status(outcome) if outcome.status else "done"
    how = "known from before" if outcome.remembered else how
    lines = [f"\n== {invocation.label}: {how}, {outcome.seconds:.2f} s", f"why: {invocation.why}"]
    lines += outcome.output.rstrip("\n").splitlines()
    if outcome.status:
        lines.append(f"it ran as: {outcome.replay}")
    return "".join(f"{line}\n" for line in lines)
