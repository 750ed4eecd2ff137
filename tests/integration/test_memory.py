# SPDX-License-Identifier: LGPL-2.1-or-later
"""Triggers that are remembered: what runs really, and that nothing else differs.

Each test's packages are its own. What really runs is counted where processes are started.
"""

import os
import random
import time
from pathlib import Path

import pytest

from layering.memos import commit, draft, known
from layering.repo import Repo
from layering.upperdelta import Delta
from tests.integration.conftest import MakeHost
from tests.integration.hosts import Host, command, untouched
from tests.rpms import File, Spec, build_rpm
from triggers import Invocation, execution

pytestmark = [pytest.mark.world, pytest.mark.root, pytest.mark.bwrap]

CHECK = "check of the tree after its scripts"


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The labels of all that really ran."""
    labels: list[str] = []
    really = execution.execute

    def execute(invocation: Invocation, *words: object, **options: object) -> execution.Ended:
        labels.append(invocation.label)
        return really(invocation, *words, **options)  # type: ignore[arg-type]

    monkeypatch.setattr("triggers.runner.execute", execute)
    return labels


def package(directory: Path, name: str, files: dict[str, bytes], sections: str = "") -> str:
    contents = {path: File(content=content) for path, content in files.items()}
    return str(build_rpm(directory, f"{name}-1-1.noarch", Spec(files=contents, sections=sections)))


def transaction_trigger(prefix: str, body: str) -> str:
    return f"%transfiletriggerin -P 1 -- {prefix}\n{body}"


def taken(ran: list[str]) -> list[str]:
    """Returns what ran since it was asked last."""
    labels = [*ran]
    ran.clear()
    return labels


def memos(host: Host) -> list[str]:
    return command("ostree", "refs", f"--repo={host.repo}", "--list", "overlay/memo").split()


def test_a_program_with_its_manual_page_runs_nothing(
    host: Host, scratch: Path, ran: list[str]
) -> None:
    files = {"/usr/bin/mine": b"#!/bin/sh\n", "/usr/share/man/man1/mine.1": b"mine"}
    host.change("install", package(scratch, "mine", files))
    assert taken(ran) == []
    assert memos(host) == []


def test_a_library_runs_ldconfig_once(host: Host, scratch: Path, ran: list[str]) -> None:
    library = package(scratch, "libmine", {"/usr/lib64/libmine.so.1": b"mine"})
    unrelated = package(scratch, "other", {"/usr/share/other": b"other"})
    first = host.change("install", library)
    assert taken(ran) == ["ldconfig", CHECK]
    host.change("uninstall", "libmine")
    host.change("install", unrelated)
    host.change("install", library)
    assert taken(ran) == []
    host.change("uninstall", "other")
    assert host.change("install", "--no-memo", "strace") != first
    host.fsck()


def test_an_initramfs_is_made_once(make_host: MakeHost, scratch: Path, ran: list[str]) -> None:
    microcode = {"/usr/lib/firmware/intel-ucode/06-00-00": b"no processor has this one"}
    packages = package(scratch, "microcode", microcode), package(scratch, "other", {"/usr/x": b"x"})
    one, other = make_host(), make_host()
    one.change("install", packages[0])
    assert [label.partition(" ")[0] for label in taken(ran)] == ["dracut", "check"]
    again = one.change("install", packages[1])
    assert taken(ran) == []
    assert other.change("install", "--no-memo", *packages) == again


def test_what_changes_runs_again(host: Host, scratch: Path, ran: list[str]) -> None:
    for number, content in enumerate((b"one", b"two", b"one", b"two")):
        directory = scratch / str(number)
        directory.mkdir()
        host.change("install", package(directory, "mine", {"/usr/lib64/libmine.so.1": content}))
        assert taken(ran) == (["ldconfig", CHECK] if number < 2 else [])
        host.change("uninstall", "mine")


def test_what_is_remembered_is_the_same_commit_as_what_ran(
    make_host: MakeHost, scratch: Path, ran: list[str]
) -> None:
    names = {f"p{number}": f"/usr/lib64/libp{number}.so" for number in range(4)}
    rpms = {name: package(scratch, name, {path: b"x"}) for name, path in names.items()}
    script = transaction_trigger("/usr/lib64", "cat > /usr/share/seen; echo said")
    rpms["t"] = package(scratch, "t", {"/usr/share/t": b"t"}, script)
    remembering, other = make_host(), make_host()
    generator = random.Random(11)
    for _ in range(3):
        chosen = sorted(generator.sample(sorted(rpms), generator.randint(1, 4)))
        words = [rpms[name] for name in chosen]
        remembering.change("install", *words)
        remembering.change("uninstall", *chosen)
        command("ostree", "refs", f"--repo={remembering.repo}", "--delete", "overlay/merged")
        taken(ran)
        again = remembering.change("install", *words)
        assert taken(ran) == []
        assert other.change("install", "--no-memo", *words) == again
        for each in (remembering, other):
            each.change("uninstall", *chosen)


def test_a_host_that_pulled_what_another_remembers_runs_nothing(
    make_host: MakeHost, scratch: Path, ran: list[str]
) -> None:
    library = package(scratch, "libmine", {"/usr/lib64/libmine.so.1": b"mine"})
    one, other = make_host(), make_host()
    first = one.change("install", library)
    (ref,) = memos(one)
    command("ostree", "pull-local", f"--repo={other.repo}", one.repo, ref)
    taken(ran)
    assert other.change("install", library) == first
    assert taken(ran) == []


def test_what_a_script_read_and_nobody_declared_counts(
    host: Host, scratch: Path, ran: list[str]
) -> None:
    body = "cat /usr/lib/aside > /usr/share/joined 2> /dev/null\necho done"
    script = transaction_trigger("/usr/share/parts", body)
    mine = package(scratch, "mine", {"/usr/share/parts/x": b"x"}, script)
    aside = package(scratch, "aside", {"/usr/lib/aside": b"aside"})
    host.change("install", mine)
    assert len(taken(ran)) == 2
    host.change("install", aside)
    assert taken(ran)[1:] == [CHECK]
    assert (host.checkout() / "usr/share/joined").read_text() == "aside"
    host.change("uninstall", "aside")
    host.change("install", package(scratch, "third", {"/usr/share/third": b""}))
    assert taken(ran) == []
    assert (host.checkout() / "usr/share/joined").read_text() == ""


def test_a_library_that_a_script_did_not_ask_for_changes_nothing(
    host: Host, scratch: Path, ran: list[str]
) -> None:
    script = transaction_trigger("/usr/share/parts", "cat > /usr/share/joined")
    mine = package(scratch, "mine", {"/usr/share/parts/x": b"x"}, script)
    host.change("install", mine)
    before = (host.checkout() / "usr/etc/ld.so.cache").read_bytes()
    taken(ran)
    host.change("install", "jq")
    assert taken(ran) == ["ldconfig", CHECK]
    assert (host.checkout() / "usr/etc/ld.so.cache").read_bytes() != before


@pytest.mark.parametrize(
    "body",
    [
        "exit 3",
        "echo x > /var/lib/mine",
        "echo x > /var/lib/rpm-state/mine",
        "mkfifo /usr/share/pipe",
        "echo mine:x:5: >> /etc/group",
        "cat /var/log/mine",
    ],
)
def test_what_fails_or_leaves_more_than_files_is_not_remembered(
    host: Host, scratch: Path, ran: list[str], body: str
) -> None:
    files = {"/usr/share/parts/x": b"x", "/var/log/mine": b"log"}
    mine = package(scratch, "mine", files, transaction_trigger("/usr/share/parts", body))
    host.change("install", mine)
    assert len(taken(ran)) == 2
    assert memos(host) == []


def same_without_memory(host: Host, *words: str) -> None:
    """Asserts that what is installed, with results from before, is what all scripts give."""
    remembered = host.change("install", *words)
    host.change("uninstall", *(Path(word).name.partition("-")[0] for word in words))
    command("ostree", "refs", f"--repo={host.repo}", "--delete", "overlay/merged")
    assert host.change("install", "--no-memo", *words) == remembered


@pytest.mark.parametrize(
    ("body", "other"),
    [
        ("(echo x > /usr/share/new/made) 2> /dev/null || true", "/usr/share/new/x"),
        ("cat /usr/lib/aside/x 2> /usr/share/said || true", "/usr/lib/aside"),
        ("ls '/usr/share/d (deleted)' > /usr/share/said || true", "/usr/share/d (deleted)/x"),
    ],
)
def test_why_something_is_not_there_counts(
    host: Host, scratch: Path, body: str, other: str
) -> None:
    script = transaction_trigger("/usr/share/parts", body)
    mine = package(scratch, "mine", {"/usr/share/parts/x": b"x"}, script)
    aside = package(scratch, "aside", {other: b"aside"})
    host.change("install", mine)
    host.change("uninstall", "mine")
    same_without_memory(host, mine, aside)


def test_who_reads_the_linkers_cache_as_a_file_depends_on_all_of_it(
    host: Host, scratch: Path, ran: list[str]
) -> None:
    script = transaction_trigger("/usr/share/parts", "sh /usr/share/parts/x")
    files = {"/usr/share/parts/x": b"cd /etc; cksum < ld.so.cache > /usr/share/sum"}
    mine = package(scratch, "mine", files, script)
    host.change("install", mine)
    taken(ran)
    host.change("install", "jq")
    assert "%transfiletriggerin(mine-1-1.noarch)" in taken(ran)


@pytest.mark.parametrize(
    ("first", "then"),
    [
        ("echo > /usr/share/a; ln /usr/share/a /usr/share/b", "stat -c %h /usr/share/a"),
        ("mkdir -p /var/cache/man; echo > /var/cache/man/x", "ls /var/cache/man 2>&1 || true"),
    ],
)
def test_what_no_commit_holds_nobody_finds(
    host: Host, scratch: Path, first: str, then: str
) -> None:
    script = transaction_trigger("/usr/share/parts", first).replace("-P 1", "-P 2")
    mine = package(scratch, "mine", {"/usr/share/parts/x": b"x"}, script)
    script = transaction_trigger("/usr/share/late", f"({then}) > /usr/share/said")
    late = package(scratch, "late", {"/usr/share/late/x": b""}, script)
    host.change("install", mine)
    host.change("uninstall", "mine")
    same_without_memory(host, mine, late)


def test_a_result_of_which_a_file_is_missing_is_none(
    host: Host, scratch: Path, ran: list[str]
) -> None:
    script = transaction_trigger("/usr/share/parts", "echo unique > /usr/share/unique")
    mine = package(scratch, "mine", {"/usr/share/parts/x": b"x"}, script)
    first = host.change("install", mine)
    host.change("uninstall", "mine")
    host.overlay("cleanup", "--rollback")
    command("ostree", "refs", f"--repo={host.repo}", "--delete", "overlay/merged")
    (ref,) = memos(host)
    shown = command("ostree", "ls", "-C", f"--repo={host.repo}", ref, "/usr/share/unique")
    checksum = shown.split()[4]
    (host.repo / "objects" / checksum[:2] / f"{checksum[2:]}.file").unlink()
    taken(ran)
    assert host.change("install", mine) == first
    assert len(taken(ran)) == 2
    host.fsck()


def test_a_result_that_says_that_usr_was_removed_is_none(
    host: Host, scratch: Path, ran: list[str]
) -> None:
    script = transaction_trigger("/usr/share/parts", "echo unique > /usr/share/unique")
    mine = package(scratch, "mine", {"/usr/share/parts/x": b"x"}, script)
    first = host.change("install", mine)
    host.change("uninstall", "mine")
    host.overlay("cleanup", "--rollback")
    command("ostree", "refs", f"--repo={host.repo}", "--delete", "overlay/merged")
    (ref,) = memos(host)
    repo, key = Repo.open(host.repo), ref.split("/")[-2]
    (memo,) = known(repo, key)
    removed = Delta(files={}, directories={}, removed=frozenset({"usr"}))
    with repo.transaction():
        forged = draft(repo, key=key, label="x", reads=memo.reads, delta=removed, output="")
        assert commit(repo, forged) == memo.ref
    taken(ran)
    assert host.change("install", mine) == first
    assert len(taken(ran)) == 2
    host.fsck()


def test_a_script_that_really_runs_finds_what_was_recalled(
    host: Host, scratch: Path, ran: list[str]
) -> None:
    body = "cat > /usr/share/joined\nchmod 600 /usr/share/joined"
    script = transaction_trigger("/usr/share/parts", body).replace("-P 1", "-P 2")
    mine = package(scratch, "mine", {"/usr/share/parts/x": b"x"}, script)
    first = host.change("install", mine)
    host.change("uninstall", "mine")
    body = "stat -c %a /usr/share/joined > /usr/share/mode\necho more >> /usr/share/joined"
    script = transaction_trigger("/usr/share/late", body)
    late = package(scratch, "late", {"/usr/share/late/x": b""}, script)
    taken(ran)
    host.change("install", mine, late)
    assert taken(ran) == ["%transfiletriggerin(late-1-1.noarch)", CHECK]
    assert (host.checkout() / "usr/share/mode").read_text() == "600\n"
    assert (host.checkout() / "usr/share/joined").read_text() == "/usr/share/parts/x\nmore\n"
    assert host.change("uninstall", "late") == first
    host.fsck()


def test_a_run_that_is_killed_leaves_no_half_of_a_result(
    host: Host, scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = package(scratch, "libmine", {"/usr/lib64/libmine.so.1": b"mine"})
    child = os.fork()
    if not child:
        from layering import memos as module

        def die(*_: object) -> str:
            os.kill(os.getpid(), 9)
            return ""

        monkeypatch.setattr(module, "commit", die)
        host.overlay("install", library)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -9
    assert memos(host) == []
    host.fsck()
    host.overlay("cleanup")
    untouched(host)
    host.change("install", library)
    assert len(memos(host)) == 1


def test_results_that_nobody_used_for_long_are_forgotten(host: Host, scratch: Path) -> None:
    host.change("install", package(scratch, "one", {"/usr/lib64/libone.so": b"1"}))
    (old,) = memos(host)
    path = host.repo / "refs/heads" / old
    long_ago = time.time() - 31 * 24 * 3600
    os.utime(path, (long_ago, long_ago))
    host.change("install", package(scratch, "two", {"/usr/lib64/libtwo.so": b"2"}))
    assert len(memos(host)) == 2
    ended = host.overlay("cleanup", "--base")
    assert "forgot 1 result of scripts" in ended.stderr.splitlines()
    assert old not in memos(host)
    assert len(memos(host)) == 1
    host.fsck()
