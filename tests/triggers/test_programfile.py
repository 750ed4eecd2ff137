# SPDX-License-Identifier: LGPL-2.1-or-later
"""The interpreter that the kernel opens to run a program; readelf knows it as well."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests import needs
from triggers.observed import DoubtError
from triggers.pathcalls import MACHINES
from triggers.programfile import interpreter_of

X86 = 62


def interpreter(path: Path, machine: int = X86) -> str | None:
    with path.open("rb") as file:
        return interpreter_of(file.fileno(), machine)


def written(directory: Path, data: bytes) -> Path:
    path = directory / "program"
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    ("head", "found"),
    [
        (b"#!/bin/sh\n", "/bin/sh"),
        (b"#! /usr/bin/env  python3 -I\nprint()\n", "/usr/bin/env"),
        (b"#!/bin/sh", "/bin/sh"),
        (b"#!\n", None),
        (b"", None),
    ],
)
def test_a_script_names_its_interpreter(tmp_path: Path, head: bytes, found: str | None) -> None:
    assert interpreter(written(tmp_path, head)) == found


def test_readelf_names_the_same_interpreter() -> None:
    readelf = needs.program("readelf")
    program = Path(sys.executable).resolve()
    listed = subprocess.run([readelf, "-lW", program], capture_output=True, text=True, check=True)
    found = re.search(r"program interpreter: (\S+)\]", listed.stdout)
    machine = MACHINES[os.uname().machine].elf
    assert interpreter(program, machine) == (found[1] if found else None)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"\x7fELF\x01" + bytes(200), "a 32-bit program"),
        (b"\x7fELF\x02" + bytes(200), "a program of another machine"),
        (b"echo no first line\n", "a program that is neither ELF nor a script"),
    ],
)
def test_what_may_be_run_by_other_means_is_in_doubt(tmp_path: Path, data: bytes, why: str) -> None:
    with pytest.raises(DoubtError) as caught:
        interpreter(written(tmp_path, data))
    assert str(caught.value) == why
