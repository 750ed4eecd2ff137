# SPDX-License-Identifier: LGPL-2.1-or-later
"""Owners by name, and the numbers that a tree's user database has for them.

A layer is imported before its users exist: its files are root's, and who should own them is
written beside. The names become numbers in the merged tree, after sysusers and `%pre`. rpm makes a
file of an unknown user root's, with a warning; here that is an error, for a setuid file of the
wrong user is worse than none.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Self

from layering.errors import UnknownOwnerError
from layering.package_errors import shown


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnedPath:
    """A path of a layer that isn't root's."""

    path: bytes  # in the tree
    user: str
    group: str
    mode: int  # permission bits, with setuid, setgid and sticky, which a chown clears
    capabilities: str  # the text form, which a chown clears too; "" if none


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberedPath:
    """A path with the numbers of its owners."""

    path: bytes
    uid: int
    gid: int
    mode: int
    capabilities: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UserDatabase:
    """The users and groups of a tree, by name."""

    users: Mapping[str, int]
    groups: Mapping[str, int]

    @classmethod
    def parse(cls, passwd: Iterable[str], group: Iterable[str]) -> Self:
        """Reads the texts of passwd and group files; where several name one, the first counts."""
        return cls(users=_numbers(passwd), groups=_numbers(group))

    def resolve(self, owned: Iterable[OwnedPath], package: str) -> tuple[NumberedPath, ...]:
        """Returns the paths of a package with numbers in place of names.

        Raises:
            UnknownOwnerError: the database lacks a user or group.
        """
        return tuple(
            NumberedPath(
                path=item.path,
                uid=_number(self.users, "user", item.user, item, package),
                gid=_number(self.groups, "group", item.group, item, package),
                mode=item.mode,
                capabilities=item.capabilities,
            )
            for item in owned
        )


def _number(names: Mapping[str, int], kind: str, name: str, item: OwnedPath, package: str) -> int:
    if name == "root":
        return 0
    try:
        return names[name]
    except KeyError:
        raise UnknownOwnerError(
            kind=kind,
            name=shown(name.encode("utf-8", "surrogateescape")[:256]),
            path=shown(item.path),
            package=package,
        ) from None


def _numbers(texts: Iterable[str]) -> dict[str, int]:
    numbers: dict[str, int] = {}
    # A name may have what Unicode takes for the end of a line, and passwd(5) does not.
    for line in (line for text in texts for line in text.split("\n")):
        fields = line.split(":")
        # Lines of NIS ("+::…") and comments have no number in the third field.
        if len(fields) >= 3 and fields[2].isascii() and fields[2].isdigit():
            numbers.setdefault(fields[0], int(fields[2]))
    return numbers
