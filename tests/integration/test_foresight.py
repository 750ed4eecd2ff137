# SPDX-License-Identifier: LGPL-2.1-or-later
"""What `-n -v` says of scripts is what then runs; the judge is where processes are started."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.integration.hosts import Host, command, untouched
from tests.integration.test_memory import CHECK, package, ran, taken, transaction_trigger

__all__ = ["ran"]

pytestmark = [pytest.mark.world, pytest.mark.root, pytest.mark.bwrap]

LIBRARY = {"/usr/lib64/libmine.so.1": b"mine"}


def foreseen(host: Host, *words: str) -> dict[str, Any]:
    """Returns what a dry run says, as data."""
    ended = host.overlay("--json", *words, "-n", "-v")
    assert ended.status == 0, ended.stderr
    found: dict[str, Any] = json.loads(ended.stdout)["triggers"]
    return found


def labels(found: dict[str, Any], how: str) -> list[str]:
    return [each["label"] for each in found["scripts"] if each["how"] == how]


def shown(host: Host, *words: str) -> list[str]:
    """Returns what a dry run prints of scripts."""
    ended = host.overlay(*words, "-n", "-v")
    assert ended.status == 0, ended.stderr
    lines = ended.stdout.splitlines()
    return lines[next(at for at, line in enumerate(lines) if line.startswith("triggers")) :]


def refs(host: Host) -> list[str]:
    found = command("ostree", "refs", f"--repo={host.repo}", "--list", "overlay").split()
    return [ref for ref in found if not ref.startswith("overlay/layer/")]


def test_a_program_would_run_nothing(host: Host, scratch: Path, ran: list[str]) -> None:
    files = {"/usr/bin/mine": b"#!/bin/sh\n", "/usr/share/man/man1/mine.1": b"mine"}
    assert shown(host, "install", package(scratch, "mine", files)) == ["triggers: none"]
    assert taken(ran) == []


def test_a_library_would_run_ldconfig_and_the_path_says_why(
    host: Host, scratch: Path, ran: list[str]
) -> None:
    lines = shown(host, "install", package(scratch, "libmine", LIBRARY))
    assert lines[:2] == [
        "triggers and scriptlets: 1 run, 1 skipped",
        "  run          ldconfig: changed: /usr/lib64/libmine.so.1",
    ]
    assert taken(ran) == []


def test_a_dry_run_imports_and_leaves_nothing_else(host: Host, scratch: Path) -> None:
    foreseen(host, "install", package(scratch, "libmine", LIBRARY))
    untouched(host)
    assert refs(host) == []
    assert host.leftovers() == []
    host.fsck()


def test_what_is_remembered_is_said_to_be_and_is(host: Host, scratch: Path, ran: list[str]) -> None:
    script = transaction_trigger("/usr/share/parts", "cat > /usr/share/joined")
    words = [
        package(scratch, "libmine", LIBRARY),
        package(scratch, "mine", {"/usr/share/parts/x": b"x"}, script),
    ]
    host.change("install", *words)
    host.change("uninstall", "libmine", "mine")
    words.append(package(scratch, "third", {"/usr/share/third": b"", "/usr/etc/third": b""}))
    taken(ran)
    found = foreseen(host, "install", *words)
    host.change("install", *words)
    assert labels(found, "runs") == taken(ran) == []
    assert labels(found, "remembered") == ["ldconfig", "%transfiletriggerin(mine-1-1.noarch)"]


def test_what_reads_a_recalled_result_is_known_too(
    host: Host, scratch: Path, ran: list[str]
) -> None:
    first = transaction_trigger("/usr/share/parts", "cat > /usr/share/joined").replace("1", "2", 1)
    then = transaction_trigger("/usr/share/late", "cat /usr/share/joined > /usr/share/again")
    words = [
        package(scratch, "mine", {"/usr/share/parts/x": b"x"}, first),
        package(scratch, "late", {"/usr/share/late/x": b"x"}, then),
    ]
    host.change("install", *words)
    host.change("uninstall", "mine", "late")
    words.append(package(scratch, "third", {"/usr/share/third": b""}))
    taken(ran)
    found = foreseen(host, "install", *words)
    host.change("install", *words)
    assert labels(found, "runs") == taken(ran) == []
    assert len(labels(found, "remembered")) == 2


def test_scriptlets_run_and_triggers_after_them_are_known(
    host: Host, scratch: Path, ran: list[str]
) -> None:
    library = package(scratch, "libmine", LIBRARY)
    host.change("install", library)
    host.change("uninstall", "libmine")
    scripted = package(scratch, "mine", {"/usr/share/mine": b""}, "%post\necho x > /usr/share/y\n")
    taken(ran)
    found = foreseen(host, "install", library, scripted)
    host.change("install", library, scripted)
    assert [*labels(found, "runs"), CHECK] == taken(ran) == ["%post(mine-1-1.noarch)", CHECK]
    assert labels(found, "remembered") == ["ldconfig"]
    assert [each["after_another"] for each in found["scripts"]][:2] == [False, True]
    host.change("uninstall", "--all")
    lines = shown(host, "install", scripted, library, "--no-memo")
    after = "After the first that runs this holds unless it changes what later ones read."
    assert lines[-1] == f"  {after}"


def test_users_that_are_made_are_said(host: Host, scratch: Path, ran: list[str]) -> None:
    files = {"/usr/lib/sysusers.d/mine.conf": b"u mine - 'Mine'\n", **LIBRARY}
    mine = package(scratch, "mine", files)
    found = foreseen(host, "install", mine)
    host.change("install", mine)
    assert [*labels(found, "runs"), CHECK] == taken(ran)
    assert labels(found, "runs") == ["systemd-sysusers", "ldconfig"]


def test_a_tree_that_was_made_before_runs_nothing(
    host: Host, scratch: Path, ran: list[str]
) -> None:
    library = package(scratch, "libmine", LIBRARY)
    host.change("install", library)
    host.change("uninstall", "libmine")
    taken(ran)
    line = "triggers: none, this very tree was made before"
    assert shown(host, "install", library) == [line]
    assert labels(foreseen(host, "install", library, "--no-memo"), "runs") == ["ldconfig"]
    host.change("install", library)
    assert taken(ran) == []
    assert shown(host, "uninstall", "libmine") == ["triggers: none"]


def test_who_may_not_import_is_told_so_in_a_line(
    host: Host, scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = package(scratch, "libmine", LIBRARY)
    monkeypatch.setattr("layering.cli.changing.may_import", lambda: False)
    line = "triggers: not known, only root can tell: packages are imported for it"
    assert shown(host, "install", library) == [line]
    assert not command("ostree", "refs", f"--repo={host.repo}", "--list", "overlay")


def test_without_v_a_dry_run_imports_nothing(host: Host, scratch: Path) -> None:
    ended = host.overlay("install", "-n", package(scratch, "libmine", LIBRARY))
    assert ended.status == 0
    assert "triggers" not in ended.stdout
    assert not command("ostree", "refs", f"--repo={host.repo}", "--list", "overlay")
