# SPDX-License-Identifier: LGPL-2.1-or-later
"""The sandbox: its command line as a whole, and each property that scripts must not get around.

Probes never write where a hole would let them reach the machine: they ask (`test -w`) or open.
"""

import os
import socket
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from tests.triggers.roots import add_script, make_root, sandbox_over
from triggers import (
    Bind,
    Descriptors,
    Invocation,
    Outcome,
    Phase,
    Sandbox,
    SandboxError,
    run,
    tools_in,
)
from triggers.sandbox import CAPABILITIES

EPOCH = 1700000000


def sandboxed(script: str, sandbox: Sandbox, *, time_limit: float = 30.0) -> Outcome:
    """Runs a shell script as a %post and returns what came of it."""
    invocation = Invocation(
        phase=Phase.POST,
        owner="foo-1-1.noarch",
        label="%post(foo-1-1.noarch)",
        interpreter=("/bin/sh",),
        body=script,
        args=("1",),
        why="a test",
    )
    (outcome,) = run([invocation], sandbox, time_limit=time_limit)
    return outcome


@pytest.fixture
def root(scratch: Path) -> Path:
    return make_root(scratch / "root", ("sh", "cat", "sleep", "ls"))


def test_the_whole_command_line() -> None:
    sandbox = Sandbox(
        root=Path("/merged"),
        var=Path("/scratch/var"),
        rpm_state=Path("/scratch/state"),
        source_date_epoch=EPOCH,
        links=(("bin", "usr/bin"), ("opt", "usr/lib/opt")),
        directories=("boot", "sys"),
        stand_ins=("chcon",),
        machine_id=True,
        binds=(Bind(source=Path("/dev/fuse"), destination="/dev/fuse", device=True),),
        environment=(("A", "b"),),
    )
    argv = sandbox.argv(
        ["/bin/sh", "/run/overlay/foo.post", "1"],
        descriptors=Descriptors(null=4, script=3, status=5),
        script_path="/run/overlay/foo.post",
        environment=[("C", "d e")],
    )
    assert argv == (
        *("bwrap", "--die-with-parent", "--new-session"),
        *("--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts"),
        *("--unshare-cgroup-try", "--hostname", "localhost"),
        *("--cap-drop", "ALL", "--cap-add", "CAP_CHOWN", "--cap-add", "CAP_DAC_OVERRIDE"),
        *("--cap-add", "CAP_FOWNER", "--cap-add", "CAP_FSETID", "--cap-add", "CAP_KILL"),
        *("--cap-add", "CAP_SETGID", "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETPCAP"),
        *("--cap-add", "CAP_SYS_CHROOT", "--cap-add", "CAP_SETFCAP"),
        *("--bind", "/merged/usr", "/usr", "--bind", "/merged/usr/etc", "/etc"),
        *("--symlink", "usr/bin", "/bin", "--symlink", "usr/lib/opt", "/opt"),
        *("--dir", "/boot", "--dir", "/sys"),
        *("--bind", "/scratch/var", "/var", "--bind", "/scratch/state", "/var/lib/rpm-state"),
        *("--perms", "1777", "--size", "2147483648", "--tmpfs", "/var/tmp"),
        *("--ro-bind", "/merged/usr/etc/machine-id", "/etc/machine-id"),
        *("--perms", "1777", "--size", "2147483648", "--tmpfs", "/tmp"),
        *("--size", "67108864", "--tmpfs", "/run", "--dir", "/run/lock"),
        *("--symlink", "/usr/bin/true", "/run/overlay/bin/chcon"),
        *("--perms", "0700", "--size", "67108864", "--tmpfs", "/root"),
        *("--perms", "0444", "--file", "4", "/run/ostree-booted"),
        *("--dev", "/dev", "--perms", "1777", "--size", "67108864", "--tmpfs", "/dev/shm"),
        *("--proc", "/proc", "--dev-bind", "/dev/null", "/proc/cmdline", "--remount-ro", "/proc"),
        *("--dev-bind", "/dev/fuse", "/dev/fuse"),
        *("--perms", "0500", "--ro-bind-data", "3", "/run/overlay/foo.post"),
        *("--remount-ro", "/dev", "--remount-ro", "/", "--chdir", "/", "--clearenv"),
        *("--setenv", "PATH", "/run/overlay/bin:/usr/sbin:/usr/bin"),
        *("--setenv", "LANG", "C.UTF-8", "--setenv", "HOME", "/root"),
        *("--setenv", "SYSTEMD_OFFLINE", "1", "--setenv", "SYSTEMD_IN_CHROOT", "1"),
        *("--setenv", "SOURCE_DATE_EPOCH", "1700000000"),
        *("--setenv", "PYTHONDONTWRITEBYTECODE", "1"),
        *("--setenv", "A", "b", "--setenv", "C", "d e"),
        *("--json-status-fd", "5", "--", "/bin/sh", "/run/overlay/foo.post", "1"),
    )


def test_the_top_level_of_the_tree_is_made_again(scratch: Path) -> None:
    root = make_root(scratch / "root", ())
    for name in ("boot", "usr/lib/opt", "usr/share/rpm", "usr/lib/sysimage"):
        (root / name).mkdir(parents=True)
    (root / "usr/lib/sysimage/rpm").symlink_to("../../share/rpm")
    for name, target in (("home", "var/home"), ("opt", "var/opt"), ("root", "var/roothome")):
        (root / name).symlink_to(target)
    sandbox = Sandbox.over(
        root, var=scratch / "v", rpm_state=scratch / "s", source_date_epoch=EPOCH
    )
    assert sandbox == Sandbox(
        root=root,
        var=scratch / "v",
        rpm_state=scratch / "s",
        source_date_epoch=EPOCH,
        links=(
            ("bin", "usr/bin"),
            ("home", "var/home"),
            ("lib", "usr/lib"),
            ("lib64", "usr/lib64"),
            ("opt", "usr/lib/opt"),
            ("root", "var/roothome"),
            ("sbin", "usr/sbin"),
        ),
        directories=("boot", "sys"),
    )


def test_what_the_tree_has_beside_usr_is_its_own_and_what_the_host_has_is_not(
    scratch: Path,
) -> None:
    root = scratch / "root"
    for name in ("usr", "bin", "nix", "boot", "ostree", "sysroot", "mnt", "root"):
        (root / name).mkdir(parents=True)
    sandbox = Sandbox.over(
        root, var=scratch / "v", rpm_state=scratch / "s", source_date_epoch=EPOCH
    )
    assert sandbox.tops == ("bin", "nix")
    assert sandbox.directories == ("boot", "mnt", "ostree", "sys", "sysroot")


def test_a_tool_is_found_by_its_name_or_path_and_only_in_the_tree(scratch: Path) -> None:
    root = make_root(scratch / "root", ())
    add_script(root, "/usr/sbin/ldconfig", "")
    add_script(root, "/usr/lib/x/tool", "")
    (root / "usr/bin/link").symlink_to("/usr/lib/x/tool")
    (root / "usr/bin/directory").mkdir()
    tools = tools_in(root)
    assert [tools(each) for each in ("ldconfig", "link", "/usr/lib/x/tool")] == [True] * 3
    assert [tools(each) for each in ("tool", "directory", "/bin/sh", "sh")] == [False] * 4


@pytest.mark.bwrap
def test_a_tree_that_has_only_usr_is_enough(scratch: Path) -> None:
    root = make_root(scratch / "root", ("sh",))
    for name in ("bin", "sbin", "lib", "lib64"):
        (root / name).unlink()
    (root / "usr/etc").rmdir()
    sandbox = Sandbox(
        root=root,
        var=scratch / "var",
        rpm_state=scratch / "state",
        source_date_epoch=EPOCH,
        etc=False,
    )
    assert sandboxed("[ -d /etc ] && echo hello", sandbox).output == "hello\n"
    (root / "usr/etc").mkdir()


@pytest.mark.bwrap
def test_there_is_no_network(root: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listening:
        name = f"overlay-test-{os.getpid()}"
        listening.bind(f"\0{name}")
        listening.listen()
        script = "cat /proc/net/dev /proc/net/unix"
        output = sandboxed(script, sandbox_over(root)).output
        assert name in Path("/proc/net/unix").read_text()
    interfaces = [line.split(":")[0].strip() for line in output.splitlines() if ":" in line]
    assert [each for each in interfaces if each.isalnum() and not each.isnumeric()] == ["lo"]
    assert name not in output


@pytest.mark.bwrap
def test_no_file_of_the_machine_is_visible(root: Path, scratch: Path) -> None:
    (scratch / "secret").touch()
    script = f"[ -e {scratch}/secret ] || [ -e {root} ] && echo seen; echo /* /home/* /sys/* /opt/*"
    output = sandboxed(script, sandbox_over(root)).output
    expected = "/bin /dev /etc /lib /lib64 /proc /root /run /sbin /sys /tmp /usr /var"
    assert output == f"{expected} /home/* /sys/* /opt/*\n"


@pytest.mark.bwrap
def test_writes_below_usr_and_etc_stay_and_others_fail_or_are_scratch(
    root: Path, scratch: Path
) -> None:
    script = """
    for place in /usr/share /etc /var /var/tmp /var/lib/rpm-state /tmp /run /root / /proc /sys
    do (echo x > $place/written) 2> /dev/null && echo $place; done
    """
    output = sandboxed(script, sandbox_over(root)).output
    writable = "/usr/share /etc /var /var/tmp /var/lib/rpm-state /tmp /run /root"
    assert output.split() == writable.split()
    written = sorted(str(path.relative_to(scratch)) for path in scratch.rglob("written"))
    assert written == [
        "root-state/written",
        "root-var/written",
        "root/usr/etc/written",
        "root/usr/share/written",
    ]


@pytest.mark.bwrap
def test_the_kernels_settings_cannot_be_written(root: Path) -> None:
    # Opening is enough to know: nothing is written, so a hole would do no harm here.
    script = """
    cd /proc
    for file in sys/kernel/core_pattern sys/kernel/hostname sysrq-trigger self/oom_score_adj
    do [ -e $file ] && (: >> $file) 2> /dev/null && echo $file; done
    [ -e /proc/sys/kernel/core_pattern ] && echo seen
    """
    assert sandboxed(script, sandbox_over(root)).output == "seen\n"


@pytest.mark.bwrap
def test_devices_are_those_that_hold_no_data(root: Path) -> None:
    output = sandboxed(
        "ls /dev; echo x > /dev/null; echo y > /dev/stderr", sandbox_over(root)
    ).output
    harmless = set(
        "core fd full null ptmx pts random shm stderr stdin stdout tty urandom zero".split()
    )
    assert set(output.split()) - {"y"} <= harmless
    assert output.endswith("y\n")


@pytest.mark.bwrap
def test_nothing_of_the_callers_environment_is_passed_on(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET", "x")
    output = sandboxed("cat /proc/self/environ; cat /proc/self/cmdline", sandbox_over(root)).output
    variables = dict(each.split("=", 1) for each in output.split("\0") if "=" in each)
    variables.pop("PWD", None)  # the shell's own
    assert variables == {
        "PATH": "/usr/sbin:/usr/bin",
        "LANG": "C.UTF-8",
        "HOME": "/root",
        "SYSTEMD_OFFLINE": "1",
        "SYSTEMD_IN_CHROOT": "1",
        "SOURCE_DATE_EPOCH": "1700000000",
        "PYTHONDONTWRITEBYTECODE": "1",
    }


@pytest.mark.bwrap
def test_no_open_file_of_the_callers_is_passed_on(root: Path, scratch: Path) -> None:
    with (scratch / "open").open("w") as file:
        os.set_inheritable(file.fileno(), True)
        output = sandboxed("ls -l /proc/self/fd", sandbox_over(root)).output
    names = [line.split()[8] for line in output.splitlines() if "->" in line]
    assert names == ["0", "1", "2", "3"]  # the last is the directory that is listed
    assert str(scratch) not in output


@pytest.mark.bwrap
@pytest.mark.root
def test_capabilities_are_the_few_of_the_list_and_cannot_grow(root: Path) -> None:
    # Numbers of linux/capability.h.
    numbers = {
        "CAP_CHOWN": 0,
        "CAP_DAC_OVERRIDE": 1,
        "CAP_FOWNER": 3,
        "CAP_FSETID": 4,
        "CAP_KILL": 5,
        "CAP_SETGID": 6,
        "CAP_SETUID": 7,
        "CAP_SETPCAP": 8,
        "CAP_SYS_CHROOT": 18,
        "CAP_SETFCAP": 31,
    }
    assert set(numbers) == set(CAPABILITIES)
    output = sandboxed("cat /proc/self/status", sandbox_over(root)).output
    status = dict(line.split(":\t", 1) for line in output.splitlines() if ":\t" in line)
    assert int(status["CapEff"], 16) == sum(1 << number for number in numbers.values())
    assert status["CapPrm"] == status["CapEff"]
    assert status["NoNewPrivs"] == "1"


@pytest.mark.bwrap
def test_other_processes_are_invisible(root: Path) -> None:
    output = sandboxed("echo /proc/[0-9]*", sandbox_over(root)).output
    assert output == "/proc/1 /proc/2\n"  # bubblewrap's init and the script


@pytest.mark.bwrap
def test_a_script_sees_what_ostree_hosts_look_like(root: Path) -> None:
    (root / "usr/lib/opt").mkdir()
    (root / "home").symlink_to("var/home")
    script = """
    [ -f /run/ostree-booted ] && echo booted
    [ -d /opt ] && echo x > /opt/made && [ -d /home ] && [ -d /root ] && echo places
    cat /proc/sys/kernel/hostname; umask; cd; pwd
    """
    output = sandboxed(script, sandbox_over(root)).output
    assert output == "booted\nplaces\nlocalhost\n0022\n/root\n"
    assert (root / "usr/lib/opt/made").exists()


@pytest.mark.bwrap
def test_scripts_of_one_transaction_share_their_state_and_nothing_else(root: Path) -> None:
    sandbox = sandbox_over(root)
    places = "/var/lib/rpm-state/x /tmp/x /run/x /var/tmp/x"
    assert sandboxed(f"for f in {places}; do echo > $f; done", sandbox).status == 0
    output = sandboxed(f"for f in {places}; do [ -e $f ] && echo $f; done", sandbox).output
    assert output == "/var/lib/rpm-state/x\n"


@pytest.mark.bwrap
def test_a_caller_can_show_more_of_the_machine(root: Path, scratch: Path) -> None:
    given = scratch / "given"
    given.mkdir()
    (given / "file").write_text("hello\n")
    binds = (
        Bind(source=given, destination="/mnt/read"),
        Bind(source=given, destination="/mnt/write", writable=True),
    )
    sandbox = Sandbox.over(
        root,
        var=scratch / "var",
        rpm_state=scratch / "state",
        source_date_epoch=EPOCH,
        binds=binds,
    )
    script = (
        "cat /mnt/read/file; (: > /mnt/read/no) 2> /dev/null || echo read-only; : > /mnt/write/yes"
    )
    assert sandboxed(script, sandbox).output == "hello\nread-only\n"
    assert sorted(each.name for each in given.iterdir()) == ["file", "yes"]


@pytest.mark.bwrap
@pytest.mark.parametrize("place", ["usr/etc", "nix"])
def test_a_link_in_place_of_a_directory_does_not_lead_the_next_script_out(
    place: str, root: Path, scratch: Path
) -> None:
    outside = scratch / "outside"
    outside.mkdir()
    (root / "nix").mkdir()
    sandbox = sandbox_over(root)
    (root / place).rename(root / "usr/moved")
    (root / place).symlink_to(outside)
    with pytest.raises(SandboxError) as caught:
        sandboxed("echo x > /etc/written", sandbox)
    assert str(caught.value) == (
        f"sandbox not started, /{place} is no directory any more, %post(foo-1-1.noarch)"
    )
    assert list(outside.iterdir()) == []


@pytest.mark.bwrap
def test_what_a_caller_shows_of_the_tree_itself_is_guarded_alike(root: Path, scratch: Path) -> None:
    (scratch / "outside/rpm").mkdir(parents=True)
    (root / "usr/share/rpm").mkdir()
    bind = Bind(source=root / "usr/share/rpm", destination="/usr/share/rpm")
    sandbox = replace(sandbox_over(root), binds=(bind,))
    script = "(: > /usr/share/rpm/x) 2> /dev/null || echo kept"
    assert sandboxed(script, sandbox).output == "kept\n"
    (root / "usr/share").rename(root / "usr/moved")
    (root / "usr/share").symlink_to(scratch / "outside")
    with pytest.raises(SandboxError, match="/usr/share/rpm is no directory any more"):
        sandboxed("true", sandbox)


@pytest.mark.bwrap
def test_a_link_in_var_does_not_lead_the_next_script_out(root: Path, scratch: Path) -> None:
    outside = scratch / "outside"
    outside.mkdir()
    sandbox = sandbox_over(root)
    sandboxed("ls /var/lib > /dev/null", sandbox)
    lib = scratch / "root-var/lib"
    (lib / "rpm-state").rmdir()
    lib.rmdir()
    lib.symlink_to(outside)
    assert sandboxed("echo x > /var/lib/written", sandbox).status == 0
    assert list(outside.iterdir()) == []
    assert (lib / "written").exists()


BEAT = "while :; do echo >> /usr/share/beat; sleep 0.02; done"


def beats(root: Path) -> int:
    path = root / "usr/share/beat"
    return path.stat().st_size if path.exists() else 0


def stopped(root: Path) -> bool:
    """Whether something that was beating does so no more."""
    assert beats(root) > 0
    time.sleep(0.1)
    before = beats(root)
    time.sleep(0.3)
    return beats(root) == before


@pytest.mark.bwrap
def test_a_script_that_takes_too_long_is_ended_with_all_it_started(root: Path) -> None:
    script = f"({BEAT}) & ({BEAT}) > /dev/null 2>&1 & echo started; sleep 1000"
    outcome = sandboxed(script, sandbox_over(root), time_limit=0.5)
    assert (outcome.timed_out, outcome.status, outcome.output) == (True, 137, "started\n")
    assert 0.4 < outcome.seconds < 5
    assert stopped(root)


@pytest.mark.bwrap
def test_a_script_that_closes_its_output_and_goes_on_is_ended_in_time(root: Path) -> None:
    script = f"exec > /dev/null 2>&1; {BEAT}"
    outcome = sandboxed(script, sandbox_over(root), time_limit=0.5)
    assert outcome.timed_out
    assert stopped(root)


@pytest.mark.bwrap
def test_what_a_script_leaves_running_ends_with_it(root: Path) -> None:
    script = f"({BEAT}) & sleep 0.2; echo done"
    outcome = sandboxed(script, sandbox_over(root))
    assert (outcome.status, outcome.output, outcome.timed_out) == (0, "done\n", False)
    assert outcome.seconds < 5
    assert stopped(root)


@pytest.mark.bwrap
def test_a_script_dies_with_the_program_that_runs_it(root: Path) -> None:
    program = f"""
from pathlib import Path
from tests.triggers.roots import sandbox_over
from tests.triggers.test_sandbox import sandboxed
sandboxed({BEAT!r}, sandbox_over(Path({str(root)!r})))
"""
    with subprocess.Popen([sys.executable, "-c", program]) as child:
        deadline = time.monotonic() + 20
        while not beats(root) and time.monotonic() < deadline:
            time.sleep(0.05)
        child.kill()
    assert stopped(root)
