# SPDX-License-Identifier: LGPL-2.1-or-later
"""Errors say what, where and whose in one line, and what to do in a note."""

import pytest

from triggers import (
    Invocation,
    Outcome,
    Phase,
    SandboxError,
    ScriptletFailedError,
    TriggerError,
    UnsupportedScriptletError,
    describe_status,
)


def outcome(status: int, output: str = "", *, timed_out: bool = False) -> Outcome:
    invocation = Invocation(
        phase=Phase.PRE,
        owner="foo-1-1.noarch",
        label="%pre(foo-1-1.noarch)",
        interpreter=("/bin/sh",),
        fatal=True,
        why="foo-1-1.noarch is new",
    )
    return Outcome(
        invocation=invocation,
        status=status,
        seconds=12.3,
        output=output,
        replay="bwrap …",
        timed_out=timed_out,
    )


@pytest.mark.parametrize(
    ("failed", "words"),
    [
        (outcome(3), "exit status 3"),
        (outcome(128 + 11), "signal SIGSEGV"),
        (outcome(128 + 9), "signal SIGKILL"),
        (outcome(255), "exit status 255"),
        (outcome(137, timed_out=True), "no end after 12 seconds"),
    ],
)
def test_a_status_is_said_in_words(failed: Outcome, words: str) -> None:
    assert describe_status(failed) == words


def test_a_failed_scriptlet_shows_all_it_said_and_how_it_ran() -> None:
    error = ScriptletFailedError(outcome(2, "first\nuser is missing\n"))
    assert str(error) == "%pre failed with exit status 2, foo-1-1.noarch"
    assert error.details == ("first", "user is missing", "it ran as: bwrap …")
    assert error.__notes__ == ["'--noscripts foo' installs the package without its scriptlets"]


def test_a_silent_failure_shows_how_it_ran_alone() -> None:
    assert ScriptletFailedError(outcome(1)).details == ("it ran as: bwrap …",)


def test_an_unsupported_scriptlet_can_be_left_out() -> None:
    error = UnsupportedScriptletError("it is Lua", "%post(foo-1-1.noarch)", "foo")
    assert str(error) == "scriptlet cannot be run, it is Lua, %post(foo-1-1.noarch)"
    assert error.__notes__ == ["'--noscripts foo' installs the package without its scriptlets"]


def test_all_errors_have_one_root() -> None:
    assert issubclass(ScriptletFailedError, TriggerError)
    assert str(SandboxError("no space", "%pre(x)")) == "sandbox not started, no space, %pre(x)"
