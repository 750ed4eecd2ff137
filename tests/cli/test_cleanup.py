# SPDX-License-Identifier: LGPL-2.1-or-later
"""`cleanup` and `refresh-md`: what is thrown away comes again, and nothing else is touched."""

import fcntl
import json
import os

import pytest

from tests.cli.conftest import Host
from tests.sysroots import run

pytestmark = pytest.mark.root


def refs(host: Host) -> list[str]:
    return [
        ref
        for ref in run("ostree", "refs", f"--repo={host.sysroot.repo}").split()
        if "overlay/" in ref
    ]


def test_a_fresh_host_has_nothing_to_clean_up(host: Host) -> None:
    assert host.overlay("cleanup").err == "Nothing to clean up.\n"
    assert host.document("cleanup") == {
        "version": 1,
        "deployments": [],
        "refs": [],
        "leftovers": [],
        "metadata": False,
    }


def test_the_rollback_is_dropped_and_what_boots_next_stays(host: Host) -> None:
    host.change("install", "tool")
    before = host.requested()
    ended = host.overlay("cleanup", "--rollback")
    assert ended.err == f"removed test-{host.sysroot.commit}.0\n"
    assert (len(host.sysroot.status().split("Version")), host.requested()) == (2, before)
    host.sysroot.fsck()


def test_layers_and_trees_in_use_are_kept_and_the_others_go(host: Host) -> None:
    host.change("install", "app")
    host.change("install", "tool")
    host.overlay("uninstall", "app")
    assert len(refs(host)) == 8  # four layers, three trees, one base
    host.overlay("cleanup", "--rollback")
    ended = host.overlay("cleanup", "--cache")
    assert ended.err == "removed 5 unused layers and trees\n"
    assert [ref.split("/")[1:3] for ref in refs(host) if "/layer/" in ref] == [["layer", "tool"]]
    host.sysroot.fsck()
    assert host.overlay("cleanup", "--base").err == "Nothing to clean up.\n"
    # What still is layered is still there for the next command, without any repository.
    assert host.overlay("uninstall", "--all").status == 0
    host.sysroot.fsck()


def test_the_record_of_repositories_forgets_what_is_gone(host: Host) -> None:
    host.change("install", "app")
    host.change("install", "tool")
    host.overlay("uninstall", "app")
    host.overlay("cleanup", "--rollback", "--cache")
    record = json.loads((host.cache / "provenance.json").read_text())
    assert list(record["repositories"].values()) == ["tests"]


def test_without_metadata_the_next_run_simply_works(host: Host) -> None:
    host.change("install", "tool")
    mine = host.cache / "somebody-elses"
    mine.touch()
    ended = host.overlay("cleanup", "--repomd")
    assert ended.err == "removed cached metadata and packages\n"
    assert sorted(path.name for path in host.cache.iterdir()) == ["provenance.json", mine.name]
    assert host.change("install", "app").status == 0
    assert host.overlay("cleanup", "-m").status == 0
    assert host.overlay("uninstall", "app").status == 0
    assert host.requested() == ["tool"]


def test_what_a_killed_run_left_goes_and_what_runs_stays(host: Host) -> None:
    left = host.sysroot.repo / "tmp/overlay-work-left"
    alive = host.sysroot.repo / "tmp/overlay-work-alive"
    left.mkdir()
    alive.mkdir()
    lock = os.open(alive, os.O_RDONLY)
    fcntl.flock(lock, fcntl.LOCK_EX)
    ended = host.overlay("cleanup")
    os.close(lock)
    assert ended.err == f"removed {left}\n"
    assert (left.exists(), alive.exists()) == (False, True)


def test_refreshing_lists_the_repositories(host: Host) -> None:
    ended = host.overlay("refresh-md")
    assert (ended.status, ended.out, ended.err) == (0, "", "No repository is enabled.\n")
    ended = host.change("refresh-md")
    name, packages, *generated = ended.out.split()
    assert (ended.status, ended.err, name, packages) == (0, "", "tests", "5")
    assert generated[:2] == ["packages", "generated"]


def test_refreshing_as_json(host: Host) -> None:
    (found,) = json.loads(host.change("refresh-md", "--json").out)["repositories"]
    assert found.pop("generated") > 1_700_000_000
    assert found == {
        "id": "tests",
        "name": "tests",
        "urls": [f"file://{host.repository}"],
        "packages": 5,
        "skipped": "",
    }


def test_a_repository_of_the_tree_that_is_gone_is_named(host: Host) -> None:
    (etc,) = host.path.glob("ostree/deploy/test/deploy/*/etc")
    (etc / "yum.repos.d").mkdir()
    gone = host.path / "gone"
    (etc / "yum.repos.d/gone.repo").write_text(f"[gone]\nname=gone\nbaseurl=file://{gone}\n")
    ended = host.overlay("install", "tool")
    assert ended.status == 1
    assert ended.err.startswith(f"error: cannot load repository 'gone' from file://{gone}: ")
    assert host.change("install", "--disablerepo=gone", "tool").status == 0
    assert host.overlay("uninstall", "tool").status == 0  # needs no repository
