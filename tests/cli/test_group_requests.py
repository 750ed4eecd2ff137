# SPDX-License-Identifier: LGPL-2.1-or-later
"""Groups and environments of comps as requests: they come, stay, grow and go as one."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.cli.conftest import Ended, Host, binary
from tests.rpms import Spec, build_rpm

pytestmark = pytest.mark.root

GROUP = """\
  <group><id>things</id><name>Some Things</name><packagelist>
    <packagereq type="mandatory">hammer</packagereq>
    <packagereq type="default">anvil</packagereq>
    <packagereq type="optional">tongs</packagereq>{more}
  </packagelist></group>
"""
ENVIRONMENT = """\
  <environment><id>forge</id><name>A Forge</name>
    <grouplist><groupid>things</groupid></grouplist>
  </environment>
"""


class Repository:
    """A repository with comps, which can be changed and taken away."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory / "repository"
        self.directory.mkdir()
        for name in ("anvil", "bellows", "hammer", "handle", "tongs"):
            requires = ["handle"] if name == "hammer" else []
            spec = Spec(files=binary(name), requires=requires)
            build_rpm(self.directory, f"{name}-1-1.noarch", spec)
        self.publish()

    def publish(self, more: str = "") -> None:
        wanted = f'\n    <packagereq type="mandatory">{more}</packagereq>' if more else ""
        comps = self.directory.with_name("comps.xml")
        comps.write_text(f"<comps>\n{GROUP.format(more=wanted)}{ENVIRONMENT}</comps>\n")
        command = ["createrepo_c", "--quiet", "--no-database", "--groupfile", str(comps)]
        subprocess.run([*command, str(self.directory)], check=True, capture_output=True)

    def vanish(self) -> None:
        shutil.rmtree(self.directory)

    def change(self, host: Host, verb: str, *words: str) -> Ended:
        return host.overlay(verb, f"--repofrompath=mine,{self.directory}", *words)


@pytest.fixture
def mine(tmp_path: Path) -> Repository:
    return Repository(tmp_path)


def layers(host: Host) -> list[str]:
    packages = json.loads(host.overlay("--json", "status").out)["deployments"][0]["packages"]
    return [f"{each['nevra'].split('-')[0]}:{each['reason']}" for each in packages]


@pytest.mark.parametrize("request_", ["@things", "@forge"])
def test_a_group_brings_what_it_holds_and_goes_as_one(
    host: Host, mine: Repository, request_: str
) -> None:
    ended = mine.change(host, "install", request_)
    assert ended.status == 0, ended.err
    assert layers(host) == ["anvil:group", "hammer:group", "handle:dependency"]
    assert host.requested() == [request_]
    mine.vanish()
    ended = host.overlay("uninstall", request_)
    assert ended.status == 0, ended.err
    assert layers(host) == []


def test_a_group_stays_while_other_requests_come_and_go(host: Host, mine: Repository) -> None:
    mine.change(host, "install", "@things")
    ended = mine.change(host, "install", "tongs")
    assert ended.status == 0, ended.err
    with_tongs = ["anvil:group", "hammer:group", "handle:dependency", "tongs:user"]
    assert layers(host) == with_tongs
    mine.vanish()
    ended = host.overlay("uninstall", "tongs")
    assert ended.status == 0, ended.err
    assert layers(host) == ["anvil:group", "hammer:group", "handle:dependency"]
    assert host.requested() == ["@things"]


def test_a_member_that_was_asked_for_by_name_stays_with_its_group(
    host: Host, mine: Repository
) -> None:
    mine.change(host, "install", "@things", "hammer")
    assert layers(host) == ["anvil:group", "hammer:user", "handle:dependency"]
    mine.vanish()
    host.overlay("uninstall", "hammer")
    assert layers(host) == ["anvil:group", "hammer:group", "handle:dependency"]


def test_a_group_that_no_repository_has_any_more_is_what_it_was(
    host: Host, mine: Repository
) -> None:
    mine.change(host, "install", "@things")
    ended = host.change("install", "tool")
    assert ended.status == 0, ended.err
    expected = ["anvil:group", "hammer:group", "handle:dependency", "tool:user"]
    assert layers(host) == expected
    with_it = host.document("status")
    host.overlay("uninstall", "tool")
    again = host.overlay(
        "install",
        f"--repofrompath=mine,{mine.directory}",
        f"--repofrompath=t,{host.repository}",
        "tool",
    )
    assert again.status == 0, again.err
    checksum = json.loads(host.overlay("--json", "status").out)["deployments"][0]["checksum"]
    assert checksum in json.dumps(with_it)  # the same tree, whether its repository was there or not


def test_a_group_that_never_was_is_unknown(host: Host, mine: Repository) -> None:
    ended = mine.change(host, "install", "@tools")
    assert ended.status == 1
    assert ended.err.splitlines()[0] == "error: no package matches '@tools'"


def test_an_upgrade_brings_what_a_group_got_since(host: Host, mine: Repository) -> None:
    mine.change(host, "install", "@things")
    mine.publish(more="bellows")
    mine.change(host, "refresh-md")
    ended = mine.change(host, "upgrade")
    assert ended.status == 0, ended.err
    expected = ["anvil:group", "bellows:group", "hammer:group", "handle:dependency"]
    assert layers(host) == expected


def test_why_and_tree_know_what_a_group_brought(host: Host, mine: Repository) -> None:
    mine.change(host, "install", "@things")
    assert host.overlay("tree").out == (
        "@things\n├─ anvil-1-1.noarch\n└─ hammer-1-1.noarch\n   └─ handle-1-1.noarch\n"
    )
    assert host.overlay("why", "anvil").out == ("anvil-1-1.noarch: a layer, requested as @things\n")
