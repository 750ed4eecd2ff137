# SPDX-License-Identifier: LGPL-2.1-or-later
from pathlib import Path

import pytest

from layering.proposed import why
from solver import Nevra, Package, Reason, Source


def package(reason: Reason, *requested_by: str) -> Package:
    return Package(
        nevra=Nevra(name="strace", version="6", release="1", arch="x86_64"),
        repo_id="base",
        digest="sha256:0",
        download_size=1,
        install_size=2,
        reason=reason,
        requested_by=requested_by,
        source=Source.REPOSITORY,
        path=Path("/nowhere"),
        summary="",
    )


@pytest.mark.parametrize(
    ("reason", "requested_by", "said"),
    [
        (Reason.USER, ("strace",), "requested"),
        (Reason.USER, ("other", "strace"), "requested"),
        (Reason.USER, ("/usr/bin/strace",), "requested as /usr/bin/strace"),
        (Reason.GROUP, ("@tools",), "requested as @tools"),
        (Reason.DEPENDENCY, ("a", "b"), "needed for a, b"),
        (Reason.WEAK, ("a",), "recommended for a"),
    ],
)
def test_a_package_says_why_it_is_there(
    reason: Reason, requested_by: tuple[str, ...], said: str
) -> None:
    assert why(package(reason, *requested_by)) == said
