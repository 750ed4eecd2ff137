# SPDX-License-Identifier: LGPL-2.1-or-later
"""Running invocations: what they get, what comes back, and what a failure says."""

import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from tests.triggers.roots import add_script, make_root, sandbox_over
from triggers import (
    Invocation,
    Outcome,
    Phase,
    Progress,
    SandboxError,
    ScriptletFailedError,
    replay_line,
    run,
)
from triggers.output import LIMIT

FOO = "foo-1-1.noarch"


def invocation(
    body: str | None,
    *,
    phase: Phase = Phase.POST,
    interpreter: tuple[str, ...] = ("/bin/sh",),
    stdin: bytes | None = None,
    expand: bool = False,
    environment: tuple[tuple[str, str], ...] = (),
) -> Invocation:
    return Invocation(
        phase=phase,
        owner=FOO,
        label=f"{phase}({FOO})",
        interpreter=interpreter,
        body=body,
        args=("1", "2") if body is not None else (),
        stdin=stdin,
        environment=environment,
        expand=expand,
        fatal=phase is Phase.PRE,
        why="a test",
    )


@pytest.fixture
def root(scratch: Path) -> Path:
    return make_root(scratch / "root", ("sh", "cat", "rm"))


pytestmark = pytest.mark.bwrap


def test_a_script_gets_its_name_its_arguments_and_its_input(root: Path) -> None:
    body = 'echo "$0 $# $*"; cat'
    (outcome,) = run([invocation(body, stdin=b"/usr/a\n/usr/b c\n")], sandbox_over(root))
    assert outcome.output == f"/run/overlay/{FOO}.post 2 1 2\n/usr/a\n/usr/b c\n"
    assert (outcome.status, outcome.timed_out) == (0, False)


def test_a_script_without_input_is_at_its_end(root: Path) -> None:
    (outcome,) = run([invocation("cat; echo end")], sandbox_over(root))
    assert outcome.output == "end\n"


def test_more_input_than_a_pipe_holds_does_no_harm(root: Path) -> None:
    stdin = b"".join(b"/usr/share/%d\n" % number for number in range(100_000))
    counting = 'n=0; while read -r x; do n=$((n+1)); done; echo "$n"'
    outcomes = run(
        [invocation(counting, stdin=stdin), invocation("echo unread", stdin=stdin)],
        sandbox_over(root),
    )
    assert [each.output for each in outcomes] == ["100000\n", "unread\n"]


def test_an_interpreter_keeps_its_arguments(root: Path) -> None:
    add_script(root, "/usr/bin/tool", 'echo "$@"')
    outcomes = run(
        [
            invocation("x", interpreter=("/usr/bin/tool", "-a", "b c")),
            invocation(None, interpreter=("/usr/bin/tool", "-a")),
        ],
        sandbox_over(root),
    )
    assert [each.output for each in outcomes] == [
        f"-a b c /run/overlay/{FOO}.post 1 2\n",
        "-a\n",
    ]


def test_a_body_arrives_with_every_byte(root: Path) -> None:
    odd = "printf '\udcff\u00e4%s' \"'\"; exit 0 # $HOME `x` \\"
    (outcome,) = run([invocation(odd)], sandbox_over(root))
    assert outcome.output == "\ufffd\u00e4'"


def test_a_hostile_package_name_does_not_choose_where_its_script_lies(root: Path) -> None:
    hostile = Invocation(
        phase=Phase.POST,
        owner="../../etc/x y-1-1.noarch",
        label="x",
        interpreter=("/bin/sh",),
        body='echo "$0"',
        why="a test",
    )
    (outcome,) = run([hostile], sandbox_over(root))
    assert outcome.output == "/run/overlay/..-..-etc-x-y-1-1.noarch.post\n"


def test_a_failure_that_may_be_is_an_outcome_and_the_next_script_runs(root: Path) -> None:
    outcomes = run(
        [invocation("echo bad >&2; exit 3"), invocation("kill -SEGV $$"), invocation("echo good")],
        sandbox_over(root),
    )
    assert [(each.status, each.output) for each in outcomes] == [
        (3, "bad\n"),
        (139, ""),
        (0, "good\n"),
    ]


def test_a_failure_that_may_not_be_stops_everything(root: Path) -> None:
    failing = invocation("echo one; echo no such group; exit 3", phase=Phase.PRE)
    with pytest.raises(ScriptletFailedError) as caught:
        run([failing, invocation("echo > /usr/share/ran")], sandbox_over(root))
    assert str(caught.value) == f"%pre failed with exit status 3, {FOO}"
    replay = f"it ran as: {caught.value.outcome.replay}"
    assert caught.value.details == ("one", "no such group", replay)
    assert not (root / "usr/share/ran").exists()


def test_a_missing_interpreter_is_status_127_as_in_rpm(root: Path) -> None:
    (outcome,) = run([invocation("x", interpreter=("/usr/bin/nothing",))], sandbox_over(root))
    assert outcome.status == 127
    assert outcome.output == "bwrap: execvp /usr/bin/nothing: No such file or directory\n"


def test_a_script_that_talks_like_bubblewrap_is_still_a_script(root: Path) -> None:
    (outcome,) = run([invocation("echo 'bwrap: no way' >&2; exit 1")], sandbox_over(root))
    assert (outcome.status, outcome.output) == (1, "bwrap: no way\n")


def test_a_sandbox_that_cannot_be_made_is_not_the_scripts_fault(root: Path) -> None:
    broken = replace(sandbox_over(root), links=(("usr", "elsewhere"),))  # /usr is there already
    with pytest.raises(SandboxError) as caught:
        run([invocation("true")], broken)
    assert str(caught.value).startswith("sandbox not started, ")
    assert str(caught.value).endswith(f", %post({FOO})")


def test_a_machine_without_bubblewrap_is_told_what_to_install(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(root))
    with pytest.raises(SandboxError) as caught:
        run([invocation("true")], sandbox_over(root))
    assert str(caught.value) == (
        f"sandbox not started, bubblewrap's program 'bwrap' is not on the path, %post({FOO})"
    )
    assert caught.value.__notes__ == ["install the package 'bubblewrap'"]


def test_long_output_keeps_its_ends(root: Path) -> None:
    body = (
        "echo first; i=0; while [ $i -lt 3000 ]; do echo $i-"
        + "x" * 50
        + "; i=$((i+1)); done; echo last"
    )
    (outcome,) = run([invocation(body)], sandbox_over(root))
    assert outcome.output.startswith("first\n0-x")
    assert outcome.output.endswith("x\nlast\n")
    assert "bytes left out]\n" in outcome.output
    assert len(outcome.output) < LIMIT + 100


def test_endless_output_ends_with_the_time(root: Path) -> None:
    (outcome,) = run(
        [invocation("while :; do echo yyyyyyyyyyyyyyyyyyyyyyyy; done")],
        sandbox_over(root),
        time_limit=0.5,
    )
    assert outcome.timed_out
    assert len(outcome.output) < LIMIT + 100


def test_files_are_made_as_under_rpm_whatever_the_callers_mask(root: Path) -> None:
    before = os.umask(0o077)
    try:
        run([invocation("echo > /usr/share/made")], sandbox_over(root))
    finally:
        os.umask(before)
    assert (root / "usr/share/made").stat().st_mode & 0o777 == 0o644


def test_variables_of_an_invocation_are_its_own(root: Path) -> None:
    outcomes = run(
        [invocation('echo "$A"', environment=(("A", "x y"),)), invocation('echo "$A"')],
        sandbox_over(root),
    )
    assert [each.output for each in outcomes] == ["x y\n", "\n"]


def test_a_body_whose_macros_cannot_be_expanded_is_not_run(root: Path) -> None:
    add_script(root, "/usr/bin/rpm", "echo half; echo 'error: bad macro' >&2; exit 1")
    (outcome,) = run([invocation("echo > /usr/share/ran", expand=True)], sandbox_over(root))
    assert (outcome.status, outcome.output) == (1, "error: bad macro\n")
    assert not (root / "usr/share/ran").exists()


def test_messages_of_an_expansion_do_not_get_into_the_script(root: Path) -> None:
    add_script(root, "/usr/bin/rpm", 'echo warning >&2; [ "$1" = --eval ] && echo "${2}panded"')
    (outcome,) = run([invocation("echo ex", expand=True)], sandbox_over(root))
    assert (outcome.status, outcome.output) == (0, "expanded\n")


def test_tags_are_written_out_after_macros_by_the_trees_rpm(root: Path) -> None:
    add_script(root, "/usr/bin/rpm", '[ "$1" = --eval ] && echo "$2" || printf "%s;" "$@"')
    asked = replace(invocation('echo "%{NAME}"', expand=True), query=FOO)
    (outcome,) = run([asked], sandbox_over(root))
    written = outcome.invocation.body
    assert written == f'-q;--qf;echo "%{{NAME}}";{FOO};'
    assert (outcome.invocation.expand, outcome.invocation.query) == (False, None)


def test_a_body_whose_tags_cannot_be_written_out_is_not_run(root: Path) -> None:
    add_script(root, "/usr/bin/rpm", "echo package foo is not installed; exit 1")
    asked = replace(invocation("echo > /usr/share/ran"), query=FOO)
    (outcome,) = run([asked], sandbox_over(root))
    assert (outcome.status, outcome.output) == (1, "package foo is not installed\n")
    assert not (root / "usr/share/ran").exists()


def test_each_outcome_is_told_before_the_next_script_starts(root: Path) -> None:
    told: list[tuple[str, bool]] = []

    def after(outcome: Outcome) -> None:
        told.append((outcome.invocation.label, (root / "usr/share/second").exists()))

    second = replace(invocation("echo > /usr/share/second"), label="second")
    outcomes = run([invocation("exit 3"), second], sandbox_over(root), after=after)
    assert told == [(f"%post({FOO})", False), ("second", True)]
    assert [each.status for each in outcomes] == [3, 0]


def test_the_outcome_that_stops_everything_is_told_as_well(root: Path) -> None:
    told: list[Outcome] = []
    with pytest.raises(ScriptletFailedError) as caught:
        run([invocation("exit 3", phase=Phase.PRE)], sandbox_over(root), after=told.append)
    assert told == [caught.value.outcome]


def test_a_script_that_removes_what_every_tree_needs_is_named(root: Path) -> None:
    good, evil = invocation("true"), invocation("rm -r /usr/bin")
    with pytest.raises(ScriptletFailedError) as caught:
        run([good, evil, good], sandbox_over(root))
    assert str(caught.value) == f"%post has removed /usr/bin/sh, which every tree needs, {FOO}"


def test_progress_says_which_script_of_how_many(root: Path) -> None:
    seen: list[Progress] = []
    run(
        [invocation("true"), invocation("true", phase=Phase.POSTTRANS)],
        sandbox_over(root),
        report=seen.append,
    )
    assert [(each.item, each.done, each.total) for each in seen] == [
        (f"%post({FOO})", 0, 2),
        (f"%posttrans({FOO})", 1, 2),
        (f"%posttrans({FOO})", 2, 2),
    ]
    assert {(each.phase, each.unit) for each in seen} == {("scripts", "scripts")}


def test_nothing_to_run_starts_nothing(scratch: Path) -> None:
    assert run([], sandbox_over(make_root(scratch / "root", ()))) == ()


REPLAYS = [
    invocation('echo "$0 $*"; cat; echo it\'s; exit 4'),
    invocation(
        'echo $#; while read -r x; do echo "<$x>"; done; exit 3', stdin=b"/usr/a b\n/usr/'c\n"
    ),
    invocation(None, interpreter=("/bin/sh", "-c", "echo alone; cat; exit 2")),
    invocation(None, interpreter=("/bin/cat",), stdin=b"read me\n"),
    invocation('echo "$A"', environment=(("A", "with 'quotes' and $signs"),)),
]


@pytest.mark.parametrize("shell", ["sh", "bash"])
@pytest.mark.parametrize("replayed", REPLAYS)
def test_the_replay_line_does_the_same_again(replayed: Invocation, shell: str, root: Path) -> None:
    sandbox = sandbox_over(root)
    (outcome,) = run([replayed], sandbox)
    assert outcome.replay == replay_line(replayed, sandbox)
    done = subprocess.run(
        [shell, "-c", outcome.replay], capture_output=True, text=True, check=False, input="never"
    )
    assert (done.returncode, done.stdout + done.stderr) == (outcome.status, outcome.output)
