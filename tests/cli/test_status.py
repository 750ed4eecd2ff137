# SPDX-License-Identifier: LGPL-2.1-or-later
"""`status`, `diff` and `rollback`: what a host is told about itself."""

import json
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from layering.cli import main
from tests.cli.conftest import Ended, Host, binary
from tests.remotes import make_remote, serving
from tests.rpms import Spec, build_rpm
from tests.sysroots import REF, commit_tree, make_tree, run

pytestmark = pytest.mark.root

DEPLOYMENT_KEYS = {
    "index",
    "id",
    "stateroot",
    "checksum",
    "base_checksum",
    "origin",
    "booted",
    "staged",
    "locked",
    "pinned",
    "pending",
    "rollback",
    "dropped_next",
    "timestamp",
    "version",
    "kargs",
    "requested",
    "requested_local",
    "inactive",
    "overrides",
    "packages",
    "allowances",
    "skipped",
    "failures",
    "changes",
    "warnings",
}


def test_a_fresh_host_has_one_deployment(host: Host) -> None:
    assert host.overlay("status").out == (
        "  0: test/base (1)\n"
        "     stateroot:  test\n"
        f"     commit:     {host.sysroot.commit}\n"
        "     timestamp:  2023-11-14T22:13:20Z\n"
    )


def test_a_layered_deployment_shows_its_base_requests_and_layers(host: Host) -> None:
    host.change("install", "app", "setup")
    (new, base) = json.loads(host.overlay("--json", "status").out)["deployments"]
    head = (
        "  0: test/base (1)\n"
        "     stateroot:  test\n"
        f"     commit:     {new['checksum']}\n"
        f"     base:       {base['checksum']}\n"
        "     timestamp:  2023-11-14T22:13:20Z\n"
        "     requested:  app, setup\n"
        "     inactive:   setup\n"
    )
    tail = (
        "\n"
        "  1: test/base (1) [rollback]\n"
        "     stateroot:  test\n"
        f"     commit:     {base['checksum']}\n"
        "     timestamp:  2023-11-14T22:13:20Z\n"
    )
    assert host.overlay("status").out == f"{head}     layers:     3 packages\n{tail}"
    verbose = (
        "     layer:      app-1-1.noarch (user, from tests)\n"
        "     layer:      extra-1-1.noarch (weak-dependency, for app, from tests)\n"
        "     layer:      lib-1-1.noarch (dependency, for app, from tests)\n"
    )
    kargs = [f"     kargs:      {' '.join(each['kargs'])}\n" for each in (new, base)]
    assert host.overlay("status", "-v").out == f"{head}{verbose}{kargs[0]}{tail}{kargs[1]}"
    assert host.overlay("-v", "status").out == f"{head}{verbose}{kargs[0]}{tail}{kargs[1]}"


@pytest.mark.parametrize("words", [("--json", "status"), ("status", "--json")])
def test_json_has_every_key_and_lists_where_they_are_empty(
    host: Host, words: tuple[str, ...]
) -> None:
    document = json.loads(host.overlay(*words).out)
    assert set(document) == {"version", "deployments", "finalization_failure", "transaction"}
    assert (document["version"], document["transaction"]) == (1, None)
    assert document["finalization_failure"] is None
    (only,) = document["deployments"]
    assert set(only) == DEPLOYMENT_KEYS
    empty = ["requested", "requested_local", "inactive", "packages", "warnings"]
    empty += ["skipped", "failures"]
    assert [only[key] for key in empty] == [[]] * 7
    assert only["allowances"] == {}
    assert only["overrides"] == {
        **{"remove": [], "replace": [], "inactive": []},
        **{"removed": [], "replaced": []},
    }
    assert (only["locked"], only["dropped_next"], only["changes"]) == (False, False, None)
    assert only["kargs"][:2] == ["root=LABEL=test", "quiet"]
    assert only["origin"] == {
        "refspec": "test/base",
        "base": host.sysroot.commit,
        "held": False,
        "container_image": None,
        "unconfigured": None,
    }
    assert (only["index"], only["timestamp"], only["version"]) == (0, 1_700_000_000, "1")


def test_json_has_each_layer_with_its_repository_and_reason(host: Host) -> None:
    host.change("install", "app")
    (first, *_rest) = json.loads(host.overlay("--json", "status").out)["deployments"]
    digests = {
        path.name: run("sha256sum", str(path)).split()[0] for path in host.repository.glob("*.rpm")
    }
    assert first["packages"] == [
        {
            "nevra": f"{name}-1-1.noarch",
            "repo": "tests",
            "digest": f"sha256:{digests[f'{name}-1-1.noarch.rpm']}",
            "reason": reason,
            "requested_by": ["app"],
        }
        for name, reason in [("app", "user"), ("extra", "weak-dependency"), ("lib", "dependency")]
    ]


def test_a_repository_that_nobody_remembers_is_empty(host: Host) -> None:
    host.change("install", "tool")
    (host.cache / "provenance.json").write_text("broken")
    (first, *_rest) = json.loads(host.overlay("--json", "status").out)["deployments"]
    assert [package["repo"] for package in first["packages"]] == [""]


def test_a_stateroot_without_deployments_has_none_to_show(host: Host) -> None:
    run("ostree", "admin", "os-init", f"--sysroot={host.path}", "other")
    ended = host.overlay("--stateroot=other", "status")
    assert (ended.status, ended.out) == (0, f"No deployments in {host.path}.\n")
    assert host.document("--stateroot=other", "status")["deployments"] == []


@pytest.mark.parametrize("words", [("status", "-v"), ("diff",)])
def test_looking_needs_no_root(host: Host, words: tuple[str, ...]) -> None:
    host.change("install", "tool")
    assert host.as_nobody(*words) == host.overlay(*words)


@pytest.mark.parametrize("words", [("install", "x"), ("uninstall", "--all"), ("rollback",)])
def test_changing_needs_root(host: Host, words: tuple[str, ...]) -> None:
    before = host.sysroot.status()
    assert host.as_nobody(*words) == Ended(
        status=1,
        out="",
        err=f"error: changing deployments needs root: sysroot {host.path}\n"
        "hint: run it with sudo or as root\n",
    )
    assert host.sysroot.status() == before


def test_a_dry_run_without_root_says_what_it_may_not_write(host: Host) -> None:
    host.change("install", "tool")
    ended = host.as_nobody("install", "-n", "app")
    first, hint = ended.err.splitlines()
    assert first.startswith(f"error: permission denied: {host.cache}/")
    assert (ended.status, ended.out, hint) == (1, "", "hint: run it with sudo or as root")


@pytest.mark.parametrize("verb", [("status",), ("install", "x"), ("diff",), ("cleanup",)])
def test_a_directory_that_is_no_sysroot_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], verb: tuple[str, ...]
) -> None:
    assert main([f"--sysroot={tmp_path}", *verb]) == 1
    assert capsys.readouterr() == (
        "",
        f"error: not an OSTree sysroot: {tmp_path}: it has no ostree/repo\n"
        "hint: name one with --sysroot, or make one with 'ostree admin init-fs'\n",
    )


def test_who_is_at_work_is_told_without_waiting(host: Host) -> None:
    lock = host.path / "ostree/lock"
    program = "import fcntl, sys\nfile = open(sys.argv[1], 'a')\n"
    program += "fcntl.lockf(file, fcntl.LOCK_EX) or print('held', flush=True)\nsys.stdin.read()"
    command = [sys.executable, "-c", program, str(lock)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        shown = host.overlay("status").out
        transaction = host.document("status")["transaction"]
        assert other.stdin is not None
        other.stdin.close()
    command_line = shlex.join(command)
    shortened = f"{command_line[:199]}…" if len(command_line) > 200 else command_line
    assert transaction == {"pid": other.pid, "command": shortened}
    assert shown.startswith(f"At work: process {other.pid} ({shortened})\n\n  0: test/base")


def test_a_diff_shows_packages_and_files(host: Host) -> None:
    host.change("install", "tool")
    shown = host.overlay("diff").out
    assert shown.startswith("Added:\n  tool-1-1.noarch\nFiles: ")
    rows = [line.split() for line in shown.splitlines() if "/usr/bin/" in line]
    assert rows == [["+", "+4", "B", "/usr/bin/tool"]]
    assert host.overlay("diff", "--packages").out == "Added:\n  tool-1-1.noarch\n"
    assert host.overlay("diff", "0", "1").out.startswith("Removed:\n  tool-1-1.noarch\n")
    assert host.overlay("diff", "1", "1").out == "No difference.\n"
    assert host.overlay("diff", host.sysroot.commit, "test/base").out == "No difference.\n"


def test_a_diff_as_json_has_every_list(host: Host) -> None:
    host.change("install", "tool")
    document = json.loads(host.overlay("diff", "--json").out)
    files = document.pop("files")
    assert {"path": "/usr/bin/tool", "kind": "added", "size_before": 0, "size_after": 4} in files
    (new, base) = json.loads(host.overlay("--json", "status").out)["deployments"]
    assert document == {
        "version": 1,
        "from": base["checksum"],
        "to": new["checksum"],
        "added": ["tool-1-1.noarch"],
        "removed": [],
        "upgraded": [],
        "downgraded": [],
    }
    assert "files" not in json.loads(host.overlay("diff", "--json", "--packages").out)


def test_a_diff_needs_two_trees_that_are_there(host: Host) -> None:
    assert host.overlay("diff").err == (
        "error: stateroot test has one deployment: nothing to compare it with\n"
        "hint: name a commit or ref: overlay diff FROM [TO]\n"
    )
    assert host.overlay("diff", "7").err == (
        f"error: no deployment 7, they are 0 to 0: sysroot {host.path}\n"
    )
    assert host.overlay("diff", "none/such").err == (
        f"error: no such commit: none/such in repository {host.sysroot.repo}\n"
    )
    assert host.overlay("--stateroot=other", "diff").err == (
        f"error: no stateroot other, there is test: sysroot {host.path}\n"
    )


def test_a_base_that_is_here_in_part_has_packages_to_compare_and_no_files(
    host: Host, tmp_path: Path
) -> None:
    new = look_at_newer(host, tmp_path, "--preview")
    assert host.overlay("diff", "0", new) == Ended(
        status=1,
        out="",
        err=f"error: only a part of {new} is here: its packages can be compared with --packages: "
        f"repository {host.sysroot.repo}\n"
        "hint: 'overlay upgrade --download-only' fetches it\n",
    )
    assert host.overlay("diff", new, "0").status == 1
    assert host.overlay("diff", "0", new, "--packages").out == (
        "Added:\n  more-1-1.noarch\nRemoved:\n  base-1-1.noarch\n  setup-1-1.noarch\n"
    )


def test_a_commit_object_alone_has_no_packages_to_compare(host: Host, tmp_path: Path) -> None:
    new = look_at_newer(host, tmp_path, "--check")
    ended = host.overlay("diff", "0", new, "--packages")
    assert (ended.status, ended.err) == (
        1,
        f"error: only a part of {new} is here, without its packages: "
        f"repository {host.sysroot.repo}\n"
        "hint: 'overlay upgrade --download-only' fetches it\n",
    )


def look_at_newer(host: Host, tmp_path: Path, how: str) -> str:
    """Has a host follow a remote, and look at what is newer there without fetching it."""
    rpm = build_rpm(tmp_path, "more-1-1.noarch", Spec(files=binary("more")))
    make_tree(tmp_path / "tree", rpms=[rpm])
    remote = make_remote(tmp_path / "remote")
    run("ostree", "pull-local", f"--repo={remote}", str(host.sysroot.repo), REF)
    with serving(remote) as served:
        add = ["ostree", "remote", "add", f"--repo={host.sysroot.repo}", "--no-gpg-verify"]
        run(*add, "far", served.url)
        assert host.overlay("rebase", f"far:{REF}").status == 0
        new = commit_tree(remote, tmp_path / "tree", version="2")
        assert host.overlay("upgrade", how).status == 0
    return new


def edit_origin(host: Host, edit: Callable[[str], str], *, at: int = 0) -> Path:
    """Edits the origin of a deployment, by its number."""
    deployments = host.document("status")["deployments"]
    assert isinstance(deployments, list)
    name = f"{deployments[at]['checksum']}.0.origin"
    path = host.path / "ostree/deploy/test/deploy" / name
    path.write_text(edit(path.read_text()))
    (host.path / "ostree/deploy").touch()
    return path


def test_a_held_base_is_shown(host: Host) -> None:
    assert host.overlay("deploy", "1").status == 0
    lines = host.overlay("status").out.splitlines()
    assert lines[3] == "     held:       at this base until the next upgrade"
    assert sum("held:" in line for line in lines) == 1
    deployments = host.document("status")["deployments"]
    assert isinstance(deployments, list)
    assert [each["origin"]["held"] for each in deployments] == [True, False]


def test_a_container_image_is_what_is_followed(host: Host) -> None:
    image = "ostree-unverified-registry:quay.io/fedora/fedora-silverblue:44"
    key = f"container-image-reference={image}"
    edit_origin(host, lambda text: text.replace("refspec=test/base", key))
    assert host.overlay("status").out.startswith(f"  0: {image} (1)\n")
    (only,) = json.loads(host.overlay("status", "--json").out)["deployments"]
    assert (only["origin"]["container_image"], only["origin"]["refspec"]) == (image, None)


def test_an_origin_that_is_not_configured_yet_says_what_to_do(host: Host) -> None:
    said = "Run 'register-os' first."
    edit_origin(host, lambda text: f"{text}unconfigured-state={said}\n")
    line = f"     origin:     not configured yet: {said}"
    assert line in host.overlay("status").out.splitlines()
    (only,) = json.loads(host.overlay("status", "--json").out)["deployments"]
    assert only["origin"]["unconfigured"] == said


def test_an_origin_that_cannot_be_read_concerns_its_deployment_alone(host: Host) -> None:
    host.change("install", "tool")
    path = edit_origin(host, lambda text: f"{text}baserefspec=other\n", at=1)
    error = (
        "origin cannot be read: "
        f"more than one of refspec, baserefspec, container-image-reference, [origin], {path}"
    )
    shown = host.overlay("status")
    assert (shown.status, shown.err) == (0, "")
    assert f"     warning:    {error}" in shown.out.splitlines()
    deployments = host.document("status")["deployments"]
    assert isinstance(deployments, list)
    assert [each["warnings"] for each in deployments] == [[], [error]]
    assert deployments[1]["origin"]["refspec"] is None
    assert host.overlay("diff").status == 0
    assert host.change("install", "app").status == 0  # goes on from the other one
    assert host.requested() == ["app", "tool"]


def test_rolling_back_and_dropping_need_no_readable_origin(host: Host) -> None:
    host.change("install", "tool")
    edit_origin(host, lambda text: f"{text}baserefspec=other\n", at=1)
    assert host.overlay("rollback").status == 0
    assert host.overlay("rollback").status == 0
    ended = host.overlay("cleanup", "--rollback")
    assert (ended.status, ended.err) == (0, f"removed test-{host.sysroot.commit}.0\n")


def test_a_deployment_whose_commit_is_gone_is_listed_and_can_be_dropped(host: Host) -> None:
    host.change("install", "tool")
    old = host.sysroot.commit
    (host.sysroot.repo / f"objects/{old[:2]}/{old[2:]}.commit").unlink()
    error = f"commit cannot be read: no such commit: {old} in repository {host.sysroot.repo}"
    lines = host.overlay("status").out.splitlines()
    assert lines[lines.index("  1: test/base [rollback]") :] == [
        "  1: test/base [rollback]",
        "     stateroot:  test",
        f"     commit:     {old}",
        f"     warning:    {error}",
    ]
    deployments = host.document("status")["deployments"]
    assert isinstance(deployments, list)
    assert (deployments[1]["warnings"], deployments[1]["inactive"]) == ([error], [])
    assert host.overlay("cleanup", "--rollback").err == f"removed test-{old}.0\n"


def test_a_rollback_and_another_come_back(host: Host) -> None:
    host.change("install", "tool")
    (new, base) = json.loads(host.overlay("--json", "status").out)["deployments"]
    ended = host.overlay("rollback")
    assert (ended.status, ended.err) == (0, f"{base['id']} (1) is what boots next.\n")
    document = json.loads(host.overlay("rollback", "--json").out)
    assert document == {"version": 1, "deployment": new["id"], "checksum": new["checksum"]}
    assert host.overlay("rollback", "-q").err == ""


def test_a_rollback_needs_something_to_go_back_to(host: Host) -> None:
    ended = host.overlay("rollback")
    assert (ended.status, ended.err) == (
        1,
        f"error: test has nothing to roll back to: sysroot {host.path}\n",
    )


def test_an_install_after_a_rollback_goes_on_from_what_boots_next(host: Host) -> None:
    host.change("install", "tool")
    host.overlay("rollback")
    host.change("install", "app")
    assert host.requested() == ["app"]


def test_a_stateroot_that_is_not_there_is_named_with_those_that_are(host: Host) -> None:
    for words in (["status"], ["install", "tool"], ["rollback"], ["kargs"], ["diff"], ["cleanup"]):
        ended = host.overlay("--stateroot=other", *words)
        message = f"error: no stateroot other, there is test: sysroot {host.path}\n"
        assert (ended.status, ended.out, ended.err) == (1, "", message)
