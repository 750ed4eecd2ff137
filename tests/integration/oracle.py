# SPDX-License-Identifier: LGPL-2.1-or-later
"""The model of a trigger's oracle: a cache, its tool, and the programs that read it.

The tool is called as its own documentation says that the cache is made of nothing, never as
overlay's triggers call it. A question's answer has a word in it if and only if the package is there
that the question is about.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

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
