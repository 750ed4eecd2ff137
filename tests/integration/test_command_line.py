# SPDX-License-Identifier: LGPL-2.1-or-later
"""What scripts may rely on: exit statuses, stdout that holds data alone, JSON in agreed forms."""

import json
from collections import Counter

import pytest

from tests.integration.hosts import Ended, Host, command
from tests.integration.manifest import differences, manifest

pytestmark = [pytest.mark.world, pytest.mark.root, pytest.mark.bwrap]

DEPLOYMENT_KEYS = {
    "index",
    "id",
    "stateroot",
    "checksum",
    "base_checksum",
    "origin",
    "booted",
    "staged",
    "pinned",
    "rollback",
    "timestamp",
    "version",
    "requested",
    "requested_local",
    "inactive",
    "overrides",
    "packages",
    "warnings",
}


def test_status_json_has_every_promised_key_also_where_nothing_is_layered(host: Host) -> None:
    host.change("install", "htop", "bash")
    document = json.loads(host.overlay("--json", "status").stdout)
    assert document["version"] == 1
    assert document["transaction"] is None
    layered, base = document["deployments"]
    for deployment in (layered, base):
        assert deployment.keys() >= DEPLOYMENT_KEYS
        assert deployment["origin"] == {
            **{"refspec": "world:base/minimal", "base": host.base},
            **{"held": False, "container_image": None, "unconfigured": None},
        }
        assert deployment["base_checksum"] == host.base
        assert deployment["overrides"] == {
            **{"remove": [], "replace": [], "inactive": []},
            **{"removed": [], "replaced": []},
        }
    assert (layered["index"], layered["checksum"]) == (0, host.checksum())
    assert (layered["requested"], layered["inactive"]) == (["bash", "htop"], ["bash"])
    assert (base["rollback"], base["requested"], base["packages"]) == (True, [], [])
    htop, unwind = layered["packages"]
    assert htop.keys() >= {"nevra", "repo", "digest", "reason", "requested_by"}
    assert (htop["reason"], htop["requested_by"]) == ("user", ["htop"])
    assert (unwind["reason"], unwind["requested_by"]) == ("dependency", ["htop"])
    file = f"{host.world.repositories['extras']['directory']}/{htop['nevra']}.rpm"
    assert htop["digest"] == f"sha256:{command('sha256sum', file).split()[0]}"


def test_install_json_says_what_came_and_what_boots_next(host: Host) -> None:
    ended = host.overlay("--json", "--progress=none", "install", "strace")
    document = json.loads(ended.stdout)
    assert document["version"] == 1
    assert document["unchanged"] is False
    assert [nevra.split("-")[0] for nevra in document["added"]] == ["libunwind8", "strace"]
    assert (document["removed"], document["changed"], document["inactive"]) == ([], [], [])
    assert document["checksum"] == host.checksum()
    assert document["deployment"] == host.deployments()[0]["id"]


def test_a_second_asking_changes_nothing_and_says_so_on_request(host: Host) -> None:
    host.change("install", "case-empty")
    before = host.deployments()
    again = host.overlay("install", "case-empty")
    assert again == Ended(status=0, stdout="", stderr="Nothing to do.\n")
    told = host.overlay("--json", "install", "--unchanged-exit-77", "case-empty")
    assert (told.status, told.stderr, json.loads(told.stdout)["unchanged"]) == (77, "", True)
    assert host.overlay("install", "--unchanged-exit-77", "tree").status == 0
    host.change("uninstall", "tree")
    assert [each["checksum"] for each in host.deployments()][:1] == [before[0]["checksum"]]


def test_a_dry_run_shows_the_transaction_and_changes_nothing(host: Host) -> None:
    host.change("install", "case-empty")
    host.overlay("refresh-md")  # a cache of metadata may come and go
    before = {path: entry for path, entry in manifest(host.path).items() if "/cache/" not in path}
    ended = host.overlay("--progress=none", "install", "--dry-run", "htop")
    assert (ended.status, ended.stderr) == (0, "Nothing was deployed.\n")
    assert ended.stdout.startswith("Installing:\n  htop ")
    document = json.loads(host.overlay("--json", "install", "-n", "htop").stdout)
    assert (document["deployment"], document["checksum"]) == (None, None)
    host.overlay("uninstall", "-n", "case-empty")
    after = {path: entry for path, entry in manifest(host.path).items() if "/cache/" not in path}
    found = differences(before, after)
    assert not found, "\n".join(found)


def test_downloading_only_deploys_nothing_and_needs_no_repository_later(host: Host) -> None:
    assert host.overlay("install", "--download-only", "htop").status == 0
    assert host.checksum() == host.base
    refs = command("ostree", "refs", f"--repo={host.repo}", "--list", "overlay/layer").split()
    assert [ref.split("/")[-3] for ref in sorted(refs)] == ["htop", "libunwind8"]


def test_progress_as_json_is_one_event_a_line_and_each_phase_ends(host: Host) -> None:
    ended = host.overlay("--progress=json", "install", "redis", "case-post-fails")
    assert (ended.status, ended.stdout) == (0, "")
    events = [json.loads(line) for line in ended.stderr.splitlines()]
    assert {event["v"] for event in events} == {1}
    phases = {
        kind: Counter(each["phase"] for each in events if each["event"] == kind)
        for kind in ("start", "end")
    }
    assert phases["start"] == phases["end"]
    assert phases["start"].keys() >= {"metadata", "resolve", "download", "import", "deploy"}
    assert all(event["seconds"] >= 0 for event in events if event["event"] == "end")
    for event in events:
        if event["event"] == "progress":
            assert event["done"] <= event["total"]
    (warning,) = [event for event in events if event["event"] == "warning"]
    assert warning["item"].startswith("%post(case-post-fails-1-1.noarch) failed")


@pytest.mark.parametrize(
    "words",
    [
        "install",
        "install --nonsense htop",
        "uninstall",
        "uninstall --all htop",
        "frobnicate",
        "--progress=loud status",
        "install --repofrompath nocomma htop",
    ],
)
def test_a_wrong_command_line_ends_with_2_and_prints_no_data(words: str, stable: Host) -> None:
    ended = stable.overlay(*words.split())
    assert (ended.status, ended.stdout) == (2, "")
    assert ended.stderr.startswith("error: ")
    assert "hint: try 'overlay" in ended.stderr


@pytest.mark.parametrize(
    "words",
    ["install htop", "-q install tree", "--progress=plain install strace", "cleanup", "rollback"],
)
def test_verbs_without_data_leave_stdout_alone(words: str, host: Host) -> None:
    host.change("install", "case-empty")
    assert host.overlay(*words.split()).stdout == ""


def test_quiet_is_quiet(host: Host) -> None:
    assert host.overlay("-q", "install", "htop") == Ended(status=0, stdout="", stderr="")
    assert host.overlay("-q", "uninstall", "htop") == Ended(status=0, stdout="", stderr="")
    assert host.overlay("-q", "rollback") == Ended(status=0, stdout="", stderr="")


def test_an_installed_program_runs_from_the_deployed_tree(host: Host) -> None:
    host.change("install", "strace")
    tree = host.checkout()
    words = ["bwrap", "--ro-bind", f"{tree}/usr", "/usr", "--ro-bind", f"{tree}/etc", "/etc"]
    words += ["--symlink", "usr/lib", "/lib", "--symlink", "usr/lib64", "/lib64"]
    words += [
        "--symlink",
        "usr/bin",
        "/bin",
        "--dev",
        "/dev",
        "--proc",
        "/proc",
        "--cap-add",
        "ALL",
    ]
    traced = command(*words, "strace", "-o", "/dev/stdout", "-e", "trace=execve", "/usr/bin/true")
    assert 'execve("/usr/bin/true", ["/usr/bin/true"]' in traced
    assert "+++ exited with 0 +++" in traced
