# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a signature header may hold beside signatures, checked as librpm checks it.

librpm puts these tags into the package's header under other numbers when it reads the package. So
the header must not hold them itself, and each must be of the type and length that it is to have
there (`lib/package.cc` in https://github.com/rpm-software-management/rpm).
"""

from collections.abc import Mapping
from dataclasses import dataclass

from layering.headerindex import Structure
from layering.package_errors import FormatError
from layering.rpmtags import TagType

_COUNT_MAX = 16 << 20
_FORMAT = 5114  # the format's number, in packages of rpm 6


@dataclass(frozen=True, slots=True, kw_only=True)
class _Moved:
    """How one tag arrives in the package's header."""

    to: int
    kind: TagType
    count: int = 0  # 0: any
    either: bool = False  # up to rpm 4, the package may hold it where the signature does not


_MOVED: Mapping[int, _Moved] = {
    267: _Moved(to=267, kind=TagType.BIN),
    268: _Moved(to=268, kind=TagType.BIN),
    269: _Moved(to=269, kind=TagType.STRING, count=1),
    270: _Moved(to=270, kind=TagType.INT64, count=1),
    271: _Moved(to=271, kind=TagType.INT64, count=1),
    273: _Moved(to=273, kind=TagType.STRING, count=1),
    274: _Moved(to=5090, kind=TagType.STRING_ARRAY, either=True),
    275: _Moved(to=5091, kind=TagType.INT32, count=1, either=True),
    276: _Moved(to=276, kind=TagType.STRING_ARRAY),
    277: _Moved(to=277, kind=TagType.INT32, count=1),
    278: _Moved(to=278, kind=TagType.STRING_ARRAY),
    279: _Moved(to=279, kind=TagType.STRING, count=1),
    1000: _Moved(to=257, kind=TagType.INT32, count=1),
    1002: _Moved(to=259, kind=TagType.BIN),
    1004: _Moved(to=261, kind=TagType.BIN, count=16),
    1005: _Moved(to=262, kind=TagType.BIN),
    1007: _Moved(to=1046, kind=TagType.INT32, count=1, either=True),
}


def check_signature_tags(signature: Structure, main: Structure) -> None:
    """Raises FormatError if a tag of the signature is of the wrong type, or in the header too."""
    for tag, moved in _MOVED.items():
        entry = signature.entries.get(tag)
        allowed = moved.either and entry is None and _FORMAT not in main.entries
        if moved.to in main.entries and not allowed:
            raise FormatError(f"header holds tag {moved.to}, which belongs to the signature")
        if entry is None:
            continue
        wanted = moved.count or entry.count
        if (entry.kind, entry.count) != (moved.kind, wanted) or entry.count > _COUNT_MAX:
            raise FormatError(f"signature: tag {tag} is of the wrong type or length")
