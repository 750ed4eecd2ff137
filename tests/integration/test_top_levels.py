# SPDX-License-Identifier: LGPL-2.1-or-later
"""Beside /usr: a top-level directory that the host allows is the tree's own, as /usr is."""

from pathlib import Path

import pytest

from tests.integration.hosts import Host
from tests.rpms import File, Spec, build_rpm

pytestmark = [pytest.mark.world, pytest.mark.root, pytest.mark.bwrap]


@pytest.fixture
def allowing(host: Host) -> Host:
    """A host that lets packages fill /nix."""
    settings = host.checkout() / "etc/overlay/overlay.toml"
    settings.parent.mkdir(exist_ok=True)
    settings.write_text('[packages]\nallow-top-level = ["nix"]\n', encoding="utf-8")
    return host


def test_owners_modes_and_scripts_hold_there(allowing: Host, scratch: Path) -> None:
    files = {
        "/nix/store/suid": File(content=b"x", mode=0o4755, user="daemon"),
        "/nix/state": File(mode=0o750, user="daemon", group="daemon", directory=True),
    }
    seen = "%post\nls /nix/store >/nix/store/seen\nchmod 0700 /nix/store/seen\n"
    rpm = build_rpm(scratch, "nix-1-1.noarch", Spec(files=files, sections=seen))
    allowing.change("install", str(rpm))
    nix = allowing.checkout() / "nix"
    ids = (allowing.checkout() / "usr/etc/passwd").read_text()
    daemon = next(int(line.split(":")[2]) for line in ids.splitlines() if "daemon:" in line)
    suid, state = (nix / "store/suid").stat(), (nix / "state").stat()
    assert (suid.st_uid, suid.st_mode) == (daemon, 0o104755)
    assert (state.st_uid, state.st_gid, state.st_mode) == (daemon, daemon, 0o40750)
    # The shell makes the file before it starts ls.
    assert (nix / "store/seen").read_text() == "seen\nsuid\n"
    assert (nix / "store/seen").stat().st_mode == 0o100700
    allowing.fsck()
