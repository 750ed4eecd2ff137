# SPDX-License-Identifier: LGPL-2.1-or-later
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from layering.base import empty_base
from layering.kernel import KernelError, change_of, check_bootable, kernel_version
from layering.paths import EMPTY_BASE
from layering.repo import Repo
from layering.union import union
from tests.sysroots import KVER, commit_tree, make_tree
from triggers import KernelChange


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


def installed(root: Path, version: str, *, image: bool = True) -> None:
    add(root, version)
    if image:
        (root / "usr/lib/modules" / version / "initramfs.img").touch()


CHANGE = KernelChange(version="6.1-1", arguments=())


def test_scripts_may_not_take_kernel_or_initramfs_away(tmp_path: Path) -> None:
    installed(tmp_path, "6.1-1")
    assert check_bootable(tmp_path, CHANGE) == "6.1-1"
    (tmp_path / "usr/lib/modules/6.1-1/initramfs.img").unlink()
    with pytest.raises(KernelError) as caught:
        check_bootable(tmp_path, CHANGE)
    assert str(caught.value) == "no initramfs beside kernel 6.1-1 after scripts ran"
    (tmp_path / "usr/lib/modules/6.1-1/vmlinuz").unlink()
    with pytest.raises(KernelError) as caught:
        check_bootable(tmp_path, CHANGE)
    assert str(caught.value) == "scripts exchanged kernel 6.1-1 for none"


def test_a_tree_without_an_initramfs_is_left_as_it_is(tmp_path: Path) -> None:
    assert check_bootable(tmp_path, None) == ""
    installed(tmp_path, "6.1-1", image=False)
    assert check_bootable(tmp_path, None) == "6.1-1"


class Tree:
    """A base of files, and what of it the kernel's questions are about."""

    def __init__(self, scratch: Path, files: dict[str, bytes], *, metadata: Sequence[str]) -> None:
        self.repo = Repo.create(scratch / "repo", "bare-user-only")
        make_tree(scratch / "tree", files)
        commit = commit_tree(self.repo.path, scratch / "tree", metadata=metadata)
        self.base = replace(
            empty_base(self.repo, scratch / "cache"), commit=commit, layout=EMPTY_BASE
        )

    def change(self) -> KernelChange | None:
        return change_of(self.repo, self.base, union(self.repo, self.base.commit, []))


DRACUT = {"usr/bin/dracut": b"#!/bin/sh\n"}


@pytest.mark.parametrize(
    ("files", "metadata", "arguments"),
    [
        ({}, [], None),  # what made its initramfs is not there
        (DRACUT, [], ("--no-hostonly", "--add", "ostree")),
        (DRACUT, ["rpmostree.initramfs-args=['--add', 'nfs']"], ("--add", "nfs")),
    ],
)
def test_an_initramfs_is_made_anew_as_the_base_was_composed(
    scratch: Path, files: dict[str, bytes], metadata: list[str], arguments: tuple[str, ...] | None
) -> None:
    change = Tree(scratch, files, metadata=metadata).change()
    expected = KernelChange(version=KVER, arguments=arguments) if arguments else None
    assert change == expected


def test_a_base_without_an_initramfs_gets_none(scratch: Path) -> None:
    tree = Tree(scratch, DRACUT, metadata=[])
    assert tree.change() is not None
    (scratch / "tree/usr/lib/modules" / KVER / "initramfs.img").unlink()
    commit = commit_tree(tree.repo.path, scratch / "tree")
    tree.base = replace(tree.base, commit=commit)
    assert tree.change() is None
