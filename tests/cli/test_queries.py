# SPDX-License-Identifier: LGPL-2.1-or-later
"""`list`, `info`, `search` and `provides`: what a person is told of packages, and by whom."""

import fcntl
import json
import subprocess
from pathlib import Path

import pytest

from layering.cli import main
from tests.cli.conftest import Ended, Host
from tests.sysroots import STATEROOT, run

pytestmark = pytest.mark.root

PACKAGE_KEYS = {
    *("nevra", "name", "epoch", "version", "release", "arch", "place", "repository", "reason"),
    *("requested_by", "summary", "description", "url", "license", "vendor", "source"),
    *("download_size", "install_size", "build_time"),
}


def ask(host: Host, verb: str, *words: str) -> Ended:
    return host.overlay(verb, f"--repofrompath=tests,{host.repository}", *words)


def asked(host: Host, verb: str, *words: str) -> dict[str, list[dict[str, object]]]:
    ended = ask(host, verb, "--json", *words)
    assert ended.status == 0, ended.err
    found: dict[str, list[dict[str, object]]] = json.loads(ended.out)
    return found


def test_a_list_says_what_is_the_bases_what_is_layered_and_for_whom(host: Host) -> None:
    host.change("install", "app", "setup")
    assert ask(host, "list").out == (
        "In the tree:\n"
        "  app    1-1  noarch  layer from tests, requested\n"
        "  base   1-1  noarch  base\n"
        "  extra  1-1  noarch  layer from tests, for app\n"
        "  lib    1-1  noarch  layer from tests, for app\n"
        "  setup  1-1  noarch  base, requested as setup\n"
        "Available:\n"
        "  base  2-1  noarch  tests\n"
        "  tool  1-1  noarch  tests\n"
    )


@pytest.mark.parametrize(
    ("scope", "names"),
    [
        ("--installed", "app base extra lib setup"),
        ("--base", "base setup"),
        ("--layered", "app extra lib"),
        ("--available", "app base extra lib tool"),
    ],
)
def test_a_list_can_be_of_one_kind(host: Host, scope: str, names: str) -> None:
    host.change("install", "app")
    found = asked(host, "list", scope)["packages"]
    assert " ".join(str(package["name"]) for package in found) == names


def test_the_packages_of_a_tree_are_those_that_rpm_lists(host: Host) -> None:
    host.change("install", "app")
    for revision in ("0", "1", host.sysroot.commit):
        number = 0 if revision == "0" else 1
        (checkout,) = [
            host.path / f"ostree/deploy/{STATEROOT}/deploy/{each['checksum']}.0/usr/share/rpm"
            for each in json.loads(host.overlay("--json", "status").out)["deployments"]
            if each["index"] == number
        ]
        copy = host.path.with_name(f"rpmdb-{revision}")
        subprocess.run(["cp", "-a", str(checkout), str(copy)], check=True)
        theirs = run("rpm", "--dbpath", str(copy), "-qa", "--qf", "%{nevra}\n").split()
        found = asked(host, "list", "--installed", "--rev", revision)["packages"]
        assert [package["nevra"] for package in found] == sorted(theirs)


def test_information_is_of_the_package_and_of_its_place(host: Host) -> None:
    host.change("install", "app", "setup")
    digits = run("stat", "-c%s", str(host.repository / "tool-1-1.noarch.rpm")).strip()
    lines = ask(host, "info", "tool", "lib", "setup").out.splitlines()
    assert lines[:9] == [
        "Name:         lib",
        "Version:      1-1",
        "Architecture: noarch",
        "In the tree:  as a layer",
        "Repository:   tests",
        "Needed for:   app",
        "Size:         3 B installed",
        "Source:       lib-1-1.src.rpm",
        "Built:        2023-11-14",
    ]
    assert "Requested:    as setup: the base has it" in lines
    assert f"Download:     {int(digits) / 1024:.1f} KiB" in lines
    assert lines[-1] == "Description:  The test package tool."


def test_a_search_shows_the_best_first_and_where_it_found_the_words(host: Host) -> None:
    assert ask(host, "search", "--all", "tool", "base").out == (
        "Found in name (exact), description:\n"
        "  base.noarch  base  test package\n"
        "  tool.noarch        test package\n"
    )


def test_providers_are_told_with_what_they_provide(host: Host) -> None:
    assert ask(host, "provides", "spanner", "/usr/bin/base").out == (
        "tool-1-1.noarch (tests): test package\n"
        "  spanner\n"
        "base-1-1.noarch (base): test package\n"
        "  /usr/bin/base\n"
        "base-2-1.noarch (tests): test package\n"
        "  /usr/bin/base\n"
    )


@pytest.mark.parametrize(
    ("words", "keys", "more"),
    [
        (("list", "tool"), {"unmatched"}, set()),
        (("info", "tool"), {"unmatched"}, set()),
        (("search", "tool"), set(), {"fields"}),
        (("provides", "tool"), {"unmatched"}, {"asked", "capabilities", "paths"}),
    ],
)
def test_documents_have_every_key(
    host: Host, words: tuple[str, ...], keys: set[str], more: set[str]
) -> None:
    document = asked(host, *words)
    every = {"version", "checksum", "base_checksum", "repositories", "packages"}
    assert document.keys() == every | keys
    (package,) = document["packages"]
    assert package.keys() == PACKAGE_KEYS | more
    repositories: object = document["repositories"]
    assert repositories == ["tests"]
    assert (package["nevra"], package["place"]) == ("tool-1-1.noarch", "repository")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ("list", "toll"),
            "error: no package matches 'toll': version 1 ({commit}), repository tests\n"
            "hint: names like 'toll': tool\n",
        ),
        (
            ("list", "--base", "tool", "app"),
            "error: no package matches 'tool', 'app': version 1 ({commit})\n",
        ),
        (
            ("info", "qqqqq*"),
            "error: no package matches 'qqqqq*': version 1 ({commit}), repository tests\n",
        ),
        (
            ("search", "spanner", "tool"),
            "error: no package matches 'spanner', 'tool': version 1 ({commit}), repository tests\n"
            "hint: names like 'tool': tool\n"
            "hint: --all looks in descriptions, too, and is content with one word\n",
        ),
        (
            ("provides", "/nowhere"),
            "error: no package matches '/nowhere': version 1 ({commit}), repository tests\n",
        ),
    ],
)
def test_nothing_that_matches_is_an_error_with_names_that_are_near(
    host: Host, words: tuple[str, ...], message: str
) -> None:
    ended = ask(host, *words)
    assert (ended.status, ended.out) == (1, "")
    assert ended.err == message.format(commit=host.sysroot.commit[:12])
    as_json = ask(host, words[0], "--json", *words[1:])
    assert (as_json.status, json.loads(as_json.out)["packages"]) == (1, [])


def test_of_several_words_those_without_a_match_are_named(host: Host) -> None:
    ended = ask(host, "list", "tool", "nothing")
    assert (ended.status, ended.err) == (0, "No match for 1 word: 'nothing'\n")
    assert "tool" in ended.out


def test_an_empty_list_is_no_error(host: Host) -> None:
    ended = ask(host, "list", "--layered")
    assert (ended.status, ended.out) == (0, "")
    assert ended.err == f"No layered package: version 1 ({host.sysroot.commit[:12]})\n"


def test_questions_need_neither_root_nor_the_lock_nor_a_place_to_write(host: Host) -> None:
    import solver.queries  # noqa: F401  what a child without root could not import

    host.change("install", "app")  # fills the host's cache
    lock = host.path / "ostree/lock"
    lock.touch()
    before = sorted(str(path) for path in host.path.rglob("*"))
    options = (f"--repofrompath=tests,{host.repository}", "-C")
    with lock.open("r+b") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        ended = host.as_nobody("list", "--layered", "app")
        assert (ended.status, ended.out, ended.err) == (
            0,
            "In the tree:\n  app  1-1  noarch  layer from tests, requested\n",
            "",
        )
        ended = host.as_nobody("provides", *options, "spanner")
    assert ended.out == "tool-1-1.noarch (tests): test package\n  spanner\n", ended.err
    assert sorted(str(path) for path in host.path.rglob("*")) == before


def test_without_a_cache_only_the_tree_can_be_asked(host: Host) -> None:
    ended = ask(host, "list", "-C", "tool")
    assert ended.status == 1
    assert ended.err == (
        f"error: cannot load repository 'tests' from file://{host.repository}: "
        "its metadata is not in the cache\n"
        "hint: leave out --cache-only (-C) to fetch it\n"
    )
    assert ask(host, "list", "-C", "--installed", "base").status == 0


def test_a_revision_that_is_none_is_said(host: Host) -> None:
    ended = ask(host, "list", "--rev", "nothing")
    assert ended.err == f"error: no such commit: nothing in repository {host.sysroot.repo}\n"


@pytest.mark.parametrize("verb", ["list", "info", "search", "provides"])
def test_an_empty_word_is_a_usage_error(
    verb: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert main([f"--sysroot={tmp_path}", verb, " "]) == 2
    assert "it is empty" in capsys.readouterr().err
