# SPDX-License-Identifier: LGPL-2.1-or-later
from pathlib import Path

import pytest

from layering.kernel import KernelError, kernel_version


def add(root: Path, version: str) -> None:
    (root / "usr/lib/modules" / version).mkdir(parents=True)
    (root / "usr/lib/modules" / version / "vmlinuz").touch()


def test_a_tree_has_one_kernel_or_none(tmp_path: Path) -> None:
    assert kernel_version(tmp_path) == ""
    (tmp_path / "usr/lib/modules/6.0-leftover").mkdir(parents=True)
    assert kernel_version(tmp_path) == ""
    add(tmp_path, "6.1-1")
    assert kernel_version(tmp_path) == "6.1-1"


def test_several_kernels_are_named(tmp_path: Path) -> None:
    add(tmp_path, "6.2-1")
    add(tmp_path, "6.1-1")
    with pytest.raises(KernelError) as caught:
        kernel_version(tmp_path)
    assert str(caught.value) == "several kernels in one tree: 6.1-1, 6.2-1"


def test_the_kernels_of_the_host_are_not_the_trees(tmp_path: Path) -> None:
    add(tmp_path / "host", "6.9-host")
    (tmp_path / "tree/usr/lib").mkdir(parents=True)
    (tmp_path / "tree/usr/lib/modules").symlink_to(tmp_path / "host/usr/lib/modules")
    assert kernel_version(tmp_path / "tree") == ""
