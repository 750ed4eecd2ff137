# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the tests call the host is a directory beside the tree: nothing may reach it."""

import os
import stat
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pytest

from layering import beneath
from layering.errors import TooLargeError
from tests.deep import few_descriptors, make_deep


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A tree with links that lead to the host."""
    host = tmp_path / "host"
    (host / "below").mkdir(parents=True)
    (host / "file").write_text("host")
    tree = tmp_path / "tree"
    (tree / "usr/etc").mkdir(parents=True)
    (tree / "usr/etc/passwd").write_text("root:x:0:0")
    (tree / "usr/out").symlink_to(host)
    (tree / "usr/file").symlink_to(host / "file")
    (tree / "usr/up").symlink_to("../../host")
    return tree


def host_of(root: Path) -> dict[str, str]:
    """Everything on the host."""
    paths = root.with_name("host").rglob("*")
    return {path.name: path.read_text() if path.is_file() else "" for path in paths}


WRITERS: dict[str, Callable[[Path, str], None]] = {
    "write": lambda root, path: beneath.write_file(root, path, b"x", 0o644),
    "link": lambda root, path: beneath.make_link(root, path, "x"),
    "directory": lambda root, path: beneath.make_directories(root, f"{path}/inner"),
    "remove": beneath.remove,
}


@pytest.mark.parametrize("writer", WRITERS)
@pytest.mark.parametrize("path", ["usr/out/file", "usr/up/file", "usr/etc/../../../host/file"])
def test_nothing_is_changed_through_a_link_or_dots(root: Path, writer: str, path: str) -> None:
    before = host_of(root)
    with pytest.raises(OSError) as caught:
        WRITERS[writer](root, path)
    assert host_of(root) == before
    if writer != "directory":
        assert caught.value.filename == path


@pytest.mark.parametrize("path", ["usr/out/file", "usr/file", "usr/up/file", "../host/file"])
def test_nothing_is_read_through_a_link_or_dots(root: Path, path: str) -> None:
    assert beneath.read_text(root, path) == ""
    with pytest.raises(OSError), beneath.opened(root, path):
        pass
    assert beneath.names(root, path.rpartition("/")[0]) == () or path == "usr/file"


def test_a_link_is_replaced_and_not_followed(root: Path) -> None:
    before = host_of(root)
    beneath.write_file(root, "usr/file", b"tree", 0o600)
    beneath.write_file(root, "usr/out", BytesIO(b"stream"), 0o4755)
    beneath.make_link(root, "usr/up", "elsewhere")
    assert (root / "usr/file").read_text() == "tree"
    assert (root / "usr/out").read_text() == "stream"
    assert stat.S_IMODE((root / "usr/out").stat().st_mode) == 0o4755
    assert os.readlink(root / "usr/up") == "elsewhere"  # noqa: PTH115
    assert host_of(root) == before


def test_removing_a_directory_leaves_what_its_links_lead_to(root: Path) -> None:
    before = host_of(root)
    beneath.remove(root, "/usr/")
    assert (list(root.iterdir()), host_of(root)) == ([], before)
    with pytest.raises(FileNotFoundError):
        beneath.remove(root, "usr")


def test_a_directory_is_not_replaced_by_a_file_or_link(root: Path) -> None:
    for write in (WRITERS["write"], WRITERS["link"]):
        with pytest.raises(OSError):
            write(root, "usr/etc")
    assert beneath.read_text(root, "usr/etc/passwd") == "root:x:0:0"


def test_a_pipe_in_the_place_of_a_file_reads_as_nothing(root: Path) -> None:
    (root / "usr/etc/passwd").unlink()
    os.mkfifo(root / "usr/etc/passwd")
    assert beneath.read_text(root, "usr/etc/passwd") == ""


def test_text_that_is_not_utf8_is_read_all_the_same(root: Path) -> None:
    (root / "usr/etc/passwd").write_bytes(b"m\xfcller:x:1:1")
    assert beneath.read_text(root, "usr/etc/passwd") == "m�ller:x:1:1"


def test_whatever_has_a_name_exists(root: Path) -> None:
    (root / "dangling").symlink_to("nowhere")
    assert [beneath.exists(root, path) for path in ("dangling", "usr", "usr/file")] == [True] * 3
    assert not any(beneath.exists(root, path) for path in ("none", "usr/out/file", "..", "/"))


def test_names_are_sorted_and_none_of_what_is_no_directory(root: Path) -> None:
    assert beneath.names(root, "usr") == ("etc", "file", "out", "up")
    assert beneath.names(root, "usr/etc/passwd") == ()
    assert beneath.names(root, "none") == ()


def test_directories_are_made_with_the_last_ones_mode(root: Path) -> None:
    beneath.make_directories(root, b"var/lib//x", 0o2770)
    modes = [stat.S_IMODE((root / path).stat().st_mode) for path in ("var", "var/lib", "var/lib/x")]
    assert modes == [0o755, 0o755, 0o2770]
    beneath.make_directories(root, "var/lib", 0o700)
    assert stat.S_IMODE((root / "var/lib").stat().st_mode) == 0o755  # it was there


@pytest.mark.parametrize("path", ["", "/", ".", "a/..", ".."])
def test_the_root_itself_and_what_is_above_have_no_parent(root: Path, path: str) -> None:
    with pytest.raises(OSError, match="Leads out of the tree"), beneath.parent_of(root, path):
        pass


def test_no_descriptor_is_left_open(root: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208
    for path in ("usr/out/file", "usr/etc/passwd", "usr/etc/none", "usr/file", "usr"):
        beneath.read_text(root, path)
        beneath.names(root, path)
        beneath.exists(root, path)
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208


def test_a_file_that_is_too_large_for_a_text_is_an_error_that_names_it(root: Path) -> None:
    with (root / "usr/etc/passwd").open("r+b") as file:
        file.truncate(1 << 40)
    with pytest.raises(TooLargeError) as raised:
        beneath.read_text(root, "usr/etc/passwd")
    assert str(raised.value) == "file too large: /usr/etc/passwd has more than 16 MiB"
    with (root / "usr/etc/passwd").open("r+b") as file:
        file.truncate(beneath.TEXT_MAX)
    assert len(beneath.read_text(root, "usr/etc/passwd")) == beneath.TEXT_MAX


def test_a_directory_goes_however_deep_and_wide_it_is(root: Path) -> None:
    before = host_of(root)
    for name in ("d", "e"):
        (root / "usr" / name).mkdir()
        (root / "usr" / name / "link").symlink_to(root.with_name("host"))
        make_deep(root / "usr" / name, 300)
        (root / "usr" / name / "file").write_text("")
    with few_descriptors():
        beneath.remove(root, "usr")
    assert (list(root.iterdir()), host_of(root)) == ([], before)
