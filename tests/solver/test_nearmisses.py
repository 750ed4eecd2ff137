# SPDX-License-Identifier: LGPL-2.1-or-later
"""What is spelled almost like a word is told."""

import pytest

from solver import near_misses

NAMES = ("strace", "ltrace", "bash", "bash-completion", "libX11", "zsh", "z1", "z2", "z3", "z4")


@pytest.mark.parametrize(
    ("word", "found"),
    [
        ("strase", ("strace",)),
        ("trace", ("strace", "ltrace")),
        ("BASH", ("bash", "bash-completion")),
        ("libx12", ("libX11",)),
        ("*race", ("strace", "ltrace")),
        ("z", ()),
        ("*", ()),
        ("", ()),
        ("nothing-like-it", ()),
    ],
)
def test_names_that_are_like_a_word(word: str, found: tuple[str, ...]) -> None:
    assert near_misses(word, NAMES) == found


def test_five_are_enough() -> None:
    assert len(near_misses("lib-a", [f"lib-a{number}" for number in range(9)])) == 5
