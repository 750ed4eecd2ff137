# SPDX-License-Identifier: LGPL-2.1-or-later
"""The fuzzers' own look at what lies around them: it has to see what they must not do."""

from pathlib import Path

import pytest

from layering.repo import Repo
from tests.fuzz.__main__ import fuzz
from tests.fuzz.properties import check_package, counted, on_disk
from tests.layering.rpmbytes import Member, Rpm


@pytest.mark.parametrize(
    "name", ["new", "kept", "deep/down/kept"], ids=["written", "changed", "changed below"]
)
def test_a_write_outside_is_noticed(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for kept in ("kept", "deep/down/kept", "deep/down/untouched"):
        (tmp_path / kept).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / kept).write_bytes(b"before")

    def kind() -> None:
        (tmp_path / name).write_bytes(b"after")

    assert fuzz([kind], counted, minutes=0, watch=[tmp_path]) == [str(tmp_path / name)]
    assert capsys.readouterr().out.endswith("3 files watched, changed: 1\n")


def test_a_file_that_is_gone_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "x").touch()
    assert fuzz([(tmp_path / "x").unlink], counted, minutes=0, watch=[tmp_path]) != []


def test_what_the_fuzzers_keep_for_themselves_is_no_write_outside(tmp_path: Path) -> None:
    def kind() -> None:
        (tmp_path / ".hypothesis").mkdir()
        (tmp_path / ".hypothesis/example").touch()

    assert fuzz([kind], counted, minutes=0, watch=[tmp_path]) == []


def test_reading_and_importing_write_nothing_outside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    whole = Rpm(members=[Member(path=b"/usr/a", content=b"abc")])
    data = whole.prefix + whole.stored_payload

    def kind() -> None:
        for each in (data, data[:-9]):
            with on_disk(each) as path:
                check_package(path, imports=True)

    assert fuzz([kind], counted, minutes=0, watch=[tmp_path]) == []


def test_an_import_that_leaves_a_ref_behind_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    real = Repo.refs
    monkeypatch.setattr(Repo, "refs", lambda self: real(self) | {"left": "behind"})
    whole = Rpm(members=[Member(path=b"/usr/a", content=b"abc")])
    with (
        on_disk((whole.prefix + whole.stored_payload)[:-9]) as path,
        pytest.raises(AssertionError, match="a ref is left"),
    ):
        check_package(path, imports=True)
