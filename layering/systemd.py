# SPDX-License-Identifier: LGPL-2.1-or-later
"""What is asked of systemd: to reboot, and whether the last shutdown finalized what was staged.

Finalizing happens when nobody looks any more. Where it fails, libostree leaves a note in /boot, by
which `ostree-boot-complete.service` fails at the next boot and takes the note away
(https://github.com/ostreedev/ostree/blob/main/src/boot/ostree-boot-complete.service). So the note,
or that unit's state, tells, at once; the journal is read only if there is something to tell, and
everything works without it.
"""

import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from layering.errors import LayeringError

FINALIZE_UNIT = "ostree-finalize-staged.service"
_BOOT_UNIT = "ostree-boot-complete.service"
_NOTE = "boot/ostree/finalize-failure.stamp"
_SECONDS = 15.0  # for a query: a journal on a slow disk takes its time
_LINES = 50


class SystemdError(LayeringError):
    """systemd does not do what it is asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FinalizationFailure:
    """What was staged could not be put into the boot order when the system went down."""

    unit: str
    lines: tuple[str, ...]  # what the journal, or libostree's note, has of it


def reboot() -> None:
    """Begins a reboot, which finalizes what is staged; returns while the system is going down.

    Raises:
        SystemdError: systemd refuses, for an inhibitor perhaps; its own words are in the message.
    """
    try:
        done = _run(["systemctl", "reboot"], seconds=None)
    except OSError as error:
        raise _not_rebooting(f"systemctl: {(error.strerror or str(error)).lower()}") from error
    if done.returncode:
        said = done.stderr.strip() or f"systemctl ended with status {done.returncode}"
        raise _not_rebooting("; ".join(said.splitlines()))


def finalization_failure(root: Path = Path("/")) -> FinalizationFailure | None:
    """Returns what is known of a finalization that failed, None if the last one didn't.

    To be asked on a running system. Costs two system calls and one short-lived process.
    """
    note = _note(root)
    if not note and not _has_failed(_BOOT_UNIT):
        return None
    journal = _journal("--boot=-1", FINALIZE_UNIT) or _journal("--boot=0", _BOOT_UNIT)
    return FinalizationFailure(unit=FINALIZE_UNIT, lines=failure_lines(journal) or note)


def failure_lines(journal: str) -> tuple[str, ...]:
    """Returns the messages of a unit's journal in `--output=cat` form, the last ones if many.

    journalctl's own remarks (`-- No entries --`, `-- Boot … --`) are left out.
    """
    lines = [line.strip() for line in journal.splitlines()]
    told = [line for line in lines if line and not (line.startswith("-- ") and line.endswith("--"))]
    return tuple(told[-_LINES:])


def _note(root: Path) -> tuple[str, ...]:
    try:
        text = (root / _NOTE).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ()
    return failure_lines(text) or ("no reason is given",)


def _has_failed(unit: str) -> bool:
    try:
        return _run(["systemctl", "is-failed", "--quiet", unit]).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def _journal(boot: str, unit: str) -> str:
    command = ["journalctl", boot, f"--unit={unit}", "--output=cat", "--no-pager", "--quiet"]
    try:
        done = _run([*command, f"--lines={_LINES}"])
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return "" if done.returncode else done.stdout


def _run(
    command: Sequence[str], *, seconds: float | None = _SECONDS
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        env={**os.environ, "LC_ALL": "C.UTF-8", "SYSTEMD_COLORS": "0"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=seconds,
        check=False,
    )


def _not_rebooting(why: str) -> SystemdError:
    error = SystemdError(f"cannot reboot: {why}")
    error.add_note("reboot in another way: what is staged is finalized when the system goes down")
    return error
