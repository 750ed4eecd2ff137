# SPDX-License-Identifier: LGPL-2.1-or-later
"""What is to be sealed is weighed by what its files claim to hold."""

import os
from pathlib import Path

import pytest

from layering.errors import NoRoomError
from layering.sealroom import HOLES_MAX, check_room

MIB = 1 << 20


@pytest.fixture
def upper(tmp_path: Path) -> Path:
    (tmp_path / "usr/lib").mkdir(parents=True)
    (tmp_path / "var").mkdir()
    return tmp_path


def of_holes(path: Path, size: int) -> None:
    with path.open("wb") as file:
        file.truncate(size)


def test_sizes_are_added_up_and_the_largest_file_is_named(upper: Path) -> None:
    of_holes(upper / "usr/lib/one", 60 * MIB)
    of_holes(upper / "usr/lib/two", 61 * MIB)
    check_room(upper, [b"usr"], 242 * MIB)
    with pytest.raises(NoRoomError) as raised:
        check_room(upper, [b"usr"], 240 * MIB)
    assert str(raised.value) == (
        "no room to seal what scriptlets wrote, /usr/lib/two of 61 MiB above all: "
        "120 MiB of 240 MiB free may be taken"
    )


def test_a_reserve_is_left_where_there_is_much(upper: Path) -> None:
    of_holes(upper / "usr/lib/one", 1000 * MIB)
    check_room(upper, [b"usr"], 1256 * MIB)
    with pytest.raises(NoRoomError):
        check_room(upper, [b"usr"], 1255 * MIB)


def test_a_file_of_several_names_counts_once_and_other_tops_not_at_all(upper: Path) -> None:
    of_holes(upper / "usr/lib/one", 60 * MIB)
    os.link(upper / "usr/lib/one", upper / "usr/lib/two")
    of_holes(upper / "var/log", 1000 * MIB)
    check_room(upper, [b"usr"], 120 * MIB)


def test_holes_have_a_limit_however_much_room_there_is(upper: Path) -> None:
    of_holes(upper / "usr/lib/one", HOLES_MAX)
    check_room(upper, [b"usr"], 1 << 50)
    (upper / "usr/lib/more").write_bytes(b"x" * 8192)
    check_room(upper, [b"usr"], 1 << 50)
    of_holes(upper / "usr/lib/two", MIB)
    with pytest.raises(NoRoomError) as raised:
        check_room(upper, [b"usr"], 1 << 50)
    assert str(raised.value) == (
        "no room to seal what scriptlets wrote, /usr/lib/one of 4096 MiB above all: "
        "the limit for holes in files is 4096 MiB"
    )
