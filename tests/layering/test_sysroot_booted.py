# SPDX-License-Identifier: LGPL-2.1-or-later
"""The sysroot of a running system, which is mounted read-only: in a sandbox that looks like one."""

import re
import tempfile
from pathlib import Path

import pytest

from tests.sysroots import REF, STATEROOT, TestSysroot, commit_tree, make_sysroot, make_tree, run

pytestmark = [pytest.mark.root, pytest.mark.bwrap]

# What every program begins with.
HEAD = f"""
import os
import signal
import subprocess
from pathlib import Path
from layering.errors import SysrootError
from layering.origin import Origin
from layering.sysroot import Sysroot

def read_only(path):
    return bool(os.statvfs(path).f_flag & os.ST_RDONLY)

def deploy(sysroot, commit, *requested, stateroot="{STATEROOT}", **options):
    origin = Origin.for_refspec("test/base").with_requests(requested=requested)
    with sysroot.lock():
        return sysroot.deploy(stateroot, commit, origin, **options)

def shut_down():
    # What ostree-finalize-staged.service runs then.
    subprocess.run(["ostree", "admin", "finalize-staged"], check=True, capture_output=True)

def told(change):
    try:
        with sysroot.lock():
            change()
    except SysrootError as error:
        print(error)

def show(sysroot):
    for found in sysroot.deployments:
        names = ("booted", "staged", "locked", "pending", "rollback")
        flags = [name for name in names if getattr(found, name)]
        print(found.checksum[:8], *flags, *found.origin.requested)

sysroot = Sysroot.open(Path("/"), writable=True)
base = sysroot.deployments[0].checksum
"""


@pytest.fixture
def made(ground: Path) -> TestSysroot:
    return make_sysroot(Path(tempfile.mkdtemp(prefix="booted-", dir=ground)) / "sysroot")


def another_commit(made: TestSysroot, name: str) -> str:
    tree = made.path.with_name(f"tree-{name}")
    make_tree(tree, files={f"usr/share/{name}": name.encode()})
    return commit_tree(made.repo, tree, ref=f"test/{name}", version=name)


def in_order(made: TestSysroot) -> list[str]:
    """Returns the deployed checksums in the order that the ostree command line shows."""
    return re.findall(r"([0-9a-f]{64})\.\d", made.status())


def test_the_running_deployment_is_known(made: TestSysroot) -> None:
    told = made.booted(
        HEAD + "show(sysroot)\nprint(sysroot.is_booted, sysroot.deployments[0].path)"
    )
    where = f"/ostree/deploy/{STATEROOT}/deploy/{made.commit}.0"
    assert told == f"{made.commit[:8]} booted\nTrue {where}\n"


def test_a_new_tree_is_staged_and_what_runs_goes_on(made: TestSysroot) -> None:
    commit = another_commit(made, "2")
    told = made.booted(f"{HEAD}deploy(sysroot, '{commit}', 'strace')\nshow(sysroot)")
    assert told == f"{commit[:8]} staged pending strace\n{made.commit[:8]} booted\n"
    assert commit not in made.status()  # no part of the boot order until shutdown
    made.fsck()


def test_only_this_process_sees_the_sysroot_writable(made: TestSysroot) -> None:
    program = """
assert read_only("/sysroot") and read_only("/boot")
deploy(sysroot, base)
print(read_only("/sysroot"), read_only("/proc/1/root/sysroot"), read_only("/proc/1/root/boot"))
"""
    assert made.booted(HEAD + program) == "False True True\n"


def test_requests_go_on_from_what_is_staged_and_etc_from_what_runs(made: TestSysroot) -> None:
    commit = another_commit(made, "2")
    program = f"""
deploy(sysroot, "{commit}", "strace")
print(sysroot.pending_deployment("{STATEROOT}").origin.requested)
print(sysroot.merge_deployment("{STATEROOT}").booted)
"""
    assert made.booted(HEAD + program) == "('strace',)\nTrue\n"


def test_the_next_tree_takes_the_staged_ones_place(made: TestSysroot) -> None:
    second, third = another_commit(made, "2"), another_commit(made, "3")
    program = f"deploy(sysroot, '{second}', 'a')\ndeploy(sysroot, '{third}', 'a', 'b')\n"
    told = made.booted(f"{HEAD}{program}show(sysroot)")
    assert told == f"{third[:8]} staged pending a b\n{made.commit[:8]} booted\n"


def test_a_staged_tree_can_be_dropped_but_not_rolled_back(made: TestSysroot) -> None:
    commit = another_commit(made, "2")
    program = f"""
deploy(sysroot, "{commit}")
with sysroot.lock():
    try:
        sysroot.rollback("{STATEROOT}")
    except SysrootError as error:
        print(error, *error.__notes__, sep="\\n")
    dropped = sysroot.drop("{STATEROOT}", pending=True)
    print([found.checksum[:8] for found in dropped])
show(sysroot)
"""
    assert made.booted(HEAD + program) == (
        "a staged deployment would be lost: sysroot /\n"
        "drop it with 'overlay cleanup --pending', and stay with what is booted\n"
        f"['{commit[:8]}']\n"
        f"{made.commit[:8]} booted\n"
    )


def test_rolling_back_puts_the_other_tree_before_the_running_one(made: TestSysroot) -> None:
    other = another_commit(made, "2")
    made.deploy(other, "--not-as-default")
    program = f"""
show(sysroot)
with sysroot.lock():
    sysroot.rollback("{STATEROOT}")
show(sysroot)
with sysroot.lock():
    sysroot.rollback("{STATEROOT}")
show(sysroot)
"""
    before = f"{made.commit[:8]} booted\n{other[:8]} rollback\n"
    after = f"{other[:8]} pending\n{made.commit[:8]} booted\n"
    assert made.booted(HEAD + program) == before + after + before


def test_what_runs_is_never_dropped(made: TestSysroot) -> None:
    other = another_commit(made, "2")
    made.deploy(other, "--not-as-default")
    program = f"""
with sysroot.lock():
    sysroot.drop("{STATEROOT}", pending=True, rollback=True)
show(sysroot)
"""
    assert made.booted(HEAD + program) == f"{made.commit[:8]} booted\n"


def test_a_locked_tree_waits_for_more_than_a_shutdown(made: TestSysroot) -> None:
    commit = another_commit(made, "2")
    program = f"""
deploy(sysroot, "{commit}", locked=True)
show(sysroot)
shut_down()
show(Sysroot.open(Path("/")))
with sysroot.lock():
    print(sysroot.finalize_staged().checksum[:8])
show(Sysroot.open(Path("/")))
shut_down()
"""
    before = f"{commit[:8]} staged locked pending\n{made.commit[:8]} booted\n"
    after = f"{commit[:8]}\n{commit[:8]} staged pending\n{made.commit[:8]} booted\n"
    assert made.booted(HEAD + program) == before * 2 + after
    assert in_order(made) == [commit, made.commit]
    made.fsck()


def test_a_locked_tree_has_the_pending_ones_kernel_arguments(made: TestSysroot) -> None:
    commit = another_commit(made, "2")
    program = f"""
deploy(sysroot, base, kargs=["root=LABEL=test", 'dyndbg="file a.c +p"'])
deploy(sysroot, "{commit}", locked=True)
print(Sysroot.open(Path("/")).deployments[0].kargs)
with sysroot.lock():
    sysroot.finalize_staged()
shut_down()
"""
    kargs = ("root=LABEL=test", 'dyndbg="file a.c +p"')
    assert made.booted(HEAD + program) == f"{kargs}\n"
    entries = [path.read_text() for path in made.path.glob("boot/loader/entries/*.conf")]
    assert sum('root=LABEL=test dyndbg="file a.c +p" ostree=' in entry for entry in entries) == 1


def test_a_tree_that_a_file_locks_is_locked_too(made: TestSysroot) -> None:
    """As rpm-ostree and `ostree admin deploy --lock-finalization` did."""
    commit = another_commit(made, "2")
    program = f"""
deploy(sysroot, "{commit}")
open("/run/ostree/staged-deployment-locked", "w").close()
show(Sysroot.open(Path("/")))
shut_down()
sysroot = Sysroot.open(Path("/"), writable=True)
with sysroot.lock():
    sysroot.finalize_staged()
shut_down()
"""
    told = made.booted(HEAD + program)
    assert told == f"{commit[:8]} staged locked pending\n{made.commit[:8]} booted\n"
    assert in_order(made) == [commit, made.commit]


def test_the_next_tree_is_not_locked_because_the_last_one_was(made: TestSysroot) -> None:
    program = """
deploy(sysroot, base, locked=True)
deploy(sysroot, base)
show(sysroot)
"""
    told = made.booted(HEAD + program)
    assert told == f"{made.commit[:8]} staged pending\n{made.commit[:8]} booted\n"


def test_only_what_is_staged_and_locked_can_be_finalized(made: TestSysroot) -> None:
    program = """
told(sysroot.finalize_staged)
deploy(sysroot, base)
told(sysroot.finalize_staged)
"""
    assert made.booted(HEAD + program) == (
        "no deployment is staged: sysroot /\n"
        f"not locked, it is finalized at shutdown anyway: {STATEROOT}-{made.commit}.1: sysroot /\n"
    )


def test_what_is_staged_cannot_be_pinned_yet(made: TestSysroot) -> None:
    program = "deploy(sysroot, base)\ntold(lambda: sysroot.pin(sysroot.deployments[0]))\n"
    assert made.booted(HEAD + program) == (
        f"{STATEROOT}-{made.commit}.1 is staged, and can be pinned once it was finalized at "
        "shutdown: sysroot /\n"
    )


def test_a_dropped_staged_tree_leaves_nothing(made: TestSysroot) -> None:
    program = f"""
for locked in (False, True):
    staged = deploy(sysroot, "{another_commit(made, "2")}", locked=locked)
    with sysroot.lock():
        sysroot.drop("{STATEROOT}", pending=True)
    print(staged.path.exists(), os.listdir("/run/ostree"))
"""
    assert made.booted(HEAD + program) == "False []\n" * 2
    made.fsck()


def test_cleanup_drops_what_is_staged(made: TestSysroot) -> None:
    commit = another_commit(made, "2")
    program = f"""
deploy(sysroot, "{commit}")
from layering.cli import main
print(main(["cleanup", "--pending"]))
show(Sysroot.open(Path("/")))
"""
    assert made.booted(HEAD + program) == f"0\n{made.commit[:8]} booted\n"


def test_kernel_arguments_go_on_from_a_tree_that_was_staged_without_any(made: TestSysroot) -> None:
    program = f"""
from layering._ostree import GLib
booted, key = sysroot.handle.get_booted_deployment(), GLib.KeyFile()
key.set_string("origin", "refspec", "test/base")
with sysroot.lock():
    sysroot.handle.stage_tree("{STATEROOT}", base, key, booted, None, None)
print(Sysroot.open(Path("/")).deployments[0].kargs[:2])
"""
    assert made.booted(HEAD + program) == "('root=LABEL=test', 'quiet')\n"


@pytest.mark.parametrize("pinned", [False, True])
def test_what_is_said_to_be_dropped_next_is_what_finalizing_drops(
    made: TestSysroot, pinned: bool
) -> None:
    older, old = another_commit(made, "1"), another_commit(made, "2")
    run("ostree", "admin", "os-init", f"--sysroot={made.path}", "other")
    made.deploy(old, "--not-as-default")
    made.deploy(older, "--retain", "--not-as-default")
    command = ["ostree", "admin", "deploy", f"--sysroot={made.path}", "--not-as-default"]
    run(*command, "--retain", "--os=other", REF)
    before = in_order(made)
    assert sorted(before) == sorted([made.commit, made.commit, old, older])
    program = f"""
if {pinned}:
    with sysroot.lock():
        sysroot.pin(next(each for each in sysroot.deployments if each.checksum == "{old}"))
deploy(sysroot, "{another_commit(made, "3")}")
print(*(each.checksum for each in sysroot.deployments if each.dropped_next))
shut_down()
"""
    dropped = made.booted(HEAD + program).split()
    assert sorted(dropped) == sorted([older] if pinned else [old, older])
    assert sorted(in_order(made)[1:]) == sorted(each for each in before if each not in dropped)


def test_a_second_tree_for_another_stateroot_can_be_finalized(made: TestSysroot) -> None:
    """Its `/etc` cannot go on from what is staged, which the second takes the place of."""
    run("ostree", "admin", "os-init", f"--sysroot={made.path}", "other")
    command = ["ostree", "admin", "deploy", f"--sysroot={made.path}", "--not-as-default"]
    run(*command, "--retain", "--os=other", REF)
    program = """
deploy(sysroot, base, "a", stateroot="other")
deploy(sysroot, base, "a", "b", stateroot="other")
shut_down()
show(Sysroot.open(Path("/")))
"""
    assert f"{made.commit[:8]} a b\n" in made.booted(HEAD + program)


INTERRUPT = """
from layering import deploying, sysroot as ours
from layering.interrupts import Interrupt
from layering.progress import Kind

def interrupted(function):
    def run(*arguments):
        if when == "before":
            os.kill(os.getpid(), signal.SIGINT)
        result = function(*arguments)
        if when == "after":
            os.kill(os.getpid(), signal.SIGINT)
        return result
    return run

Interrupt.run = interrupted(Interrupt.run)
said = []
try:
    deploy(sysroot, commit, "new", report=said.append)
except KeyboardInterrupt:
    told = [event.item for event in said if event.kind not in (Kind.START, Kind.END)]
    print("interrupted", *told)
show(Sysroot.open(Path("/")))
made = sorted(path.name[:8] for path in sysroot.deployments[-1].path.parent.glob("*.[0-9]"))
print(*made)
"""


@pytest.mark.parametrize("staged", [False, True])
def test_an_interrupt_leaves_what_was_staged(made: TestSysroot, staged: bool) -> None:
    old, new = another_commit(made, "1"), another_commit(made, "2")
    program = f"commit, when = '{new}', 'before'\n"
    program += f"deploy(sysroot, '{old}', 'old')\n" if staged else ""
    expected = ["interrupted"] + [f"{old[:8]} staged pending old"] * staged
    expected += [f"{made.commit[:8]} booted"]
    expected += [" ".join(sorted([made.commit[:8]] + [old[:8]] * staged))]
    assert made.booted(HEAD + program + INTERRUPT).splitlines() == expected
    made.fsck()


def test_an_interrupt_that_comes_too_late_says_so(made: TestSysroot) -> None:
    new = another_commit(made, "2")
    told = made.booted(f"{HEAD}commit, when = '{new}', 'after'\n{INTERRUPT}").splitlines()
    assert told == [
        f"interrupted interrupted too late: {STATEROOT}-{new}.0 is the next to be booted",
        f"{new[:8]} staged pending new",
        f"{made.commit[:8]} booted",
        " ".join(sorted([made.commit[:8], new[:8]])),
    ]


LATE = """
import threading
from layering.interrupts import Interrupt

STATE = "/run/ostree/staged-deployment"
original = Interrupt.run

def run(self, call):
    before = os.stat(STATE).st_ino
    def watch():
        while os.stat(STATE).st_ino == before:
            pass
        os.kill(os.getpid(), signal.SIGINT)
    threading.Thread(target=watch).start()
    return original(self, call)

deploy(sysroot, old, "old", kargs=["root=LABEL=test", "mine"])
open("/run/ostree/staged-deployment-locked", "w").close()  # as rpm-ostree locks
Interrupt.run = run
try:
    deploy(sysroot, new, "new", locked=locked)
except KeyboardInterrupt:
    print("interrupted")
show(Sysroot.open(Path("/")))
print(*sysroot.deployments[0].kargs)
print(*sorted(path.name[:8] for path in sysroot.deployments[0].path.parent.glob("*.[0-9]")))
if locked:
    with sysroot.lock():
        sysroot.finalize_staged()
shut_down()
"""


@pytest.mark.parametrize("locked", [False, True])
def test_an_interrupt_while_the_last_staged_tree_is_removed_keeps_the_new_one(
    made: TestSysroot, locked: bool
) -> None:
    """libostree gives up there, between writing what is staged and looking at it again."""
    tree = made.path.with_name("tree-big")
    make_tree(tree, files={f"usr/share/{number}/x": b"x" for number in range(2000)})
    old, new = commit_tree(made.repo, tree, ref="test/big"), another_commit(made, "2")
    program = f"old, new, locked = '{old}', '{new}', {locked}\n{LATE}"
    assert made.booted(HEAD + program).splitlines() == [
        "interrupted",
        f"{new[:8]} staged{' locked' * locked} pending new",
        f"{made.commit[:8]} booted",
        "root=LABEL=test mine",
        " ".join(sorted([made.commit[:8], new[:8]])),
    ]
    assert in_order(made) == [new, made.commit]
    made.fsck()


def test_a_failed_finalization_is_known(made: TestSysroot) -> None:
    """libostree's own note, left by a merge of `/etc` that it refuses at shutdown."""
    tree = made.path.with_name("tree-clash")
    make_tree(tree, files={"usr/etc/x/y": b"1"})
    commit = commit_tree(made.repo, tree, ref="test/clash")
    program = f"""
from layering.systemd import finalization_failure
Path("/etc/x").write_text("a file here, a directory in the new tree")
deploy(sysroot, "{commit}")
print(finalization_failure())
done = subprocess.run(["ostree", "admin", "finalize-staged"], capture_output=True)
failure = finalization_failure()
print(done.returncode, failure.unit, *failure.lines)
show(Sysroot.open(Path("/")))
"""
    assert made.booted(HEAD + program) == (
        "None\n"
        "1 ostree-finalize-staged.service Finalizing deployment: During /etc merge: "
        "Modified config file newly defaults to directory 'x', cannot merge\n"
        f"{made.commit[:8]} booted\n"
    )
