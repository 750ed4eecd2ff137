# SPDX-License-Identifier: LGPL-2.1-or-later
"""Lines of sysusers.d in what packages provide; rpm's own answer is its tag SYSUSERS."""

import base64
import subprocess
from pathlib import Path

import pytest

from layering.layerscripts import scripts_of
from layering.providedaccounts import LINE_MAX, BadAccountError, account_lines
from tests.layering.test_layerscripts import LAYOUT, layer
from tests.rpms import Spec

EQUAL = 8
ONE = "one-1-1.noarch"
FULL = 'u full 333:444 "A full line" /var/lib/full /bin/sh'
LOCKED = 'u! locked - "No way in"'


def version(line: str | bytes, *, padded: bool = True) -> str:
    """Returns a line as rpmbuild writes it, without the signs of equality that no version has."""
    data = line.encode() if isinstance(line, str) else line
    return base64.b64encode(data + b"\0" * (-len(data) % 3) if padded else data).decode()


def lines(name: str, text: str, flags: int = EQUAL) -> tuple[str, ...]:
    return account_lines(ONE, [(name, flags, text)])


def test_what_rpm_takes_for_an_account_is_one(tmp_path: Path) -> None:
    provides = [
        f"user(plain) = {version('u plain -')}",
        f"user(full) = {version(FULL)}",
        f"user(locked) = {version(LOCKED)}",
        f"group(staff) = {version('g staff 555')}",
        f"groupmember(plain/staff) = {version('m plain staff')}",
        f"user(unlike) = {version('u another -')}",
        f"users(one) = {version('u plural -')}",
        f"user(less) >= {version('u less -')}",
        "user(numbered) = 1.0-1",
        "user(short) = abcde",
        "group(plain)",
        "user() = AAAA",
    ]
    spec = Spec(provides=provides)
    found = scripts_of(layer(tmp_path, ONE, spec), LAYOUT).accounts
    rpm = tmp_path / "one-1-1.noarch.rpm"
    query = ["rpm", "-qp", "--nosignature", "--qf", "[%{SYSUSERS}\n]", str(rpm)]
    told = subprocess.run(query, check=True, capture_output=True, text=True).stdout
    assert sorted(found) == sorted(line for line in told.splitlines() if line)
    assert len(found) >= 6


def test_the_macro_of_rpm_writes_such_lines(tmp_path: Path) -> None:
    tags = "%add_sysuser u mine - 'Of mine' /var/lib/mine\n%add_sysuser g ours 77"
    path = layer(tmp_path, ONE, Spec(tags=tags))
    assert sorted(scripts_of(path, LAYOUT).accounts) == [
        "g ours 77",
        "u mine - 'Of mine' /var/lib/mine",
    ]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("u zz -\nu root2 0", "more than one line"),
        ("u zz -\ru root2 0", "more than one line"),
        ("u zz - \x1b[2J", "more than one line"),
        (b"u z\xff -", "not UTF-8"),
        ("r - 300-900", "not of type u, g or m with a name"),
        ("u", "not of type u, g or m with a name"),
        ("zz u", "not of type u, g or m with a name"),
        ("u zz - " + "x" * LINE_MAX, f"longer than {LINE_MAX} bytes"),
    ],
)
def test_a_line_that_makes_no_account_or_more_than_one_is_an_error(
    line: str | bytes, why: str
) -> None:
    with pytest.raises(BadAccountError) as raised:
        lines("user(zz)", version(line))
    assert str(raised.value) == f"no line of sysusers.d, {why}: user(zz) provided by {ONE}"


def test_a_name_with_control_characters_is_escaped() -> None:
    with pytest.raises(BadAccountError, match=r": user\(\\x1b\[2J\) provided by one-1-1.noarch$"):
        lines("user(\x1b[2J)", version("r - 1-2"))


@pytest.mark.parametrize("text", ["", "1.0", "dSB6eiAt!", "dSB6e", "\udcff" * 4])
def test_a_version_that_is_not_base64_is_just_a_version(text: str) -> None:
    assert lines("user(zz)", text) == ()


@pytest.mark.parametrize("text", ["", "\0u zz -", "# u zz -", "   "])
def test_a_line_that_systemd_passes_over_is_none(text: str) -> None:
    assert lines("user(zz)", version(text)) == ()


def test_padding_counts_for_nothing() -> None:
    unpadded = version("u zz 5", padded=False)
    assert lines("user(zz)", unpadded) == ("u zz 5",)
    assert lines("user(zz)", version("u zzz 5", padded=False)) == ("u zzz 5",)
    assert lines("group(zz)", version("g zz -"), flags=0) == ()
