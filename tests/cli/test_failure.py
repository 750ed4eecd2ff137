# SPDX-License-Identifier: LGPL-2.1-or-later
"""How failures are told: `error:` on one line, causes and details under it, then hints."""

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import click
import pytest

from layering.cli.failure import exit_status, failure
from layering.errors import FileConflictError, LayeringError, RepoError
from solver import UnsatisfiableError

_HERE = Path("/here")
PROGRAM = "import sys; from layering.cli import main; sys.exit(main())"


def told(error: BaseException) -> list[str]:
    return list(failure(error).lines())


def chained(error: BaseException, cause: BaseException) -> BaseException:
    error.__cause__ = cause
    return error


def failing(error: BaseException) -> click.Command:
    """A command that raises."""

    @click.command()
    @click.option("-v", "--verbose", count=True)
    @click.option("--progress", default="auto")
    def fail(verbose: int, progress: str) -> None:
        raise error

    return fail


def test_an_error_of_ours_is_its_message_with_its_hints() -> None:
    error = LayeringError("it broke: here")
    error.add_note("try again")
    error.add_note("or do not")
    assert told(error) == ["error: it broke: here", "hint: try again", "hint: or do not"]


def test_causes_stand_under_an_error_unless_it_says_the_same() -> None:
    cause = chained(OSError(errno.EACCES, "Permission denied", b"/x"), LayeringError("deep"))
    assert told(chained(LayeringError("it broke"), cause)) == [
        "error: it broke",
        "  because: permission denied: /x",
        "  because: deep",
    ]
    cause = LayeringError("no space")
    assert told(chained(LayeringError("cannot write: no space"), cause)) == [
        "error: cannot write: no space"
    ]


def test_what_a_library_raised_is_not_shown_under_an_error_of_ours() -> None:
    cause = chained(ValueError("internals"), LayeringError("deep"))
    assert told(chained(LayeringError("it broke"), cause)) == [
        "error: it broke",
        "  because: deep",
    ]


def test_the_solvers_reasons_are_all_shown() -> None:
    problems = ("nothing provides lib needed by app-1-1.noarch", "package b conflicts with c")
    assert told(UnsatisfiableError(["app", "b"], problems[0], problems)) == [
        "error: cannot install 'app', 'b': nothing provides lib needed by app-1-1.noarch",
        "  package b conflicts with c",
    ]


def test_every_conflict_has_its_line() -> None:
    assert "\n".join(told(FileConflictError(["a of x and y", "b of x and y"]))) == (
        "error: 2 file conflicts:\n  a of x and y\n  b of x and y"
    )


def test_an_error_of_the_system_names_the_file_and_a_full_disk_has_a_hint() -> None:
    assert told(FileNotFoundError(errno.ENOENT, "No such file or directory", "/a/b")) == [
        "error: no such file or directory: /a/b"
    ]
    assert told(OSError(errno.ENOSPC, "No space left on device")) == [
        "error: no space left on device",
        "hint: free some space, for example with 'overlay cleanup', and run the command again",
    ]


def test_the_same_hint_is_given_once() -> None:
    error, cause = LayeringError("one"), LayeringError("two")
    error.add_note("same")
    cause.add_note("same")
    assert told(chained(error, cause)) == ["error: one", "  because: two", "hint: same"]


def test_a_defect_says_that_it_is_one() -> None:
    assert told(KeyError("x")) == [
        "error: KeyError: 'x'",
        "hint: this is a defect of overlay: run again with -vv and report what it prints",
    ]


@pytest.mark.parametrize(
    ("words", "traceback"),
    [([], False), (["-v"], False), (["-vv"], True), (["-v", "--verbose"], True)],
)
def test_a_traceback_is_shown_with_vv_alone(
    capsys: pytest.CaptureFixture[str], words: list[str], traceback: bool
) -> None:
    assert exit_status(failing(RepoError(_HERE, "cannot open")), words) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.endswith(f"error: cannot open: repository {_HERE}\n")
    assert err.startswith("Traceback") is traceback


@pytest.mark.parametrize("error", [KeyboardInterrupt(), click.Abort()])
def test_an_interrupt_ends_with_130(
    capsys: pytest.CaptureFixture[str], error: BaseException
) -> None:
    assert exit_status(failing(error), []) == 130
    assert capsys.readouterr().err.strip() == "interrupted"


@pytest.mark.parametrize("words", [["--progress=json"], ["--progress", "json"], ["-vv"]])
def test_for_a_program_an_error_is_one_object_on_one_line(
    capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    cause = chained(OSError(errno.EACCES, "Permission denied", b"/x"), LayeringError("deep"))
    error = chained(LayeringError("it broke: here"), cause)
    error.add_note("try again")
    assert exit_status(failing(error), ["--progress=json", *words]) == 1
    out, err = capsys.readouterr()
    assert (out, json.loads(err)) == (
        "",
        {
            "v": 1,
            "event": "error",
            "phase": "error",
            "item": "it broke: here",
            "causes": ["because: permission denied: /x", "because: deep"],
            "hints": ["try again"],
        },
    )


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (["--progress=json", "--nope"], 2, "no such option '--nope'"),
        (["--progress=json"], 130, "interrupted"),
    ],
)
def test_for_a_program_so_are_a_wrong_command_line_and_an_interrupt(
    capsys: pytest.CaptureFixture[str], words: list[str], status: int, said: str
) -> None:
    assert exit_status(failing(KeyboardInterrupt()), words) == status
    record = json.loads(capsys.readouterr().err)
    assert (record["phase"], record["item"].rstrip(".")) == ("error", said)


def test_the_last_word_on_progress_counts(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--progress=json", "--progress=plain"]
    assert exit_status(failing(LayeringError("it broke")), words) == 1
    assert capsys.readouterr().err == "error: it broke\n"


def test_a_reader_that_has_gone_is_no_disaster() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, "--help"],
        stdout=writer,
        stderr=subprocess.PIPE,
        check=False,
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (1, b"")


def test_an_argument_that_is_no_text_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_status(failing(LayeringError("x")), [os.fsdecode(b"bad\xff")]) == 2
    assert capsys.readouterr().err == "error: an argument is not UTF-8: 'bad\\xff'\n"


def test_control_characters_do_not_reach_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_status(failing(LayeringError("no \x1b[31mred")), []) == 1
    assert capsys.readouterr().err == "error: no \\x1b[31mred\n"


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-"])
def test_a_closed_stream_is_no_failure(closed: str) -> None:
    run = "from layering.cli import run; run()"
    command = f"exec {sys.executable} -c '{run}' --version {closed}"
    assert subprocess.run(["sh", "-c", command], check=False).returncode == 0


def test_a_full_output_is_one_error(tmp_path: Path) -> None:
    run = "from layering.cli import run; run()"
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-c", run, "--version"], stdout=full, stderr=-1, check=False
        )
    assert done.returncode == 1
    assert b"Traceback" not in done.stderr


def test_being_told_to_end_is_being_interrupted() -> None:
    program = """
import os, signal, time
import layering.cli
def main():
    try:
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(10)
    except KeyboardInterrupt:
        return 130
layering.cli.main = main
layering.cli.run()
"""
    done = subprocess.run([sys.executable, "-c", program], check=False)
    assert done.returncode == 130
