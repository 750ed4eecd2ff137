# SPDX-License-Identifier: LGPL-2.1-or-later
"""Who wrote what below a directory, as the sandbox's /var is watched."""

import os
from pathlib import Path

from layering.statewatch import Overflow, Watch
from layering.treewalk import LEVELS_MAX
from tests.deep import make_deep, remove_deep


def written(watch: Watch) -> dict[str, str]:
    """Path to writer; what is gone with a minus."""
    return {
        ("-" if write.after is None else "") + os.fsdecode(write.path): write.writer
        for write in watch.writes
    }


def test_each_path_is_the_last_writers(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    (tmp_path / "old/kept").write_text("k")
    (tmp_path / "old/file").write_text("f")
    watch = Watch(tmp_path)
    (tmp_path / "new").mkdir()
    (tmp_path / "new/a").write_text("a")
    (tmp_path / "old/file").write_text("other")
    watch.look("%post(a)")
    (tmp_path / "new/b").symlink_to("a")
    (tmp_path / "new/a").chmod(0o600)
    watch.look("%post(b)")
    assert written(watch) == {
        "new": "%post(a)",
        "new/a": "%post(b)",
        "new/b": "%post(b)",
        "old/file": "%post(a)",
    }


def test_what_comes_and_goes_again_was_never_there(tmp_path: Path) -> None:
    watch = Watch(tmp_path)
    (tmp_path / "lock").write_text("")
    watch.look("%pre(a)")
    (tmp_path / "lock").unlink()
    watch.look("%post(a)")
    assert written(watch) == {}


def test_what_a_script_takes_away_is_told(tmp_path: Path) -> None:
    (tmp_path / "lib/x").mkdir(parents=True)
    (tmp_path / "lib/x/file").write_text("")
    watch = Watch(tmp_path)
    (tmp_path / "lib/x/file").unlink()
    (tmp_path / "lib/x").rmdir()
    watch.look("%post(a)")
    assert written(watch) == {"-lib/x": "%post(a)", "-lib/x/file": "%post(a)"}


def test_a_directory_is_not_written_to_by_what_is_put_into_it(tmp_path: Path) -> None:
    (tmp_path / "lib").mkdir()
    watch = Watch(tmp_path)
    (tmp_path / "lib/x").write_text("")
    watch.look("%post(a)")
    assert written(watch) == {"lib/x": "%post(a)"}


def test_owners_that_are_given_between_scripts_are_nobodys_writing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    watch = Watch(tmp_path)
    (tmp_path / "mine").write_text("")
    watch.look("%pre(a)")
    (tmp_path / "file").chmod(0o600)
    (tmp_path / "mine").chmod(0o600)
    watch.settle()
    watch.look("%post(a)")
    assert written(watch) == {"mine": "%pre(a)"}


def test_a_directory_that_became_a_link_is_not_followed(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    var = tmp_path / "var"
    for directory in (outside, var / "x"):
        directory.mkdir(parents=True)
        (directory / "file").write_text("")
    watch = Watch(var)
    (var / "x/file").unlink()
    (var / "x").rmdir()
    (var / "x").symlink_to(outside)
    watch.look("%post(a)")
    (outside / "file").write_text("changed")
    watch.look("%post(b)")
    assert written(watch) == {"x": "%post(a)", "-x/file": "%post(a)"}


def test_a_directory_of_too_many_paths_is_passed_over_as_a_whole(tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full/own").write_text("")
    watch = Watch(tmp_path, paths_max=10)
    for number in range(20):
        (tmp_path / f"full/{number:02}").write_text("")
    (tmp_path / "empty").mkdir()
    watch.look("%post(a)")
    assert watch.overflows == (Overflow(path=b"full", writer="%post(a)"),)
    assert written(watch) == {"empty": "%post(a)"}


def test_paths_longer_than_the_kernel_takes_are_passed_over(tmp_path: Path) -> None:
    watch = Watch(tmp_path)
    handle = os.open(tmp_path, os.O_RDONLY)
    for _ in range(30):  # each from the one above, as `cd` goes
        os.mkdir("d" * 200, dir_fd=handle)
        inner = os.open("d" * 200, os.O_RDONLY, dir_fd=handle)
        os.close(handle)
        handle = inner
    os.close(handle)
    watch.look("%post(a)")
    (overflow,) = watch.overflows
    assert 3000 < len(overflow.path) < 3500
    assert overflow.writer == "%post(a)"
    assert len(watch.writes) == overflow.path.count(b"/") + 1


def test_what_is_too_deep_to_be_given_to_its_owner_is_not_looked_at(tmp_path: Path) -> None:
    watch = Watch(tmp_path)
    with remove_deep(tmp_path):
        make_deep(tmp_path, LEVELS_MAX)
        watch.look("%post(a)")
        assert len(watch.writes) == LEVELS_MAX - 1
        deepest = b"/".join([b"d"] * (LEVELS_MAX - 1))
        assert watch.overflows == (Overflow(path=deepest, writer="%post(a)"),)
