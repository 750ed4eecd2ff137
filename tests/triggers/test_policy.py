# SPDX-License-Identifier: LGPL-2.1-or-later
"""What does not run, and that it is no more than the table says."""

import pytest

from triggers import POLICY, Phase
from triggers.policy import skip_reason

T = Phase.TRANSFILETRIGGERIN


def test_every_row_gives_a_reason() -> None:
    assert all(row.reason and row.packages and row.phases for row in POLICY)


@pytest.mark.parametrize(
    ("name", "phase", "prefixes"),
    [
        ("systemd", T, ("/usr/lib/systemd/system", "/etc/systemd/system")),
        ("systemd", T, ("/usr/lib/sysusers.d",)),
        ("systemd-udev", T, ("/usr/lib/udev/rules.d",)),
        ("man-db", T, ("/usr/share/man",)),
        ("kernel-core", Phase.POSTTRANS, ()),
        ("kernel-modules-extra", Phase.POSTTRANS, ()),
        ("kernel-debug-core", Phase.POSTTRANS, ()),
        ("glibc", Phase.PRE, ()),
    ],
)
def test_scripts_for_a_running_system_are_skipped(
    name: str, phase: Phase, prefixes: tuple[str, ...]
) -> None:
    assert skip_reason(name, phase, prefixes)


@pytest.mark.parametrize(
    ("name", "phase", "prefixes"),
    [
        ("systemd-udev", T, ("/usr/lib/udev/hwdb.d",)),
        ("systemd", T, ("/usr/lib/sysusers.d", "/usr/share/elsewhere")),
        ("systemd", Phase.POST, ()),
        ("notsystemd", T, ("/usr/lib/sysusers.d",)),
        ("kernel-tools", Phase.POSTTRANS, ()),
        ("kernel-headers", Phase.POST, ()),
        ("glibc", Phase.POST, ()),
        ("man-db", Phase.POST, ()),
    ],
)
def test_everything_else_runs(name: str, phase: Phase, prefixes: tuple[str, ...]) -> None:
    assert skip_reason(name, phase, prefixes) is None
