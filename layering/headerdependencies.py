# SPDX-License-Identifier: LGPL-2.1-or-later
"""Dependencies in a header: three arrays for each kind, of names, flags and versions.

The numbers are rpm's (https://rpm-software-management.github.io/rpm/manual/tags.html).
"""

from collections.abc import Mapping

from layering.headerindex import TagValue
from solver import Dependency

# rpm's tags of a dependency's names, flags and versions.
REQUIRES = (1049, 1048, 1050)
PROVIDES = (1047, 1112, 1113)
ORDER_WITH = (5035, 5037, 5036)
RECOMMENDS = (5046, 5048, 5047)
SUGGESTS = (5049, 5051, 5050)
SUPPLEMENTS = (5052, 5054, 5053)


def dependencies_in(
    tags: Mapping[int, TagValue], names: int, flags: int, versions: int
) -> tuple[Dependency, ...]:
    """Returns the dependencies that three arrays of a header hold; what is short is filled up."""
    texts = [_text(item) for item in _items(tags, names)]
    bits = [item if isinstance(item, int) else 0 for item in _items(tags, flags)]
    evrs = [_text(item) for item in _items(tags, versions)]
    bits += [0] * (len(texts) - len(bits))
    evrs += [""] * (len(texts) - len(evrs))
    return tuple(
        Dependency(name=name, flags=flag, version=version)
        for name, flag, version in zip(texts, bits, evrs, strict=False)
    )


def _items(tags: Mapping[int, TagValue], tag: int) -> tuple[int | bytes, ...]:
    value = tags.get(tag, ())
    return value if isinstance(value, tuple) else (value,)


def _text(item: int | bytes) -> str:
    return item.decode("utf-8", "surrogateescape") if isinstance(item, bytes) else str(item)
