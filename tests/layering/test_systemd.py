# SPDX-License-Identifier: LGPL-2.1-or-later
"""Asking systemd, played by programs that write down what they were asked."""

import os
from pathlib import Path

import pytest

from layering.systemd import (
    FINALIZE_UNIT,
    FinalizationFailure,
    SystemdError,
    failure_lines,
    finalization_failure,
    reboot,
)

NOTE = "boot/ostree/finalize-failure.stamp"

# A finalization that fails, in the words of systemd and libostree.
JOURNAL = """\
Finished ostree-finalize-staged.service - OSTree Finalize Staged Deployment.
Stopping ostree-finalize-staged.service - OSTree Finalize Staged Deployment...
Finalizing staged deployment
error: During /etc merge: Modified config file newly defaults to directory 'x', cannot merge
ostree-finalize-staged.service: Control process exited, code=exited, status=1/FAILURE
"""
FAILED = "case $1 in is-failed) exit 0;; esac"
FINE = "case $1 in is-failed) exit 1;; esac"


class Programs:
    """Fake programs, first on PATH, and how they were called."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def put(self, name: str, body: str) -> None:
        path = self.directory / name
        path.write_text(f'#!/bin/sh\necho "${{0##*/}} $*" >> {self.directory}/calls\n{body}\n')
        path.chmod(0o755)

    def calls(self) -> list[str]:
        log = self.directory / "calls"
        return log.read_text().splitlines() if log.exists() else []


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Programs:
    directory = tmp_path / "bin"
    directory.mkdir()
    monkeypatch.setenv("PATH", os.fspath(directory))
    return Programs(directory)


def with_note(root: Path, text: str) -> Path:
    (root / NOTE).parent.mkdir(parents=True)
    (root / NOTE).write_text(text)
    return root


def test_rebooting_asks_systemctl(programs: Programs) -> None:
    programs.put("systemctl", "")
    reboot()
    assert programs.calls() == ["systemctl reboot"]


def test_a_refused_reboot_says_what_systemctl_said(programs: Programs) -> None:
    programs.put("systemctl", "echo 'Operation inhibited by \"vi\" (PID 7)' >&2; exit 1")
    with pytest.raises(SystemdError) as caught:
        reboot()
    assert str(caught.value) == 'cannot reboot: Operation inhibited by "vi" (PID 7)'
    assert caught.value.__notes__ == [
        "reboot in another way: what is staged is finalized when the system goes down"
    ]


def test_a_silent_refusal_tells_the_status(programs: Programs) -> None:
    programs.put("systemctl", "exit 4")
    with pytest.raises(SystemdError) as caught:
        reboot()
    assert str(caught.value) == "cannot reboot: systemctl ended with status 4"


@pytest.mark.usefixtures("programs")
def test_without_systemd_there_is_no_reboot() -> None:
    with pytest.raises(SystemdError) as caught:
        reboot()
    assert str(caught.value) == "cannot reboot: systemctl: no such file or directory"


def test_where_nothing_failed_the_journal_is_not_read(programs: Programs, tmp_path: Path) -> None:
    programs.put("systemctl", FINE)
    programs.put("journalctl", f"echo '{JOURNAL}'")
    assert finalization_failure(tmp_path) is None
    assert programs.calls() == ["systemctl is-failed --quiet ostree-boot-complete.service"]


def test_a_failed_unit_is_told_with_the_journal_of_the_last_shutdown(
    programs: Programs, tmp_path: Path
) -> None:
    programs.put("systemctl", FAILED)
    programs.put("journalctl", f'case $1 in --boot=-1) echo "{JOURNAL}";; esac')
    assert finalization_failure(tmp_path) == FinalizationFailure(
        unit=FINALIZE_UNIT, lines=tuple(JOURNAL.splitlines())
    )


def test_without_a_journal_of_the_last_boot_the_present_ones_is_told(
    programs: Programs, tmp_path: Path
) -> None:
    """A journal in memory does not outlive the boot; the unit that failed repeats the message."""
    programs.put("systemctl", FAILED)
    said = "error: ostree-finalize-staged.service failed on previous boot: During /etc merge: x"
    programs.put("journalctl", f"case $1 in --boot=0) echo '{said}';; *) exit 1;; esac")
    found = finalization_failure(tmp_path)
    assert found is not None
    assert found.lines == (said,)


@pytest.mark.usefixtures("programs")
def test_the_note_in_boot_is_enough(tmp_path: Path) -> None:
    """Nothing of systemd is here: neither program is on PATH."""
    found = finalization_failure(with_note(tmp_path, "During /etc merge: opendir(x)\n"))
    assert found == FinalizationFailure(
        unit=FINALIZE_UNIT, lines=("During /etc merge: opendir(x)",)
    )


@pytest.mark.usefixtures("programs")
def test_an_empty_note_is_a_failure_too(tmp_path: Path) -> None:
    found = finalization_failure(with_note(tmp_path, ""))
    assert found is not None
    assert found.lines == ("no reason is given",)


@pytest.mark.usefixtures("programs")
def test_without_systemd_nothing_is_known_to_have_failed(tmp_path: Path) -> None:
    assert finalization_failure(tmp_path) is None


def test_journalctls_own_remarks_are_no_messages() -> None:
    text = "-- Boot 5c0e --\nFinalizing staged deployment\n\n-- No entries --\n"
    assert failure_lines(text) == ("Finalizing staged deployment",)


def test_the_last_messages_are_told_where_there_are_many() -> None:
    assert failure_lines("\n".join(map(str, range(99))))[0] == "49"
