# SPDX-License-Identifier: LGPL-2.1-or-later
"""Where changes are made, and who is told of it."""

from dataclasses import dataclass
from pathlib import Path

from layering.progress import Report
from layering.sysroot import Sysroot


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """A sysroot, and the places beside it."""

    sysroot: Sysroot
    cache_dir: Path  # what can be got or made again
    log_dir: Path  # what scripts wrote
    report: Report
