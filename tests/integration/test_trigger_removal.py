# SPDX-License-Identifier: LGPL-2.1-or-later
"""Caches of the base itself go with the last of its packages that feeds them."""

from pathlib import Path

import pytest

from tests.integration.conftest import MakeHost
from tests.integration.live import live_tree
from tests.integration.oracle import judged
from tests.integration.oracles import ORACLES

pytestmark = [pytest.mark.world, pytest.mark.root, pytest.mark.bwrap]

# GTK, and what it has of schemas, icons and GIO's modules, which is all of that in the tree.
GTK = """adwaita-icon-theme dconf-gsettings-backend gsettings-desktop-schemas gtk3 gtk3-bin
    gtk3-common hicolor-icon-theme"""


def test_caches_of_the_base_go_with_the_last_that_feeds_them(
    make_host: MakeHost, scratch: Path
) -> None:
    host = make_host("base/workstation")
    before, after = {}, {}
    with live_tree(host.checkout(), scratch, time=0) as live:
        for row in ("GIO modules", "icons", "libraries", "schemas"):
            before[row] = judged(live, ORACLES[row])
    host.change("override", "remove", *GTK.split())
    with live_tree(host.checkout(), scratch, time=0) as live:
        for row in before:
            after[row] = judged(live, ORACLES[row])
    assert all(each.left for each in before.values())
    assert [row for row, each in after.items() if each.left != each.scratch] == []
    assert [row for row, each in after.items() if each.left] == ["libraries"]
    # The program that lists input methods is GTK's own, and went with the last of them.
    assert list((host.checkout() / "usr/lib").rglob("immodules.cache")) == []
