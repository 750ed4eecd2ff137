# SPDX-License-Identifier: LGPL-2.1-or-later
from dataclasses import replace
from pathlib import Path

import pytest

from layering.allowances import Allowances
from layering.cli.packages import difference_document, difference_summary
from layering.cli.render import deployed, proposal_lines, size, table
from layering.deployments import Deployment
from layering.origin import Origin
from layering.packagediff import PackageDifference
from layering.proposal import BaseChange, Proposal, ProposedPackage
from solver import Nevra


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
        changed=(
            ("1-1", package("jq")),
            ("2-1", package("rebuilt")),
            ("3-1", package("ripgrep")),
        ),
        allowances=Allowances(noscripts=frozenset({"htop"})),
        removed=("strace-6-1.x86_64",),
        inactive=("bash",),
        requests_changed=True,
    )
    assert list(proposal_lines(proposal)) == [
        "Installing:",
        "  htop  2-1  noarch  base  2.0 KiB  requested",
        "Upgrading:",
        "  1-1 →  jq  2-1  noarch  base  0 B  requested",
        "Downgrading:",
        "  3-1 →  ripgrep  2-1  noarch  base  0 B  requested",
        "Replacing:",
        "  2-1 →  rebuilt  2-1  noarch  base  0 B  requested",
        "Removing:",
        "  strace-6-1.x86_64",
        "Already in the base: bash",
        "Allowed from now on:",
        "  htop: its own scripts do not run",
        "Download: 4.0 KiB",
    ]


def test_a_proposal_that_only_removes_has_nothing_to_download() -> None:
    assert list(proposal_lines(Proposal(removed=("a-1-1.noarch",)))) == [
        "Removing:",
        "  a-1-1.noarch",
    ]


def nevra(text: str) -> Nevra:
    name, version = text.split()
    return Nevra(name=name, epoch=0, version=version, release="1", arch="noarch")


PACKAGES = PackageDifference(
    added=(nevra("new 1"),),
    removed=(nevra("gone 1"),),
    upgraded=((nevra("bash 1"), nevra("bash 2")), (nevra("glibc 1"), nevra("glibc 2"))),
)
BASE = BaseChange(
    refspec_before="world:base/minimal",
    refspec_after="world:base/minimal",
    commit_before="1f6ab50a3954" + "0" * 52,
    commit_after="5e9d3fe0c1aa" + "0" * 52,
    version_before="1",
    version_after="2",
    packages=PACKAGES,
)


def test_a_proposal_never_has_nothing_to_show() -> None:
    assert list(proposal_lines(Proposal(requests_changed=True))) == [
        "No package changes: only what is requested or overridden, or where the base is held."
    ]


def test_another_base_stands_before_the_packages() -> None:
    assert list(proposal_lines(Proposal(base=BASE, added=(package("htop", 2048),)))) == [
        "Base: world:base/minimal 1 (1f6ab50a3954) → 2 (5e9d3fe0c1aa)",
        "Base packages: 2 upgraded, 1 added, 1 removed, 0 downgraded",
        "Installing:",
        "  htop  2-1  noarch  base  2.0 KiB  requested",
        "Download: 1.0 KiB",
    ]


def test_every_package_of_another_base_is_shown_to_who_asks_for_more() -> None:
    assert list(proposal_lines(Proposal(base=BASE), verbose=True))[2:] == [
        "  Added:",
        "    new-1-1.noarch",
        "  Removed:",
        "    gone-1-1.noarch",
        "  Upgraded:",
        "    bash 1-1 → 2-1",
        "    glibc 1-1 → 2-1",
    ]


@pytest.mark.parametrize(
    ("base", "line"),
    [
        (
            replace(BASE, refspec_after="world:base/next"),
            "Base: world:base/minimal 1 (1f6ab50a3954) → world:base/next 2 (5e9d3fe0c1aa)",
        ),
        (
            replace(BASE, version_before="", version_after=""),
            "Base: world:base/minimal 1f6ab50a3954 → 5e9d3fe0c1aa",
        ),
        (
            replace(BASE, refspec_before=""),
            "Base: 1 (1f6ab50a3954) → world:base/minimal 2 (5e9d3fe0c1aa)",
        ),
    ],
)
def test_a_base_is_named_by_branch_version_and_commit(base: BaseChange, line: str) -> None:
    assert next(proposal_lines(Proposal(base=base))) == line


def test_what_happened_to_packages_fits_on_a_line() -> None:
    assert difference_summary(PACKAGES) == "2 upgraded, 1 added, 1 removed"
    assert difference_summary(PackageDifference()) == ""
    assert difference_document(PackageDifference(upgraded=PACKAGES.upgraded[:1])) == {
        "added": [],
        "removed": [],
        "upgraded": [["bash-1-1.noarch", "bash-2-1.noarch"]],
        "downgraded": [],
    }


def test_what_became_of_a_deployment_is_a_sentence() -> None:
    made = Deployment(
        index=0,
        stateroot="os",
        checksum="c0ffee",
        serial=1,
        path=Path("/"),
        booted=False,
        staged=False,
        pinned=False,
        pending=True,
        rollback=False,
        origin=Origin(),
        kargs=(),
        base_checksum="c0ffee",
        timestamp=0,
        version="",
    )
    assert deployed(made) == "os-c0ffee.1 is deployed for the next boot."
    made = replace(made, staged=True)
    assert deployed(made) == "os-c0ffee.1 is staged for the next boot."
    made = replace(made, locked=True)
    assert deployed(made) == "os-c0ffee.1 is staged and locked: 'overlay finalize' releases it."
