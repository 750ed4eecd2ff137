# SPDX-License-Identifier: LGPL-2.1-or-later
"""Where somebody who only asks keeps metadata: the host's cache, or else one of their own.

The host's is root's. Who may not write there has a cache below `$XDG_CACHE_HOME`
(https://specifications.freedesktop.org/basedir-spec/latest/), to which libdnf5 takes over what the
host's has and still holds; where there is no home, it lasts as long as the question.
"""

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_NAME = "overlay"


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryCache:
    """The directories that a question may use."""

    own: Path  # may be written to
    host: Path | None  # may be read; None if it is the caller's own


@contextmanager
def query_cache(host: Path, environment: Mapping[str, str] = os.environ) -> Iterator[QueryCache]:
    """Gives the directories for the caller of this process."""
    if _is_writable(host):
        yield QueryCache(own=host, host=None)
        return
    readable = host if os.access(host, os.R_OK | os.X_OK) else None
    for directory in _own_places(environment):
        if _is_writable(directory):
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            yield QueryCache(own=directory, host=readable)
            return
    with tempfile.TemporaryDirectory(prefix="overlay-query-") as directory_name:
        yield QueryCache(own=Path(directory_name), host=readable)


def _own_places(environment: Mapping[str, str]) -> Iterator[Path]:
    caches = environment.get("XDG_CACHE_HOME", "")
    if caches.startswith("/"):
        yield Path(caches) / _NAME
    home = environment.get("HOME", "")
    if home.startswith("/"):
        yield Path(home) / ".cache" / _NAME


def _is_writable(directory: Path) -> bool:
    """Tells whether a directory, or that in which it would be made, may be written to."""
    there = next(path for path in (directory, *directory.parents) if path.exists())
    return there.is_dir() and os.access(there, os.W_OK | os.X_OK)
