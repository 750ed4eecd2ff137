# SPDX-License-Identifier: LGPL-2.1-or-later
"""File triggers: scripts that run when files below a prefix come or go, and how rpm matches them.

A prefix is compared as text, so `/usr/lib` also takes `/usr/lib64/x`; a file below two prefixes of
one trigger is listed twice. Where rpm searches its database instead of one package (transaction
triggers, and the triggers that a new package brings), a package takes part only if one of its files
lies in a *directory* that begins with the prefix: the directory itself does not set it off.
Taken from rpm's lib/rpmtriggers.cc, and checked against rpm by the tests.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from triggers.phase import FILE_TRIGGER_TAGS, TRANSACTION_FILE_TRIGGER_TAGS, Phase, ScriptFlags
from triggers.tags import (
    DEFAULT_PRIORITY,
    Tags,
    install_prefixes,
    rpm_version,
    trigger_entries,
)

# Directories that image-based trees keep under /usr, with links in their old places.
MERGED = ("/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")


@dataclass(frozen=True, slots=True, kw_only=True)
class FileTrigger:
    """One file trigger, of a package or of the whole transaction."""

    package: str  # NEVRA of the package that brings it
    phase: Phase
    prefixes: tuple[str, ...]
    priority: int = DEFAULT_PRIORITY  # larger runs earlier
    interpreter: tuple[str, ...] = ("/bin/sh",)
    body: str = ""
    flags: ScriptFlags = ScriptFlags.NONE
    install_prefixes: tuple[str, ...] = ()
    rpm_version: str = ""  # of the rpm that built the package


def file_triggers_of(package: str, tags: Tags) -> tuple[FileTrigger, ...]:
    """Returns the file triggers of the package with NEVRA `package`, in the header's order.

    Raises:
        BrokenScriptTagsError: the arrays do not fit together.
    """
    prefixes, built_by = install_prefixes(tags, package), rpm_version(tags, package)
    return tuple(
        FileTrigger(
            package=package,
            phase=entry.phase,
            prefixes=tuple(condition.name for condition in entry.conditions),
            priority=entry.priority,
            interpreter=entry.interpreter,
            body=entry.body,
            flags=entry.flags,
            install_prefixes=prefixes,
            rpm_version=built_by,
        )
        for family in (FILE_TRIGGER_TAGS, TRANSACTION_FILE_TRIGGER_TAGS)
        for entry in trigger_entries(tags, family, package)
    )


class PathList:
    """Paths of one package, sorted as rpm sorts them, searched by prefix in O(log n)."""

    __slots__ = ("_paths", "package")

    def __init__(self, paths: Iterable[str], package: str = "") -> None:
        self._paths = sorted(paths)
        self.package = package  # its NEVRA

    def __iter__(self) -> Iterator[str]:
        return iter(self._paths)

    def __contains__(self, path: object) -> bool:
        at = bisect_left(self._paths, path) if isinstance(path, str) else len(self._paths)
        return at < len(self._paths) and self._paths[at] == path

    def below(self, prefix: str) -> Sequence[str]:
        """Returns the paths that begin with `prefix`."""
        first = bisect_left(self._paths, prefix)
        if first == len(self._paths) or not self._paths[first].startswith(prefix):
            return ()  # the usual case, and a plan asks often
        size = len(prefix)
        last = bisect_right(self._paths, prefix, lo=first, key=lambda path: path[:size])
        return self._paths[first:last]


def watched(trigger: FileTrigger) -> tuple[str, ...]:
    """Returns the prefixes to look for in a tree whose /bin, /lib, … are links into /usr.

    Paths of the tree are given below /usr, where a trigger may say `/lib`. An alias that the
    trigger names itself is not added again: rpm lists each file once for each prefix it has.
    """
    found = list(trigger.prefixes)
    for prefix in trigger.prefixes:
        alias = f"/usr{prefix}"
        if f"/{prefix.split('/')[1]}" in MERGED and alias not in found:
            found.append(alias)
    return tuple(found)


def matches_in_package(trigger: FileTrigger, files: PathList) -> tuple[str, ...]:
    """Returns what a package trigger gets to read when it is set off by one package's files."""
    return tuple(path for prefix in watched(trigger) for path in files.below(prefix))


def matches_in_database(
    trigger: FileTrigger, packages: Sequence[PathList]
) -> tuple[tuple[str, ...], str]:
    """Returns what a trigger gets to read when rpm searches several packages for it.

    With it comes the NEVRA of the package that the first line is of.
    """
    lines: list[str] = []
    first = ""
    for prefix in watched(trigger):
        for files in packages:
            below = files.below(prefix)
            if any(path.rfind("/") + 1 >= len(prefix) for path in below):
                first = first or files.package
                lines.extend(below)
    return tuple(lines), first
