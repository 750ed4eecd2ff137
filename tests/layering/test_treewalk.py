# SPDX-License-Identifier: LGPL-2.1-or-later
"""A walk gets to the end of whatever a script made, or says where it stops."""

import os
from pathlib import Path

import pytest

from layering.errors import TooDeepError
from layering.treewalk import LENGTH_MAX, LEVELS_MAX, walk
from tests.deep import make_deep, remove_deep


def found(top: Path, *, whole: bool = True) -> list[tuple[int, bytes]]:
    return [(each.level, each.path) for each in walk(top, whole=whole)]


def test_a_directory_comes_before_what_is_in_it_and_links_lead_nowhere(tmp_path: Path) -> None:
    for name in ("b/one", "b/two", "a/below/three"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    (tmp_path / "c").symlink_to("b")
    (tmp_path / "d").mkdir()
    assert found(tmp_path) == [
        (0, b"a"),
        (1, b"a/below"),
        (2, b"a/below/three"),
        (0, b"b"),
        (1, b"b/one"),
        (1, b"b/two"),
        (0, b"c"),
        (0, b"d"),
    ]


def test_only_the_names_that_count_are_walked(tmp_path: Path) -> None:
    for name in ("usr", "var"):
        (tmp_path / name / "usr").mkdir(parents=True)
    assert [each.path for each in walk(tmp_path, only=[b"usr"])] == [b"usr", b"usr/usr"]


def test_as_deep_as_can_be_is_walked_and_one_more_is_not(tmp_path: Path) -> None:
    with remove_deep(tmp_path):
        make_deep(tmp_path, LEVELS_MAX)
        assert found(tmp_path)[-1][0] == LEVELS_MAX - 1
    with remove_deep(tmp_path):
        make_deep(tmp_path, LEVELS_MAX + 1)
        with pytest.raises(TooDeepError) as raised:
            found(tmp_path)
        assert str(raised.value) == (
            f"too deep: /{('d/' * LEVELS_MAX)[:100]}… of a scriptlet: 129 levels, 257 bytes"
        )


@pytest.mark.parametrize(("levels", "name"), [(700, "d"), (30, "n" * 200)])
def test_what_is_too_deep_or_too_long_is_passed_over_where_that_will_do(
    tmp_path: Path, levels: int, name: str
) -> None:
    with remove_deep(tmp_path):
        make_deep(tmp_path, levels, name)
        (tmp_path / "z").write_text("")
        paths = [path for _level, path in found(tmp_path, whole=False)]
        assert paths[-1] == b"z"
        assert len(paths) == min(LEVELS_MAX, LENGTH_MAX // (len(name) + 1)) + 1


def test_no_descriptor_stays_open_whatever_happens(tmp_path: Path) -> None:
    before = os.listdir("/proc/self/fd")  # noqa: PTH208
    with remove_deep(tmp_path):
        make_deep(tmp_path, LEVELS_MAX + 1)
        with pytest.raises(TooDeepError):
            found(tmp_path)
        next(iter_closed := walk(tmp_path))
        iter_closed.close()  # type: ignore[attr-defined]
    assert os.listdir("/proc/self/fd") == before  # noqa: PTH208
