# SPDX-License-Identifier: LGPL-2.1-or-later
"""A merged tree is a function of its base and its requests: however made, the same commit."""

import time
from itertools import permutations
from pathlib import Path

import pytest

from tests.integration.conftest import MakeHost
from tests.integration.hosts import Host, command
from tests.rpms import Spec, build_rpm

pytestmark = [pytest.mark.world, pytest.mark.root, pytest.mark.bwrap]

# Scripts, users, file triggers, owners, tmpfiles: everything that could remember a clock or a host.
EVENTFUL = (
    "strace",
    "redis",
    "memcached",
    "case-user-sysusers",
    "case-user-pre",
    "case-filetrigger",
    "case-transfiletrigger",
    "case-watched-a",
    "case-post-appends",
    "case-unit-enabled",
    "case-python-post",
    "case-lua-post",
)


def test_two_hosts_come_to_the_same_commit_at_different_times_and_settings(
    make_host: MakeHost,
) -> None:
    first, second = make_host(), make_host()
    here = {"TZ": "UTC", "LANG": "C.UTF-8", "USER": "root", "HOME": "/root"}
    there = {"TZ": "Pacific/Kiritimati", "LANG": "de_DE.UTF-8", "USER": "else", "HOME": "/nowhere"}
    one = first.run("install", *EVENTFUL, environment=here)
    assert one.status == 0, one.stderr
    time.sleep(1.1)  # file times of whole seconds and times of day differ from here on
    two = second.run("install", *reversed(EVENTFUL), environment=there)
    assert two.status == 0, two.stderr
    assert first.checksum() == second.checksum()


def test_the_callers_umask_does_not_reach_the_tree(make_host: MakeHost, scratch: Path) -> None:
    first, second = make_host(), make_host()
    # Not root looks about, as the services do that packages start for a moment.
    nobody = "setpriv --reuid 65534 --regid 65534 --clear-groups"
    look = "stat -c '%a %n' /var /var/* /var/lib/* >/usr/share/looks 2>&1"
    post = f'%post\n: >/usr/share/looks; chmod a+w /usr/share/looks\n{nobody} sh -c "{look}"\n'
    rpm = build_rpm(scratch, "looks-1-1.noarch", Spec(sections=post))
    first.change("install", *EVENTFUL, str(rpm))
    words = second.argv("install", *EVENTFUL, str(rpm))
    command("sh", "-c", 'umask 0077; exec "$@"', "sh", *words)
    assert first.checksum() == second.checksum()


def test_every_order_of_requests_gives_the_same_commit(make_host: MakeHost) -> None:
    wanted = ("htop", "case-post-appends", "memcached")
    at_once = make_host().change("install", *wanted)
    orders = [tuple(order) for order in permutations(wanted)][1::2]
    found = {}
    for order in orders:
        host = make_host()
        for name in order:
            found[order] = host.change("install", name)
    assert found == dict.fromkeys(orders, at_once)


def test_taking_a_package_away_and_back_gives_the_same_commit(host: Host) -> None:
    both = host.change("install", "htop", "strace")
    host.change("uninstall", "strace")
    assert host.change("install", "strace") == both


def test_uninstalling_one_of_two_equals_never_having_asked(make_host: MakeHost) -> None:
    alone = make_host().change("install", "htop")
    host = make_host()
    host.change("install", "htop", "memcached")
    assert host.change("uninstall", "memcached") == alone


def test_taking_the_last_layer_away_gives_back_the_base_itself(host: Host) -> None:
    before = host.origin()
    host.change("install", "htop")
    assert host.checksum() != host.base
    assert host.change("uninstall", "htop") == host.base
    assert host.origin() == before


def test_a_tree_made_anew_is_the_one_from_the_cache(host: Host) -> None:
    first = host.change("install", "strace")
    host.change("uninstall", "--all")
    host.change("cleanup", "--rollback", "--cache")
    refs = host.repo / "refs/heads/overlay"
    assert not [path for path in refs.rglob("*") if path.is_file() and "layer" in path.parts]
    assert host.change("install", "strace") == first


def test_local_files_and_repositories_bring_the_same_layers(make_host: MakeHost) -> None:
    host = make_host()
    directory = host.world.repositories["extras"]["directory"]
    host.change("install", f"{directory}/case-empty-1-1.noarch.rpm")
    by_file = {each["nevra"]: each["digest"] for each in host.deployments()[0]["packages"]}
    other = make_host()
    other.change("install", "case-empty")
    by_name = {each["nevra"]: each["digest"] for each in other.deployments()[0]["packages"]}
    assert by_file == by_name
