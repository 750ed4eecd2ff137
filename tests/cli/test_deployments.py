# SPDX-License-Identifier: LGPL-2.1-or-later
"""`pin`, `unpin`, `kargs`, `finalize`, and `--reboot` where there is nothing to reboot."""

import json
from pathlib import Path

import pytest

from layering.cli import main
from layering.dirtree import ChangeKind
from layering.etcconflicts import EtcConflict
from layering.preflight import Preflight
from tests.cli.conftest import Host
from tests.rpms import File, Spec, build_rpm

pytestmark = pytest.mark.root

# What the test's host was deployed with; libostree adds where the tree is.
GIVEN = ["root=LABEL=test", "quiet"]


def kargs(host: Host, *words: str) -> list[str]:
    ended = host.overlay("kargs", *words)
    assert (ended.status, ended.err, ended.out.count("\n")) == (0, "", 1)
    return [word for word in ended.out.split() if not word.startswith("ostree=")]


def test_a_pinned_deployment_is_kept(host: Host) -> None:
    id_ = f"test-{host.sysroot.commit}.0"
    ended = host.overlay("pin", "0")
    assert (ended.status, ended.out, ended.err) == (0, "", f"{id_} is pinned.\n")
    assert "Pinned: yes" in host.sysroot.status()
    host.change("install", "tool")
    assert host.overlay("cleanup", "--rollback").err == "Nothing to clean up.\n"
    assert host.document("unpin", "1") == {
        "version": 1,
        "deployment": id_,
        "checksum": host.sysroot.commit,
        "pinned": False,
    }
    assert host.overlay("unpin", "1").err == f"{id_} is not pinned.\n"
    assert host.overlay("cleanup", "--rollback").err == f"removed {id_}\n"


def test_only_what_is_there_can_be_pinned(host: Host) -> None:
    for words in (["pin", "99"], ["unpin", "--", "-1"]):
        ended = host.overlay(*words)
        assert (ended.status, ended.err) == (
            1,
            f"error: no deployment {words[-1]}, they are 0 to 0: sysroot {host.path}\n",
        )


def test_arguments_are_shown(host: Host) -> None:
    assert kargs(host) == GIVEN
    assert kargs(host, "--deploy-index=0") == GIVEN
    document = host.document("kargs")
    shown = document.pop("kargs")
    assert document == {"version": 1, "deployment": f"test-{host.sysroot.commit}.0"}
    assert isinstance(shown, list) and shown[:2] == GIVEN
    assert host.as_nobody("kargs") == host.overlay("kargs")
    assert host.overlay("kargs", "--deploy-index=7").err == (
        f"error: no deployment 7, they are 0 to 0: sysroot {host.path}\n"
    )
    assert host.overlay("--stateroot=other", "kargs").err == (
        f"error: no stateroot other, there is test: sysroot {host.path}\n"
    )


def test_edits_deploy_the_same_tree_with_other_arguments(host: Host) -> None:
    host.change("install", "tool")
    words = ["--append=x=1", "--append-if-missing=quiet", "--append=x=2", "--delete=quiet"]
    ended = host.overlay("kargs", *words, "--replace=root=LABEL=test=LABEL=other")
    # Deletions come first: what is to be there in the end is.
    assert kargs(host) == ["root=LABEL=other", "x=1", "x=2", "quiet"]
    assert kargs(host, "--deploy-index=1") == GIVEN
    said, last = ended.err.splitlines()
    assert said == "Kernel arguments: root=LABEL=other x=1 x=2 quiet"
    assert last.endswith(" is deployed for the next boot.")
    assert host.requested() == ["tool"]
    # What is installed after that keeps them.
    host.change("install", "app")
    assert kargs(host) == ["root=LABEL=other", "x=1", "x=2", "quiet"]


def test_edits_that_change_nothing_deploy_nothing(host: Host) -> None:
    before = host.sysroot.status()
    ended = host.overlay("kargs", "--append-if-missing=quiet", "--delete-if-present=nosuch")
    assert (ended.status, ended.err) == (0, "Nothing to do.\n")
    words = ["--append-if-missing=quiet", "--unchanged-exit-77"]
    assert host.overlay("kargs", *words).status == 77
    document = host.document("kargs", "--append-if-missing=quiet")
    assert (document["unchanged"], document["deployment"]) == (True, None)
    assert document["before"] == document["after"]
    assert host.sysroot.status() == before


@pytest.mark.parametrize(
    ("word", "said"),
    [
        (
            "--delete=nosuch",
            "error: no kernel argument 'nosuch'\nhint: 'overlay kargs' shows them\n",
        ),
        (
            "--append=x=a b",
            "error: a kernel argument with a space needs double quotes around it: 'x=a b'\n"
            "hint: write --append 'x=\"a b\"'\n",
        ),
    ],
)
def test_edits_that_cannot_be_made_change_nothing(host: Host, word: str, said: str) -> None:
    before = host.sysroot.status()
    ended = host.overlay("kargs", "--append=first", word)
    assert (ended.status, ended.out, ended.err) == (1, "", said)
    assert host.sysroot.status() == before


@pytest.mark.parametrize(
    "words",
    [
        ["install", "tool"],
        ["uninstall", "--all"],
        ["upgrade"],
        ["rebase", "x"],
        ["deploy", "x"],
        ["reset"],
        ["rollback"],
        ["finalize"],
        ["kargs", "--append=x"],
    ],
)
def test_only_the_running_system_can_be_rebooted(host: Host, words: list[str]) -> None:
    before = host.sysroot.status()
    ended = host.overlay(*words, "--reboot")
    assert (ended.status, ended.out, ended.err) == (
        2,
        "",
        f"error: --reboot: {host.path} is not the running system\n"
        f"hint: try 'overlay {words[0]} --help'\n",
    )
    assert host.sysroot.status() == before


def test_nothing_is_staged_where_nothing_runs(host: Host) -> None:
    before = host.sysroot.status()
    for words in (["finalize"], ["kargs", "--append=x", "--lock-finalization"]):
        ended = host.overlay(*words)
        assert (ended.status, ended.err.partition(":")[0]) == (1, "error")
        assert str(host.path) in ended.err
    assert host.sysroot.status() == before


def test_what_is_locked_where_nothing_runs_is_refused_before_anything_is_fetched(
    host: Host,
) -> None:
    before = host.sysroot.status()
    ended = host.change("install", "--lock-finalization", "tool")
    assert (ended.status, ended.out, ended.err) == (
        1,
        "",
        f"error: only what is staged on a running system can be locked: sysroot {host.path}\n",
    )
    assert not host.cache.exists()
    assert host.sysroot.status() == before


def test_other_kernel_arguments_are_looked_at_as_any_deployment_and_what_is_found_is_told(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed = ChangeKind.MODIFIED
    found = Preflight(etc=(EtcConflict(path="/etc/x", host=changed, tree=changed),))
    monkeypatch.setattr("layering.change.preflight.check", lambda *_words: found)
    document = host.document("kargs", "--append=new")
    assert document["warnings"] == list(found.warnings()) != []


def test_what_finalizing_settles_otherwise_is_told_to_people_and_to_programs(
    host: Host, tmp_path: Path
) -> None:
    checkout = next(host.path.glob("ostree/deploy/test/deploy/*.0"))
    (checkout / "etc/mine.conf").write_text("the host's\n")
    spec = Spec(files={"/etc/mine.conf": File(content=b"the package's\n")})
    rpm = build_rpm(tmp_path, "mine-1-1.noarch", spec)
    ended = host.overlay("--json", "install", str(rpm))
    (warning,) = json.loads(ended.out)["warnings"]
    assert warning == "/etc/mine.conf was added here and in the new tree: yours stays"
    assert f"warning: {warning}\n" in ended.err


def test_where_to_work_may_be_said_behind_the_verb(
    host: Host, capsys: pytest.CaptureFixture[str]
) -> None:
    before = host.overlay("--stateroot=test", "status").out
    assert main(["status", f"--sysroot={host.path}", "--stateroot=test"]) == 0
    assert capsys.readouterr() == (before, "")
    assert main(["--sysroot=/nowhere", "status", f"--sysroot={host.path}"]) == 0
    assert capsys.readouterr() == (before, "")
    assert main(["--stateroot=test", "status", f"--sysroot={host.path}", "--stateroot=x"]) == 1
