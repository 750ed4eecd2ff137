# SPDX-License-Identifier: LGPL-2.1-or-later
"""Decoded tags of one header, asked for by the type that they ought to have.

A tag's type is the package's to choose, so each question here checks it; a tag of another type is
as broken as one that is missing.
"""

import re
from collections.abc import Iterator, Mapping

from layering.headerindex import TagValue
from layering.package_errors import FormatError
from layering.rpmtags import DIGEST_ALGORITHMS, SignatureTag, Tag

AnyTag = Tag | SignatureTag

_WORD_MAX = 255


class Values:
    """The values of a header's tags; every method raises FormatError for the wrong type."""

    def __init__(self, values: Mapping[int, TagValue]) -> None:
        self._values = values

    def __contains__(self, tag: int) -> bool:
        return tag in self._values

    def items(self) -> Iterator[tuple[int, TagValue]]:
        """Yields tag numbers with their values."""
        yield from self._values.items()

    def raw(self, tag: AnyTag, default: bytes | None = None) -> bytes:
        """Returns the bytes of a string or of binary data."""
        value = self._values.get(tag, default)
        if value is None:
            raise FormatError(f"header has no {tag.name}")
        if not isinstance(value, bytes):
            raise FormatError(f"{tag.name} is of the wrong type")
        return value

    def text(self, tag: AnyTag, default: str | None = None) -> str:
        """Returns a string, which must be ASCII without control characters."""
        return _ascii(self.raw(tag, None if default is None else default.encode()), tag)

    def word(self, tag: AnyTag, pattern: str) -> str:
        """Returns a string that the pattern matches as a whole."""
        text = self.text(tag)
        if not re.fullmatch(pattern, text) or len(text) > _WORD_MAX:
            shown = text if len(text) <= _WORD_MAX else f"{text[:64]}…"
            raise FormatError(f"{tag.name} is {shown!r}, which rpm does not allow")
        return text

    def numbers(self, tag: AnyTag) -> tuple[int, ...]:
        """Returns an array of integers, empty if the tag is missing."""
        value = self._values.get(tag, ())
        if isinstance(value, bytes) or (value and not isinstance(value[0], int)):
            raise FormatError(f"{tag.name} is of the wrong type")
        return tuple(item for item in value if isinstance(item, int))

    def number(self, tag: AnyTag, default: int) -> int:
        """Returns the first integer of a tag."""
        return (*self.numbers(tag), default)[0]

    def strings(self, tag: AnyTag) -> tuple[bytes, ...]:
        """Returns an array of strings, empty if the tag is missing."""
        value = self._values.get(tag, ())
        if isinstance(value, bytes) or (value and not isinstance(value[0], bytes)):
            raise FormatError(f"{tag.name} is of the wrong type")
        return tuple(item for item in value if isinstance(item, bytes))

    def texts(self, tag: AnyTag) -> tuple[str, ...]:
        """Returns an array of strings as `text`, empty if the tag is missing."""
        return tuple(_ascii(item, tag) for item in self.strings(tag))

    def algorithm(self, tag: AnyTag, default: str) -> str:
        """Returns hashlib's name of the digest algorithm that the tag gives."""
        if tag not in self:
            return default
        number = self.number(tag, 0)
        try:
            return DIGEST_ALGORITHMS[number]
        except KeyError:
            raise FormatError(f"{tag.name} names the unknown digest algorithm {number}") from None


def _ascii(data: bytes, tag: AnyTag) -> str:
    try:
        text = data.decode("ascii")
    except UnicodeDecodeError:
        raise FormatError(f"{tag.name} is not ASCII") from None
    if not text.isprintable():
        raise FormatError(f"{tag.name} holds control characters")
    return text
