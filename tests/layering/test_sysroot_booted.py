# SPDX-License-Identifier: LGPL-2.1-or-later
"""The sysroot of a running system, which is mounted read-only: in a sandbox that looks like one."""

import tempfile
from pathlib import Path

import pytest

from tests.sysroots import STATEROOT, TestSysroot, commit_tree, make_sysroot, make_tree

pytestmark = [pytest.mark.root, pytest.mark.bwrap]

# What every program begins with.
HEAD = f"""
import os
from pathlib import Path
from layering.errors import SysrootError
from layering.origin import Origin
from layering.sysroot import Sysroot

def read_only(path):
    return bool(os.statvfs(path).f_flag & os.ST_RDONLY)

def deploy(sysroot, commit, *requested):
    origin = Origin.for_refspec("test/base").with_requests(requested=requested)
    with sysroot.lock():
        return sysroot.deploy("{STATEROOT}", commit, origin)

def show(sysroot):
    for found in sysroot.deployments:
        names = ("booted", "staged", "pending", "rollback")
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
