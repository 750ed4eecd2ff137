# SPDX-License-Identifier: LGPL-2.1-or-later
"""Scripts that mean harm: each is let do what it wants, and nothing outside its tree changes.

Where what it does would hurt if it worked, it does the least that shows it: opens for writing and
writes nothing, mounts an empty file system on an empty directory.
"""

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.outside import unchanged
from tests.triggers.roots import make_root, sandbox_over
from triggers import Invocation, Limits, Outcome, Phase, Sandbox, run

pytestmark = [pytest.mark.bwrap, pytest.mark.root]

PROGRAMS = (
    "sh bash cat chmod chown chroot cp dd env hostname kill ln ls mkdir mkfifo mknod mount mv "
    "nsenter ps rm setarch setsid sleep stat sysctl touch true umount unshare"
).split()


@pytest.fixture
def root(scratch: Path) -> Path:
    return make_root(scratch / "root", PROGRAMS)


@pytest.fixture
def machine(scratch: Path) -> Path:
    """Files like a machine's, beside the tree: what a script that got out would find."""
    place = scratch / "machine"
    for name in ("etc/passwd", "etc/shadow", "usr/bin/sh", "boot/vmlinuz", "var/lib/data"):
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_text(name)
    (place / "etc/shadow").chmod(0)
    (place / "etc/link").symlink_to("passwd")
    return place


@pytest.fixture
def sandbox(root: Path, machine: Path) -> Iterator[Sandbox]:
    """A sandbox of which the test claims that nothing outside changes."""
    with unchanged(machine):
        yield sandbox_over(root)


def script(body: str, *, number: int = 1) -> Invocation:
    return Invocation(
        phase=Phase.POST,
        owner=f"foo-{number}-1.noarch",
        label=f"%post(foo-{number}-1.noarch)",
        interpreter=("/bin/sh",),
        body=body,
        args=("1",),
        why="a test",
    )


def ran(body: str, sandbox: Sandbox, *, time_limit: float = 30.0) -> Outcome:
    """Runs a hostile script, and a good one after it, which must be as well off as ever."""
    limits = Limits(processes=200)
    hostile, good = run(
        [script(body), script("echo fine", number=2)],
        sandbox,
        time_limit=time_limit,
        limits=limits,
    )
    assert (good.status, good.output) == (0, "fine\n")
    return hostile


# What there may be in /dev: nothing that holds data, nor leads to what does.
DEVICES = (
    "console core fd full null ptmx pts random shm stderr stdin stdout tty urandom zero".split()
)


def there(paths: str) -> str:
    """Returns a script that says "got" for each of the paths that is there."""
    return f"for f in {paths}; do [ -e $f ] && echo got $f; done"


# Each would say "got" if it got anywhere.
REFUSED = {
    "mount": "mkdir /tmp/m; mount -t tmpfs none /tmp/m && echo got",
    "bind mount": "mkdir /tmp/m; mount --bind /usr /tmp/m && echo got",
    "mount proc": "mkdir /tmp/m; mount -t proc none /tmp/m && echo got",
    "remount": "mount -o remount,rw / && echo got; mount -o remount,rw /proc && echo got",
    "umount": "umount /var && echo got; umount -l /proc && echo got; umount /proc/sys && echo got",
    "device": "mknod /tmp/sda b 8 0 && echo got; mknod /usr/share/mem c 1 1 && echo got",
    "mount namespace": "unshare --mount true && echo got",
    "namespaces of init": "nsenter --target 1 --mount --net --pid true && echo got",
    "mount in a user namespace": (
        "unshare --user --map-root-user --mount sh -c 'mount -o remount,rw /proc && echo got'"
    ),
    "proc in a user namespace": (
        "mkdir /tmp/p; unshare --user --map-root-user --mount --pid --fork "
        "sh -c 'mount -t proc proc /tmp/p && echo got'"
    ),
    "host name": "hostname mine && echo got",
    "kernel setting": "sysctl -w kernel.hostname=mine && echo got",
    "core pattern": "(: >> /proc/sys/kernel/core_pattern) && echo got",
    "sysrq": "(: >> /proc/sysrq-trigger) && echo got",
    "interrupts": "for f in /proc/irq/*/smp_affinity; do (: >> $f) && echo got; done",
    "own scores": "(: >> /proc/self/oom_score_adj) && echo got",
    "sysfs": "mkdir /sys/x && echo got; (: > /sys/x) && echo got",
    "top level": "mkdir /x && echo got; (: > /x) && echo got; mv /usr /y && echo got",
    "another root's files": "(cat /proc/1/root/etc/passwd) | cat; ls /proc/1/root/home && echo got",
    "kernel memory": there("/dev/mem /dev/kmem /dev/port") + "; (: < /proc/kcore) && echo got",
    "kernel log": there("/dev/kmsg") + "; (: < /dev/kmsg) && echo got; (: > /dev/kmsg) && echo got",
    "disks": there("/dev/sd* /dev/vd* /dev/nvme* /dev/loop* /dev/zram* /dev/mapper"),
    "input devices": there("/dev/input /dev/dri /dev/kvm /dev/fuse /dev/net /dev/uinput"),
    "terminals of the machine": there("/dev/tty[0-9]* /dev/ttyS* /dev/vcs* /dev/hwrng"),
    "any other device": (
        f"for f in /dev/*; do case $f in /dev/{'|/dev/'.join(DEVICES)}) ;; "
        "*) echo got $f ;; esac; done"
    ),
    "new device": "(: > /dev/new) && echo got",
    "sockets of services": (
        "for f in /run/*; do case $f in /run/lock|/run/ostree-booted|/run/overlay) ;; "
        "*) echo got $f ;; esac; done"
    ),
    "modules": "ls /lib/modules/* && echo got; (: >> /proc/sys/kernel/modprobe) && echo got",
}


@pytest.mark.parametrize("attempt", REFUSED)
def test_what_is_refused(attempt: str, sandbox: Sandbox) -> None:
    assert "got" not in ran(REFUSED[attempt], sandbox).output


def test_a_service_that_listens_on_the_machine_is_not_reached(sandbox: Sandbox) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        # The path is bash's own, not a file.
        body = f"bash -c ': < /dev/tcp/127.0.0.1/{server.getsockname()[1]}' && echo got"
        here = subprocess.run(["bash", "-c", body], capture_output=True, text=True, check=False)
        assert here.stdout == "got\n"
        output = ran(body, sandbox).output
    assert "got" not in output
    assert "/dev/tcp/127.0.0.1" in output


def test_a_root_of_its_own_making_leads_nowhere(sandbox: Sandbox, machine: Path) -> None:
    # chroot is allowed: packages use it. The classic way out of it ends at the sandbox's own root.
    body = f"""
    mkdir -p /tmp/r/usr; cp -a /usr/. /tmp/r/usr; ln -s usr/bin usr/lib usr/lib64 /tmp/r
    chroot /tmp/r sh -c 'cd ../../../../../..; ls {machine} && echo got; ls -d {machine.parent}'
    """
    output = ran(body, sandbox).output
    assert "got" not in output
    assert str(machine) not in output.replace(f"'{machine}'", "").replace(f"'{machine.parent}'", "")


HARMLESS = {
    "kill init": "kill -9 1; kill -TERM 1; kill -STOP 1; echo on",
    "kill everybody": "kill -9 -1; echo on",
    "kill the group": "trap '' TERM; kill -TERM 0; echo on",
    "write to own files": "for f in /proc/self/fd/*; do (echo x > $f) 2>&-; done; echo on",
    "write to init's files": "for f in /proc/1/fd/*; do (echo x > $f) 2>&-; done; echo on",
    "truncate own files": "for f in /proc/self/fd/* /proc/1/fd/*; do (: > $f) 2>&-; done; echo on",
    "close everything": "exec <&- >&- 2>&-; sleep 0.1",
    "hold output open": "setsid sleep 1000 & echo on",
    "double fork": "(setsid setsid sh -c 'while :; do sleep 1; done' &) ; echo on",
    "remove what is shared": "rm -rf /tmp /var /run /root 2>&-; echo on",
    "write everywhere in /var": "mkdir -p /var/a/b; ln -s / /var/c; mkfifo /var/fifo; echo on",
    "change personality": "setarch linux32 true; setarch -R true; echo on",
    "endless names": "d=/tmp; while mkdir $d/xxxxxxxxxxxxxxxx; do d=$d/xxxxxxxxxxxxxxxx; done",
    "huge script name": "exec -a x true; echo on",
}


@pytest.mark.parametrize("attempt", HARMLESS)
def test_what_is_harmless(attempt: str, sandbox: Sandbox) -> None:
    outcome = ran(HARMLESS[attempt], sandbox)
    assert not outcome.timed_out
    assert outcome.seconds < 20


def test_a_status_cannot_be_made_up_so_that_a_failure_passes_for_another_scripts(
    sandbox: Sandbox,
) -> None:
    # What a script may do to bubblewrap's init is to end its own sandbox with a status.
    for made_up in ("\\0", "\\1"):
        write = f"printf '{made_up}\\0\\0\\0\\0\\0\\0\\0' > $f"
        outcome = ran(f"for f in /proc/1/fd/*; do ({write}) 2>&-; done; sleep 0.2; exit 7", sandbox)
        assert outcome.status != 0


def test_what_a_script_leaves_running_is_gone_before_the_next_one_starts(
    sandbox: Sandbox, root: Path
) -> None:
    beat = "while :; do echo >> /usr/share/beat; done"
    leaving = script(f"(setsid sh -c '{beat}' > /dev/null 2>&1 &) ; sleep 0.1")
    sizes: list[int] = []

    def after(_outcome: Outcome) -> None:
        # Nothing is waited for: at this moment nobody may be writing any more.
        for _ in range(20):
            sizes.append((root / "usr/share/beat").stat().st_size)
            time.sleep(0.005)

    run([leaving], sandbox, after=after)
    assert sizes[0] > 0
    assert len(set(sizes)) == 1


def test_what_a_script_leaves_running_holds_no_mount(scratch: Path) -> None:
    place = scratch / "place"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", str(place)], check=True)
    try:
        root = make_root(place / "root", ("sh", "sleep", "setsid"))
        run([script("setsid sleep 1000 & cd /usr; setsid sleep 1000 &")], sandbox_over(root))
    finally:
        # Not --lazy: it must not be busy.
        subprocess.run(["umount", str(place)], check=True)


def test_nothing_of_the_kernels_command_line_is_seen(sandbox: Sandbox) -> None:
    assert Path("/proc/cmdline").read_text().strip() != ""
    assert ran("cat /proc/cmdline", sandbox).output == ""


def test_where_the_tree_is_on_the_machine_is_not_on_inits_command_line(
    sandbox: Sandbox, root: Path
) -> None:
    output = ran("cat /proc/1/cmdline /proc/1/environ", sandbox).output
    assert "bwrap" in output
    assert str(root) not in output


def test_the_machines_name_for_itself_is_neither_seen_nor_made(
    sandbox: Sandbox, root: Path
) -> None:
    ran("echo 0123456789abcdef0123456789abcdef > /etc/machine-id", sandbox)
    assert not (root / "usr/etc/machine-id").exists()


def test_a_machine_id_that_the_tree_brings_stays_as_it_is(root: Path) -> None:
    (root / "usr/etc/machine-id").write_text("uninitialized\n")
    outcome = ran("cat /etc/machine-id; echo x > /etc/machine-id", sandbox_over(root))
    assert outcome.output.startswith("uninitialized\n")
    assert (root / "usr/etc/machine-id").read_text() == "uninitialized\n"


def test_what_scripts_see_of_a_clean_start_is_the_same_each_time(sandbox: Sandbox) -> None:
    body = """
    echo $$; hostname; umask; env; pwd; cat /proc/self/cgroup /proc/self/loginuid; ps ax -o pid,comm
    echo $TZ $LC_ALL; ulimit -a; ls -a / /dev /run /tmp /var /var/tmp /root
    stat -c '%A %u:%g %t,%T %n' / /* /dev/* /run/* /var/*
    """
    first, second = run([script(body), script(body, number=2)], sandbox)
    assert first.output.replace("foo-1-1", "foo-2-1") == second.output
    assert "LANG=C.UTF-8" in first.output
    assert os.uname().nodename not in first.output.split() or os.uname().nodename == "localhost"
