# SPDX-License-Identifier: LGPL-2.1-or-later
"""The model of a trigger's oracle: a cache, its tool, and the programs that read it.

The tool is called as its own documentation says that the cache is made of nothing, never as
overlay's triggers call it. A question's answer has a word in it if and only if the package is there
that the question is about.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.integration.live import LiveTree

LIBRARIES = "/usr/lib/x86_64-linux-gnu"


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A command for a shell inside the tree, and the word that its answer has."""

    command: str
    word: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Oracle:
    """One cache. Paths are of a running system, without the first slash, with wildcards."""

    caches: tuple[str, ...]
    sources: tuple[str, ...] = ()  # what `caches` match and the tool does not make
    scratch: str  # for a shell inside the tree from which `caches` were removed
    feeds: Mapping[str, tuple[Question, ...]]  # by package
    meaning: Callable[[bytes], object] = bytes  # what must agree of a file
    reason: str = ""  # why not every byte must


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What was found of a cache in a tree: files by path, in what must agree of them."""

    left: Mapping[str, object]  # by the triggers
    used: Mapping[str, object]  # after programs used it
    scratch: Mapping[str, object]  # made of nothing
    known: frozenset[str]  # the packages that every question knows
    unknown: frozenset[str]  # those that none knows


def judged(live: LiveTree, oracle: Oracle) -> Found:
    """Asks programs, and then makes the cache of nothing; returns what was found."""
    left = _caches(live.root, oracle)
    answers = {
        package: {each.word in live.run("sh", "-c", each.command).stdout for each in questions}
        for package, questions in oracle.feeds.items()
    }
    used = _caches(live.root, oracle)
    for path in used:
        (live.root / path).unlink()
    live.ask("sh", "-c", oracle.scratch)
    return Found(
        left=left,
        used=used,
        scratch=_caches(live.root, oracle),
        known=frozenset(name for name, answer in answers.items() if answer == {True}),
        unknown=frozenset(name for name, answer in answers.items() if answer == {False}),
    )


def _caches(root: Path, oracle: Oracle) -> dict[str, object]:
    sources = {path for pattern in oracle.sources for path in root.glob(pattern)}
    paths = (path for pattern in oracle.caches for path in root.glob(pattern))
    return {
        str(path.relative_to(root)): _entry(path, oracle)
        for path in paths
        if path not in sources and (path.is_symlink() or path.is_file())
    }


def _entry(path: Path, oracle: Oracle) -> object:
    if path.is_symlink():
        return str(path.readlink())
    return oracle.meaning(path.read_bytes())
