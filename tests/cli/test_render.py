# SPDX-License-Identifier: LGPL-2.1-or-later
import pytest

from layering.cli.render import proposal_lines, size, table
from layering.proposal import Proposal, ProposedPackage


def package(name: str, install_size: int = 0) -> ProposedPackage:
    return ProposedPackage(
        name=name,
        evr="2-1",
        arch="noarch",
        digest="",
        repository="base",
        download_size=1024,
        install_size=install_size,
        why="requested",
    )


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (1536, "1.5 KiB"),
        (1 << 20, "1.0 MiB"),
        (5 << 30, "5.0 GiB"),
        (3000 << 40, "3000.0 TiB"),
    ],
)
def test_sizes_have_a_unit(count: int, text: str) -> None:
    assert size(count) == text


def test_columns_are_aligned_and_lines_have_no_trailing_space() -> None:
    rows = [("a", "1", ""), ("long", "100", "x")]
    assert list(table(rows)) == ["a     1", "long  100  x"]
    assert list(table(rows, right=frozenset({1}))) == ["a       1", "long  100  x"]
    assert list(table([])) == []


def test_a_proposal_shows_every_kind_of_change() -> None:
    proposal = Proposal(
        added=(package("htop", 2048),),
        changed=(("1-1", package("jq")),),
        removed=("strace-6-1.x86_64",),
        inactive=("bash",),
        requests_changed=True,
    )
    assert list(proposal_lines(proposal)) == [
        "Installing:",
        "  htop  2-1  noarch  base  2.0 KiB  requested",
        "Changing:",
        "  1-1 →  jq  2-1  noarch  base  0 B  requested",
        "Removing:",
        "  strace-6-1.x86_64",
        "Already in the base: bash",
        "Download: 2.0 KiB",
    ]


def test_a_proposal_that_only_removes_has_nothing_to_download() -> None:
    assert list(proposal_lines(Proposal(removed=("a-1-1.noarch",)))) == [
        "Removing:",
        "  a-1-1.noarch",
    ]
