# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a program takes from the linker's cache; ldconfig itself writes the caches."""

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from layering import linkercache
from layering.dirtree import FileNode
from layering.reads import gathered, holds
from layering.repo import Repo
from layering.sandboxview import View
from layering.treestate import Patch
from tests.layering.test_sandboxview import view
from triggers import Observed

C = "/usr/lib/one/libc.so.6"


def cache(root: Path, *places: str) -> bytes:
    """Returns the cache of a root with copies of this machine's libraries in these places."""
    listed = subprocess.run(["ldd", "/bin/sh"], capture_output=True, text=True, check=True).stdout
    libc = next(Path(word) for word in listed.split() if word.endswith("/libc.so.6"))
    shutil.rmtree(root, ignore_errors=True)
    for place in places:
        target = root / place.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(libc.with_name(target.name), target)
    (root / "etc").mkdir()
    (root / "etc/ld.so.conf").write_text("/usr/lib/first\n/usr/lib/one\n")
    subprocess.run(["/sbin/ldconfig", "-X", "-r", root], check=True, capture_output=True)
    return (root / "etc/ld.so.cache").read_bytes()


def test_a_new_library_changes_nothing_for_who_did_not_ask_for_it(tmp_path: Path) -> None:
    before, after = cache(tmp_path / "r", C), cache(tmp_path / "r", C, "/usr/lib/one/libm.so.6")
    assert before != after
    names = linkercache.names_of(before, [C, "/usr/bin/x"])
    assert names == frozenset({"libc.so.6"})
    assert linkercache.digest(before, names) == linkercache.digest(after, names)
    asked = linkercache.names_of(before, [C, "/lib/libm.so.6"])  # in vain
    assert asked is not None
    assert linkercache.digest(before, asked) != linkercache.digest(after, asked)


def test_a_library_that_is_found_elsewhere_is_a_change(tmp_path: Path) -> None:
    before, after = cache(tmp_path / "r", C), cache(tmp_path / "r", C, "/usr/lib/first/libc.so.6")
    names = linkercache.names_of(before, [C])
    assert names is not None
    assert linkercache.digest(before, names) != linkercache.digest(after, names)


def test_numbers_are_compared_as_glibc_compares_them(tmp_path: Path) -> None:
    assert linkercache.names_of(cache(tmp_path / "r", C), ["/x/libc.so.06"]) == frozenset(
        {"libc.so.6"}
    )


@pytest.mark.parametrize("data", [b"", b"x" * 100, b"glibc-ld.so.cache1.1" + b"\xff" * 40])
def test_what_is_no_cache_says_nothing(data: bytes) -> None:
    assert linkercache.names_of(data, [C]) is None
    assert linkercache.digest(data, {"libc.so.6"}) is None


def test_a_cache_that_is_cut_off_says_nothing(tmp_path: Path) -> None:
    data = cache(tmp_path / "r", C)[:60]
    assert linkercache.names_of(data, [C]) is None


def seen_with(repo: Repo, data: bytes) -> View:
    """Returns what scripts see of a tree with this cache."""
    with repo.transaction():
        checksum = repo.write_regular(data, length=len(data), mode=0o644)
    seen, patch = view(repo, "f usr/etc/x"), Patch()
    patch.put("usr/etc/ld.so.cache", FileNode(checksum=checksum))
    return replace(seen, state=seen.state.patched(patch), _above={})


def test_a_library_that_is_not_called_like_one_counts(tmp_path: Path) -> None:
    data = cache(tmp_path / "r", C)
    assert linkercache.names_of(data, [C, "/usr/lib/one/plugin", "/usr/share/x"]) == frozenset(
        {"libc.so.6", "plugin"}
    )


@pytest.mark.parametrize("whole", [False, True])
def test_who_has_read_the_whole_file_depends_on_all_of_it(tmp_path: Path, whole: bool) -> None:
    repo = Repo.create(tmp_path / "repo", "bare-user-only")
    before = seen_with(repo, cache(tmp_path / "r", C))
    after = seen_with(repo, cache(tmp_path / "r", C, "/usr/lib/one/libm.so.6"))
    other = seen_with(repo, cache(tmp_path / "r", "/usr/lib/first/libc.so.6"))
    looked = frozenset([C, "/etc/ld.so.cache"])
    what = Observed(looked=looked, listed=frozenset(), whole_cache=whole)
    reads = gathered(before, what)
    assert holds(before, reads)
    assert holds(after, reads) is not whole
    assert not holds(other, reads)
