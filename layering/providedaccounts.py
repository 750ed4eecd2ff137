# SPDX-License-Identifier: LGPL-2.1-or-later
"""Accounts that a package asks for in what it provides, as lines of sysusers.d.

`Provides: user(NAME) = BASE64`, and so `group(…)` and `groupmember(…)`: the version is a line of
sysusers.d, which rpm hands to systemd-sysusers before the package's %pre. rpmbuild writes them from
a package's sysusers.d files, and the macro %add_sysuser without any file.
https://rpm-software-management.github.io/rpm/manual/users_and_groups.html

As in rpm, a version that is not base64 is just a version, the name in parentheses means nothing,
and a line ends at its first NUL, with which it is padded. A line that makes no account stops rpm,
and us. Of a line that is several rpm makes all; here it is refused: one provide is one account.
"""

import base64
import re
from collections.abc import Iterable

from layering.errors import LayeringError
from layering.package_errors import shown

LINE_MAX = 4096  # bytes of a version

_NAMES = ("user(", "group(", "groupmember(")
_EQUAL = 8  # of a dependency's flags
_DIGITS = re.compile(r"[A-Za-z0-9+/=]*")
# The types that rpm knows; `r` would take the ids of other packages' accounts away.
_TYPES = frozenset({"u", "u!", "g", "m"})
_CONTROLS = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


class BadAccountError(LayeringError):
    """What a package provides as an account is none."""

    def __init__(self, package: str, name: str, why: str) -> None:
        provided = shown(name.encode("utf-8", "surrogateescape"))
        super().__init__(f"no line of sysusers.d, {why}: {provided} provided by {package}")


def account_lines(package: str, provides: Iterable[tuple[str, int, str]]) -> tuple[str, ...]:
    """Returns the lines of sysusers.d in the names, flags and versions that a package provides.

    Raises:
        BadAccountError: one of them is no such line.
    """
    found = [
        _line(package, name, version)
        for name, flags, version in provides
        if name.startswith(_NAMES) and flags & _EQUAL
    ]
    return tuple(line for line in found if line)


def _line(package: str, name: str, version: str) -> str:
    """Returns the line in a version, "" if there is none."""
    if len(version) > LINE_MAX:
        raise BadAccountError(package, name, f"longer than {LINE_MAX} bytes")
    data = _decoded(version)
    if data is None:
        return ""
    try:
        line = data.partition(b"\0")[0].decode("utf-8").strip(" \t")
    except UnicodeDecodeError:
        raise BadAccountError(package, name, "not UTF-8") from None
    if _CONTROLS.search(line):
        raise BadAccountError(package, name, "more than one line")
    if not line or line.startswith("#"):
        return ""
    words = line.split()
    if words[0] not in _TYPES or len(words) == 1:
        raise BadAccountError(package, name, "not of type u, g or m with a name")
    return line


def _decoded(text: str) -> bytes | None:
    """Returns what rpm makes of base64, or None if it is none: padding may be anywhere."""
    digits = "".join(text.split())
    if not _DIGITS.fullmatch(digits) or len(digits) % 4:
        return None
    kept = digits.replace("=", "")
    if len(kept) % 4 == 1:  # six bits are no byte
        kept = kept[:-1]
    return base64.b64decode(kept + "=" * (-len(kept) % 4))
