# SPDX-License-Identifier: LGPL-2.1-or-later
"""Names that somebody may have meant: those that are spelled alike, then those with the word in."""

from collections.abc import Iterable
from difflib import get_close_matches

_MOST = 5
_ALIKE = 0.75  # of 1; below that names of a distribution have nothing to do with each other
_SHORTEST = 3  # a word of two letters is in everything


def near_misses(word: str, names: Iterable[str]) -> tuple[str, ...]:
    """Returns at most five names that are like a word, the most like first."""
    plain = word.strip("*?").casefold()
    if not plain:
        return ()
    folded = {name.casefold(): name for name in sorted(names, reverse=True)}
    alike = get_close_matches(plain, sorted(folded), n=_MOST, cutoff=_ALIKE)
    holding = sorted((n for n in folded if plain in n), key=lambda name: (len(name), name))
    more = holding if len(plain) >= _SHORTEST else []
    return tuple(folded[name] for name in dict.fromkeys((*alike, *more)))[:_MOST]
