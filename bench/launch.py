# SPDX-License-Identifier: LGPL-2.1-or-later
"""Starts one command and tells what it took: `launch.py REPORT COMMAND…`, a program of its own.

A process inherits the peak memory of the one that forked it (`ru_maxrss` survives exec), so the
command is forked from here, where nothing is loaded, and not from the bench. Standard output and
error pass through. The report is one JSON object.
"""

import json
import os
import sys
import time


def main(report: str, command: list[str]) -> int:
    """Runs the command, writes the report, and returns the command's exit status."""
    os.sync()
    started = time.monotonic()
    child = os.posix_spawnp(command[0], command, os.environ)
    _pid, status, usage = os.wait4(child, 0)
    seconds = time.monotonic() - started
    told = {
        "seconds": seconds,
        "cpu_seconds": usage.ru_utime + usage.ru_stime,
        # Of the largest single process among the command and those that it waited for.
        "peak_mb": usage.ru_maxrss / 1024,
    }
    with open(report, "w", encoding="utf-8") as stream:  # noqa: PTH123 - pathlib is not loaded
        json.dump(told, stream)
    return os.waitstatus_to_exitcode(status) & 0xFF


sys.exit(main(sys.argv[1], sys.argv[2:]))
