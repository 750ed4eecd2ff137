# SPDX-License-Identifier: LGPL-2.1-or-later
"""Who only asks writes to the host's cache if that is theirs, or else to one of their own."""

import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from layering.querycache import query_cache


def places(host: Path, environment: Mapping[str, str]) -> tuple[Path, Path | None]:
    with query_cache(host, environment) as cache:
        assert cache.own.is_dir() or cache.own == host
        return cache.own, cache.host


def test_the_hosts_cache_serves_whoever_may_write_there(tmp_path: Path) -> None:
    assert places(tmp_path / "not/yet", {}) == (tmp_path / "not/yet", None)
    assert not (tmp_path / "not").exists()


@pytest.fixture
def unwritable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory into which nobody may write, root included."""
    host = tmp_path / "host"
    host.mkdir()
    real = os.access

    def access(path: Path, mode: int) -> bool:
        return not (mode & os.W_OK and str(path).startswith(str(host))) and real(path, mode)

    monkeypatch.setattr(os, "access", access)
    return host


def test_others_have_a_cache_below_their_own(unwritable: Path, tmp_path: Path) -> None:
    mine = {"XDG_CACHE_HOME": str(tmp_path / "caches"), "HOME": str(tmp_path / "home")}
    assert places(unwritable, mine) == (tmp_path / "caches/overlay", unwritable)
    home = {"XDG_CACHE_HOME": "relative", "HOME": str(tmp_path / "home")}
    assert places(unwritable, home) == (tmp_path / "home/.cache/overlay", unwritable)


def test_who_has_no_home_has_a_cache_for_the_question(unwritable: Path) -> None:
    for environment in ({}, {"HOME": str(unwritable / "none")}):
        with query_cache(unwritable, environment) as cache:
            assert (cache.own.is_dir(), cache.host) == (True, unwritable)
        assert not cache.own.exists()
