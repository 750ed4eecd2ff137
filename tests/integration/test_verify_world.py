# SPDX-License-Identifier: LGPL-2.1-or-later
"""All that feeds a trigger of the catalog, on the workstation: made anew it is as remembered."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from fixtures.forest import World
from tests.integration.conftest import fresh_host
from tests.integration.hosts import Host
from tests.integration.oracles import ASKS
from tests.integration.test_trigger_oracles import FED, HALF, NO_FEED, ROWS, WORKSTATION

pytestmark = [pytest.mark.world, pytest.mark.root, pytest.mark.bwrap, pytest.mark.slow]


@pytest.fixture(scope="module")
def host(built: World, world: World, ground: Path) -> Iterator[Host]:
    """A host for the whole module."""
    with fresh_host(ground / "verified", built, world, WORKSTATION) as made:
        yield made


def test_every_cache_is_as_remembered_when_made_anew(host: Host) -> None:
    host.change("install", NO_FEED, *sorted(FED))
    asked = {script for name in FED for script in ASKS[name]}
    assert {label.split()[0] for label in _same(host)} == ROWS
    assert {each for each in asked if each[0] != "%"} - {"depmod"} <= set(_same(host))


def test_so_is_every_cache_that_less_feeds_and_what_was_recalled(host: Host) -> None:
    host.change("uninstall", *sorted(FED - HALF))
    wanted = {script.split()[0] for name in HALF for script in ASKS[name] if script[0] != "%"}
    assert {label.split()[0] for label in _same(host)} == wanted
    host.change("uninstall", NO_FEED)
    assert {label.split()[0] for label in _same(host)} == wanted


def _same(host: Host) -> list[str]:
    """Returns the scripts that gave what is remembered; fails if any did not."""
    ended = host.overlay("--json", "verify", "--triggers")
    assert ended.status == 0, ended.stdout
    found = json.loads(ended.stdout)
    assert found["paths"] == []
    assert {each["state"] for each in found["scripts"]} == {"same"}
    return [each["label"] for each in found["scripts"]]
