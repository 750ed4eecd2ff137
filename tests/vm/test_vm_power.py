# SPDX-License-Identifier: LGPL-2.1-or-later
"""The power cut at eight moments, spread over an install and over the shutdown's finalization.

Each time the machine has to come up in the old or in the new tree, the repository has to be sound,
and the next run has to succeed and to leave nothing behind of the one that was cut off.
"""

import re
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.vm import image
from tests.vm.agreement import agreed
from tests.vm.machine import Machine

pytestmark = [pytest.mark.vm, pytest.mark.world]

PACKAGE = "strace"
FINALIZED = "finalized"

Cut = Callable[[Machine, str], None]


def during(phase: str, after: float = 0.0) -> Cut:
    """Cuts while the tree is changed: so many seconds after a phase was reported as done."""

    def cut(machine: Machine, verb: str) -> None:
        job = machine.start(f"overlay --progress plain {verb} -y {PACKAGE}")
        job.wait_for(f"{phase}: ", 120)
        time.sleep(after)
        machine.cut_power()

    return cut


def at_shutdown(said: str, after: float = 0.0, *, before: str = "") -> Cut:
    """Cuts while the machine shuts down with a staged tree: after its console said something.

    Both are regular expressions; that it has not said `before` yet is what makes the moment.
    """

    def cut(machine: Machine, verb: str) -> None:
        machine.check(f"overlay {verb} -y {PACKAGE}")
        machine.check(f"kill -{SHOW_STATUS} 1")
        shown = len(machine.console)
        machine.start("systemctl poweroff")
        machine.wait_for_console(said, shown, 120)
        time.sleep(after)
        assert machine.running
        machine.cut_power()
        assert not (before and re.search(before, machine.console[shown:]))

    return cut


# systemd then tells on the console what it starts and stops, whatever the kernel arguments say:
# https://www.freedesktop.org/software/systemd/man/latest/systemd.html#SIGRTMIN+20
SHOW_STATUS = "SIGRTMIN+20"
FINALIZE = r"\S*ostree-finalize-staged"  # does its work when it is stopped
STOPPING, STOPPED = f"Stopping {FINALIZE}", f"Stopped {FINALIZE}"

MOMENTS = {
    "resolved": during("resolve"),
    "imported": during("import"),
    "scripts": during("rpmdb", 0.5),
    "committed": during("commit"),
    "deploying": during("preflight", 3.0),
    "stopping": at_shutdown("Stopping ", before=STOPPED),
    "finalizing": at_shutdown(STOPPING, 0.5, before=STOPPED),
    FINALIZED: at_shutdown(STOPPED),
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_vm_after_a_power_cut_it_boots_and_goes_on(
    machine: Machine, moment: str, tmp_path: Path
) -> None:
    old = agreed(machine)[0]["requested"]
    # What was cut off before is here begun again: the next run, which has to succeed.
    verb = "uninstall" if PACKAGE in old else "install"
    MOMENTS[moment](machine, verb)
    image.recover(machine.disk.system)
    with image.mounted(machine.disk.system, tmp_path / "root") as root:
        subprocess.run(["ostree", "fsck", "--quiet", f"--repo={root}/ostree/repo"], check=True)
    machine.boot()
    deployments = agreed(machine)
    booted = next(each for each in deployments if each["booted"])
    new = sorted({*old} ^ {PACKAGE})
    assert booted["requested"] in ((new,) if moment == FINALIZED else (old, new))
    assert (machine.run(f"rpm -q {PACKAGE}").status == 0) is (PACKAGE in booted["requested"])
    machine.check("overlay cleanup")
    left = machine.check("ls /ostree/repo/tmp /var/cache/overlay /tmp /var/tmp").split()
    assert [name for name in left if name.startswith(("overlay-", "staging-", "stubs-"))] == []
    there = machine.check("ls /ostree/deploy/demo/deploy").split()
    named = [each["id"].removeprefix("demo-") for each in deployments]
    assert sorted(there) == sorted([*named, *(f"{name}.origin" for name in named)])
    assert machine.check("systemctl --failed --no-legend") == ""


def test_vm_at_last_the_next_run_succeeds(machine: Machine) -> None:
    verb = "uninstall" if PACKAGE in agreed(machine)[0]["requested"] else "install"
    machine.check(f"overlay {verb} -y {PACKAGE}")
    assert agreed(machine)[0]["staged"]
