# SPDX-License-Identifier: LGPL-2.1-or-later
"""What is deployed stays as it is: whatever scripts do, and whenever a run is killed."""

import json
import random
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from fixtures.forest import World
from fixtures.host import STATEROOT, create
from tests.integration.conftest import MakeHost
from tests.integration.hosts import Host, command
from tests.integration.manifest import Entry, differences, manifest
from tests.rpms import Spec, build_rpm

pytestmark = [pytest.mark.world, pytest.mark.root, pytest.mark.bwrap]

# Their scripts append to, truncate, chmod, chown, replace, rename and delete files of the base.
VANDALS = (
    "case-post-appends",
    "case-post-chmods",
    "case-post-deletes",
    "case-post-renames",
    "case-post-replaces",
    "case-post-directory",
    "case-lua-post",
    "case-user-pre",
)
# Something to do for every phase: a download of some size, many files, users, scripts.
LONG = ("case-many-files", "perl", "redis", "case-post-appends", "case-post-deletes")


def unharmed(before: dict[str, Entry], checkout: Path) -> None:
    found = differences(before, manifest(checkout))
    assert not found, "\n".join(found)


def test_scripts_never_reach_the_bases_checkout_or_objects(host: Host) -> None:
    base = host.checkout()
    before = manifest(base)
    host.change("install", *VANDALS)
    unharmed(before, base)
    host.fsck()
    changed = {line.split(": ")[1] for line in differences(before, manifest(host.checkout()))}
    damaged = {"appended", "chmodded", "deleted", "renamed", "replaced", "truncated"}
    # The scripts did run: in the new tree, and there alone.
    assert {f"/usr/share/victims/{fate}" for fate in damaged} <= changed
    assert "/usr/share/victims/kept" not in changed


def test_only_one_of_two_hard_links_follows_a_write(host: Host) -> None:
    host.change("install", "case-post-appends")
    victims = host.checkout() / "usr/share/victims"
    assert "appended by case-post-appends" in (victims / "appended").read_text()
    assert "appended by" not in (victims / "appended-too").read_text()


def test_the_repository_is_whole_after_each_operation(host: Host) -> None:
    base = host.checkout()
    before = manifest(base)
    for words in (
        ("install", "redis", *VANDALS),
        ("install", "htop"),
        ("uninstall", "redis"),
        ("rollback",),
        ("install", "case-many-files"),
        ("uninstall", "--all"),
        ("cleanup", "--rollback", "--cache"),
        ("install", "htop"),
    ):
        host.change(*words)
        host.fsck()
        if base.exists():
            unharmed(before, base)
        assert deployed(host) == directories(host)


def test_a_script_that_makes_the_tree_unusable_is_stopped(host: Host, scratch: Path) -> None:
    emptied = "for file in $(find /usr -name libc.so.6); do : > $file; done"
    rpm = build_rpm(scratch, "wrecker-1-1.noarch", Spec(sections=f"%post\n{emptied}\n"))
    before = manifest(host.checkout())
    ended = host.overlay("-q", "install", str(rpm))
    assert ended.status == 1
    error, said, *_hints = ended.stderr.splitlines()
    assert (
        error == "error: check of the tree after its scripts failed with exit status 127, built-in"
    )
    assert "libc.so.6: file too short" in said
    assert [host.base] == [each["checksum"] for each in host.deployments()]
    unharmed(before, host.checkout())
    host.fsck()


@pytest.fixture(scope="module")
def undisturbed(world: World, ground: Path) -> Iterator[str]:
    """The commit that a run comes to which nobody kills."""
    path = ground / "undisturbed"
    create(path, world, "base/minimal")
    host = Host(path=path, world=world, tree="base/minimal")
    yield host.change("install", *LONG)


MOMENTS = (
    # After the start of this phase, within so many seconds.
    ("metadata", 0.05),
    ("download", 0.05),
    ("import", 0.3),
    ("import", 0.8),
    ("union", 0.03),
    ("rpmdb", 0.05),
    ("scripts after", 0.1),
    ("seal", 0.05),
    ("commit", 0.02),
    ("deploy", 0.1),
    ("deploy", 0.3),
    ("deploy", 0.6),
)


@pytest.mark.parametrize(("phase", "within"), MOMENTS)
def test_a_killed_run_leaves_nothing_that_the_next_one_stumbles_over(
    phase: str, within: float, make_host: MakeHost, undisturbed: str
) -> None:
    host = make_host()
    base = host.checkout()
    before = manifest(base)
    moment = random.SystemRandom().uniform(0, within)
    killed = kill(host.argv("--progress=json", "install", *LONG), phase, moment)
    told = f"killed {moment:.4f} s after the start of {phase} (reached: {killed})"
    print(told)  # noqa: T201  shown where the test fails
    host.fsck()
    unharmed(before, base)
    assert [each["checksum"] for each in host.deployments()] in (
        [host.base],
        [undisturbed, host.base],  # so late that all was done
    )
    assert base == host.checkout(-1)
    ended = host.overlay("--progress=plain", "install", *LONG)
    assert ended.status == 0, ended.stderr
    assert [each["checksum"] for each in host.deployments()] == [undisturbed, host.base]
    assert host.leftovers() == []
    assert deployed(host) == directories(host)
    host.fsck()


def kill(argv: list[str], phase: str, moment: float) -> bool:
    """Kills a command some time after it reports the start of a phase; tells whether it did."""
    with subprocess.Popen(
        argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        for line in process.stderr:
            event = json.loads(line) if line.startswith("{") else {}
            if (event.get("event"), event.get("phase")) == ("start", phase):
                time.sleep(moment)
                process.kill()
                return True
    return False


def deployed(host: Host) -> set[str]:
    """The ids of the deployments that libostree knows."""
    return {each["id"].partition("-")[2] for each in host.deployments()}


def directories(host: Host) -> set[str]:
    """The deployments' directories that there are."""
    directory = host.path / "ostree/deploy" / STATEROOT / "deploy"
    return {path.name for path in directory.iterdir() if path.is_dir()}


def test_a_run_that_was_killed_holds_no_lock_and_no_mount(host: Host) -> None:
    kill(host.argv("--progress=json", "install", *LONG), "scripts after", 0.02)
    mounts = command("findmnt", "--noheadings", "--output=TARGET", "--list").split()
    assert not [path for path in mounts if path.startswith(f"{host.path}/")]
    command("flock", "--nonblock", str(host.path / "ostree/lock"), "true")
