# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the readers of an RPM's parts raise among themselves.

They see bytes and not the file these came from; `header` and `payload`, which know its path, turn a
`FormatError` into a `BrokenPackageError`, so that nobody outside meets it. Here too is how a path,
which may be any bytes, is written in a message.
"""


class FormatError(ValueError):
    """Bytes that are not what rpm writes; the message says what is wrong with them."""


def shown(path: bytes) -> str:
    """Returns a path as an error shows it: what is not UTF-8, and control characters, escaped."""
    text = path.decode("utf-8", "backslashreplace")
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)
