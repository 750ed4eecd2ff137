# SPDX-License-Identifier: LGPL-2.1-or-later
"""A week of one machine: installed, rolled back, rebased, upgraded, and booted in between.

The tests are one story, in order, on one machine; each reboot is a test of its own.
"""

import json
import subprocess
from pathlib import Path

import pytest

from fixtures.forest import World
from tests.vm import image
from tests.vm.agreement import agreed, nevras
from tests.vm.machine import Machine
from tests.vm.qemu import End

pytestmark = [pytest.mark.vm, pytest.mark.world]

PREPARED = ["overlay"]  # what was asked for when the disk was made
OTHER = "base/other"  # a second branch


@pytest.fixture(scope="module")
def known() -> dict[str, str]:
    """What one test leaves for the next to compare with."""
    return {}


def test_vm_an_install_over_http_is_staged(machine: Machine, known: dict[str, str]) -> None:
    (booted,) = agreed(machine)
    known["first"] = booted["checksum"]
    machine.check("overlay --progress plain install -y strace")
    staged, booted = agreed(machine)
    assert (staged["staged"], staged["booted"], booted["booted"]) == (True, False, True)
    assert staged["requested"] == [*PREPARED, "strace"]
    assert "strace" in nevras(staged)
    assert booted["checksum"] == known["first"]
    assert machine.run("command -v strace").status == 1  # the running tree is as it was
    assert machine.check("findmnt -no OPTIONS /sysroot").startswith("ro,")
    assert "[staged]" in machine.check("overlay status")


def test_vm_the_difference_shown_is_pending_against_booted(machine: Machine) -> None:
    found = json.loads(machine.check("overlay --json diff --packages"))
    added = {nevra.rsplit("-", 2)[0] for nevra in found["added"]}
    assert added == {"strace", "libunwind8"}
    assert found["removed"] == found["upgraded"] == found["downgraded"] == []


def test_vm_after_a_boot_strace_traces_and_rpm_is_content(
    machine: Machine, known: dict[str, str]
) -> None:
    machine.reboot()
    traced = machine.run("strace -f -e trace=execve /bin/sh -c /usr/bin/true")
    assert traced.status == 0
    assert 'execve("/usr/bin/true"' in traced.stderr
    assert machine.check("rpm -q strace").startswith("strace-")
    # OSTree keeps no times of files; everything else is as the packages have it.
    machine.check("rpm -V --nomtime strace libunwind8")
    booted, rollback = agreed(machine)
    assert (booted["booted"], rollback["rollback"]) == (True, True)
    assert rollback["checksum"] == known["first"]
    assert machine.check("systemctl --failed --no-legend") == ""


def test_vm_a_rollback_is_what_boots_next(machine: Machine, known: dict[str, str]) -> None:
    machine.start("overlay rollback --reboot")
    assert machine.wait_for_end() is End.REBOOTED
    machine.boot()
    booted, rollback = agreed(machine)
    assert (booted["checksum"], booted["booted"]) == (known["first"], True)
    assert rollback["requested"] == [*PREPARED, "strace"]
    assert machine.run("command -v strace").status == 1


def test_vm_install_rebase_and_uninstall_before_a_boot_lose_nothing(
    machine: Machine, world: World
) -> None:
    machine.publish(OTHER, world.trees["base/minimal"])
    machine.check("echo '# ours' >> /etc/nanorc && useradd --create-home gardener")
    machine.check("overlay install -y redis htop tree")
    machine.check(f"overlay rebase -y world:{OTHER}")
    machine.check("overlay uninstall -y htop")
    machine.check("overlay kargs --append=overlay.test=1")
    staged, *others = agreed(machine)
    assert [each["booted"] for each in others] == [True, False]
    assert staged["requested"] == [*PREPARED, "redis", "tree"]
    assert staged["origin"]["refspec"] == f"world:{OTHER}"
    # A unit of a tree that is not booted yet is enabled in /etc, from which the next /etc comes.
    machine.check(
        "mkdir -p /etc/systemd/system/multi-user.target.wants && ln -sf "
        "/usr/lib/systemd/system/redis-server.service /etc/systemd/system/multi-user.target.wants/"
    )


def test_vm_one_boot_later_exactly_the_rest_is_there(machine: Machine) -> None:
    machine.reboot()
    booted, *_others = agreed(machine)
    assert booted["requested"] == [*PREPARED, "redis", "tree"]
    machine.check("command -v redis-server tree")
    assert machine.run("command -v htop strace").status == 1
    assert "overlay.test=1" in machine.check("cat /proc/cmdline").split()
    assert f"refspec=world:{OTHER}" in machine.check(
        "cat /ostree/deploy/demo/deploy/$(ostree admin status | sed -n 's/^\\* demo //p').origin"
    )


def test_vm_etc_users_and_services_are_right_after_the_boot(
    machine: Machine, known: dict[str, str]
) -> None:
    assert machine.check("tail -n 1 /etc/nanorc") == "# ours\n"
    assert machine.check("stat -c %U:%a /home/gardener") == "gardener:700\n"
    assert machine.check("systemctl is-active redis-server") == "active\n"
    assert machine.check("systemctl --failed --no-legend") == ""
    assert machine.check("ps -o user= -C redis-server").split() == ["redis"]
    assert machine.check("stat -c %U:%G:%a /var/lib/redis") == "redis:redis:750\n"
    known["redis"] = machine.check("id redis")
    configured = machine.check("stat -c %U:%u /etc/redis/redis.conf /usr/etc/redis/redis.conf")
    assert len(set(configured.split())) == 1
    assert configured.split()[0].partition(":")[2] in known["redis"]


def test_vm_an_upgrade_is_told_before_it_is_made(
    machine: Machine, world: World, known: dict[str, str]
) -> None:
    assert "No upgrade available." in machine.check("overlay upgrade --check")
    machine.publish(OTHER, world.trees["base/next"])
    known["kernel"] = machine.check("uname -r")
    # By itself, as overlay.toml says: what the timer starts, which nobody has turned on.
    assert machine.run("systemctl is-enabled overlay-upgrade.timer").stdout == "disabled\n"
    machine.write("/etc/overlay/overlay.toml", '[upgrade]\nautomatic = "check"\n')
    machine.check("systemctl start overlay-upgrade.service")
    told = machine.check("journalctl -b -u overlay-upgrade.service -o cat")
    assert "Available:" in told
    shown = machine.check("overlay upgrade --preview")
    assert "nano" in shown
    assert not any(each["staged"] for each in agreed(machine))


def test_vm_a_locked_upgrade_waits_for_the_word(machine: Machine, world: World) -> None:
    machine.check("overlay upgrade -y --lock-finalization")
    staged, *_others = agreed(machine)
    assert (staged["staged"], staged["locked"]) == (True, True)
    assert staged["base_checksum"] == world.trees["base/next"]
    machine.check("overlay finalize")
    assert agreed(machine)[0]["locked"] is False


def test_vm_the_upgrade_brings_kernel_and_packages_and_keeps_the_rest(
    machine: Machine, world: World, known: dict[str, str]
) -> None:
    machine.reboot()
    booted, *_others = agreed(machine)
    assert (booted["version"], booted["base_checksum"]) == ("2", world.trees["base/next"])
    assert machine.check("uname -r") != known["kernel"]
    assert "overlay.test=1" in machine.check("cat /proc/cmdline").split()
    assert machine.check("overlay kargs").split().count("overlay.test=1") == 1
    assert machine.check("id redis") == known["redis"]
    assert machine.check("systemctl is-active redis-server") == "active\n"
    assert machine.check("tail -n 1 /etc/nanorc") == "# ours\n"
    assert machine.check("systemctl --failed --no-legend") == ""


def test_vm_a_request_that_the_new_base_meets_is_dormant(machine: Machine) -> None:
    booted, *_others = agreed(machine)
    assert "tree" in booted["requested"]
    assert booted["inactive"] == ["tree"]
    assert "tree" not in nevras(booted)
    machine.check("command -v tree")


def test_vm_after_all_of_this_the_repository_is_sound(machine: Machine, tmp_path: Path) -> None:
    machine.power_off()
    with image.mounted(machine.disk.system, tmp_path / "root") as root:
        subprocess.run(["ostree", "fsck", "--quiet", f"--repo={root}/ostree/repo"], check=True)
