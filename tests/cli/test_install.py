# SPDX-License-Identifier: LGPL-2.1-or-later
"""`install` and `uninstall`: what they say, what they leave, how they end."""

import json
import os
import pty
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Host, binary
from tests.rpms import File, Spec, build_rpm, make_repo

pytestmark = pytest.mark.root

APP = """\
Installing:
  app    1-1  noarch  tests  3 B  requested
  extra  1-1  noarch  tests  5 B  recommended for app
  lib    1-1  noarch  tests  3 B  needed for app
"""


def layers(host: Host, index: int = 0) -> list[str]:
    document = host.document("status")
    deployments = document["deployments"]
    assert isinstance(deployments, list)
    return [package["nevra"] for package in deployments[index]["packages"]]


def checksums(host: Host) -> list[str]:
    deployments = host.document("status")["deployments"]
    assert isinstance(deployments, list)
    return [deployment["checksum"] for deployment in deployments]


def test_an_install_shows_what_it_does_and_deploys_it(host: Host) -> None:
    ended = host.change("install", "app")
    (new, _base) = checksums(host)
    size = sum(path.stat().st_size for path in host.repository.glob("*.rpm")) / 1024
    shown, download, last = ended.err.rpartition("Download: ")
    assert (ended.status, ended.out, shown, download) == (0, "", APP, "Download: ")
    fetched, said = last.splitlines()
    assert 0 < float(fetched.removesuffix(" KiB")) < size
    assert said == f"test-{new}.0 is deployed for the next boot."
    assert layers(host) == ["app-1-1.noarch", "extra-1-1.noarch", "lib-1-1.noarch"]
    assert host.requested() == ["app"]
    host.sysroot.fsck()


def test_the_second_install_goes_on_from_the_first_and_order_leaves_no_trace(host: Host) -> None:
    host.change("install", "app")
    host.change("install", "tool")
    one_by_one = checksums(host)[0]
    assert host.requested() == ["app", "tool"]
    host.change("uninstall", "--all")
    assert checksums(host)[0] == host.sysroot.commit
    host.change("install", "tool", "app")
    assert checksums(host)[0] == one_by_one


def test_taking_the_last_layer_away_gives_back_the_base_without_any_repository(host: Host) -> None:
    host.change("install", "tool")
    ended = host.overlay("uninstall", "tool")
    assert ended.err.splitlines() == [
        "Removing:",
        "  tool-1-1.noarch",
        f"test-{host.sysroot.commit}.1 is deployed for the next boot.",
    ]
    assert checksums(host)[0] == host.sysroot.commit
    assert host.requested() == []


def test_one_of_two_is_taken_away_with_every_repository_gone(host: Host) -> None:
    host.change("install", "app", "tool")
    host.overlay("cleanup", "--repomd")
    ended = host.overlay("uninstall", "app")
    assert (ended.status, layers(host)) == (0, ["tool-1-1.noarch"])


def test_what_is_asked_for_already_is_no_error(host: Host) -> None:
    host.change("install", "tool")
    again = host.change("install", "tool")
    assert (again.status, again.err) == (0, "Nothing to do.\n")
    assert host.change("install", "--unchanged-exit-77", "tool").status == 77
    assert host.overlay("uninstall", "--all", "--unchanged-exit-77").status == 0
    assert host.overlay("uninstall", "--all", "--unchanged-exit-77").status == 77


def test_a_request_that_the_base_meets_is_kept_and_blocks_nothing(host: Host) -> None:
    ended = host.change("install", "setup")
    assert ended.err.splitlines()[0] == "Already in the base: setup"
    assert (host.requested(), layers(host)) == (["setup"], [])
    host.change("install", "tool")
    (first, *_rest) = json.loads(host.overlay("--json", "status").out)["deployments"]
    assert (first["requested"], first["inactive"]) == (["setup", "tool"], ["setup"])


def test_a_dry_run_shows_on_stdout_and_changes_nothing(host: Host) -> None:
    before = host.sysroot.status()
    ended = host.change("install", "-n", "app")
    assert ended.out.startswith(APP)
    assert (ended.status, ended.err) == (0, "Nothing was deployed.\n")
    assert host.sysroot.status() == before


def test_a_download_alone_deploys_nothing_and_the_install_then_needs_no_repository(
    host: Host,
) -> None:
    before = host.sysroot.status()
    ended = host.change("install", "--download-only", "tool")
    assert ended.err.splitlines()[-1] == "Nothing was deployed."
    assert host.sysroot.status() == before
    shown = host.change("install", "-n", "tool").out
    assert shown == "Installing:\n  tool  1-1  noarch  tests  4 B  requested\n"


def test_weak_dependencies_and_excluded_packages_are_left_out(host: Host) -> None:
    assert "extra" not in host.change("install", "-n", "--no-weak-deps", "app").out
    assert "extra" not in host.change("install", "-n", "--exclude=extra", "app").out
    ended = host.change("install", "-n", "--exclude=lib", "app")
    assert ended.status == 1
    assert ended.err.startswith("error: cannot install 'app': ")
    assert "lib" in ended.err


def test_one_command_adds_and_drops(host: Host) -> None:
    host.change("install", "tool")
    assert host.change("install", "app", "--uninstall=tool").status == 0
    assert host.requested() == ["app"]
    assert host.change("uninstall", "app", "--install=spanner", "--install=extra").status == 0
    assert host.requested() == ["extra", "spanner"]
    assert host.change("uninstall", "--all", "--install=app").status == 0
    assert host.requested() == ["app"]


def test_the_request_behind_a_package_is_taken_back_by_its_name(host: Host) -> None:
    host.change("install", "/usr/bin/app", "spanner")
    assert host.overlay("uninstall", "app", "tool").status == 0
    assert host.requested() == []


def test_what_nobody_asked_for_cannot_be_taken_back(host: Host) -> None:
    host.change("install", "app")
    before = host.sysroot.status()
    ended = host.overlay("uninstall", "lib", "nothing")
    assert ended.status == 1
    assert ended.err == (
        "error: nobody requested 'lib', 'nothing': nothing to uninstall\n"
        "hint: lib-1-1.noarch is there because of app\n"
    )
    assert host.sysroot.status() == before


def test_an_unknown_package_is_named(host: Host) -> None:
    ended = host.change("install", "strcae")
    assert (ended.status, ended.err) == (
        1,
        "error: no package matches 'strcae'\n"
        "hint: run 'overlay refresh-md' if a repository has it since recently\n",
    )


def test_a_base_package_is_never_replaced(host: Host) -> None:
    ended = host.change("install", "base-2")
    assert ended.err == (
        "error: 'base-2' would replace base package base-1-1.noarch with base-2-1.noarch "
        "from 'tests'\n"
        "hint: a base with base-2-1.noarch would do: see 'overlay upgrade --check'\n"
        "hint: to change the base: overlay override replace base-2-1.noarch\n"
    )


def test_a_file_conflict_names_both_owners(host: Host, tmp_path: Path) -> None:
    clash = build_rpm(tmp_path, "clash-1-1.noarch", Spec(files=binary("base", "other")))
    before = host.sysroot.status()
    ended = host.overlay("install", str(clash))
    assert ended.status == 1
    (line,) = [line for line in ended.err.splitlines() if "/usr/bin/base" in line]
    assert "clash-1-1.noarch" in line and "base-1-1.noarch" in line
    assert host.sysroot.status() == before


def test_a_local_package_is_asked_for_by_its_digest_and_survives_without_its_file(
    host: Host, tmp_path: Path
) -> None:
    path = build_rpm(tmp_path, "mine-1-1.noarch", Spec(files=binary("mine")))
    assert host.overlay("install", str(path)).status == 0
    path.unlink()
    assert host.change("install", "tool").status == 0
    (first, *_rest) = json.loads(host.overlay("--json", "status").out)["deployments"]
    (local,) = first["requested_local"]
    assert local.endswith(":mine-1-1.noarch")
    assert {each["nevra"]: each["repo"] for each in first["packages"]} == {
        "mine-1-1.noarch": "@commandline",
        "tool-1-1.noarch": "tests",
    }
    assert host.overlay("uninstall", "mine").status == 0
    assert layers(host) == ["tool-1-1.noarch"]


def test_another_build_of_a_local_package_takes_its_place(host: Host, tmp_path: Path) -> None:
    path = build_rpm(tmp_path, "mine-1-1.noarch", Spec(files=binary("mine")))
    host.overlay("install", str(path))
    before = checksums(host)[0]
    path = build_rpm(tmp_path, "mine-1-1.noarch", Spec(files=binary("mine", "rebuilt")))
    ended = host.overlay("install", str(path))
    assert ended.err.splitlines()[:2] == [
        "Replacing:",
        "  1-1 →  mine  1-1  noarch  @commandline  7 B  requested as mine-1-1.noarch",
    ]
    assert layers(host) == ["mine-1-1.noarch"]
    assert checksums(host)[0] != before
    assert host.overlay("install", str(path)).err == "Nothing to do.\n"


def test_a_layer_that_was_pruned_is_got_again(host: Host, tmp_path: Path) -> None:
    mine = build_rpm(tmp_path, "mine-1-1.noarch", Spec(files=binary("mine")))
    host.change("install", "app", str(mine))
    whole = checksums(host)[0]
    forget_layers(host)
    ended = host.change("install", "tool")
    assert ended.err == (
        "error: no layer is there of what came as a file: mine-1-1.noarch\n"
        "hint: give the file again: overlay install ./mine-1-1.noarch.rpm\n"
        "hint: 'overlay uninstall mine' drops the request\n"
    )
    assert host.change("install", str(mine)).err == "Nothing to do.\n"
    assert host.change("install", "tool").status == 0
    # What was forgotten is imported from the repository, and is the same again.
    assert host.overlay("uninstall", "tool").status == 0
    assert checksums(host)[0] == whole


def test_a_file_and_a_name_for_one_package_are_met_by_one_layer(host: Host, tmp_path: Path) -> None:
    mine = build_rpm(tmp_path, "mine-1-1.noarch", Spec(files=binary("mine")))
    assert host.overlay("install", "mine", str(mine)).status == 0
    assert layers(host) == ["mine-1-1.noarch"]
    assert host.overlay("install", str(mine)).err == "Nothing to do.\n"
    assert host.change("install", "tool").status == 0
    assert host.overlay("uninstall", "tool").status == 0
    assert layers(host) == ["mine-1-1.noarch"]


def test_a_file_that_the_base_has_blocks_nothing(host: Host, tmp_path: Path) -> None:
    again = build_rpm(tmp_path, "base-1-1.noarch", Spec(files=binary("base")))
    mine = build_rpm(tmp_path, "mine-1-1.noarch", Spec(files=binary("mine")))
    assert host.overlay("install", str(again)).err.startswith("Already in the base:")
    again.unlink()
    ended = host.overlay("install", str(mine))
    assert (ended.status, "warning" in ended.err) == (0, False), ended.err
    assert layers(host) == ["mine-1-1.noarch"]
    for words in (["upgrade"], ["install", "tool"], ["uninstall", "tool"]):
        ended = host.change(*words) if words[0] == "install" else host.overlay(*words)
        assert ended.status == 0, ended.err
    assert host.overlay("uninstall", "mine").status == 0
    assert checksums(host)[0] == host.sysroot.commit
    assert host.overlay("uninstall", "base").status == 0
    assert json.loads(host.overlay("--json", "status").out)["deployments"][0]["inactive"] == []


def test_of_requests_that_the_base_meets_one_is_dropped_with_every_repository_gone(
    host: Host, tmp_path: Path
) -> None:
    again = build_rpm(tmp_path, "base-1-1.noarch", Spec(files=binary("base")))
    assert host.change("install", "setup", str(again)).status == 0
    again.unlink()
    gone = "[gone]\nname=Gone\nbaseurl=http://127.0.0.1:9/\ngpgcheck=0\n"
    for etc in host.path.glob("ostree/deploy/test/deploy/*/etc"):
        (etc / "yum.repos.d").mkdir()
        (etc / "yum.repos.d/gone.repo").write_text(gone)
    ended = host.overlay("uninstall", "setup")
    assert ended.status == 0, ended.err
    assert host.requested() == []


def test_a_removal_without_layers_asks_the_repositories(host: Host) -> None:
    host.change("install", "app", "tool")
    forget_layers(host)
    assert host.change("uninstall", "app").status == 0
    assert layers(host) == ["tool-1-1.noarch"]


def forget_layers(host: Host) -> None:
    """Takes every layer and its objects away, as somebody else's prune may."""
    repo = f"--repo={host.sysroot.repo}"
    refs = subprocess.run(["ostree", "refs", repo], capture_output=True, text=True, check=True)
    for ref in refs.stdout.split():
        if ref.startswith("overlay/layer/"):
            subprocess.run(["ostree", "refs", repo, "--delete", ref], check=True)
    subprocess.run(["ostree", "prune", repo, "--refs-only"], check=True, capture_output=True)


def test_a_deployment_with_what_is_not_made_here_is_left_alone(host: Host) -> None:
    (origin,) = host.path.glob("ostree/deploy/test/deploy/*.origin")
    text = origin.read_text().replace("refspec", "baserefspec")
    origin.write_text(
        f"{text}\n[modules]\nenable=nodejs:20;\n[rpmostree]\nregenerate-initramfs=true\n"
    )
    ended = host.change("install", "tool")
    assert (ended.status, ended.err) == (
        1,
        "error: the pending deployment has [modules] and [rpmostree], which would be lost: "
        f"test-{host.sysroot.commit}.0\n"
        "hint: take them back with 'rpm-ostree reset' and its options, then try again\n",
    )


def test_a_request_for_nothing_is_a_usage_error(host: Host) -> None:
    for words in (["uninstall"], ["uninstall", "--all", "app"]):
        ended = host.overlay(*words)
        assert (ended.status, ended.err) == (
            2,
            "error: name what to uninstall, or give --all\nhint: try 'overlay uninstall --help'\n",
        )
    ended = host.overlay("install", "--repofrompath=oops", "x")
    assert (ended.status, ended.err) == (
        2,
        "error: invalid value for '--repofrompath': 'oops' is not of the form ID,URL\n"
        "hint: try 'overlay install --help'\n",
    )


def test_json_says_all_that_the_text_says(host: Host) -> None:
    ended = host.change("install", "--json", "setup", "tool")
    document = json.loads(ended.out)
    size = document.pop("download_size")
    assert size > 0
    assert document == {
        "version": 1,
        "unchanged": False,
        "base": None,
        "added": ["tool-1-1.noarch"],
        "changed": [],
        "removed": [],
        "kept": [],
        "inactive": ["setup"],
        "returning": [],
        "overrides": {"removed": [], "replaced": [], "restored": [], "inactive": []},
        "allowances": {},
        "deployment": f"test-{checksums(host)[0]}.0",
        "checksum": checksums(host)[0],
        "staged": False,
        "locked": False,
        "warnings": [],
        "failures": [],
    }
    again = json.loads(host.change("install", "--json", "tool").out)
    assert (again["unchanged"], again["deployment"], again["checksum"]) == (True, None, None)


def test_for_a_program_every_line_of_stderr_is_an_object(host: Host) -> None:
    ended = host.change("install", "--progress=json", "tool")
    assert {json.loads(line)["v"] for line in ended.err.splitlines()} == {1}
    ended = host.change("install", "--progress=json", "strcae")
    *_events, last = [json.loads(line) for line in ended.err.splitlines()]
    assert (ended.status, last) == (
        1,
        {
            "v": 1,
            "event": "error",
            "phase": "error",
            "item": "no package matches 'strcae'",
            "causes": [],
            "hints": ["run 'overlay refresh-md' if a repository has it since recently"],
        },
    )


def test_quiet_says_nothing(host: Host) -> None:
    ended = host.change("install", "-q", "tool")
    assert (ended.status, ended.out, ended.err) == (0, "", "")


def test_the_newest_of_a_repository_does_not_move_what_is_layered(
    host: Host, tmp_path: Path
) -> None:
    host.change("install", "tool")
    for path in host.repository.glob("*.rpm"):
        shutil.copy(path, tmp_path)
    build_rpm(tmp_path, "tool-2-1.noarch", Spec(files=binary("tool", "two")))
    make_repo(tmp_path)
    host.overlay("install", f"--repofrompath=tests,{tmp_path}", "app")
    assert "tool-1-1.noarch" in layers(host)


def test_files_of_a_package_reach_the_deployment_as_rpm_has_them(
    host: Host, tmp_path: Path
) -> None:
    files = {
        "/usr/bin/suid": File(content=b"s", mode=0o4755),
        "/etc/mine.conf": File(content=b"c", group="games", mode=0o640),
        "/var/lib/mine": File(directory=True),
    }
    host.overlay("install", str(build_rpm(tmp_path, "mine-1-1.noarch", Spec(files=files))))
    at = host.path / f"ostree/deploy/test/deploy/{checksums(host)[0]}.0"
    suid, conf = (at / "usr/bin/suid").stat(), (at / "usr/etc/mine.conf").stat()
    assert (suid.st_mode & 0o7777, suid.st_uid) == (0o4755, 0)
    assert (conf.st_mode & 0o7777, conf.st_gid) == (0o640, 60)  # the tree's own group of that name
    assert (at / "etc/mine.conf").read_bytes() == b"c"
    assert not (at / "var/lib/mine").exists()


@pytest.mark.parametrize("name", ["rpmdb.sqlite-wal", "rpmdb.sqlite-journal", ".rpm.lock"])
def test_no_link_beside_the_rpmdb_leads_out_of_the_tree(
    host: Host, tmp_path: Path, scratch: Path, name: str
) -> None:
    outside = scratch / "outside"
    outside.mkdir()
    (outside / "file").write_bytes(b"host")
    files = {f"/usr/share/rpm/{name}": File(link=str(outside / "file"))}
    host.overlay("install", str(build_rpm(tmp_path, "evil-1-1.noarch", Spec(files=files))))
    assert {path.name: path.read_bytes() for path in outside.iterdir()} == {"file": b"host"}


PROGRAM = "import sys; from layering.cli import main; sys.exit(main())"


def at_a_terminal(host: Host, answer: str, *words: str) -> tuple[int, str]:
    """Runs `overlay` with a person at its terminal; returns its status and what was shown."""
    person, terminal = pty.openpty()
    command = [sys.executable, "-c", PROGRAM, f"--sysroot={host.path}", "--progress=none", *words]
    try:
        os.write(person, answer.encode())
        process = subprocess.run(
            command, stdin=terminal, stderr=terminal, stdout=subprocess.DEVNULL, check=False
        )
        shown = os.read(person, 1 << 16).decode().replace("\r\n", "\n")
    finally:
        os.close(person)
        os.close(terminal)
    return process.returncode, shown


def test_at_a_terminal_a_person_is_asked_and_may_refuse(host: Host) -> None:
    before = host.sysroot.status()
    words = ["install", f"--repofrompath=tests,{host.repository}", "tool"]
    status, shown = at_a_terminal(host, "n\n", *words)
    assert status == 1
    assert "  tool  1-1  noarch  tests  4 B  requested\n" in shown
    assert shown.endswith("Go on? [Y/n]: Nothing was changed.\n")
    assert host.sysroot.status() == before
    status, shown = at_a_terminal(host, "\n", *words)
    assert (status, layers(host)) == (0, ["tool-1-1.noarch"])
    assert shown.splitlines()[-1].endswith(" is deployed for the next boot.")


def test_with_y_nobody_is_asked(host: Host) -> None:
    status, shown = at_a_terminal(
        host, "n\n", "install", "-y", f"--repofrompath=tests,{host.repository}", "tool"
    )
    assert (status, layers(host), "Go on?" in shown) == (0, ["tool-1-1.noarch"], False)
