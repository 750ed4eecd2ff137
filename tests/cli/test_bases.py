# SPDX-License-Identifier: LGPL-2.1-or-later
"""`upgrade`, `rebase`, `deploy` and `reset`: another base, the same requests."""

import json
from pathlib import Path

import pytest

from layering import configuration
from layering.configuration import AutomaticPolicy, Configuration
from tests.cli.conftest import Host, binary
from tests.remotes import make_remote, serving
from tests.rpms import Spec, build_rpm
from tests.sysroots import REF, commit_tree, make_tree, run

pytestmark = pytest.mark.root

PLAIN = {"held": False, "container_image": None, "unconfigured": None}


@pytest.fixture(scope="session")
def newer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tree with base-2-1 and the package `more`, and without `setup`."""
    rpms = tmp_path_factory.mktemp("newer")
    packages = [
        build_rpm(rpms, f"{name}.noarch", Spec(files=binary(name)))
        for name in ("base-2-1", "more-1-1")
    ]
    tree = tmp_path_factory.mktemp("newer-tree")
    make_tree(tree, rpms=packages)
    return tree


def publish(host: Host, tree: Path, *, ref: str = REF, version: str = "2") -> str:
    """Commits a tree as the newest of a branch."""
    return commit_tree(host.sysroot.repo, tree, ref=ref, version=version)


def publish_older(host: Host) -> str:
    """Commits the deployed tree once more, as if it were from before."""
    options = ["--timestamp=@1600000000", "--add-metadata-string=version=0", "--bootable"]
    repo, tree = f"--repo={host.sysroot.repo}", f"--tree=ref={host.sysroot.commit}"
    return run("ostree", "commit", repo, f"--branch={REF}", tree, *options).strip()


def first(host: Host) -> dict[str, object]:
    deployments = host.document("status")["deployments"]
    assert isinstance(deployments, list)
    found: dict[str, object] = deployments[0]
    return found


def test_nothing_new_is_said_at_once(host: Host) -> None:
    before = host.sysroot.status()
    for words in (["upgrade"], ["update"], ["upgrade", "--preview"]):
        ended = host.overlay(*words)
        assert (ended.status, ended.out, ended.err) == (0, "", "No upgrade available.\n")
    assert host.overlay("upgrade", "--unchanged-exit-77").status == 77
    assert host.sysroot.status() == before


def test_a_check_says_whether_there_is_a_newer_base(host: Host, newer: Path) -> None:
    old = host.sysroot.commit
    assert host.overlay("upgrade", "--check").out == "No upgrade available.\n"
    assert host.overlay("upgrade", "--check", "--unchanged-exit-77").status == 77
    current = {"commit": old, "version": "1", "timestamp": 1_700_000_000}
    document: dict[str, object] = {"version": 1, "refspec": REF, "current": current}
    document |= {"available": None, "older": None}
    assert host.document("upgrade", "--check") == document
    new, before = publish(host, newer), host.sysroot.status()
    assert host.overlay("upgrade", "--check").out == (
        f"Deployed:   test/base  1 ({old[:12]})  2023-11-14T22:13:20Z\n"
        f"Available:  test/base  2 ({new[:12]})  2023-11-14T22:13:20Z\n"
    )
    assert host.overlay("upgrade", "--check", "--unchanged-exit-77").status == 0
    document["available"] = {"commit": new, "version": "2", "timestamp": 1_700_000_000}
    assert host.document("upgrade", "--check") == document
    assert host.sysroot.status() == before


def test_an_upgrade_shows_the_base_and_deploys_it(host: Host, newer: Path) -> None:
    new = publish(host, newer)
    ended = host.overlay("upgrade")
    assert (ended.status, ended.out, ended.err.splitlines()) == (
        0,
        "",
        [
            f"Base: test/base 1 ({host.sysroot.commit[:12]}) → 2 ({new[:12]})",
            "Base packages: 1 upgraded, 1 added, 1 removed, 0 downgraded",
            f"test-{new}.0 is deployed for the next boot.",
        ],
    )
    assert first(host)["checksum"] == new


@pytest.mark.parametrize("version", ["1", "0.9"])
def test_a_file_that_a_new_base_has_rests_and_comes_back_from_its_layer(
    host: Host, newer: Path, tmp_path: Path, version: str
) -> None:
    nevra = f"more-{version}-1.noarch"
    file = build_rpm(tmp_path, nevra, Spec(files=binary("more", version)))
    assert host.overlay("install", str(file)).status == 0
    file.unlink()
    run("ostree", "refs", f"--repo={host.sysroot.repo}", "--create=kept", host.sysroot.commit)
    new = publish(host, newer)
    assert host.overlay("upgrade").status == 0
    assert (first(host)["checksum"], first(host)["inactive"]) == (new, [nevra])
    for words in (["install", "tool"], ["uninstall", "tool"], ["upgrade"]):
        ended = host.change(*words) if words[0] == "install" else host.overlay(*words)
        assert (ended.status, "warning" in ended.err) == (0, False), ended.err
    assert host.overlay("cleanup", "--rollback", "--cache").status == 0
    publish_older(host)
    ended = host.overlay("upgrade", "--allow-downgrade")
    assert ended.status == 0, ended.err
    packages = first(host)["packages"]
    assert isinstance(packages, list)
    assert [package["nevra"] for package in packages] == [nevra]


def test_a_file_that_is_not_kept_is_told_of_where_the_base_moves(
    host: Host, newer: Path, tmp_path: Path
) -> None:
    file = build_rpm(tmp_path, "base-1-1.noarch", Spec(files=binary("base")))
    assert host.overlay("install", str(file)).status == 0
    file.unlink()
    new = publish(host, newer)
    ended = host.overlay("upgrade")
    assert (ended.status, ended.err.splitlines()[0]) == (
        0,
        "warning: base-1-1.noarch came as a file that is not kept: the base has it, but for one "
        "that does not, give the file again: overlay install ./base-1-1.noarch.rpm",
    )
    assert (first(host)["checksum"], first(host)["inactive"]) == (new, ["base-1-1.noarch"])


def test_a_layer_of_a_file_that_nobody_asks_for_any_more_goes(
    host: Host, newer: Path, tmp_path: Path
) -> None:
    file = build_rpm(tmp_path, "more-1-1.noarch", Spec(files=binary("more")))
    host.overlay("install", str(file))
    publish(host, newer)
    host.overlay("upgrade")
    host.overlay("uninstall", "more")
    host.overlay("cleanup", "--rollback", "--cache")
    assert "overlay/layer" not in run("ostree", "refs", f"--repo={host.sysroot.repo}")


def test_a_preview_lists_every_package_and_deploys_nothing(host: Host, newer: Path) -> None:
    new, before = publish(host, newer), host.sysroot.status()
    ended = host.overlay("upgrade", "--preview")
    assert (ended.status, ended.err, ended.out.splitlines()) == (
        0,
        "Nothing was deployed.\n",
        [
            f"Base: test/base 1 ({host.sysroot.commit[:12]}) → 2 ({new[:12]})",
            "Base packages: 1 upgraded, 1 added, 1 removed, 0 downgraded",
            "  Added:",
            "    more-1-1.noarch",
            "  Removed:",
            "    setup-1-1.noarch",
            "  Upgraded:",
            "    base 1-1 → 2-1",
        ],
    )
    assert host.sysroot.status() == before


def test_an_upgrade_as_json_has_the_base(host: Host, newer: Path) -> None:
    new = publish(host, newer)
    ended = host.overlay("upgrade", "--json", "-n")
    document = json.loads(ended.out)
    assert document["base"] == {
        "from": {"refspec": REF, "commit": host.sysroot.commit, "version": "1"},
        "to": {"refspec": REF, "commit": new, "version": "2"},
        "packages": {
            "added": ["more-1-1.noarch"],
            "removed": ["setup-1-1.noarch"],
            "upgraded": [["base-1-1.noarch", "base-2-1.noarch"]],
            "downgraded": [],
        },
    }
    assert (document["unchanged"], document["deployment"], document["staged"]) == (
        False,
        None,
        False,
    )


def test_requests_go_along_and_may_change_on_the_way(host: Host, newer: Path) -> None:
    host.change("install", "tool")
    new = publish(host, newer)
    ended = host.change("upgrade")
    assert (ended.status, host.requested()) == (0, ["tool"])
    assert first(host)["base_checksum"] == new
    ended = host.change("rebase", "test/base", "--install=app", "--uninstall=tool")
    assert (ended.status, host.requested()) == (0, ["app"])
    assert host.overlay("rebase", "test/base", "--uninstall-all").status == 0
    assert (first(host)["checksum"], host.requested()) == (new, [])


def test_a_request_that_the_next_base_meets_is_told_and_kept(host: Host, newer: Path) -> None:
    host.change("install", "tool")
    more = build_rpm(host.path.parent, "more-1-1.noarch", Spec(files=binary("more-1-1")))
    assert host.overlay("install", str(more)).status == 0
    publish(host, newer)
    ended = host.change("upgrade")
    assert "Already in the base: more-1-1.noarch" in ended.err.splitlines()
    assert ended.status == 0


def test_an_older_base_needs_to_be_meant(host: Host) -> None:
    older = publish_older(host)
    for words in (["upgrade"], ["deploy", "0"], ["deploy", older]):
        ended = host.overlay(*words)
        assert (ended.status, ended.err) == (
            1,
            "error: test/base would go back from 1 of 2023-11-14T22:13:20Z to 0 of "
            "2020-09-13T12:26:40Z\n"
            "hint: say --allow-downgrade if that is meant\n",
        )
    assert host.overlay("upgrade", "--allow-downgrade").status == 0
    assert first(host)["checksum"] == older


def test_a_rebase_follows_another_branch(host: Host, newer: Path) -> None:
    new = publish(host, newer, ref="test/next", version="7")
    ended = host.overlay("rebase", "test/next")
    line = f"Base: test/base 1 ({host.sysroot.commit[:12]}) → test/next 7 ({new[:12]})"
    assert (ended.status, ended.err.splitlines()[0]) == (0, line)
    assert first(host)["origin"] == {"refspec": "test/next", "base": new, **PLAIN}
    assert host.overlay("rebase", "test/next").err == "Nothing to do.\n"


def test_a_branch_of_a_remote_is_fetched_and_named_in_short(
    host: Host, newer: Path, tmp_path: Path
) -> None:
    remote = make_remote(tmp_path / "remote")
    new = commit_tree(remote, newer, ref="far/base", version="9")
    with serving(remote) as served:
        add = ["ostree", "remote", "add", f"--repo={host.sysroot.repo}", "--no-gpg-verify"]
        run(*add, "far", served.url)
        ended = host.overlay("rebase", "far:far/base", "-n")
        line = f"Base: test/base 1 ({host.sysroot.commit[:12]}) → far:far/base 9 ({new[:12]})"
        assert (ended.status, ended.out.splitlines()[0]) == (0, line)
        assert host.overlay("rebase", "far:far/base").status == 0
        assert first(host)["origin"] == {"refspec": "far:far/base", "base": new, **PLAIN}
        for short in ("far/base", "far:"):
            assert host.overlay("rebase", short).err == "Nothing to do.\n"
        assert host.overlay("upgrade", "--check").out == "No upgrade available.\n"
    ended = host.overlay("upgrade")
    assert (ended.status, ended.err.partition(":")[0]) == (1, "error")
    assert host.overlay("upgrade", "-C").err == "No upgrade available.\n"
    host.sysroot.fsck()


def test_the_base_that_is_there_can_be_held(host: Host) -> None:
    ended = host.overlay("deploy", "1")
    assert ended.err.splitlines() == [
        "No package changes: only what is requested or overridden, or where the base is held.",
        f"test-{host.sysroot.commit}.1 is deployed for the next boot.",
    ]
    assert host.overlay("deploy", "1").err == "Nothing to do.\n"


def test_a_version_is_deployed_and_held(host: Host, newer: Path) -> None:
    new = publish(host, newer)
    assert host.overlay("deploy", "version=2").status == 0
    assert first(host)["checksum"] == new
    assert host.overlay("deploy", new).err == "Nothing to do.\n"
    publish(host, newer, version="3")
    assert host.overlay("upgrade").status == 0
    assert first(host)["version"] == "3"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["rebase", "x y"], "not [REMOTE:]BRANCH: 'x y'"),
        (["rebase", "no/such"], "no/such"),
        (["rebase", "nowhere:x"], "remote 'nowhere'"),
        (["deploy", "99"], "99"),
        (["deploy", "f" * 64], "f" * 64),
        (["rebase", REF, "--revision=99"], "99"),
        (["upgrade", "--uninstall=nothing"], "nobody requested 'nothing': nothing to uninstall"),
    ],
)
def test_nonsense_is_refused_and_changes_nothing(host: Host, words: list[str], said: str) -> None:
    before = host.sysroot.status()
    ended = host.overlay(*words)
    assert (ended.status, ended.out) == (1, "")
    assert ended.err.startswith("error: ") and said in ended.err.splitlines()[0]
    assert host.sysroot.status() == before


def configured(monkeypatch: pytest.MonkeyPatch, policy: AutomaticPolicy) -> None:
    monkeypatch.setattr(configuration, "load", lambda: Configuration(automatic=policy))


def test_unattended_does_what_is_configured(
    host: Host, newer: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    new, before = publish(host, newer), host.sysroot.status()
    configured(monkeypatch, AutomaticPolicy.NONE)
    ended = host.overlay("upgrade", "--unattended")
    said = 'Nothing is automatic: automatic is "none" in /etc/overlay/overlay.toml.\n'
    assert (ended.status, ended.out, ended.err) == (0, "", said)
    document = {"version": 1, "unchanged": True, "deployment": None}
    assert host.document("upgrade", "--unattended") == document
    configured(monkeypatch, AutomaticPolicy.CHECK)
    ended = host.overlay("upgrade", "--unattended")
    assert (ended.status, ended.out.split()[5]) == (0, "Available:")
    assert host.sysroot.status() == before
    configured(monkeypatch, AutomaticPolicy.STAGE)
    assert host.overlay("upgrade", "--unattended").status == 0
    assert first(host)["checksum"] == new


def test_a_reset_gives_the_base_back(host: Host) -> None:
    host.change("install", "tool")
    for words in (["reset", "-o"], ["reset", "--overrides", "-n"]):
        assert host.overlay(*words).err == "Nothing to do.\n"
    ended = host.overlay("reset")
    assert ended.err.splitlines()[:2] == ["Removing:", "  tool-1-1.noarch"]
    assert (first(host)["checksum"], host.requested()) == (host.sysroot.commit, [])
    host.change("install", "tool")
    assert host.overlay("reset", "-l").status == 0
    assert host.overlay("reset", "--unchanged-exit-77").status == 77
