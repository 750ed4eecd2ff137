# SPDX-License-Identifier: LGPL-2.1-or-later
"""Packages that bring what others have: as a person meets them, and what rpm says afterwards."""

import shutil
from pathlib import Path

import pytest

from tests.integration.conftest import MakeHost
from tests.integration.hosts import Ended, Host, command, untouched
from tests.layering.rpmjudge import elf
from tests.rpms import File, Spec, build_rpm

pytestmark = [pytest.mark.world, pytest.mark.root, pytest.mark.bwrap]

KEPT = "/usr/share/victims/kept"  # of the base's package world-victims
HINT = "hint: --force-replacefiles lets mine's files replace those of others\n"


def rpm(directory: Path, nevra: str, **files: File) -> str:
    """Builds a package; "__" in a name is a slash."""
    paths = {f"/{name.replace('__', '/')}": file for name, file in files.items()}
    return str(build_rpm(directory, nevra, Spec(files=paths)))


def test_force_replaces_the_bases_file_until_the_package_goes(
    make_host: MakeHost, scratch: Path
) -> None:
    host = make_host()
    mine = rpm(scratch, "mine-1-1.noarch", usr__share__victims__kept=File(content=b"mine"))
    before = (host.checkout() / KEPT[1:]).read_bytes()
    assert host.overlay("-q", "install", mine) == Ended(
        status=1,
        stdout="",
        stderr=f"error: content differs: {KEPT} of world-victims-1-1.noarch "
        f"and of mine-1-1.noarch\n{HINT}",
    )
    untouched(host)
    forced = host.change("install", "--force-replacefiles", mine)
    assert (host.checkout() / KEPT[1:]).read_bytes() == b"mine"
    states = states_of(host, "world-victims") | states_of(host, "mine")
    assert states[f"world-victims {KEPT}"] == "replaced"
    assert states[f"mine {KEPT}"] == "normal"
    # Leave to replace goes on with the package, and with it alone.
    tree = host.change("install", "tree")
    assert (host.checkout() / KEPT[1:]).read_bytes() == b"mine"
    assert host.change("uninstall", "tree") == forced != tree
    host.change("uninstall", "mine")
    assert (host.checkout() / KEPT[1:]).read_bytes() == before
    assert set(states_of(host, "world-victims").values()) == {"normal"}
    host.fsck()


def states_of(host: Host, package: str) -> dict[str, str]:
    """The states of a package's files, as the deployed tree's rpmdb has them."""
    copy = host.path.with_name(f"{host.path.name}.rpmdb")
    shutil.copytree(host.checkout() / "usr/share/rpm", copy)
    form = "[%{=NAME} %{FILENAMES}|%{FILESTATES:fstate}\n]"
    found = command("rpm", "-q", f"--dbpath={copy}", f"--qf={form}", package)
    shutil.rmtree(copy)
    return dict(line.split("|") for line in found.splitlines())


def test_the_64_bit_program_stands_in_whatever_order_they_come(
    make_host: MakeHost, scratch: Path
) -> None:
    wide = File(content=elf(64, b"x"), mode=0o755)
    narrow = File(content=elf(32, b"x"), mode=0o755)
    shared = File(content=b"the same")
    rpms = [
        rpm(scratch, "both-1-1.x86_64", usr__bin__both=wide, usr__share__both=shared),
        rpm(scratch, "both32-1-1.x86_64", usr__bin__both=narrow, usr__share__both=shared),
    ]
    hosts = [make_host() for _ in range(2)]
    hosts[0].change("install", *rpms)
    hosts[1].change("install", rpms[1])
    assert (hosts[1].checkout() / "usr/bin/both").read_bytes() == narrow.content
    hosts[1].change("install", rpms[0])
    assert (hosts[0].checkout() / "usr/bin/both").read_bytes() == wide.content
    assert states_of(hosts[0], "both32") == {
        "both32 /usr/bin/both": "wrong color",
        "both32 /usr/share/both": "normal",
    }
    assert (hosts[0].checkout() / "usr").is_dir()
    for name in ("usr/bin/both", "usr/share/both", "usr/share/rpm/rpmdb.sqlite"):
        one, other = ((host.checkout() / name).read_bytes() for host in hosts)
        assert one == other, name
    hosts[0].change("uninstall", "both")
    assert (hosts[0].checkout() / "usr/bin/both").read_bytes() == narrow.content


def test_no_layer_writes_through_a_link_that_another_one_planted(host: Host, scratch: Path) -> None:
    outside = scratch / "outside"
    outside.mkdir()
    target = str(outside)
    link = rpm(scratch, "link-1-1.noarch", usr__share__planted=File(link=target))
    through = rpm(scratch, "through-1-1.noarch", usr__share__planted__x=File(content=b"x"))
    message = "type differs: /usr/share/planted of link-1-1.noarch and of through-1-1.noarch"
    only_files = "hint: --force-replacefiles is for files only: it exchanges none for a directory\n"
    for words, hint in (
        ((link, through), ""),
        (("--force-replacefiles", through, link), only_files),
    ):
        ended = host.overlay("-q", "install", *words)
        assert ended == Ended(status=1, stdout="", stderr=f"error: {message}\n{hint}")
    host.change("install", link)
    ended = host.overlay("-q", "install", through)
    assert ended == Ended(status=1, stdout="", stderr=f"error: {message}\n")
    assert list(outside.iterdir()) == []
    host.fsck()
