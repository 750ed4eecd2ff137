# SPDX-License-Identifier: LGPL-2.1-or-later
"""Top-level directories that a host allows its packages, first not, then so, and then not again."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.cli.conftest import Host, binary
from tests.rpms import File, Spec, build_rpm
from tests.sysroots import STATEROOT, run

pytestmark = pytest.mark.root

REFUSED = (
    "error: no place in an image-based tree: /nix/store/file of nix-1-1.noarch\n"
    'hint: allow-top-level = ["nix"] below [packages] in /etc/overlay/overlay.toml allows it\n'
)


def pending(host: Host) -> str:
    words = host.sysroot.status().splitlines()[0].split()
    return words[-2 if words[-1].startswith("(") else -1]


def tree(host: Host) -> str:
    """The commit that boots next, as the ostree command line tells it."""
    return pending(host).partition(".")[0]


def allow(host: Host, *names: str) -> None:
    """Says so in the /etc that the next tree begins with."""
    at = host.path / f"ostree/deploy/{STATEROOT}/deploy/{pending(host)}"
    settings = at / "etc/overlay/overlay.toml"
    settings.parent.mkdir(exist_ok=True)
    quoted = ", ".join(f'"{name}"' for name in names)
    settings.write_text(f"[packages]\nallow-top-level = [{quoted}]\n")


def layers(host: Host) -> Sequence[str]:
    refs = run("ostree", "refs", f"--repo={host.sysroot.repo}").split()
    return sorted(ref for ref in refs if ref.startswith("overlay/layer/"))


@pytest.fixture
def mine(tmp_path: Path) -> str:
    return str(build_rpm(tmp_path, "mine-1-1.noarch", Spec(files=binary("mine"))))


@pytest.fixture
def nix(tmp_path: Path) -> str:
    spec = Spec(files={"/nix/store/file": File(content=b"nix"), **binary("nix")})
    return str(build_rpm(tmp_path, "nix-1-1.noarch", spec))


@pytest.mark.parametrize("names", [("nix",), ("afs", "nix")])
def test_what_came_as_a_file_stays_when_a_directory_is_allowed(
    host: Host, mine: str, names: Sequence[str]
) -> None:
    assert host.overlay("-q", "install", mine).status == 0
    before = layers(host)
    allow(host, *names)
    ended = host.change("install", "tool")
    assert (ended.status, len(layers(host))) == (0, len(before) + 1)
    assert set(before) < set(layers(host))
    allow(host)
    assert host.overlay("-q", "uninstall", "tool").status == 0
    assert "mine-1-1.noarch" in host.overlay("status").out


def test_a_tree_is_the_same_whatever_its_packages_do_not_need(host: Host, mine: str) -> None:
    assert host.overlay("-q", "install", mine).status == 0
    first = tree(host)
    allow(host, "nix")
    assert host.change("install", "tool").status == 0
    assert host.overlay("-q", "uninstall", "tool").status == 0
    assert tree(host) == first


def test_what_is_not_allowed_any_more_is_refused_as_it_was_at_first(host: Host, nix: str) -> None:
    assert host.overlay("-q", "install", nix).err == REFUSED
    allow(host, "nix")
    assert host.overlay("-q", "install", nix).status == 0
    assert host.change("install", "tool").status == 0
    allow(host, "afs")
    for words in (["install", "app"], ["uninstall", "tool"], ["install", "--dry-run", "app"]):
        assert (host.change(*words).err.splitlines()[-2:]) == REFUSED.splitlines()
    assert host.overlay("-q", "uninstall", "nix").status == 0
    assert host.change("install", "app").status == 0
    assert host.overlay("-q", "install", nix).err == REFUSED


def test_what_is_allowed_again_needs_no_file(host: Host, nix: str) -> None:
    allow(host, "nix")
    assert host.overlay("-q", "install", nix).status == 0
    allow(host)
    assert host.change("install", "tool").err.endswith(REFUSED)
    Path(nix).unlink()
    allow(host, "nix", "afs")
    assert host.change("install", "tool").status == 0
