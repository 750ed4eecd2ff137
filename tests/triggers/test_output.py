# SPDX-License-Identifier: LGPL-2.1-or-later
"""Long output loses its middle only."""

from hypothesis import given
from hypothesis import strategies as st

from triggers.output import Capture


@given(st.lists(st.binary(max_size=40), max_size=20), st.integers(1, 50))
def test_head_and_tail_stay_and_the_gap_is_counted(pieces: list[bytes], half: int) -> None:
    capture = Capture(2 * half)
    for piece in pieces:
        capture.add(piece)
    whole = b"".join(pieces)
    lost = len(whole) - 2 * half
    if lost <= 0:
        assert capture.complete
        assert capture.data() == whole
    else:
        assert not capture.complete
        gap = f"\n[{lost} bytes left out]\n".encode()
        assert capture.data() == whole[:half] + gap + whole[-half:]


def test_text_that_is_no_utf8_is_still_shown() -> None:
    capture = Capture(10)
    capture.add(b"a\xffb")
    assert capture.text() == "a\ufffdb"
