# SPDX-License-Identifier: LGPL-2.1-or-later
"""Sysroots, judged by the ostree command line."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from layering import deploying
from layering._ostree import GLib
from layering.errors import SysrootError
from layering.interrupts import Interrupt
from layering.metadata import TreeMetadata
from layering.origin import Origin
from layering.progress import Event, Kind
from layering.sysroot import Sysroot
from layering.sysroot_errors import (
    NoSuchDeploymentError,
    NotASysrootError,
    NotRootError,
    NotStagedError,
)
from tests.sysroots import REF, STATEROOT, TestSysroot, commit_tree, make_sysroot, make_tree, run

pytestmark = pytest.mark.root


@pytest.fixture
def made(scratch: Path) -> TestSysroot:
    return make_sysroot(scratch / "sysroot")


def another_commit(made: TestSysroot, name: str) -> str:
    tree = made.path.with_name(f"tree-{name}")
    make_tree(tree, files={f"usr/share/{name}": name.encode()})
    return commit_tree(made.repo, tree, ref=f"test/{name}", version=name)


def in_order(made: TestSysroot) -> list[str]:
    """Returns the deployed checksums in the order that the ostree command line shows."""
    return re.findall(r"([0-9a-f]{64})\.\d", made.status())


def deploy(made: TestSysroot, commit: str, requested: tuple[str, ...] = ()) -> Sysroot:
    sysroot = Sysroot.open(made.path, writable=True)
    origin = Origin.for_refspec(REF).with_requests(requested=requested)
    with sysroot.lock():
        sysroot.deploy(STATEROOT, commit, origin)
    return sysroot


def test_a_deployment_is_what_ostree_made_it(made: TestSysroot) -> None:
    (found,) = Sysroot.open(made.path).deployments
    assert found.id == f"{STATEROOT}-{made.commit}.0"
    assert found.path == made.path / f"ostree/deploy/{STATEROOT}/deploy/{made.commit}.0"
    assert (found.path / "usr/lib/os-release").exists()
    assert found.origin == Origin.parse(f"[origin]\nrefspec={REF}\n")
    assert found.kargs[:2] == ("root=LABEL=test", "quiet")
    assert found.kargs[2].startswith("ostree=")
    assert (found.base_checksum, found.version) == (made.commit, "1")
    assert found.timestamp == 1_700_000_000
    assert not (found.booted or found.staged or found.pinned or found.pending or found.rollback)


def test_quoted_kernel_arguments_stay_whole(made: TestSysroot) -> None:
    made.deploy(REF, '--karg=dyndbg="file a.c +p"')
    assert 'dyndbg="file a.c +p"' in Sysroot.open(made.path).deployments[0].kargs


def test_deploying_makes_the_commit_the_default_and_keeps_the_last_one(made: TestSysroot) -> None:
    commit = another_commit(made, "2")
    sysroot = deploy(made, commit, requested=("strace",))
    assert in_order(made) == [commit, made.commit]
    new, old = sysroot.deployments
    assert (new.checksum, new.index, new.version) == (commit, 0, "2")
    assert old.rollback and not new.rollback
    assert "origin refspec: test/base" not in made.status().splitlines()[2]
    origin = new.path.with_name(f"{new.path.name}.origin").read_text()
    assert origin == f"[origin]\nbaserefspec={REF}\n\n[packages]\nrequested=strace;\n"
    made.fsck()


def test_a_third_deployment_takes_the_first_ones_place(made: TestSysroot) -> None:
    second, third = another_commit(made, "2"), another_commit(made, "3")
    deploy(made, second)
    sysroot = deploy(made, third)
    assert in_order(made) == [third, second]
    assert [d.checksum for d in sysroot.deployments] == [third, second]
    deployed = made.path / f"ostree/deploy/{STATEROOT}/deploy"
    assert sorted(p.name for p in deployed.iterdir() if p.is_dir()) == sorted(
        [f"{second}.0", f"{third}.0"]
    )


def test_kernel_arguments_and_etc_go_on(made: TestSysroot) -> None:
    (first,) = Sysroot.open(made.path).deployments
    (first.path / "etc/mine").write_text("edited on the host\n")
    sysroot = deploy(made, another_commit(made, "2"))
    new = sysroot.deployments[0]
    assert (new.path / "etc/mine").read_text() == "edited on the host\n"
    assert new.kargs[:2] == ("root=LABEL=test", "quiet")
    assert sum(karg.startswith("ostree=") for karg in new.kargs) == 1


def test_given_kernel_arguments_take_the_place_of_the_pending_ones(made: TestSysroot) -> None:
    sysroot = Sysroot.open(made.path, writable=True)
    with sysroot.lock():
        new = sysroot.deploy(
            STATEROOT, made.commit, Origin.for_refspec(REF), kargs=["root=LABEL=other"]
        )
    assert [k for k in new.kargs if not k.startswith("ostree=")] == ["root=LABEL=other"]
    assert new.serial == 1


def test_the_time_that_deploying_takes_is_told(made: TestSysroot) -> None:
    events: list[Event] = []
    sysroot = Sysroot.open(made.path, writable=True)
    with sysroot.lock():
        sysroot.deploy(STATEROOT, made.commit, Origin.for_refspec(REF), report=events.append)
    (ended,) = (event for event in events if event.kind is Kind.END)
    assert ended.phase == "deploy"
    assert 0 < ended.seconds < 60


def test_deploying_holds_the_commit_and_prunes_nothing(made: TestSysroot) -> None:
    commit = another_commit(made, "2")
    orphan = run(
        "ostree", "commit", f"--repo={made.repo}", "--orphan", f"--tree=ref={commit}"
    ).strip()
    run("ostree", "refs", f"--repo={made.repo}", "--delete", "test/2")
    sysroot = deploy(made, commit)
    assert run("ostree", "rev-parse", f"--repo={made.repo}", orphan).strip() == orphan
    run("ostree", "prune", f"--repo={made.repo}", "--refs-only")
    assert run("ostree", "ls", f"--repo={made.repo}", commit, "/usr/share/2")
    with sysroot.lock():
        sysroot.sweep()
    made.fsck()


def test_a_half_made_deployment_is_swept_up_and_whole_ones_are_not(made: TestSysroot) -> None:
    directory = made.path / f"ostree/deploy/{STATEROOT}/deploy"
    half = directory / f"{'a' * 64}.0"
    (half / "usr").mkdir(parents=True)
    sysroot = Sysroot.open(made.path, writable=True)
    with sysroot.lock():
        assert sysroot.sweep() == (half.name,)
        assert sysroot.sweep() == ()
    names = {path.name for path in directory.iterdir()}
    assert names == {f"{made.commit}.0", f"{made.commit}.0.origin"}


def test_a_pin_is_not_inherited(made: TestSysroot) -> None:
    sysroot = Sysroot.open(made.path, writable=True)
    with sysroot.lock():
        sysroot.pin(sysroot.deployments[0])
        pinned = sysroot.deployments[0]
        assert pinned.pinned
        new = sysroot.deploy(STATEROOT, made.commit, pinned.origin)
    assert not new.pinned
    assert "Pinned: yes" in made.status()


def test_a_pinned_deployment_stays_until_it_is_unpinned(made: TestSysroot) -> None:
    second, third = another_commit(made, "2"), another_commit(made, "3")
    sysroot = Sysroot.open(made.path, writable=True)
    with sysroot.lock():
        sysroot.pin(sysroot.deployments[0])
    deploy(made, second)
    sysroot = deploy(made, third)
    assert in_order(made) == [third, second, made.commit]
    with sysroot.lock():
        sysroot.pin(sysroot.at_index(2), pinned=False)
        sysroot.drop(STATEROOT, rollback=True)
    assert in_order(made) == [third]


def test_rolling_back_changes_the_first_two(made: TestSysroot) -> None:
    commit = another_commit(made, "2")
    sysroot = deploy(made, commit)
    with sysroot.lock():
        assert sysroot.rollback(STATEROOT).checksum == made.commit
    assert in_order(made) == [made.commit, commit]
    with sysroot.lock():
        assert sysroot.rollback(STATEROOT).checksum == commit
    assert in_order(made) == [commit, made.commit]
    made.fsck()


def test_there_is_nothing_to_roll_back_to(made: TestSysroot) -> None:
    sysroot = Sysroot.open(made.path, writable=True)
    with sysroot.lock(), pytest.raises(NoSuchDeploymentError) as caught:
        sysroot.rollback(STATEROOT)
    assert str(caught.value) == f"{STATEROOT} has nothing to roll back to: sysroot {made.path}"


def test_dropping_says_what_it_dropped(made: TestSysroot) -> None:
    sysroot = deploy(made, another_commit(made, "2"))
    with sysroot.lock():
        assert sysroot.drop(STATEROOT, pending=True) == ()
        (dropped,) = sysroot.drop(STATEROOT, rollback=True)
    assert dropped.checksum == made.commit
    assert not dropped.path.exists()
    assert len(in_order(made)) == 1


def test_other_stateroots_are_left_alone(made: TestSysroot) -> None:
    run("ostree", "admin", "os-init", f"--sysroot={made.path}", "other")
    run("ostree", "admin", "deploy", f"--sysroot={made.path}", "--os=other", REF)
    sysroot = Sysroot.open(made.path, writable=True)
    assert [d.stateroot for d in sysroot.deployments] == ["other", STATEROOT]
    second, third = another_commit(made, "2"), another_commit(made, "3")
    deploy(made, second)
    sysroot = deploy(made, third)
    assert [d.stateroot for d in sysroot.deployments] == [STATEROOT, STATEROOT, "other"]
    with sysroot.lock():
        sysroot.drop(STATEROOT, pending=True, rollback=True)
    assert in_order(made) == [third, made.commit]


def test_a_layered_tree_has_its_parent_for_a_base(made: TestSysroot) -> None:
    sysroot = Sysroot.open(made.path, writable=True)
    repo = sysroot.repo
    base = repo.commit_of(made.commit)
    with repo.transaction():
        layered = repo.write_commit(
            tree=(base.root_tree, base.root_meta),
            parent=made.commit,
            timestamp=1,
            metadata=TreeMetadata(layered=True, version="1").pack(),
        )
        repo.set_ref("overlay/merged/test", layered)
    sysroot = deploy(made, layered, requested=("strace",))
    new, old = sysroot.deployments
    assert (new.checksum, new.base_checksum) == (layered, made.commit)
    assert new.base_checksum == old.base_checksum


def test_pending_and_merge_deployment_are_the_default_where_nothing_is_booted(
    made: TestSysroot,
) -> None:
    sysroot = deploy(made, another_commit(made, "2"))
    assert sysroot.merge_deployment(STATEROOT) == sysroot.deployments[0]
    assert sysroot.pending_deployment(STATEROOT) == sysroot.deployments[0]
    assert sysroot.pending_deployment("other") is None
    assert sysroot.merge_deployment("other") is None
    assert not sysroot.is_booted


def test_changes_by_others_are_seen_under_the_lock(made: TestSysroot) -> None:
    sysroot = Sysroot.open(made.path, writable=True)
    made.deploy(another_commit(made, "2"))
    assert len(sysroot.deployments) == 1
    with sysroot.lock():
        assert len(sysroot.deployments) == 2


def test_a_stateroot_is_found_where_none_is_named(made: TestSysroot, scratch: Path) -> None:
    assert Sysroot.open(made.path).default_stateroot() == STATEROOT
    empty = make_sysroot(scratch / "empty", deploy=False)
    assert Sysroot.open(empty.path).default_stateroot() == STATEROOT
    run("ostree", "admin", "os-init", f"--sysroot={empty.path}", "another")
    with pytest.raises(SysrootError) as caught:
        Sysroot.open(empty.path).default_stateroot()
    assert str(caught.value) == (
        "no stateroot given, and there is no deployment: "
        f"sysroot {empty.path} has another, {STATEROOT}"
    )


def test_the_first_deployment_of_a_stateroot_needs_no_other(scratch: Path) -> None:
    empty = make_sysroot(scratch / "empty", deploy=False)
    sysroot = Sysroot.open(empty.path, writable=True)
    with sysroot.lock():
        new = sysroot.deploy(STATEROOT, empty.commit, Origin.for_refspec(REF), kargs=["quiet"])
    assert sysroot.deployments == (new,)
    assert in_order(empty) == [empty.commit]


def test_a_directory_that_is_no_sysroot_is_told(tmp_path: Path) -> None:
    with pytest.raises(NotASysrootError) as caught:
        Sysroot.open(tmp_path)
    assert str(caught.value) == f"not an OSTree sysroot: {tmp_path}: it has no ostree/repo"
    assert caught.value.__notes__ == [
        "name one with --sysroot, or make one with 'ostree admin init-fs'"
    ]


def test_a_deployment_that_is_not_there_is_told(made: TestSysroot, scratch: Path) -> None:
    with pytest.raises(NoSuchDeploymentError) as caught:
        Sysroot.open(made.path).at_index(3)
    assert str(caught.value) == f"no deployment 3, they are 0 to 0: sysroot {made.path}"
    empty = make_sysroot(scratch / "empty", deploy=False)
    with pytest.raises(NoSuchDeploymentError) as caught:
        Sysroot.open(empty.path).at_index(0)
    assert str(caught.value) == f"no deployment 0, there is none: sysroot {empty.path}"


def test_a_dropped_deployment_cannot_be_pinned(made: TestSysroot) -> None:
    sysroot = deploy(made, another_commit(made, "2"))
    gone = sysroot.deployments[1]
    with sysroot.lock():
        sysroot.drop(STATEROOT, rollback=True)
        with pytest.raises(NoSuchDeploymentError) as caught:
            sysroot.pin(gone)
    assert str(caught.value) == f"no deployment {gone.id}: sysroot {made.path}"


def test_what_libostree_refuses_is_told_with_the_sysroot(made: TestSysroot) -> None:
    tree = made.path.with_name("tree-bad")
    make_tree(tree)
    run("rm", "-r", str(tree / "usr/lib/modules"))
    commit = run(
        "ostree", "commit", f"--repo={made.repo}", "--branch=bad", f"--tree=dir={tree}"
    ).strip()
    sysroot = Sysroot.open(made.path, writable=True)
    with sysroot.lock(), pytest.raises(SysrootError) as caught:
        sysroot.deploy(STATEROOT, commit, Origin.for_refspec("bad"))
    assert str(caught.value).startswith(f"cannot deploy {commit}: ")
    assert str(caught.value).endswith(f": sysroot {made.path}")
    assert isinstance(caught.value.__cause__, GLib.Error)
    assert in_order(made) == [made.commit]


def test_only_a_running_system_has_something_to_lock(made: TestSysroot) -> None:
    sysroot = Sysroot.open(made.path, writable=True)
    with sysroot.lock(), pytest.raises(NotStagedError) as caught:
        sysroot.deploy(STATEROOT, made.commit, Origin.for_refspec(REF), locked=True)
    assert str(caught.value) == (
        f"only what is staged on a running system can be locked: sysroot {made.path}"
    )
    with sysroot.lock(), pytest.raises(NotStagedError) as caught:
        sysroot.finalize_staged()
    assert str(caught.value) == f"no deployment is staged: sysroot {made.path}"
    assert in_order(made) == [made.commit]


def directories(made: TestSysroot) -> list[str]:
    """Returns the checkouts that are on disk."""
    found = (made.path / f"ostree/deploy/{STATEROOT}/deploy").glob("*.[0-9]")
    return sorted(path.name.partition(".")[0] for path in found)


def interrupting(function: Callable[..., object], when: str) -> Callable[..., object]:
    """Returns a function that Ctrl-C comes before or after the call of."""

    def run(*arguments: object) -> object:
        if when == "before":
            os.kill(os.getpid(), signal.SIGINT)
        result = function(*arguments)
        if when == "after":
            os.kill(os.getpid(), signal.SIGINT)
        return result

    return run


@pytest.mark.parametrize("when", ["before", "after"])
def test_an_interrupted_checkout_leaves_nothing(
    made: TestSysroot, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    commit = another_commit(made, "2")
    monkeypatch.setattr(Interrupt, "run", interrupting(Interrupt.run, when))
    with pytest.raises(KeyboardInterrupt):
        deploy(made, commit)
    assert in_order(made) == [made.commit]
    assert directories(made) == [made.commit]
    made.fsck()


def test_a_deployment_that_is_written_is_told_before_the_interrupt(
    made: TestSysroot, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = another_commit(made, "2")
    events: list[Event] = []
    monkeypatch.setattr("layering.sysroot.deploy", interrupting(deploying.deploy, "after"))
    sysroot = Sysroot.open(made.path, writable=True)
    with pytest.raises(KeyboardInterrupt), sysroot.lock():
        sysroot.deploy(STATEROOT, commit, Origin.for_refspec(REF), report=events.append)
    assert [event.item for event in events if event.kind is Kind.WARNING] == [
        f"interrupted too late: {STATEROOT}-{commit}.0 is the next to be booted"
    ]
    assert in_order(made) == [commit, made.commit]


def test_a_refused_deployment_leaves_no_checkout(made: TestSysroot) -> None:
    (first,) = Sysroot.open(made.path).deployments
    (first.path / "etc/x").write_text("a file here, a directory in the new tree")
    tree = made.path.with_name("tree-clash")
    make_tree(tree, files={"usr/etc/x/y": b"1"})
    with pytest.raises(SysrootError, match="During /etc merge"):
        deploy(made, commit_tree(made.repo, tree, ref="test/clash"))
    assert directories(made) == [made.commit]


KILLED = f"""
import os, signal, sys, threading, time
from pathlib import Path
from layering.origin import Origin
from layering.sysroot import Sysroot

path, commit = Path(sys.argv[1]), sys.argv[2]
checkout = path / "ostree/deploy/{STATEROOT}/deploy" / f"{{commit}}.0"

def kill():
    while not checkout.exists():
        pass
    os.kill(os.getpid(), signal.SIGKILL)

threading.Thread(target=kill).start()
sysroot = Sysroot.open(path, writable=True)
with sysroot.lock():
    sysroot.deploy("{STATEROOT}", commit, Origin.for_refspec("{REF}"))
"""


def test_what_a_killed_run_left_is_removed_by_the_next(made: TestSysroot) -> None:
    tree = made.path.with_name("tree-big")
    make_tree(tree, files={f"usr/share/{number}/x": b"x" for number in range(2000)})
    big = commit_tree(made.repo, tree, ref="test/big")
    done = subprocess.run([sys.executable, "-c", KILLED, str(made.path), big], check=False)
    assert done.returncode == -signal.SIGKILL
    assert in_order(made) == [made.commit]
    assert directories(made) == sorted([made.commit, big])
    other = another_commit(made, "2")
    deploy(made, other)
    assert directories(made) == sorted([made.commit, other])
    made.fsck()


AS_NOBODY = """
import os, sys
from pathlib import Path
from layering.sysroot import Sysroot
from layering.sysroot_errors import NotRootError
sysroot = Sysroot.open(Path(sys.argv[1]))
os.setuid(65534)
for attempt in (lambda: Sysroot.open(Path(sys.argv[1]), writable=True),
                lambda: sysroot.lock().__enter__()):
    try:
        attempt()
    except NotRootError as error:
        print(error, error.__notes__[0], sep=" | ")
"""


def test_only_root_may_change_deployments(made: TestSysroot) -> None:
    made.path.parent.chmod(0o755)
    command = [sys.executable, "-c", AS_NOBODY, str(made.path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    expected = f"changing deployments needs root: sysroot {made.path} | run it with sudo or as root"
    assert done.stdout.splitlines() == [expected, expected]
    assert NotRootError.__mro__[1] is SysrootError
    assert os.geteuid() == 0
