# SPDX-License-Identifier: LGPL-2.1-or-later
"""What scripts write to /var is on the host that boots the tree, and who wrote it is said."""

import platform
from pathlib import Path

import pytest

from tests import needs
from tests.integration.conftest import MakeHost
from tests.integration.hosts import Host
from tests.integration.live import live_tree
from tests.rpms import File, Spec, build_rpm

pytestmark = [pytest.mark.world, pytest.mark.root, pytest.mark.bwrap]

GETS = "the host gets {} when it boots the tree"


def test_a_script_that_writes_to_var_is_named_and_its_files_are_booted(
    host: Host, scratch: Path
) -> None:
    ended = host.overlay("install", "case-post-var")
    assert ended.status == 0, ended.stderr
    said = (
        "warning: %post(case-post-var-1-1.noarch) wrote /var/lib/case-post-var, "
        f"/var/lib/case-post-var/state: kept, {GETS.format('them')}"
    )
    assert said in ended.stderr.splitlines()
    assert said.removeprefix("warning: ") in host.overlay("status", "-v").stdout
    with live_tree(host.checkout(), scratch, time=0) as tree:
        assert tree.ask("cat", "/var/lib/case-post-var/state") == "state\n"
        gone = ("/run/case-post-var", "/tmp/case-post-var", "/var/tmp/case-post-var")
        assert [path for path in gone if (tree.root / path[1:]).exists()] == []


OWN = Spec(
    files={
        "/var/lib/own": File(directory=True, mode=0o750, group="mail"),
        "/var/lib/own/data": File(content=b"of the package\n", mode=0o640, group="mail"),
        "/var/lib/own/list": File(content=b"one\n"),
        "/usr/local/share/own/file": File(content=b"local\n"),
        "/opt/own/file": File(content=b"opt\n"),
    },
    sections="""
        %post
        set -e
        test "$(stat -c %a:%G /var/lib/own)" = 750:mail
        test "$(stat -c %a:%G /var/lib/own/data)" = 640:mail
        test "$(cat /var/lib/own/data /usr/local/share/own/file /opt/own/file)" = \
"of the package
local
opt"
        echo two >> /var/lib/own/list
        mkdir -p /srv/own /usr/local/bin /opt/made /root/.own /home/own /mnt/own
        echo s > /srv/own/file
        echo l > /usr/local/bin/own
        echo o > /opt/made/file
        echo r > /root/.own/file
        """,
)


def test_a_script_finds_what_its_package_brings_for_var_and_may_change_it(
    host: Host, scratch: Path
) -> None:
    rpm = build_rpm(scratch, "own-1-1.noarch", OWN)
    ended = host.overlay("install", str(rpm))
    assert ended.status == 0, ended.stderr
    assert "failed" not in ended.stderr
    with live_tree(host.checkout(), scratch, time=0) as tree:
        shown = tree.ask("cat", "/var/lib/own/data", "/var/lib/own/list")
        assert shown == "of the package\none\ntwo\n"
        written = ("/srv/own/file", "/usr/local/bin/own", "/opt/made/file", "/root/.own/file")
        assert tree.ask("cat", *written) == "s\nl\no\nr\n"
        assert tree.ask("stat", "-c", "%F", "/home/own", "/mnt/own") == "directory\n" * 2


def test_removing_the_package_removes_what_its_scripts_left(make_host: MakeHost) -> None:
    host, other = make_host(), make_host()
    # Beside a package that stays: without any, the base itself would be deployed.
    host.change("install", "tree", "case-post-var")
    assert host.change("uninstall", "case-post-var") == other.change("install", "tree")


def test_alternatives_are_still_known_after_the_boot(host: Host, scratch: Path) -> None:
    binary = needs.program("update-alternatives").resolve().read_bytes()
    spec = Spec(
        files={"/usr/bin/update-alternatives": File(content=binary, mode=0o755)},
        sections="""
            %post
            mkdir -p /etc/alternatives /var/lib/dpkg/alternatives
            update-alternatives --install /usr/bin/mine mine /usr/bin/true 10
            """,
    )
    ended = host.overlay("install", str(build_rpm(scratch, f"mine-1-1.{platform.machine()}", spec)))
    assert ended.status == 0, ended.stderr
    assert "failed" not in ended.stderr
    with live_tree(host.checkout(), scratch, time=0) as tree:
        shown = tree.ask("update-alternatives", "--query", "mine")
        assert "Value: /usr/bin/true" in shown.splitlines()
        assert tree.ask("readlink", "-f", "/usr/bin/mine") == "/usr/bin/true\n"


@pytest.mark.parametrize(
    ("file", "path", "what"),
    [
        (File(content=b"x", user="nobody-knows"), "/usr/share/x", "user nobody-knows"),
        (File(content=b"x", group="nobody-knows"), "/opt/x/file", "group nobody-knows"),
        (File(content=b"x", user="nobody-knows"), "/var/lib/x/file", "user nobody-knows"),
        (File(directory=True, user="nobody-knows"), "/var/lib/x", "user nobody-knows"),
        (File(directory=True, user="nobody-knows"), "/run/x", "user nobody-knows"),
        (File(link="y", user="nobody-knows"), "/etc/x", "user nobody-knows"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_owner_that_nobody_makes_is_named_with_file_and_package(
    stable: Host, scratch: Path, file: File, path: str, what: str
) -> None:
    place = {"/opt/": "/usr/lib/opt/", "/etc/": "/usr/etc/"}.get(path[:5], path[:5]) + path[5:]
    rpm = build_rpm(scratch, "x-1-1.noarch", Spec(files={path: file}))
    ended = stable.overlay("-q", "install", str(rpm))
    assert ended.status == 1
    first = ended.stderr.splitlines()[0]
    assert first == f"error: unknown {what}: owner of {place} of x-1-1.noarch"
