# SPDX-License-Identifier: LGPL-2.1-or-later
"""Virtual machines that really boot: the harness, and the tests that stand on it (`test_vm_…`).

A test module has one machine, booted when its first test asks for it; its tests run in order and
share it, for a boot is what costs::

    pytestmark = [pytest.mark.vm, pytest.mark.world]

    def test_vm_strace_is_there_after_a_reboot(machine: Machine) -> None:
        machine.check("overlay install -y strace")
        assert machine.run("strace -V").status == 127
        machine.reboot()
        assert "strace -- version" in machine.check("strace -V")

    def test_vm_power_may_go_while_it_installs(machine: Machine) -> None:
        job = machine.start("overlay install -y tmux")
        job.wait_for("Download:", 120)
        machine.cut_power()
        machine.boot()
        machine.check("ostree fsck --quiet")

What a disk holds: `disk`, `install`, `media`, `guest`. How it boots: `firmware`, `qemu`. How
commands get in: `wire`. All of it together: `machine`.
"""
