# SPDX-License-Identifier: LGPL-2.1-or-later
"""The ground that the other tests of a booted machine stand on."""

import pytest

from tests.vm.conftest import MakeMachine
from tests.vm.machine import Machine, MachineError
from tests.vm.qemu import End

pytestmark = [pytest.mark.vm, pytest.mark.world]


def test_vm_boots_with_every_unit_well(machine: Machine) -> None:
    assert machine.check("systemctl is-system-running") == "running\n"
    assert machine.check("systemctl --failed --no-legend --plain") == ""


def test_vm_is_an_ostree_host_with_a_read_only_sysroot(machine: Machine) -> None:
    options = machine.check("findmnt --noheadings --output OPTIONS /sysroot").split(",")
    assert options[0] == "ro"
    assert machine.check("ostree admin status").count("demo ") == 1
    assert machine.entry is not None
    assert machine.check("cat /proc/cmdline").strip() == machine.entry.options


def test_vm_runs_the_packaged_overlay(machine: Machine) -> None:
    assert machine.check("rpm -q --file /usr/bin/overlay").startswith("overlay-")
    assert machine.check("overlay --version").startswith("overlay, version ")
    assert "world:base/minimal" in machine.check("overlay status")


def test_vm_tells_output_and_status_apart(machine: Machine) -> None:
    result = machine.run("echo out; echo err >&2; exit 3")
    assert (result.status, result.stdout, result.stderr) == (3, "out\n", "err\n")
    assert machine.run(["printf", "%s", "$HOME"]).stdout == "$HOME"
    assert machine.check("echo $HOME; id -un; cat") == "/root\nroot\n"
    assert len(machine.check("head --bytes=3000000 /dev/zero | tr '\\0' x")) == 3_000_000


def test_vm_command_past_its_limit_is_killed(machine: Machine) -> None:
    with pytest.raises(MachineError, match="no sign of the end of 'echo begun; sleep 987' in 3 s"):
        machine.run("echo begun; sleep 987", limit=3)
    assert machine.run("pgrep --full 'sleep 98[7]'").status == 1


def test_vm_has_repositories_over_http(machine: Machine) -> None:
    for name in ("base", "extras", "updates", "overlay"):
        machine.check(f"curl -sSf http://127.0.0.1:8080/repos/{name}/repodata/repomd.xml")
    head = machine.check("curl -sSf http://127.0.0.1:8080/ostree/refs/heads/base/minimal").strip()
    machine.check(f"ostree pull --commit-metadata-only world {head}")


def test_vm_tells_a_reboot_from_a_power_off(machine: Machine) -> None:
    machine.start("systemctl reboot --force --force")
    assert machine.wait_for_end() is End.REBOOTED


def test_vm_leaves_nothing_behind(make_machine: MakeMachine) -> None:
    machine = make_machine()
    directory = machine.directory
    assert directory.exists()
    machine.close()
    assert not directory.exists()
