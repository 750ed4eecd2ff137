# SPDX-License-Identifier: LGPL-2.1-or-later
"""File capabilities as libcap's own setcap writes them."""

import os
import subprocess
from pathlib import Path

import pytest

from layering.capabilities import capability_xattr
from layering.package_errors import FormatError

TEXTS = [
    "cap_net_raw=ep",
    "cap_net_raw+ep",
    "= cap_net_raw+ep",
    "cap_net_admin,cap_net_raw=ep",
    "cap_chown=p",
    "cap_chown=i",
    "cap_chown=eip",
    "cap_chown=p cap_fowner+p",
    "cap_chown,cap_fowner=ep cap_fowner-ep",
    "cap_setuid=ip cap_setuid-i",
    "CAP_NET_RAW=ep",
    "cap_checkpoint_restore,cap_chown=ep",
    "cap_bpf,cap_perfmon=p",
    "13,63=ep",
    "=p cap_sys_admin-p",
    "=",
]
WRONG = [
    "cap_net_raw",
    "cap_no_such=ep",
    "cap_net_raw=xyz",
    "cap_net_raw=EP",
    "=ep=",
    "+ep",
    "cap_chown+",
    "cap_chown,=p",
    "99=ep",
    "cap_net_raw=p cap_chown=ep",
]


@pytest.mark.root
@pytest.mark.parametrize("text", TEXTS)
def test_the_attribute_is_what_setcap_writes(scratch: Path, text: str) -> None:
    file = scratch / "x"
    file.touch()
    subprocess.run(["setcap", text, str(file)], check=True)
    assert capability_xattr(text) == os.getxattr(file, "security.capability")


@pytest.mark.root
@pytest.mark.parametrize("text", TEXTS)
def test_getcap_says_what_the_text_said(scratch: Path, text: str) -> None:
    ours, theirs = scratch / "ours", scratch / "theirs"
    ours.touch()
    theirs.touch()
    os.setxattr(ours, "security.capability", capability_xattr(text))
    subprocess.run(["setcap", text, str(theirs)], check=True)
    said = subprocess.run(["getcap", str(ours), str(theirs)], capture_output=True, text=True)
    lines = [line.partition(" ")[2] for line in said.stdout.splitlines()]
    assert lines[:1] == lines[1:]


def test_one_capability_by_its_bits() -> None:
    # CAP_NET_RAW is 13: revision 2, effective; permitted 1 << 13 in the low word.
    assert capability_xattr("cap_net_raw=ep").hex() == "0100000200200000000000000000000000000000"


@pytest.mark.parametrize("text", WRONG)
def test_a_text_that_means_nothing_is_refused(text: str) -> None:
    with pytest.raises(FormatError, match="capabilities"):
        capability_xattr(text)


@pytest.mark.root
@pytest.mark.parametrize("text", WRONG)
def test_what_is_refused_setcap_refuses_as_well(scratch: Path, text: str) -> None:
    file = scratch / "x"
    file.touch()
    assert subprocess.run(["setcap", text, str(file)], capture_output=True).returncode
