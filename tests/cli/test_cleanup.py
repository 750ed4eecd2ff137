# SPDX-License-Identifier: LGPL-2.1-or-later
"""`cleanup` and `refresh-md`: what is thrown away comes again, and nothing else is touched."""

import fcntl
import json
import os
from pathlib import Path

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


def objects(host: Host) -> set[Path]:
    return {path for path in (host.sysroot.repo / "objects").rglob("*") if path.is_file()}


def test_a_fresh_host_has_nothing_to_clean_up(host: Host) -> None:
    assert host.overlay("cleanup").err == "Nothing to clean up.\n"
    assert host.document("cleanup") == {
        "version": 1,
        "deployments": [],
        "refs": [],
        "memos": [],
        "branches": [],
        "databases": [],
        "leftovers": [],
        "metadata": False,
        "pruned": {"objects": 0, "bytes": 0},
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
    before = objects(host)
    removed, pruned = host.overlay("cleanup", "--cache").err.splitlines()
    assert removed == "removed 5 unused layers and trees"
    assert pruned.startswith(f"pruned {len(before - objects(host))} objects (")
    assert [ref.split("/")[1:3] for ref in refs(host) if "/layer/" in ref] == [["layer", "tool"]]
    host.sysroot.fsck()
    assert host.overlay("cleanup", "--base").err == "Nothing to clean up.\n"
    # What still is layered is still there for the next command, without any repository.
    assert host.overlay("uninstall", "--all").status == 0
    host.sysroot.fsck()


def test_space_that_is_freed_is_told_where_nothing_else_is(host: Host) -> None:
    tree = f"--tree=ref={host.sysroot.commit}"
    run("ostree", "commit", f"--repo={host.sysroot.repo}", "--branch=mine", tree)
    run("ostree", "refs", f"--repo={host.sysroot.repo}", "--delete", "mine")
    assert host.document("cleanup")["pruned"] == {"objects": 0, "bytes": 0}
    before = objects(host)
    size = sum(path.stat().st_size for path in before)
    document = host.document("cleanup", "--cache")
    gone = before - objects(host)
    left = sum(path.stat().st_size for path in objects(host))
    assert document["pruned"] == {"objects": len(gone), "bytes": size - left}
    assert gone and host.overlay("cleanup", "--cache").err == "Nothing to clean up.\n"


def track(host: Host, refspec: str, version: str = "") -> str:
    """Adds a remote-tracking ref to a commit of its own, as a pull would leave it."""
    repo, tree = f"--repo={host.sysroot.repo}", f"--tree=ref={host.sysroot.commit}"
    version = f"--add-metadata-string=version={version or refspec}"
    made = run("ostree", "commit", repo, "--orphan", tree, version).strip()
    remote, _colon, branch = refspec.partition(":")
    path = host.sysroot.repo / "refs/remotes" / remote / branch
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{made}\n")
    return made


def tracked(host: Host) -> set[str]:
    return {
        ref for ref in run("ostree", "refs", f"--repo={host.sysroot.repo}").split() if ":" in ref
    }


def test_branches_that_were_looked_at_and_left_go(host: Host) -> None:
    for refspec in ("far:os/40", "far:os/41", "mirror:os/40"):
        track(host, refspec)
    assert host.overlay("rebase", "-C", "far:os/40").status == 0
    newer = track(host, "far:os/40", version="8")  # what is followed may be ahead of what is there
    ended = host.overlay("cleanup", "--cache")
    removed, pruned = ended.err.splitlines()
    assert removed == "removed 1 branch that nothing follows"
    assert pruned.startswith("pruned ")
    # Of a remote that no deployment has to do with, nothing is known: it may be a mirror.
    assert tracked(host) == {"far:os/40", "mirror:os/40"}
    assert newer in run("ostree", "rev-parse", f"--repo={host.sysroot.repo}", "far:os/40")
    host.sysroot.fsck()


def test_a_branch_that_was_left_by_a_rebase_goes_with_its_last_deployment(host: Host) -> None:
    for refspec in ("far:os/40", "other:os/40"):
        track(host, refspec)
    for refspec in ("far:os/40", "other:os/40"):
        assert host.overlay("rebase", "-C", refspec).status == 0
    assert host.document("cleanup", "--cache")["branches"] == []
    assert tracked(host) == {"far:os/40", "other:os/40"}
    document = host.document("cleanup", "--rollback", "--cache")
    assert document["branches"] == ["far:os/40"]
    assert tracked(host) == {"other:os/40"}


def test_a_branch_that_layers_were_put_on_here_goes_later_as_well(host: Host) -> None:
    track(host, "far:os/40")
    track(host, "other:os/40")
    assert host.overlay("rebase", "-C", "far:os/40").status == 0
    host.change("install", "tool")
    for _ in range(2):  # the second takes the last deployment of the first remote away
        assert host.overlay("rebase", "-C", "other:os/40", "--uninstall-all").status == 0
        host.change("install", "tool")
    assert host.document("cleanup", "--cache")["branches"] == ["far:os/40"]


def test_branches_stay_while_an_origin_cannot_be_read(host: Host) -> None:
    for refspec in ("far:os/40", "far:os/41"):
        track(host, refspec)
    assert host.overlay("rebase", "-C", "far:os/40").status == 0
    origin = host.path / f"ostree/deploy/test/deploy/{host.sysroot.commit}.0.origin"
    origin.write_text("[origin]\nrefspec=a\nbaserefspec=far:os/41\n")
    assert host.document("cleanup", "--cache")["branches"] == []
    assert tracked(host) == {"far:os/40", "far:os/41"}


def test_nothing_is_dropped_from_the_cache_while_a_commit_cannot_be_read(host: Host) -> None:
    host.change("install", "app")
    host.change("install", "tool")
    before, old = refs(host), host.document("status")["deployments"]
    assert isinstance(old, list)
    gone = old[1]["checksum"]
    (host.sysroot.repo / f"objects/{gone[:2]}/{gone[2:]}.commit").unlink()
    document = host.document("cleanup", "--cache")
    assert (document["refs"], document["databases"]) == ([], [])
    assert set(refs(host)) >= {ref for ref in before if "/layer/" in ref}


def test_package_databases_of_bases_that_are_gone_go(host: Host) -> None:
    host.change("install", "tool")
    bases = host.cache / "base"
    kept = {path.name for path in bases.iterdir()}
    for name in kept:  # what is kept beside one is for the same base
        (bases / name.replace(host.sysroot.commit, "ab" * 32)).mkdir()
    (bases / "somebody-elses").touch()
    said = host.overlay("cleanup", "--cache").err.splitlines()
    assert said[0] == "removed 1 cached package database of unused bases"
    assert {path.name for path in bases.iterdir()} == {*kept, "somebody-elses"}


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
