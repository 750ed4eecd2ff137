# SPDX-License-Identifier: LGPL-2.1-or-later
"""The rules that the code keeps by itself: imports, types, style, what the wheel holds, licences.

The tools are those of `./dev lint`; here each is a test, so that one command checks everything. A
tool that is not installed skips its test at home and fails it in continuous integration.
"""

import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests import needs

PROJECT = Path(__file__).resolve().parent.parent
ROOMS = ("layering", "solver", "triggers")


def run(tool: str, *arguments: str) -> None:
    """Runs a tool over the project; the test fails with what it printed."""
    needs.program(tool)
    done = subprocess.run(
        [tool, *arguments], cwd=PROJECT, capture_output=True, text=True, check=False
    )
    if done.returncode:
        pytest.fail(f"{tool} complains:\n{done.stdout}{done.stderr}", pytrace=False)


def test_import_contracts_are_kept() -> None:
    run("lint-imports", "--no-cache")


def test_style_is_ruffs() -> None:
    run("ruff", "check", "--no-cache", ".")


def test_format_is_ruffs() -> None:
    run("ruff", "format", "--no-cache", "--check", ".")


def test_types_hold_strictly(tmp_path: Path) -> None:
    run("mypy", "--cache-dir", os.environ.get("OVERLAY_MYPY_CACHE", str(tmp_path)))


def test_wheel_holds_the_three_rooms_and_nothing_else(tmp_path: Path) -> None:
    copy = tmp_path / "project"
    copy.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(PROJECT / name, copy)
    for name in (*ROOMS, "tests", "fixtures"):
        shutil.copytree(PROJECT / name, copy / name, symlinks=True)
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-index"]
    command += ["--no-build-isolation", "--wheel-dir", str(tmp_path), str(copy)]
    subprocess.run(command, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        (entry_points,) = (name for name in names if name.endswith("entry_points.txt"))
        scripts = archive.read(entry_points).decode()
    top_level = {name.split("/")[0] for name in names}
    assert {name for name in top_level if not name.endswith(".dist-info")} == set(ROOMS)
    assert scripts.split() == ["[console_scripts]", "overlay", "=", "layering.cli:run"]
    source = {
        str(path.relative_to(PROJECT)) for room in ROOMS for path in (PROJECT / room).rglob("*.py")
    }
    assert {name for name in names if name.endswith(".py")} == source


def test_every_source_file_names_its_licence() -> None:
    listed = subprocess.run(
        ["git", "-c", f"safe.directory={PROJECT}", "ls-files"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=True,
    )
    lacking = [
        name
        for name in listed.stdout.splitlines()
        if re.search(r"(\.(py|md|toml|yaml|spec|sh)|^dev|^\.ci/run)$", name)
        and "SPDX-License-Identifier: LGPL-2.1-or-later"
        not in (PROJECT / name).read_text(encoding="utf-8")[:300]
    ]
    assert lacking == []
