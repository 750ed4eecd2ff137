# SPDX-License-Identifier: LGPL-2.1-or-later
"""What went wrong first is what a person is told, whatever goes wrong while its tree is kept."""

from pathlib import Path

import pytest

from layering.failedtree import kept_if_failed
from layering.refs import FAILED_REF
from layering.repo import Repo
from layering.workspace import Workspace


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    return Repo.create(tmp_path / "repo", "bare-user")


def fail(repo: Repo, upper: Path) -> BaseException:
    """Returns what comes of an operation that fails over a workspace."""
    workspace = Workspace(root=upper, upper=upper, scratch=upper)
    tree = repo.new_tree()
    with (
        pytest.raises(KeyError) as raised,
        kept_if_failed(repo, tree, workspace, base=None, timestamp=1),
    ):
        raise KeyError("first")
    assert raised.value.args == ("first",)
    return raised.value


def notes(error: BaseException) -> list[str]:
    return getattr(error, "__notes__", [])


def test_the_tree_of_what_failed_is_kept(repo: Repo, tmp_path: Path) -> None:
    (tmp_path / "upper/usr").mkdir(parents=True)
    assert notes(fail(repo, tmp_path / "upper")) == []
    assert repo.try_resolve(FAILED_REF) is not None


def test_what_cannot_be_sealed_is_a_note(repo: Repo, tmp_path: Path) -> None:
    (tmp_path / "upper/usr").mkdir(parents=True)
    with (tmp_path / "upper/usr/huge").open("wb") as file:
        file.truncate(1 << 40)
    (note,) = notes(fail(repo, tmp_path / "upper"))
    assert note.startswith(
        "the tree could not be kept: no room to seal what scriptlets wrote, /usr/huge of "
    )
    assert repo.try_resolve(FAILED_REF) is None


def test_what_nobody_foresaw_is_a_note_too(repo: Repo, tmp_path: Path) -> None:
    (note,) = notes(fail(repo, tmp_path / "none"))
    assert note == (
        f"the tree could not be kept: [Errno 2] No such file or directory: '{tmp_path / 'none'}'"
    )
