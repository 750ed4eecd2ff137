# SPDX-License-Identifier: LGPL-2.1-or-later
"""`./dev` and what prepares its environment: nothing half-made, nothing of the caller's leaked."""

import multiprocessing
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from devenv import mirror, steps, toolbox
from devenv.environment import PROJECT, Environment

DEV = PROJECT / "dev"


def dev(*words: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, str(DEV), *words]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_help_lists_every_verb() -> None:
    for words in ((), ("help",), ("--help",)):
        done = dev(*words)
        assert (done.returncode, done.stderr) == (0, "")
        verbs = "help demo test lint world host run shell bench".split()
        assert all(f"\n  {verb} " in done.stdout for verb in verbs)


@pytest.mark.parametrize("words", [("dmeo",), ("host",), ("run",)])
def test_words_that_make_no_sense_get_the_help_and_2(words: tuple[str, ...]) -> None:
    done = dev(*words)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("Usage: ./dev VERB [ARGUMENT…].")


def test_pytests_arguments_stand_behind_two_dashes() -> None:
    done = dev("test", "-k", "order")
    assert (done.returncode, done.stderr) == (
        1,
        "error: test: unknown argument '-k': pytest's go after --\n",
    )


# What is built once


def write(path: Path) -> None:
    path.write_text("built")


def test_a_step_is_done_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    built: list[Path] = []

    def build(partial: Path) -> None:
        built.append(partial)
        write(partial)

    target = tmp_path / "new/target"
    assert [steps.make_once(target, "thing", build) for _ in range(2)] == [target, target]
    assert (target.read_text(), len(built)) == ("built", 1)
    assert capsys.readouterr().err == "dev: thing: building, once\ndev: thing: done in 0 s\n"


@pytest.mark.parametrize("directory", [False, True])
@pytest.mark.parametrize("error", [steps.StepFailedError, KeyboardInterrupt])
def test_a_step_that_fails_leaves_nothing(
    tmp_path: Path, error: type[BaseException], directory: bool
) -> None:
    def build(partial: Path) -> None:
        if directory:
            partial.mkdir()
            partial /= "file"
        write(partial)
        raise error

    with pytest.raises(error):
        steps.make_once(tmp_path / "target", "thing", build)
    assert [path.name for path in tmp_path.iterdir() if path.suffix != ".lock"] == []
    assert steps.make_once(tmp_path / "target", "thing", write).read_text() == "built"


def test_what_a_killed_run_left_is_removed_and_other_targets_are_left_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "target.partial-1").write_text("a file")
    (tmp_path / "target.partial-2").mkdir()
    (tmp_path / "target.partial-2/file").touch()
    (tmp_path / "other.partial-3").touch()
    steps.make_once(tmp_path / "target", "thing", write)
    assert sorted(path.name for path in tmp_path.iterdir() if path.suffix != ".lock") == [
        "other.partial-3",
        "target",
    ]
    said = [line for line in sorted(capsys.readouterr().err.splitlines()) if "removing" in line]
    assert said == [
        f"dev: removing target.partial-{number}, left by an interrupted run" for number in (1, 2)
    ]


def slowly(directory: Path) -> None:
    """Builds as another process would, and counts how often."""

    def build(partial: Path) -> None:
        with (directory / "count").open("a") as stream:
            stream.write("x")
        time.sleep(0.2)
        write(partial)

    steps.make_once(directory / "target", "thing", build)


def test_two_runs_at_once_build_one_thing(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=slowly, args=(tmp_path,)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0, 0]
    assert (tmp_path / "count").read_text() == "x"
    assert (tmp_path / "target").read_text() == "built"


def test_a_command_shows_the_lines_that_are_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    steps.run(["sh", "-c", "echo I: one; echo two; echo I: three >&2"], show="I: ")
    assert capsys.readouterr() == ("", "dev:   I: one\ndev:   I: three\n")


def test_a_command_that_fails_is_told_with_what_it_said() -> None:
    with pytest.raises(steps.StepFailedError) as caught:
        steps.run(["sh", "-c", "seq 40; exit 3"])
    tail = "\n".join(map(str, range(11, 41)))
    assert str(caught.value) == f"sh -c seq 40; exit 3 … ended with 3:\n{tail}"


def test_a_command_that_is_not_there_is_named() -> None:
    with pytest.raises(steps.StepFailedError) as caught:
        steps.run(["/no/such/command"])
    assert str(caught.value) == "cannot start /no/such/command: No such file or directory"


@pytest.mark.parametrize(
    ("variables", "place"),
    [
        ({"OVERLAY_DEV_CACHE": "/a/b", "XDG_CACHE_HOME": "/c"}, "/a/b"),
        ({"XDG_CACHE_HOME": "/c"}, "/c/overlay-dev"),
        ({"HOME": "/h"}, "/h/.cache/overlay-dev"),
    ],
)
def test_the_cache_is_where_the_environment_says(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], place: str
) -> None:
    for name in ("OVERLAY_DEV_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert steps.cache_directory() == Path(place)


# Where Debian packages come from


def test_archives_are_read_from_both_of_apts_formats() -> None:
    one_line = """
    # deb http://comment/debian x main
    deb http://one/debian forky main
    deb [arch=amd64 signed-by=/k] https://two/debian-security forky main
    deb-src http://source/debian forky main
    """
    deb822 = "Types: deb\nURIs: http://three/debian http://four/debian/\nSuites: forky\n"
    assert mirror.uris(one_line) == ["http://one/debian", "https://two/debian-security"]
    assert mirror.uris(deb822) == ["http://three/debian", "http://four/debian/"]


def test_the_environment_names_the_archive(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OVERLAY_DEBIAN_MIRROR", "http://mine/debian")
    assert mirror.sources_line() == "deb http://mine/debian forky main\n"


# The environment that commands run in


def environment(root: Path | None) -> Environment:
    return Environment(cache=Path("/cache"), root=root, venv=Path("/venv"))


def test_commands_see_the_tools_and_little_of_the_caller(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "environ", {"SECRET": "x", "PIP_INDEX_URL": "u", "HOME": "/home/me"})
    argv = environment(None).argv(["overlay", "status"])
    assert argv[:2] == ["env", "-i"]
    assert argv[-2:] == ["overlay", "status"]
    variables = dict(word.split("=", 1) for word in argv[2:-2])
    path = variables.pop("PATH").split(":")
    assert path[:2] == ["/venv/bin", f"{PROJECT}/packaging/bin"]
    assert variables == {
        "HOME": "/home/me",
        "LANG": "C.UTF-8",
        "PIP_INDEX_URL": "u",
        "PYTHONPATH": str(PROJECT),
        "PYTHONPYCACHEPREFIX": "/cache/pycache",
        "OVERLAY_DEV_CACHE": "/cache",
    }


def test_the_toolbox_shows_paths_as_they_are_outside(tmp_path: Path) -> None:
    argv = environment(Path("/toolbox")).argv(["true"], bind=[tmp_path])
    before, inside = argv[: argv.index("--")], argv[argv.index("--") + 1 :]
    assert before[:4] == ["bwrap", "--bind", "/toolbox", "/"]
    assert inside[:2] == ["env", "-i"]
    bound = {(before[at + 1], before[at + 2]) for at, word in enumerate(before) if word == "--bind"}
    for path in ("/tmp", "/var/tmp", "/cache", str(tmp_path), str(Path.cwd())):
        assert (path, path) in bound
    assert before[before.index("--chdir") + 1] == str(Path.cwd())
    assert "--die-with-parent" in before


def test_another_recipe_is_another_toolbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    built: list[str] = []

    def build(partial: Path) -> None:
        built.append(partial.name.partition(".")[0])
        partial.mkdir()

    monkeypatch.setattr(toolbox, "_build", build)
    first = toolbox.ensure(tmp_path)
    assert toolbox.ensure(tmp_path) == first
    monkeypatch.setattr(toolbox, "PACKAGES", ("bubblewrap",))
    assert toolbox.ensure(tmp_path) != first
    assert len(built) == 2
