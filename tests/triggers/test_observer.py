# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a script looks at is seen, all of it; and nothing that watches it ever stays behind.

Judges are programs whose reads are known by construction, strace, and the script itself: a change
of anything that it was not seen to look at must not change what it says.
"""

import os
import re
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from tests.triggers.roots import add_programs, add_script, make_root, sandbox_over
from triggers import Bind, Invocation, Limits, Phase, SandboxError, observer
from triggers.execution import Ended, execute
from triggers.limits import Watch
from triggers.notify import Call
from triggers.observed import Observed
from triggers.pathcalls import MACHINES
from triggers.runner import bounds_of
from triggers.sightings import Sightings

pytestmark = pytest.mark.bwrap

PROGRAMS = ("sh", "cat", "ls", "ln", "mv", "rm", "mkdir", "rmdir", "sleep", "find", "env")


@pytest.fixture
def root(scratch: Path) -> Path:
    """A root with /usr/share/t/{a,b}/{x,y}, each file with its own path in it."""
    root = make_root(scratch / "root", PROGRAMS)
    for name in ("a/x", "a/y", "b/x", "b/y"):
        path = root / "usr/share/t" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{name}\n", encoding="utf-8")
    return root


def ended(
    root: Path,
    body: str,
    *,
    observe: bool = True,
    seconds: float = 60,
    binds: tuple[Bind, ...] = (),
) -> Ended:
    invocation = Invocation(
        phase=Phase.POST,
        owner="foo-1-1.noarch",
        label="%post(foo-1-1.noarch)",
        interpreter=("/bin/sh",),
        body=body,
        args=("1",),
        why="a test",
    )
    sandbox = replace(sandbox_over(root), binds=binds)
    with bounds_of(sandbox, Limits(), seconds) as bounds:
        return execute(invocation, sandbox, bounds, observe=observe)


def observed(root: Path, body: str) -> Observed:
    seen = ended(root, body).observed
    assert seen is not None
    return seen


def looked(root: Path, body: str) -> frozenset[str]:
    seen = observed(root, body)
    assert seen.doubts == ()
    return seen.looked


@contextmanager
def nothing_left() -> Iterator[None]:
    """Asserts that no thread, no descriptor and no process of ours stays behind."""

    def ours() -> tuple[list[str], int, str]:
        children = Path(f"/proc/self/task/{threading.get_native_id()}/children")
        return (
            sorted(each.name for each in Path("/proc/self/fd").iterdir()),
            threading.active_count(),
            children.read_text(),
        )

    before = ours()
    yield
    assert ours() == before


def test_a_file_that_is_read_is_looked_at(root: Path) -> None:
    seen = looked(root, "cat /usr/share/t/a/x")
    assert "/usr/share/t/a/x" in seen
    assert "/usr/share/t/a/y" not in seen


def test_a_file_that_is_not_there_is_looked_for(root: Path) -> None:
    assert "/usr/share/t/none" in looked(root, "test -e /usr/share/t/none")


def test_a_directory_is_listed_by_ls_and_by_globbing_and_not_by_looking_at_it(root: Path) -> None:
    assert "/usr/share/t/a" in observed(root, "ls /usr/share/t/a").listed
    assert "/usr/share/t/a" in observed(root, "echo /usr/share/t/a/*").listed
    assert "/usr/share/t/a" in observed(root, "find /usr/share/t").listed
    assert "/usr/share/t/a" not in observed(root, "test -d /usr/share/t/a").listed


@pytest.mark.parametrize(
    ("body", "whole"),
    [
        ("cat /usr/share/t/a/x; ls /etc > /dev/null", False),
        ("cat /etc/ld.so.cache > /dev/null", True),
        ("cd /etc; while read -r line; do :; done < ./ld.so.cache", True),
        ("ln -s /etc /tmp/e; test -e /tmp/e/ld.so.cache", True),
    ],
)
def test_the_loader_is_told_from_who_reads_the_linkers_cache_as_a_file(
    root: Path, body: str, whole: bool
) -> None:
    (root / "usr/etc/ld.so.cache").write_bytes(b"")
    seen = observed(root, body)
    assert "/etc/ld.so.cache" in seen.looked
    assert seen.whole_cache is whole


def test_relative_names_are_told_by_where_they_lead(root: Path) -> None:
    seen = looked(root, "cd /usr/share/t/a; cat ./x ../b/y")
    assert {"/usr/share/t/a/x", "/usr/share/t/b/y"} <= seen
    assert "/usr/share/t/b/x" not in seen


def test_what_two_dots_behind_a_link_lead_to_is_looked_at(root: Path) -> None:
    (root / "usr/share/deep").symlink_to("t/a")
    seen = looked(root, "cat /usr/share/deep/../b/x")
    assert {"/usr/share/deep", "/usr/share/t/b/x"} <= seen


def test_names_below_an_open_directory_are_looked_at(root: Path) -> None:
    # find goes down by descriptors alone.
    assert "/usr/share/t/b/y" in looked(root, "cd /usr; find share/t -newer share/t/a/x -type f")


def test_links_that_the_script_has_made_hide_nothing(root: Path) -> None:
    seen = looked(root, "ln -s /usr/share/t /usr/share/new; cat /usr/share/new/a/x")
    assert {"/usr/share/new", "/usr/share/t/a/x"} <= seen
    again = (
        "ln -sfn /usr/share/t/a /tmp/l; cat /tmp/l/x; ln -sfn /usr/share/t/b /tmp/l; cat /tmp/l/y"
    )
    assert {"/usr/share/t/a/x", "/usr/share/t/b/y"} <= looked(root, again)


def test_names_below_a_directory_of_its_own_in_proc_are_looked_at(root: Path) -> None:
    assert "/usr/share/t/b/x" in looked(root, "cd /usr/share/t; cat /proc/self/cwd/b/x")


def test_each_place_where_a_program_is_looked_for_counts(root: Path) -> None:
    seen = looked(root, "cat /dev/null")
    assert {"/usr/sbin/cat", "/usr/bin/cat"} <= seen


def test_interpreters_that_only_the_kernel_opens_are_looked_at(root: Path) -> None:
    add_script(root, "/usr/bin/outer", "exec cat /dev/null")
    (root / "usr/bin/myshell").symlink_to("sh")
    text = (root / "usr/bin/outer").read_text(encoding="utf-8")
    (root / "usr/bin/outer").write_text(text.replace("/bin/sh", "/bin/myshell"), encoding="utf-8")
    seen = looked(root, "outer")
    assert {"/bin", "/bin/myshell", "/usr/bin/myshell", "/usr/bin/sh"} <= seen
    assert any(re.fullmatch(r"/usr/lib.*/ld-linux.*\.so\.\d", each) for each in seen)


def test_whatever_is_tried_to_be_changed_is_looked_at(root: Path) -> None:
    body = "mkdir /usr/share/t/a; rm -f /usr/share/t/c; mv /usr/share/t/a/x /usr/share/t/a/z"
    assert {
        *("/usr/share/t/a", "/usr/share/t/c", "/usr/share/t/a/x", "/usr/share/t/a/z"),
    } <= looked(root, body)


def test_whether_a_directory_is_empty_depends_on_its_names(root: Path) -> None:
    assert "/usr/share/t/a" in observed(root, "rmdir /usr/share/t/a").listed


def test_nothing_of_the_machine_counts(root: Path) -> None:
    seen = looked(root, "cat /usr/share/t/a/x")
    assert not [each for each in seen if str(root.parent) in each or each.startswith("/newroot")]


def test_a_moved_directory_is_in_doubt(root: Path) -> None:
    assert observed(root, "mv /usr/share/t/a /usr/share/t/c").doubts == (
        "a directory that is moved",
    )
    assert observed(root, "mkdir /tmp/a; mv /tmp/a /tmp/c").doubts == ()


def test_a_file_moved_into_a_directory_is_in_no_doubt(root: Path) -> None:
    assert observed(root, "mv /usr/share/t/a/x /usr/share/t/b").doubts == ()


def test_names_below_another_root_are_looked_at_where_they_are(root: Path) -> None:
    add_programs(root, ("chroot",))
    add_script(root, "/usr/bin/inner", "/bin/cat /share/link/x /../../share/t/a/y")
    (root / "usr/share/link").symlink_to("/share/t/b")
    end = ended(root, "cd /usr/share; chroot /usr /bin/inner; cat /share/t/a/x t/b/y")
    assert end.output.data() == b"b/x\na/y\ncat: /share/t/a/x: No such file or directory\nb/y\n"
    seen = end.observed
    assert seen is not None
    assert seen.doubts == ()
    places = {f"/usr/share/{each}" for each in ("link", "t/b/x", "t/a/y", "t/b/y")}
    assert {"/usr/bin/inner", "/usr/bin/sh", *places} <= seen.looked
    assert not {"/bin/inner", "/share/link", "/share/t/b/x", "/share/t/a/y"} & seen.looked
    assert "/usr/share/t/a/x" not in seen.looked


def test_a_process_with_the_old_root_goes_on_as_before(root: Path) -> None:
    add_programs(root, ("chroot",))
    body = "chroot /usr /bin/cat /share/t/a/x; cat /usr/share/t/b/x; ls /proc/self/root/usr/share/t"
    seen = observed(root, body)
    assert seen.doubts == ()
    assert {"/usr/share/t/a/x", "/usr/share/t/b/x"} <= seen.looked
    assert "/usr/share/t" in seen.listed


# openat2(2) with RESOLVE_IN_ROOT, or what its last argument says, of a name below /usr/share.
IN_ROOT = """\
sysopen(D, "/usr/share", 0) or die;
$name = "{name}"; $how = pack("QQQ", 0, 0, {resolve});
$fd = syscall(437, fileno(D), $name, $how, 24);
open(F, "<&=$fd") or die; print <F>;
"""


@pytest.mark.parametrize("name", ["/t/a/x", "link/x", "../../t/a/../a/x"])
def test_a_root_for_one_call_holds_for_its_name_and_for_absolute_links(
    root: Path, name: str
) -> None:
    add_programs(root, ("perl",))
    (root / "usr/share/link").symlink_to("/t/a")
    end = ended(root, f"LC_ALL=C perl -e '{IN_ROOT.format(name=name, resolve=16)}'")
    assert end.output.data() == b"a/x\n"
    assert end.observed is not None
    assert end.observed.doubts == ()
    assert "/usr/share/t/a/x" in end.observed.looked
    assert "/t/a/x" not in end.observed.looked


# A process whose children end while it looks, beside others that keep us from listening to it.
BUSY = """\
export LC_ALL=C
perl -e 'for (1 .. 250) {{ stat("/usr/share/t/none") }}' &
perl -e 'for (1 .. 250) {{ stat("/usr/share/t/none") }}' &
{looks}
wait
"""
# Perl and dash do not ask for calls to start over when their handlers have run; bash does, and
# dash is made to.
PERL = """\
perl -e '$SIG{CHLD} = sub {};
for (1 .. 8) { if (!fork) { exit } for (1 .. 20) { $failed ||= !-e "/usr/share/t/a/x" } }
print $failed ? "failed" : "fine"; 1 while wait != -1'
"""
SHELL = """\
for i in 1 2 3 4 5 6 7 8; do
    (exit) & for j in 1 2 3 4 5 6 7 8 9 10; do [ -e /usr/share/t/a/x ] || failed=yes; done
done; printf "${failed:-fine}"
"""


@pytest.mark.parametrize(
    ("shell", "looks", "said"),
    [
        pytest.param("bash", PERL, b"failed", id="perl"),
        pytest.param("bash", SHELL, b"fine", id="bash"),
        pytest.param("dash", SHELL, b"fine", id="dash"),
    ],
)
def test_a_call_that_was_cut_off_is_in_doubt_where_the_program_can_tell(
    root: Path,
    monkeypatch: pytest.MonkeyPatch,
    shell: str,
    looks: str,
    said: bytes,
) -> None:
    add_programs(root, (shell, "perl"))
    (root / "usr/bin/sh").unlink()
    (root / "usr/bin/sh").symlink_to(shell)
    identifiers = []
    really = Sightings.see

    def see(self: Sightings, call: Call) -> None:
        identifiers.append(call[0])
        time.sleep(0.003)
        really(self, call)

    monkeypatch.setattr(Sightings, "see", see)
    end = ended(root, BUSY.format(looks=looks))
    assert identifiers[-1] - identifiers[0] >= len(identifiers)  # some were cut off
    assert end.output.data() == said
    assert end.observed is not None
    in_doubt = "a system call that was cut off" in end.observed.doubts
    assert in_doubt == (said == b"failed")


def test_a_program_of_another_kind_is_in_doubt(root: Path) -> None:
    elf = bytearray((root / "usr/bin/cat").read_bytes()[:64])
    elf[4] = 1
    (root / "usr/bin/old").write_bytes(elf)
    (root / "usr/bin/old").chmod(0o755)
    assert observed(root, "old").doubts == ("a 32-bit program",)


def test_without_being_asked_nothing_is_observed(root: Path) -> None:
    assert ended(root, "cat /usr/share/t/a/x", observe=False).observed is None


def test_a_kernel_that_refuses_lets_the_script_run_unobserved(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = os.uname().machine
    monkeypatch.setitem(MACHINES, name, replace(MACHINES[name], seccomp=4095))
    with nothing_left():
        end = ended(root, "cat /usr/share/t/a/x")
    assert (end.status, end.output.data(), end.observed) == (0, b"a/x\n", None)


def test_on_an_unknown_machine_nothing_is_concluded(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(observer, "MACHINES", {})
    end = ended(root, "cat /usr/share/t/a/x")
    assert end.output.data() == b"a/x\n"
    assert end.observed is not None
    assert end.observed.doubts == (f"an unknown machine, {os.uname().machine}",)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("sleep 20", id="too long"),
        pytest.param("(while :; do cat /usr/share/t/a/x; done) & sleep 20", id="too long, at work"),
    ],
)
def test_a_script_that_is_stopped_leaves_nothing(root: Path, body: str) -> None:
    with nothing_left():
        end = ended(root, body, seconds=1)
    assert end.timed_out
    assert end.observed is not None
    assert "a script that was stopped" in end.observed.doubts


def test_what_a_script_leaves_running_is_gone_afterwards(root: Path) -> None:
    with nothing_left():
        end = ended(root, "(while :; do cat /usr/share/t/a/x; done) >/dev/null 2>&1 & exit 3")
    assert end.status == 3
    assert end.observed is not None
    assert "a process that was left running" in end.observed.doubts


def test_a_script_that_waits_for_all_it_starts_is_in_no_doubt(root: Path) -> None:
    assert observed(root, "cat /usr/share/t/a/x & cat /usr/share/t/a/y & wait").doubts == ()


def test_many_processes_are_all_seen(root: Path) -> None:
    body = "for i in $(echo 1 2 3 4 5 6 7 8); do (for j in 1 2 3 4 5; do "
    body += "cat /usr/share/t/none$i$j 2>/dev/null; done) & done; wait"
    with nothing_left():
        seen = looked(root, body)
    assert {f"/usr/share/t/none{i}{j}" for i in range(1, 9) for j in range(1, 6)} <= seen


def test_an_interrupt_leaves_nothing(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(watch: Watch, namespace: int | None) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Watch, "excess", interrupt)
    with nothing_left(), pytest.raises(KeyboardInterrupt):
        ended(root, "while :; do cat /usr/share/t/a/x; done")


def test_a_bubblewrap_that_never_starts_leaves_nothing(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere:/nowhere-else")
    with nothing_left(), pytest.raises(SandboxError) as caught:
        ended(root, "true")
    whose = "bubblewrap's program 'bwrap' is not on the path, %post(foo-1-1.noarch)"
    assert str(caught.value) == f"sandbox not started, {whose}"


def test_a_bubblewrap_that_fails_leaves_nothing(root: Path) -> None:
    with nothing_left(), pytest.raises(SandboxError):
        ended(root, "true", binds=(Bind(source=root / "none", destination="/none"),))


def test_an_error_of_ours_is_raised_and_blocks_nobody(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("triggers.sightings.Sightings.see", broken)
    with nothing_left(), pytest.raises(ZeroDivisionError):
        ended(root, "cat /usr/share/t/a/x")


def test_all_that_strace_sees_is_looked_at(
    root: Path, scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = (
        "cd /usr/share; ls -l t t/*; cat t/a/x t/none; ln -s t/b l; cat l/y; mkdir t/c; rm -r t/b;"
        "find t -type f; mv t/a/y t/c/z; rmdir t/a; test -L l; env cat t/c/z; [ -x /bin/../t ]"
    )
    shutil.copytree(root, scratch / "copy", symlinks=True)
    seen = observed(scratch / "copy", body)
    assert seen.doubts == ()
    under_strace(scratch, monkeypatch)
    end = ended(root, body, observe=False)
    assert end.observed is None
    named, listed = traced(scratch / "trace")
    assert len(named) > 30
    assert named - seen.looked == set()
    assert listed
    assert listed - seen.listed == set()


def under_strace(scratch: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Puts strace between us and bubblewrap."""
    bwrap, strace = shutil.which("bwrap"), shutil.which("strace")
    assert bwrap
    assert strace
    wrapper = scratch / "programs/bwrap"
    wrapper.parent.mkdir()
    options = f"-f -y -s 4096 -o {scratch / 'trace'} -e trace=%file,getdents64"
    wrapper.write_text(f'#!/bin/sh\nexec {strace} {options} {bwrap} "$@"\n', encoding="utf-8")
    wrapper.chmod(0o755)
    monkeypatch.setenv("PATH", f"{wrapper.parent}:{os.environ['PATH']}")


def traced(trace: Path) -> tuple[set[str], set[str]]:
    """Returns the paths that a trace's script has named, and the directories that it has listed."""
    lines = trace.read_text(encoding="utf-8").splitlines()
    executed = [number for number, line in enumerate(lines) if "execve(" in line]
    named, listed = set(), set()
    for line in lines[executed[1] :]:
        pairs = re.findall(r'(?:AT_FDCWD|\d+)<([^>]*)>, "([^"]+)"', line)
        pairs += re.findall(r'^\d+ +\w+\((/?)"(/[^"]*)"', line)
        named |= {os.path.normpath(Path(base, path)) for base, path in pairs if ".." not in path}
        listed |= set(re.findall(r"getdents64\(\d+<([^>]+)>", line))
    return named, listed


FILES = [f"/usr/share/t/{each}" for each in ("a/x", "a/y", "b/x", "b/y", "a/n", "b/n", "m")]
DIRECTORIES = ["/usr/share/t", "/usr/share/t/a", "/usr/share/t/b"]

files, directories = st.sampled_from(FILES), st.sampled_from(DIRECTORIES)
commands = st.one_of(
    st.builds("cat {}".format, files),
    st.builds("[ -e {} ] && echo there".format, files),
    st.builds("[ -s {} ] && echo full".format, files),
    st.builds("ls {}".format, directories),
    st.builds("echo {}/*".format, directories),
    st.builds("cd {}; cat x; cat ../a/y; cd /".format, directories),
    st.builds("find {} -type f -size +0".format, directories),
    st.builds("ln -sfn {} /usr/share/t/l; cat /usr/share/t/l/x".format, directories),
    st.builds("ln -s {} /tmp/f; cat /tmp/f; rm -f /tmp/f".format, files),
    st.builds("mv {} {}; echo $?".format, files, files),
    st.builds("rm -f {}".format, files),
    st.builds("rmdir {}; echo $?".format, directories),
    st.builds("mkdir {}; echo $?".format, files),
    st.builds("while read -r l; do echo $l; done < {}".format, files),
)


@settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(body=st.lists(commands, min_size=1, max_size=5).map("\n".join))
def test_what_was_not_looked_at_changes_nothing(root: Path, body: str) -> None:
    def said(change: Callable[[Path], None]) -> Ended:
        tree = root / "usr/share/t"
        kept = root.parent / "kept"
        if not kept.exists():
            shutil.copytree(tree, kept)
        shutil.rmtree(tree)
        shutil.copytree(kept, tree)
        change(root)
        return ended(root, body)

    first = said(lambda _: None)
    assert first.observed is not None
    assert first.observed.doubts in ((), ("a directory that is moved",))
    assume(not first.observed.doubts)
    second = said(lambda root: change_all_but(root, first.observed))
    assert (second.status, second.output.data()) == (first.status, first.output.data())


def change_all_but(root: Path, seen: Observed | None) -> None:
    """Changes every file that was not looked at; takes and adds where names were not read."""
    assert seen is not None
    for number, path in enumerate(FILES):
        file = root / path.lstrip("/")
        if path in seen.looked:
            continue
        if str(Path(path).parent) not in seen.listed and file.exists() and number % 2:
            file.unlink()
        elif str(Path(path).parent) not in seen.listed or file.exists():
            file.write_text("changed\nand more\n", encoding="utf-8")
