# SPDX-License-Identifier: LGPL-2.1-or-later
from pathlib import Path

import pytest

from layering import provenance


def test_what_is_recorded_is_read_and_the_latest_counts(tmp_path: Path) -> None:
    cache = tmp_path / "not/yet/there"
    provenance.record(cache, {"sha256:1": "base", "sha256:2": "base"})
    provenance.record(cache, {"sha256:2": "updates", "sha256:3": "@commandline"})
    assert provenance.read(cache) == {
        "sha256:1": "base",
        "sha256:2": "updates",
        "sha256:3": "@commandline",
    }


def test_only_what_is_kept_stays(tmp_path: Path) -> None:
    provenance.record(tmp_path, {"sha256:1": "base", "sha256:2": "base"})
    provenance.keep_only(tmp_path, ["sha256:2", "sha256:9"])
    assert provenance.read(tmp_path) == {"sha256:2": "base"}


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "7", '{"version": 2, "repositories": {"a": "b"}}', '{"version": 1}']
)
def test_an_unreadable_record_is_an_empty_one_and_is_replaced(tmp_path: Path, text: str) -> None:
    (tmp_path / "provenance.json").write_text(text)
    assert provenance.read(tmp_path) == {}
    provenance.record(tmp_path, {"sha256:1": "base"})
    assert provenance.read(tmp_path) == {"sha256:1": "base"}


def test_nothing_is_written_where_nothing_changes(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    provenance.record(cache, {})
    provenance.keep_only(cache, ["sha256:1"])
    assert not cache.exists()
    provenance.record(cache, {"sha256:1": "base"})
    (file,) = cache.iterdir()
    before = file.stat()
    provenance.record(cache, {"sha256:1": "base"})
    assert (list(cache.iterdir()), file.stat().st_ino) == ([file], before.st_ino)


def test_everybody_may_read_the_record(tmp_path: Path) -> None:
    provenance.record(tmp_path, {"sha256:1": "base"})
    (file,) = tmp_path.iterdir()
    assert file.stat().st_mode & 0o777 == 0o644
