# SPDX-License-Identifier: LGPL-2.1-or-later
"""Paths are read out of another process wherever they lie, and to their end."""

import ctypes
import mmap
import os

import pytest

from triggers.peek import Peek

PAGE = mmap.PAGESIZE


@pytest.mark.parametrize("distance", [1, 2, 5, 255, 256, 257, 300])
def test_a_path_is_read_across_the_end_of_a_page(distance: int) -> None:
    path = b"/usr/" + b"x" * 290
    with mmap.mmap(-1, 2 * PAGE) as memory:
        anchor = ctypes.c_char.from_buffer(memory)
        memory[PAGE - distance : PAGE - distance + len(path)] = path
        address = ctypes.addressof(anchor) + PAGE - distance
        peek = Peek()
        assert peek.path(os.getpid(), address) == path
        peek.close()
        del anchor


def test_the_longest_path_is_read_and_a_longer_one_is_an_error() -> None:
    with mmap.mmap(-1, 3 * PAGE) as memory:
        anchor = ctypes.c_char.from_buffer(memory)
        memory[1:4096] = b"x" * 4095
        address = ctypes.addressof(anchor) + 1
        peek = Peek()
        assert peek.path(os.getpid(), address) == b"x" * 4095
        memory[4096:4097] = b"x"
        with pytest.raises(OSError, match="a path without an end"):
            peek.path(os.getpid(), address)
        peek.close()
        del anchor


def test_memory_that_is_not_there_is_an_error() -> None:
    peek = Peek()
    with pytest.raises(OSError, match="Bad address"):
        peek.path(os.getpid(), 16)
    peek.close()
