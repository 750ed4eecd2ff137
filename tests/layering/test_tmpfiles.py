# SPDX-License-Identifier: LGPL-2.1-or-later
"""Lines of tmpfiles.d as text, and as systemd-tmpfiles obeys them where there is one."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from layering.tmpfiles import (
    directory_line,
    factory_line,
    link_line,
    made_paths,
    render,
    without,
)


def test_lines_say_mode_and_owner() -> None:
    assert (
        directory_line(b"/var/lib/x", 0o42750, "jane", "mail") == "d /var/lib/x 2750 jane mail - -"
    )
    assert (
        factory_line(b"/var/lib/y", 0o100640, "root", "mail") == "C /var/lib/y 0640 root mail - -"
    )
    assert link_line(b"/opt/x", b"../../usr/lib/opt/x") == "L /opt/x - - - - ../../usr/lib/opt/x"
    assert link_line(b"/var/x", b"y", "jane", "mail") == "L /var/x - jane mail - y"


NAMES = [
    (b"two words", r'"/var/two words"', r"two\x20words"),
    (b"it's", '"/var/it\'s"', "it's"),
    (b'a "b"', r'"/var/a \"b\""', r'a\x20"b"'),
    (b"back\\slash", r'"/var/back\\slash"', r"back\x5cslash"),
    (b"\\x41", r'"/var/\\x41"', r"\x5cx41"),
    (b"new\nline", r'"/var/new\x0aline"', r"new\x0aline"),
    (b"100%b", "/var/100%%b", "100%%b"),
    (b"\xff", "/var/\udcff", r"\xff"),
    ("ü".encode(), "/var/ü", "ü"),
    (b"-", "/var/-", r"\x2d"),
    (b"#x", "/var/#x", "#x"),
    (b"*?[a]", "/var/*?[a]", "*?[a]"),
]


@pytest.mark.parametrize("row", NAMES, ids=lambda row: repr(row[0]))
def test_what_systemd_would_read_in_a_name_is_escaped(row: tuple[bytes, str, str]) -> None:
    name, path, argument = row
    assert directory_line(b"/var/" + name, 0o755, "root", "root") == f"d {path} 0755 root root - -"
    assert link_line(b"/var/l", name) == f"L /var/l - - - - {argument}"


def test_a_user_with_a_strange_name_is_escaped_too() -> None:
    assert directory_line(b"/var/x", 0o755, "a b", "c%d") == 'd /var/x 0755 "a b" c%%d - -'


def test_the_file_is_sorted_and_has_each_line_once() -> None:
    lines = ["d /var/b 0755 root root - -", "L /var/a - - - - x", "d /var/b 0755 root root - -"]
    assert render(lines, "pkg") == (
        b"# The files of pkg outside of /usr and /etc\n"
        b"L /var/a - - - - x\n"
        b"d /var/b 0755 root root - -\n"
    )
    assert render(reversed(lines), "pkg") == render(lines, "pkg")


def test_bytes_that_are_not_utf8_reach_the_file() -> None:
    line = directory_line(b"/var/\xff", 0o755, "root", "root")
    assert b"d /var/\xff 0755" in render([line], "pkg")


TREES_OWN = b"""\
# of the tree
d /var/lib 0755
q /var/tmp 1777 root root 30d
d "/var/two words" - - -
d /var/run/x 0755 root root
L+ /var/hundred%%percent - - - - x
d /run/user/%U 0755
z /var/only-adjusted 0755
d! /var/at\\x20boot 0755

"""


def test_paths_are_read_from_lines_of_others() -> None:
    assert made_paths(TREES_OWN) == {
        b"/var/lib",
        b"/var/tmp",
        b"/var/two words",
        b"/run/x",
        b"/var/hundred%percent",
        b"/var/at boot",
    }


def test_what_the_tree_makes_itself_is_left_to_it() -> None:
    made = made_paths(TREES_OWN)
    paths = [b"/var/tmp", b"/var/two words", b"/run/x", b"/var/mine", b"/var/hundred%percent"]
    ours = render([directory_line(path, 0o755, "root", "root") for path in paths], "pkg")
    assert without(ours, made) == render(
        [directory_line(b"/var/mine", 0o755, "root", "root")], "pkg"
    )
    assert without(ours, made | {b"/var/mine"}) == b""


@pytest.mark.parametrize("row", NAMES, ids=lambda row: repr(row[0]))
def test_our_own_lines_are_read_back(row: tuple[bytes, str, str]) -> None:
    path = b"/var/" + row[0]
    ours = render([directory_line(path, 0o755, "root", "root")], "pkg")
    assert made_paths(ours) == {path}


@pytest.mark.root
@pytest.mark.skipif(not shutil.which("systemd-tmpfiles"), reason="no systemd-tmpfiles here")
def test_systemd_makes_what_the_lines_mean(tmp_path: Path) -> None:
    names = [row[0] for row in NAMES if b"\n" not in row[0]]  # needs a systemd newer than 252
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/passwd").write_text("root:x:0:0::/:\njane:x:123:124::/:\n")
    (tmp_path / "etc/group").write_text("root:x:0:\nmail:x:124:\n")
    factory = tmp_path / "usr/share/factory/var/c"
    factory.mkdir(parents=True)
    lines = []
    for name in names:
        (factory / os.fsdecode(name)).write_bytes(name)
        lines.append(directory_line(b"/var/d/" + name, 0o2750, "jane", "mail"))
        lines.append(link_line(b"/var/l/" + name, name))
        lines.append(factory_line(b"/var/c/" + name, 0o640, "jane", "mail"))
    configuration = tmp_path / "x.conf"
    configuration.write_bytes(render(lines, "pkg"))
    command = ["systemd-tmpfiles", "--create", f"--root={tmp_path}", str(configuration)]
    subprocess.run(command, check=True)
    for raw in names:
        called = os.fsdecode(raw)
        directory, file = (tmp_path / "var/d" / called).stat(), (tmp_path / "var/c" / called).stat()
        assert (directory.st_mode, directory.st_uid, directory.st_gid) == (0o42750, 123, 124)
        assert (file.st_mode, file.st_uid, file.st_gid) == (0o100640, 123, 124)
        assert str((tmp_path / "var/l" / called).readlink()) == called
