# SPDX-License-Identifier: LGPL-2.1-or-later
import subprocess
from pathlib import Path

import pytest

from layering.colours import COLOURLESS, Colours, Preferred, colours_of
from tests import needs

PLATFORMS = Path("/usr/lib/rpm/platform")


@pytest.mark.parametrize(
    ("earlier", "later", "stands"),
    [
        (1, 2, Preferred.LATER),
        (2, 1, Preferred.EARLIER),
        (1, 1, None),  # two libraries of one word size: a conflict
        (2, 2, None),
        (0, 2, None),  # a script against a program, too
        (2, 0, None),
        (0, 0, None),
        (3, 1, Preferred.EARLIER),  # both in one
        (3, 2, Preferred.LATER),
        (4, 2, None),  # MIPS's third kind does not count here
        (16 + 2, 1, Preferred.EARLIER),  # rpm heeds the lowest four bits
    ],
)
def test_the_preferred_colour_stands_whichever_comes_first(
    earlier: int, later: int, stands: Preferred | None
) -> None:
    assert Colours().prefer(earlier, later) is stands


def test_without_colours_nothing_is_preferred() -> None:
    assert COLOURLESS.prefer(1, 2) is None


def test_a_tree_with_64_bit_packages_has_colours() -> None:
    assert colours_of(["noarch", "i686", "x86_64"]) == Colours(known=3, preferred=2)
    assert colours_of(["noarch", "i686"]) == COLOURLESS
    assert colours_of([]) == COLOURLESS


def test_colours_count_where_rpms_platform_files_say_so() -> None:
    if not PLATFORMS.is_dir():
        needs.absent("rpm has no platform files here")
    for macros in PLATFORMS.glob("*-linux/macros"):
        arch = macros.parent.name.removesuffix("-linux")
        told = [line.split()[1] for line in macros.read_text().splitlines() if _COLOUR in line[:20]]
        if arch != "ia64":  # 2: no 32-bit files at all, and rpm has given the machine up
            assert (told == ["3"]) is (colours_of([arch]) == Colours()), arch


_COLOUR = "%_transaction_color"


def test_the_preferred_colour_is_librpms_own_default() -> None:
    program = "import rpm; print(rpm.TransactionSet('/')._prefcolor)"
    done = subprocess.run(["/usr/bin/python3", "-c", program], capture_output=True, text=True)
    assert done.stdout == f"{Colours().preferred}\n"
