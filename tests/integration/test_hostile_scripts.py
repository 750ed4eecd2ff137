# SPDX-License-Identifier: LGPL-2.1-or-later
"""Scripts in a real tree: what tools do there, and what harm none of them can do.

The tree is a server's, with systemd, Python and a kernel, mounted as scripts find it. That the base
stays as it is, and the machine around, is claimed of each test here.
"""

import functools
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from fixtures import host as hosts_of_fixtures
from fixtures.forest import World
from layering import scriptruns
from tests import needs
from tests.integration.hosts import PROGRAM, Host, command, untouched
from tests.integration.live import live_tree
from tests.integration.manifest import differences, manifest
from tests.outside import unchanged
from tests.rpms import Spec, build_rpm
from triggers import Bind, Invocation, Limits, Outcome, Phase, Sandbox, run

pytestmark = [pytest.mark.world, pytest.mark.root, pytest.mark.bwrap]

SERVER = "base/server"


@pytest.fixture(scope="module")
def base(built: World, world: World, ground: Path) -> Iterator[Path]:
    """The checkout of a server, which is the same when all tests are done."""
    if SERVER not in world.trees:
        needs.absent(f"the world of OVERLAY_TEST_WORLD has no tree {SERVER}")
    command("ostree", "pull-local", f"--repo={world.ostree_repo}", built.ostree_repo, SERVER)
    host = Host(path=ground / "server", world=world, tree=SERVER)
    hosts_of_fixtures.create(host.path, world, SERVER)
    before = manifest(host.checkout())
    yield host.checkout()
    assert differences(before, manifest(host.checkout())) == []
    host.fsck()
    hosts_of_fixtures.remove(host.path)


@pytest.fixture
def upper(scratch: Path) -> Path:
    """What scripts have changed in the tree."""
    return scratch / "upper"


@pytest.fixture
def sandbox(base: Path, scratch: Path, upper: Path) -> Iterator[Sandbox]:
    """The server's tree as scripts find it, mounted over its checkout."""
    for name in ("upper", "work", "root"):
        (scratch / name).mkdir()
    options = f"lowerdir={base},upperdir={upper},workdir={scratch / 'work'}"
    command("mount", "-t", "overlay", "-o", options, "overlay", scratch / "root")
    with unchanged(base / "usr/etc"):
        yield Sandbox.over(
            scratch / "root",
            var=scratch / "var",
            rpm_state=scratch / "state",
            source_date_epoch=1700000000,
        )
    # Not --lazy: nothing that a script has left may hold it.
    command("umount", scratch / "root")


def ran(body: str, sandbox: Sandbox, *, interpreter: tuple[str, ...] = ("/bin/sh",)) -> Outcome:
    script = Invocation(
        phase=Phase.POST,
        owner="foo-1-1.noarch",
        label="%post(foo-1-1.noarch)",
        interpreter=interpreter,
        body=body,
        args=("1",),
        why="a test",
    )
    (outcome,) = run([script], sandbox, limits=Limits(processes=500), time_limit=300)
    return outcome


# What must succeed, and what it leaves in the tree: paths below it, "" for none.
BEHAVE = {
    "systemctl enable debug-shell.service": "usr/etc/systemd/system/sysinit.target.wants",
    "systemctl --root=/ enable debug-shell.service": "usr/etc/systemd/system/sysinit.target.wants",
    "systemctl mask foo.service": "usr/etc/systemd/system/foo.service",
    "systemctl preset chrony.service": "",
    "systemctl --no-reload preset chrony.service": "",
    "systemctl disable --now chrony.service": "",
    "systemctl start chrony.service": "",
    "systemctl stop chrony.service": "",
    "systemctl restart chrony.service": "",
    "systemctl try-restart chrony.service": "",
    "systemctl reload-or-restart chrony.service": "",
    "systemctl condrestart chrony.service": "",
    "systemctl daemon-reload": "",
    "systemctl daemon-reexec": "",
    "systemctl is-active chrony.service": "",
    "reboot; shutdown -h now; systemctl poweroff": "",
    "systemctl set-default graphical.target": "usr/etc/systemd/system/default.target",
    "echo 'u one 777' | systemd-sysusers -": "usr/etc/passwd",
    "echo 'f /etc/one 0644 - - - x' | systemd-tmpfiles --create -": "usr/etc/one",
    "groupadd -r one": "usr/etc/group",
    "useradd -r -s /sbin/nologin -d /var/lib/one one && getent passwd one": "usr/etc/passwd",
    "groupadd one; useradd two; usermod -aG one two; id two | grep '(one)'": "usr/etc/group",
    "useradd -m three && [ -d /home/three ]": "usr/etc/passwd",
    "ldconfig": "usr/etc/ld.so.cache",
    "depmod $(ls /usr/lib/modules)": "usr/lib/modules",
    "systemd-hwdb update --usr": "usr/lib/udev/hwdb.bin",
    "udevadm control --reload && udevadm trigger && udevadm settle": "",
    "setcap cap_net_raw+ep /usr/bin/ping && getcap /usr/bin/ping | grep raw": "usr/bin/ping",
    "chcon -t bin_t /usr/bin/true": "",
    "chattr +i /usr/share": "",
    "chown daemon:adm /usr/share && chmod 2775 /usr/share": "usr/share",
    "runuser -u nobody -- id": "",
    "mkfifo /run/pipe && : > /dev/null && : > /dev/full || [ -e /dev/full ]": "",
    "head -c 4 /dev/urandom | wc -c | grep 4": "",
    "python3 -c 'import multiprocessing, os; multiprocessing.Lock(); os.openpty()'": "",
    "rpm --eval %_dbpath": "",
    "logger told": "",
}


@pytest.mark.parametrize("body", BEHAVE)
def test_a_tool_behaves(body: str, sandbox: Sandbox, upper: Path) -> None:
    outcome = ran(body, sandbox)
    assert outcome.status == 0, outcome.output
    if BEHAVE[body]:
        assert (upper / BEHAVE[body]).exists() or (upper / BEHAVE[body]).is_symlink()


# What fails, as in any chroot or container, and leaves nothing.
FAIL = (
    "modprobe loop",
    "sysctl -w kernel.panic=1",
    "mount -t tmpfs none /mnt",
    "mknod /usr/share/null c 1 3",
    "dbus-send --system --dest=org.freedesktop.DBus / org.freedesktop.DBus.ReloadConfig",
    "hostnamectl set-hostname mine",
)


@pytest.mark.parametrize("body", FAIL)
def test_a_tool_that_would_change_the_machine_fails(
    body: str, sandbox: Sandbox, upper: Path
) -> None:
    assert ran(body, sandbox).status != 0
    assert [path for path in upper.rglob("*") if path.name == "null"] == []


@pytest.mark.slow
def test_an_initramfs_holds_the_trees_own_tools(sandbox: Sandbox) -> None:
    # What stands in for tools in scripts must not get into it.
    body = """
    dracut --no-hostonly --no-kernel --modules 'base systemd' --force /tmp/image 2>&1 &&
    lsinitrd /tmp/image
    """
    outcome = ran(body, sandbox)
    assert outcome.status == 0, outcome.output[-2000:]
    assert "usr/bin/udevadm" in outcome.output or "usr/bin/systemctl" in outcome.output
    assert "run/overlay" not in outcome.output


# By system call, without the tools' own checks. Each line says "NAME refused" or "NAME got".
CALLS = """
import ctypes, errno, fcntl, os, socket, sys, termios
libc = ctypes.CDLL(None, use_errno=True)
PTRACE_ATTACH, CLONE_NEWNS, CLONE_NEWUSER, MS_REMOUNT, MNT_DETACH = 16, 0x20000, 0x10000000, 32, 2

def tell(name, result):
    print(name, "refused" if result == -1 else "got", errno.errorcode.get(ctypes.get_errno()))

def attempt(name, action):
    try:
        action()
    except OSError as error:
        print(name, "refused", errno.errorcode[error.errno])
    else:
        print(name, "got")

tell("mount", libc.mount(b"none", b"/tmp", b"tmpfs", 0, None))
tell("remount", libc.mount(b"none", b"/proc", None, MS_REMOUNT, None))
tell("umount", libc.umount2(b"/proc", MNT_DETACH))
tell("pivot_root", libc.syscall(155, b"/tmp", b"/tmp"))
tell("unshare", libc.unshare(CLONE_NEWNS))
tell("unshare user", libc.unshare(CLONE_NEWUSER))
tell("clone user", libc.syscall(56, CLONE_NEWUSER | 17, 0, 0, 0, 0))
tell("clone3", libc.syscall(435, None, 0))
tell("keyctl", libc.syscall(250, 0, -4, 0))
tell("add_key", libc.syscall(248, b"user", b"mine", b"x", 1, -4))
tell("request_key", libc.syscall(249, b"user", b"mine", None, 0))
tell("ptrace init's parent", libc.ptrace(PTRACE_ATTACH, os.getppid() - 1, 0, 0))
tell("sethostname", libc.sethostname(b"mine", 4))
tell("init_module", libc.syscall(175, b"", 0, b""))
tell("reboot", libc.syscall(169, 0, 0, 0, None))
tell("swapon", libc.swapon(b"/usr/bin/sh", 0))
tell("settimeofday", libc.syscall(164, ctypes.create_string_buffer(16), None))
tell("syslog", libc.klogctl(3, ctypes.create_string_buffer(64), 64))
tell("bpf", libc.syscall(321, 0, ctypes.create_string_buffer(128), 128))
tell("iopl", libc.iopl(3))
handle = ctypes.create_string_buffer(bytes((8, 0, 0, 0, 1, 0, 0, 0)) + bytes(8))
tell("open_by_handle_at", libc.syscall(304, -100, handle, 0))
attempt("raw socket", lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 1))
attempt("packet socket", lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0))
attempt("network", lambda: socket.create_connection(("192.0.2.1", 80), timeout=3))
attempt("mknod", lambda: os.mknod("/tmp/sda", 0o60600, os.makedev(8, 0)))
attempt("trusted attribute", lambda: os.setxattr("/usr/bin/sh", "trusted.overlay.opaque", b"y"))
attempt("core pattern", lambda: open("/proc/sys/kernel/core_pattern", "a").close())
attempt("priority", lambda: os.nice(-5))
attempt("typing", lambda: fcntl.ioctl(0, termios.TIOCSTI, b"x"))
attempt("terminal", lambda: os.open("/dev/tty", os.O_RDWR))
attempt("console", lambda: os.open("/dev/console", os.O_RDWR))
"""


def test_no_system_call_reaches_the_machine(sandbox: Sandbox) -> None:
    outcome = ran(CALLS, sandbox, interpreter=("/usr/bin/python3",))
    assert outcome.status == 0, outcome.output
    said = [line.split() for line in outcome.output.splitlines()]
    assert len(said) == 31
    assert [line for line in said if "got" in line] == []


def test_nothing_of_the_machines_environment_is_there(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKEN", "secret-of-the-host")
    body = "cat /proc/*/environ /proc/*/cmdline; env; set; ps axe"
    assert "secret-of-the-host" not in ran(body, sandbox).output


def test_tags_of_a_package_are_written_out_by_the_trees_own_rpm(sandbox: Sandbox) -> None:
    database = sandbox.root / "usr/share/rpm"
    readable = Bind(source=database, destination="/usr/share/rpm")
    sandbox = replace(sandbox, binds=(readable,))
    name, version = ran("rpm -q --qf '%{name} %{version}' bash", sandbox).output.split()
    asked = Invocation(
        phase=Phase.POST,
        owner="bash",
        label="%post(bash)",
        interpreter=("/bin/sh",),
        body="echo '%{name} %{version}' %%",
        query="bash",
        why="a test",
    )
    (outcome,) = run([asked], sandbox)
    assert outcome.output == f"{name} {version} %\n"
    (outcome,) = run([replace(asked, body="echo %{name")], sandbox)
    assert outcome.status == 1
    assert "format" in outcome.output


def install(host: Host, scratch: Path, body: str, slot: str = "post") -> list[str]:
    """Installs a package with a script; returns the lines of standard error, which must be."""
    rpm = build_rpm(scratch, "evil-1-1.noarch", Spec(sections=f"%{slot}\n{body}\n"))
    before = manifest(host.checkout(-1))
    ended = host.overlay("-q", "install", str(rpm))
    found = differences(before, manifest(host.checkout(-1)))
    assert not found, "\n".join(found)
    return [f"{ended.status}", *ended.stderr.splitlines()]


@pytest.mark.parametrize(
    ("body", "removed"),
    [
        ("rm -rf /usr", "/usr/etc"),
        ("rm -rf /usr/lib*/*", "/usr/lib64/ld-linux-x86-64.so.2"),
        ("rm -rf /usr/bin", "/usr/bin/sh"),
    ],
)
def test_a_script_that_removes_the_tree_is_named(
    body: str, removed: str, host: Host, scratch: Path
) -> None:
    said = install(host, scratch, body)
    assert said[0] == "1"
    whose = "which every tree needs, evil-1-1.noarch"
    assert said[1] == f"error: %post has removed {removed}, {whose}"
    untouched(host)


def test_a_fork_bomb_is_stopped_and_named(
    host: Host, scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A bounded one, should the limit not hold.
    few = functools.partial(run, limits=Limits(processes=60))
    monkeypatch.setattr(scriptruns, "run", few)
    body = "i=0; while [ $i -lt 200 ]; do sleep 20 & i=$((i+1)); done; wait"
    said = install(host, scratch, body, "pre")
    assert said[:2] == ["1", "error: %pre was stopped: more than 60 processes, evil-1-1.noarch"]
    untouched(host)


def test_a_script_that_never_ends_is_named(
    host: Host, scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hurried(*words: object, **named: object) -> tuple[Outcome, ...]:
        return run(*words, **{**named, "time_limit": 1.0})  # type: ignore[arg-type]

    monkeypatch.setattr(scriptruns, "run", hurried)
    said = install(host, scratch, "sleep 1000", "pre")
    assert said[:2] == ["1", "error: %pre was stopped: no end after 1 seconds, evil-1-1.noarch"]
    untouched(host)


def test_a_script_cannot_change_the_package_database(host: Host, scratch: Path) -> None:
    body = """
    rpm -q bash && echo asked >> /usr/share/said
    rpm -e --justdb --nodeps bash && echo removed >> /usr/share/said
    touch /usr/share/rpm/x && echo made >> /usr/share/said
    (: >> /usr/share/rpm/rpmdb.sqlite) && echo opened >> /usr/share/said
    rm /usr/share/rpm/rpmdb.sqlite && echo deleted >> /usr/share/said
    exit 0
    """
    assert install(host, scratch, body)[0] == "0"
    checkout = host.checkout()
    assert (checkout / "usr/share/said").read_text() == "asked\n"
    assert not (checkout / "usr/share/rpm/x").exists()
    every = ("rpm", "-qa", "--qf", "%{NEVRA}\n")
    with live_tree(host.checkout(1), scratch, time=0) as base:
        before = set(base.ask(*every).splitlines())
    with live_tree(checkout, scratch, time=0) as tree:
        assert set(tree.ask(*every).splitlines()) == before | {"evil-1-1.noarch"}


# `overlay` by a process that goes on living when it has ended, until its input does.
LINGERING = """
import sys
from layering.cli import main
status = main()
print("ended", flush=True)
sys.stdin.read()
sys.exit(status)
"""


def test_an_interrupt_ends_the_script_and_all_it_started(host: Host, scratch: Path) -> None:
    body = "(setsid sleep 4242 &); (setsid sleep 4243 > /dev/null 2>&1 &); sleep 4244"
    rpm = build_rpm(scratch, "evil-1-1.noarch", Spec(sections=f"%post\n{body}\n"))
    words = host.argv("--progress=json", "install", str(rpm))
    argv = [LINGERING if word == PROGRAM else word for word in words]
    pipe = subprocess.PIPE
    with subprocess.Popen(argv, stdin=pipe, stdout=pipe, stderr=pipe, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        for line in process.stderr:
            if '"scripts after"' in line:
                break
        while not sleeping("4244"):
            assert process.poll() is None
        process.send_signal(2)
        assert process.stdout.readlines(1) == ["ended\n"]
        # Nothing has been left to the end of the process, with which bubblewrap would end too.
        alive = [each for each in ("4242", "4243", "4244") if sleeping(each)]
        mounts = Path(f"/proc/{process.pid}/mountinfo").read_text()
        process.communicate(timeout=60)
    assert process.returncode != 0
    assert alive == []
    assert [line for line in mounts.splitlines() if f"{host.path}/" in line] == []
    untouched(host)


def sleeping(seconds: str) -> bool:
    """Whether a process of that command line is alive anywhere."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if path.read_bytes() == f"sleep\0{seconds}\0".encode():
                return True
        except OSError:  # it has ended
            continue
    return False
