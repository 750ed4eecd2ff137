# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a script finds at a path has one token as long as it finds the same."""

import stat
from collections.abc import Mapping
from pathlib import Path

import pytest

from layering.repo import Repo
from layering.sandboxpaths import DoubtError, Shape
from layering.sandboxview import View
from layering.statewatch import Stamp
from tests.layering.test_treestate import state

DIRECTORY = Stamp(mode=stat.S_IFDIR | 0o755, uid=0, gid=0)
FILE = Stamp(mode=stat.S_IFREG | 0o644, uid=0, gid=0)
SHAPE = Shape(links={"bin": "usr/bin", "lib": "usr/lib"}, tops=frozenset({"app"}), etc=True)


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    return Repo.create(tmp_path / "repo", mode="bare-user-only")


def view(repo: Repo, *lines: str, var: Mapping[bytes, Stamp] | None = None) -> View:
    return View(state=state(repo, *lines), shape=SHAPE, var=var or {})


def test_a_file_is_the_same_through_every_link(repo: Repo) -> None:
    seen = view(repo, "f usr/bin/x 0755 text", "l usr/sbin bin", "l usr/lib/y /bin/x")
    token = seen.looked("/usr/bin/x")
    assert token is not None
    assert token.startswith("f ")
    assert seen.looked("/bin/x") == token
    assert seen.looked("/usr/sbin/x") == token
    link = seen.looked("/lib/y")
    assert link is not None
    assert link.startswith("l ")
    assert link.endswith(token)


def test_etc_is_where_the_tree_keeps_it(repo: Repo) -> None:
    seen = view(repo, "f usr/etc/x 0644 text", "l usr/lib/x ../../etc/x")
    assert seen.looked("/etc/x") == seen.looked("/usr/etc/x")
    assert str(seen.looked("/usr/lib/x")).endswith(str(seen.looked("/etc/x")))


@pytest.mark.parametrize(
    ("path", "token"),
    [
        ("/usr/x", "- name"),
        ("/usr/d/x", "- name"),
        ("/usr/x/y", "- directory"),
        ("/usr/to/y", "- directory"),
        ("/usr/f/y", "- way"),
        ("/usr/loop/y", "- end"),
        ("/app/x", "- directory"),
        ("/var/x", "- name"),
        ("/var/x/y", "- directory"),
    ],
)
def test_what_is_not_there_has_a_token_too(repo: Repo, path: str, token: str) -> None:
    seen = view(repo, "f usr/f", "l usr/loop loop", "l usr/to nowhere", "d usr/d")
    assert seen.looked(path) == token
    assert seen.listed(path) == token


@pytest.mark.parametrize("path", ["/proc/self/exe", "/run/x", "/tmp/x", "/dev/null", "/root/.x"])
def test_what_the_sandbox_makes_does_not_count(repo: Repo, path: str) -> None:
    assert view(repo, "f usr/x").looked(path) is None


def test_a_link_that_leads_to_the_sandboxs_own_is_the_link(repo: Repo) -> None:
    token = view(repo, "l usr/etc/mtab ../proc/self/mounts").looked("/etc/mtab")
    assert token is not None
    assert token.startswith("l ")
    assert token.endswith(" elsewhere")


def test_a_changed_mode_is_another_state_of_a_file_and_of_a_directory(repo: Repo) -> None:
    one, other = view(repo, "f usr/d/x 0644 t"), view(repo, "d usr/d 0700", "f usr/d/x 0755 t")
    assert one.looked("/usr/d") != other.looked("/usr/d")
    assert one.looked("/usr/d/x") != other.looked("/usr/d/x")


def test_names_are_listed_with_their_kinds_and_without_their_contents(repo: Repo) -> None:
    listed = view(repo, "f usr/d/a 0644 one", "d usr/d/b").listed("/usr/d")
    assert view(repo, "f usr/d/a 0755 two", "f usr/d/b/c").listed("/usr/d") == listed
    assert view(repo, "l usr/d/a x", "d usr/d/b").listed("/usr/d") != listed
    assert view(repo, "f usr/d/a", "f usr/d/b").listed("/usr/d") != listed
    assert view(repo, "f usr/d/a").listed("/usr/d") != listed
    assert view(repo, "f usr/d").listed("/usr/d") != listed


def test_what_is_absent_below_var_is_a_state_and_so_is_a_directory(repo: Repo) -> None:
    var = {b"cache": DIRECTORY, b"cache/x": DIRECTORY}
    seen = view(repo, "f usr/x", var=var)
    assert seen.looked("/var/lib") == "- name"
    assert seen.looked("/var/cache") == "v 40755 0 0"
    assert seen.listed("/var/cache") != view(repo, "f usr/x", var={b"cache": DIRECTORY}).listed(
        "/var/cache"
    )


def test_a_file_below_var_is_a_doubt(repo: Repo) -> None:
    seen = view(repo, "l usr/x ../var/cache/y", var={b"cache": DIRECTORY, b"cache/y": FILE})
    for path in ("/var/cache/y", "/usr/x"):
        with pytest.raises(DoubtError, match="/var/cache/y"):
            seen.looked(path)


@pytest.mark.parametrize(("name", "target"), [(b"run", b"/run"), (b"lock", b"/run/lock")])
def test_what_is_behind_a_packages_link_to_run_does_not_count(
    repo: Repo, name: bytes, target: bytes
) -> None:
    link = Stamp(mode=stat.S_IFLNK | 0o777, uid=0, gid=0, target=target)
    seen, place = view(repo, "f usr/x", var={name: link}), f"/var/{name.decode()}"
    assert seen.looked(f"{place}/x") is None
    # That it is one does: the sandbox's own leads there in other words.
    assert seen.looked(place) == "v 120777 0 0"


def test_any_other_link_below_var_is_a_doubt(repo: Repo) -> None:
    link = Stamp(mode=stat.S_IFLNK | 0o777, uid=0, gid=0, target=b"/usr")
    with pytest.raises(DoubtError, match="/var/run"):
        view(repo, "f usr/x", var={b"run": link}).looked("/var/run/x")
