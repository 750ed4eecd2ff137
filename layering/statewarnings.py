# SPDX-License-Identifier: LGPL-2.1-or-later
"""What is said of scripts that wrote to /var, and of which writes nothing is said.

What lies in a place of the table goes without a word: it is no state of a package, and somebody
makes it again. All else is kept, or it is said that it is not.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from layering.package_errors import shown

_NAMED = 4  # paths that a warning names

Told = Mapping[tuple[str, str], Sequence[bytes]]  # (writer, what became of it) to paths below /var


@dataclass(frozen=True, slots=True, kw_only=True)
class NotKept:
    """Paths below /var that are no state of the packages, and why."""

    path: str
    reason: str


NOT_KEPT = (
    NotKept(path="cache/app-info", reason="what appstream knows, made again by whoever asks it"),
    NotKept(path="cache/dnf", reason="metadata of repositories, fetched when they are asked"),
    NotKept(path="cache/fontconfig", reason="an index, made again by whoever wants a font"),
    NotKept(path="cache/ldconfig", reason="ldconfig's notes on libraries, made again by it"),
    NotKept(path="cache/libdnf5", reason="metadata of repositories, fetched when they are asked"),
    NotKept(path="cache/man", reason="an index of manual pages, made again by man-db's timer"),
    NotKept(path="cache/swcatalog", reason="what appstream knows, made again by whoever asks it"),
    NotKept(path="lib/rpm", reason="the package database is in /usr, written by librpm"),
    NotKept(path="lib/rpm-state", reason="shared by the scripts of one operation, as rpm has it"),
    NotKept(path="lib/systemd/catalog", reason="an index of messages, made again at each boot"),
    NotKept(path="tmp", reason="temporary files"),
)


def is_left_out(path: bytes) -> bool:
    """Returns whether a path below /var lies in a place of the table."""
    text = path.decode("utf-8", "replace")
    return any(f"{text}/".startswith(f"{row.path}/") for row in NOT_KEPT)


def warnings_of(told: Told) -> tuple[str, ...]:
    """Returns a line for each script and what became of what it wrote."""
    return tuple(_warnings(told))


def _warnings(told: Told) -> Iterator[str]:
    for (writer, what), paths in sorted(told.items()):
        names = _listed(paths)
        them = "them" if len(paths) > 1 else "it"
        if what == "removed":
            yield f"{writer} removed {names}: left out of the tree"
        elif what.startswith("kept"):
            yield f"{writer} wrote {names}: {what}, the host gets {them} when it boots the tree"
        else:
            yield f"{writer} wrote {names}: {what}"


def _listed(paths: Iterable[bytes]) -> str:
    names = [f"/var/{shown(path)}" for path in paths]
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
