# SPDX-License-Identifier: LGPL-2.1-or-later
"""Directories that go with the run that made them."""

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from layering.leased import leased, sweep
from tests.deep import few_descriptors, make_deep

MAKER = """
import sys, time
from pathlib import Path
from layering.leased import leased
with leased(Path(sys.argv[1]), "made-") as path:
    print(path, flush=True)
    time.sleep(60)
"""


def test_a_directory_is_there_for_the_body_and_gone_after_it(tmp_path: Path) -> None:
    with leased(tmp_path, "made-") as path:
        (path / "file").touch()
        assert sweep(tmp_path, "made-") == ()
        assert (path / "file").exists()
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_run_left_is_swept_and_what_a_living_one_has_is_not(tmp_path: Path) -> None:
    command = [sys.executable, "-c", MAKER, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        left = Path(process.stdout.readline().strip())
        assert sweep(tmp_path, "made-") == ()
        os.kill(process.pid, signal.SIGKILL)
    assert left.exists()
    assert sweep(tmp_path, "made-") == (left,)
    assert not left.exists()


def test_a_link_that_somebody_put_in_the_place_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "made-link").symlink_to("elsewhere")
    assert sweep(tmp_path, "made-") == ()
    assert (tmp_path / "elsewhere").is_dir()


def test_a_process_without_descriptors_is_told_so_and_makes_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none_left(*_: object) -> int:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(os, "open", none_left)
    with pytest.raises(OSError, match="Too many open files"), leased(tmp_path, "made-"):
        pass
    assert len(list(tmp_path.iterdir())) == 1


def test_what_is_too_deep_for_most_programs_goes_too(tmp_path: Path) -> None:
    with few_descriptors(), leased(tmp_path, "made-") as path:
        make_deep(path, 300)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "made-left").mkdir()
    make_deep(tmp_path / "made-left", 300)
    with few_descriptors():
        assert sweep(tmp_path, "made-") == (tmp_path / "made-left",)
    assert list(tmp_path.iterdir()) == []
