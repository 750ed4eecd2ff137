# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a script may take of the machine, and that taking more ends the script and nothing else.

Every script here ends by itself, after a bounded number of processes, bytes or files: a limit that
did not hold would fail the test and not the machine.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from layering.mounts import enter_own_namespace
from tests.triggers.roots import make_root, sandbox_over
from triggers import (
    Invocation,
    Limits,
    Outcome,
    Phase,
    Sandbox,
    ScriptletFailedError,
    StoppedError,
    cgroup,
    describe_end,
    run,
    runner,
    shell,
)
from triggers.limits import Watch

FOO = "foo-1-1.noarch"
MEBIBYTE = 1 << 20

# With at most so many processes at a time, and no more than 200 in all.
FORKS = "i=0; while [ $i -lt 200 ]; do sleep 20 & i=$((i+1)); done; wait"

needs_root = pytest.mark.root
pytestmark = pytest.mark.bwrap


def invocation(body: str, phase: Phase = Phase.POST) -> Invocation:
    return Invocation(
        phase=phase,
        owner=FOO,
        label=f"{phase}({FOO})",
        interpreter=("/bin/sh",),
        body=body,
        args=("1",),
        fatal=phase is Phase.PRE,
        why="a test",
    )


def limited(body: str, sandbox: Sandbox, limits: Limits) -> Outcome:
    (outcome,) = run([invocation(body)], sandbox, limits=limits, time_limit=60)
    return outcome


@pytest.fixture
def root(scratch: Path) -> Path:
    return make_root(scratch / "root", ("sh", "cat", "sleep", "dd", "head", "mkdir"))


@pytest.fixture
def control_group() -> None:
    """Skips where the kernel lets root have no group: no program could be installed to mend that.

    There the watch counts instead, which every machine tests.
    """
    with cgroup.group(100, 1 << 30) as group:
        if group is None or not group.complete:
            pytest.skip("this machine lets us have no control group")


@pytest.fixture(params=["the kernel", "the watch"])
def counted(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Who counts: a control group, or the watch where the machine lets us have none."""
    if request.param == "the kernel":
        request.getfixturevalue("control_group")
    else:

        @contextmanager
        def nothing(_processes: int, _memory: int) -> Iterator[None]:
            yield None

        monkeypatch.setattr(runner, "group", nothing)
    return str(request.param)


def test_too_many_processes_end_the_script(root: Path, counted: str) -> None:
    outcome = limited(FORKS, sandbox_over(root), Limits(processes=50))
    assert (outcome.status, outcome.excess) == (137, "more than 50 processes")
    assert describe_end(outcome) == "was stopped: more than 50 processes"
    assert outcome.seconds < 15  # the processes themselves would take 20


def test_as_many_processes_as_are_allowed_do_no_harm(root: Path, counted: str) -> None:
    body = FORKS.replace("200", "40").replace("sleep 20", "sleep 0.3")
    outcome = limited(body, sandbox_over(root), Limits(processes=50))
    assert (outcome.status, outcome.excess) == (0, "")


def test_too_much_memory_ends_the_script(root: Path, counted: str) -> None:
    body = "dd if=/dev/zero of=/dev/null bs=200M count=20; sleep 1"
    outcome = limited(body, sandbox_over(root), Limits(memory=64 * MEBIBYTE))
    assert (outcome.status, outcome.excess) == (137, "more than 64 MiB of memory")


@pytest.mark.usefixtures("control_group")
def test_files_in_tmp_are_memory(root: Path) -> None:
    body = "head -c 200000000 /dev/zero > /tmp/large; sleep 1"
    outcome = limited(body, sandbox_over(root), Limits(memory=64 * MEBIBYTE))
    assert outcome.excess == "more than 64 MiB of memory"


def test_the_next_script_starts_from_nothing(root: Path, counted: str) -> None:
    outcomes = run(
        [invocation(FORKS), invocation("echo fine"), invocation(FORKS)],
        sandbox_over(root),
        limits=Limits(processes=50),
    )
    assert [each.excess for each in outcomes] == [
        "more than 50 processes",
        "",
        "more than 50 processes",
    ]
    assert outcomes[1].output == "fine\n"


def test_a_script_that_must_not_fail_is_named_when_it_is_stopped(root: Path) -> None:
    with pytest.raises(ScriptletFailedError) as caught:
        run([invocation(FORKS, Phase.PRE)], sandbox_over(root), limits=Limits(processes=50))
    assert str(caught.value) == f"%pre was stopped: more than 50 processes, {FOO}"


def test_a_shell_has_the_same_limits(root: Path) -> None:
    words = ("/bin/sh", "-c", FORKS)
    with pytest.raises(StoppedError) as caught:
        shell(sandbox_over(root), words, terminal=False, limits=Limits(processes=50))
    assert str(caught.value) == "shell was stopped, more than 50 processes"


@pytest.mark.usefixtures("control_group")
def test_a_shell_that_cannot_fork_and_ends_between_two_looks_was_stopped_all_the_same(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = Watch.excess
    monkeypatch.setattr(Watch, "excess", lambda self, n: None if n else looks(self, n))
    words = ("/bin/sh", "-c", "sleep 5 & sleep 5 & sleep 5 & sleep 5 & sleep 5 &")
    with pytest.raises(StoppedError, match="more than 5 processes"):
        shell(sandbox_over(root), words, terminal=False, limits=Limits(processes=5))


def test_open_files_and_core_dumps_are_those_of_a_login(root: Path) -> None:
    body = "ulimit -n; ulimit -Hn; ulimit -c; cat /proc/self/oom_score_adj"
    soft, hard, core, first_to_go = limited(body, sandbox_over(root), Limits()).output.split()
    assert (soft, core) == ("1024", "0")
    assert int(hard) <= 524288
    assert int(first_to_go) >= 500


def test_tmp_is_bounded(root: Path) -> None:
    body = "cat /proc/self/mountinfo"
    lines = limited(body, sandbox_over(root), Limits()).output.splitlines()
    mounted = {line.split()[4]: line.split()[-1] for line in lines}
    for place in ("/tmp", "/var/tmp"):
        assert "size=2097152k" in mounted[place]
    for place in ("/run", "/dev/shm", "/root"):
        assert "size=65536k" in mounted[place]


@pytest.fixture
def small(scratch: Path) -> Iterator[Path]:
    """A file system of 64 MiB and few files, for one test."""
    enter_own_namespace()
    image, place = scratch / "image", scratch / "small"
    with image.open("wb") as file:
        file.truncate(64 * MEBIBYTE)
    subprocess.run(["mkfs.ext4", "-q", "-N", "4000", str(image)], check=True)
    place.mkdir()
    subprocess.run(["mount", "-o", "loop", str(image), str(place)], check=True)
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


def free(place: Path) -> int:
    found = os.statvfs(place)
    return found.f_bavail * found.f_frsize


# 60 MiB at no more than 100 MiB in a second: a disk of 64 MiB is full sooner than real ones.
FILL = "for i in {numbers}; do head -c 1048576 /dev/zero >> {place}/large; sleep 0.01; done"


@needs_root
@pytest.mark.parametrize("place", ["/usr/share", "/var/lib"])
def test_a_script_that_fills_the_disk_is_stopped_while_some_is_left(
    small: Path, place: str
) -> None:
    root = make_root(small / "root", ("sh", "head", "sleep"))
    wanted = Limits(disk_free=20 * MEBIBYTE)
    with pytest.raises(ScriptletFailedError) as caught:
        run(
            [invocation(FILL.format(place=place, numbers=" ".join(map(str, range(60)))))],
            sandbox_over(root),
            limits=wanted,
        )
    told = str(caught.value)
    assert told.startswith("%post was stopped: it left no more than ")
    assert told.endswith(f" free at {small}, {FOO}")
    assert free(small) > 0
    assert (root / "usr/bin/sh").stat().st_size > 0


@needs_root
def test_a_script_that_uses_up_all_files_is_stopped(small: Path) -> None:
    root = make_root(small / "root", ("sh", "sleep"))
    body = "i=0; while [ $i -lt 3900 ]; do : > /usr/share/$i; i=$((i+1)); done 2>&-; sleep 20"
    with pytest.raises(ScriptletFailedError, match=f"files free at {small}, {FOO}"):
        run([invocation(body)], sandbox_over(root), limits=Limits(disk_free=MEBIBYTE))
    assert os.statvfs(small).f_favail > 0


@needs_root
def test_a_disk_that_was_nearly_full_before_is_not_the_scripts_fault(small: Path) -> None:
    root = make_root(small / "root", ("sh",))
    assert free(small) < Limits().disk_free
    (outcome,) = run([invocation("echo x > /usr/share/made")], sandbox_over(root))
    assert (outcome.status, outcome.excess) == (0, "")


@needs_root
@pytest.mark.usefixtures("control_group")
def test_a_run_takes_its_control_group_away(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Path] = []
    real = cgroup.group

    @contextmanager
    def seen(processes: int, memory: int) -> Iterator[cgroup.Group | None]:
        with real(processes, memory) as group:
            made.extend(group.directories if group else ())
            yield group

    monkeypatch.setattr(runner, "group", seen)
    limited(FORKS, sandbox_over(root), Limits(processes=50))
    assert made
    assert [path for path in made if path.exists()] == []


@needs_root
@pytest.mark.usefixtures("control_group")
def test_the_group_of_a_killed_run_is_swept_and_that_of_a_living_one_stays() -> None:
    program = (
        "import time; from triggers.cgroup import group\n"
        "with group(100, 1 << 30) as ours:\n"
        "    print(*(ours.directories if ours else ()), flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        theirs = [Path(each) for each in other.stdout.readline().decode().split()]
        with cgroup.group(100, 1 << 30):
            assert [path for path in theirs if not path.exists()] == []
        other.kill()
        other.wait()
    assert theirs
    with cgroup.group(100, 1 << 30):
        assert [path for path in theirs if path.exists()] == []


def hierarchy(mounted: Path, text: str) -> None:
    """Writes files, "path: content" a line, as a mounted hierarchy would have them."""
    for line in text.split("\n"):
        name, _, content = line.strip().partition(": ")
        if name:
            (mounted / name).parent.mkdir(parents=True, exist_ok=True)
            (mounted / name).write_text(content.replace(";", "\n"))


def places(tmp_path: Path, ours: str) -> list[tuple[str, list[str]]]:
    (tmp_path / "ours").write_text(ours)
    found = cgroup.controllers(7, 9, mounted=tmp_path / "cgroup", ours=tmp_path / "ours")
    return [
        (str(each.parent.relative_to(tmp_path)), [f"{k} {v}" for k, v in each.settings])
        for each in found
    ]


def test_on_the_unified_hierarchy_a_group_stands_below_the_nearest_that_hands_on(
    tmp_path: Path,
) -> None:
    hierarchy(
        tmp_path / "cgroup",
        """
        cgroup.controllers: cpu memory pids
        cgroup.subtree_control: cpu memory pids
        user.slice/cgroup.subtree_control: cpu memory pids
        user.slice/user-0.slice/cgroup.subtree_control: memory pids
        user.slice/user-0.slice/session-1.scope/cgroup.subtree_control:
        """,
    )
    ours = "0::/user.slice/user-0.slice/session-1.scope\n"
    assert places(tmp_path, ours) == [
        ("cgroup/user.slice/user-0.slice", ["pids.max 7", "memory.max 9"])
    ]


def test_a_container_whose_group_hands_nothing_on_has_no_group(tmp_path: Path) -> None:
    hierarchy(tmp_path / "cgroup", "cgroup.controllers: cpu memory pids\ncgroup.subtree_control:")
    assert places(tmp_path, "0::/\n") == []


def test_on_the_old_hierarchies_groups_stand_below_ours(tmp_path: Path) -> None:
    (tmp_path / "cgroup/pids/a").mkdir(parents=True)
    (tmp_path / "cgroup/memory").mkdir()
    ours = "5:cpu,cpuacct:/x\n4:memory:/\n3:pids:/a\n1:name=systemd:/y\n0::/\n"
    assert places(tmp_path, ours) == [
        ("cgroup/pids/a", ["pids.max 7"]),
        ("cgroup/memory", ["memory.limit_in_bytes 9"]),
    ]


def test_what_the_kernel_refused_is_read_where_it_says_so(tmp_path: Path) -> None:
    hierarchy(tmp_path, "pids.events: max 3\nmemory.events: low 0;oom 2;oom_kill 1;")
    controller = cgroup.Controller(
        parent=tmp_path.parent, settings=(), forks="pids.events", kills="memory.events"
    )
    group = cgroup.Group(((tmp_path, controller),))
    assert group.complete
    assert group.events() == cgroup.Events(forks=3, kills=1)
    (tmp_path / "cgroup.procs").touch()
    group.add(42)
    assert (tmp_path / "cgroup.procs").read_text() == "42"
