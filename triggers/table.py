# SPDX-License-Identifier: LGPL-2.1-or-later
"""The table of declared triggers of one tree: the catalog, and drop-ins on top.

A file shadows what has its name and comes earlier: a row of the catalog, then /usr/lib, then /etc,
as with systemd's (https://www.freedesktop.org/software/systemd/man/latest/systemd.unit.html). An
empty one, or a link to /dev/null, leaves nothing. What is wrong with a file of the host is an
error: a person wrote it, and can mend it. A file of the tree that is wrong is left out, with a
warning: a package must not make a tree that nothing can be added to.
"""

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from triggers.catalog import CATALOG, INITRAMFS, SYSUSERS
from triggers.declared import DeclaredTrigger
from triggers.declaredorder import in_order
from triggers.dropin import SUFFIX, parse
from triggers.errors import DropInError, TriggerOrderError

# In the order in which files of one shadow those of the other.
DROPIN_DIRECTORIES = ("/usr/lib/overlay/triggers.d", "/etc/overlay/triggers.d")

_ALL = "'overlay triggers' lists those that there are"


@dataclass(frozen=True, slots=True, kw_only=True)
class DropIn:
    """A drop-in as it was found."""

    path: str  # as the running system calls it
    owner: str  # NEVRA, "the base", "this host"
    of_host: bool = False
    of_base: bool = False
    text: str  # "" leaves nothing of what it shadows

    @property
    def name(self) -> str:
        """The trigger's name."""
        return self.path.rpartition("/")[2].removesuffix(SUFFIX)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shadowed:
    """A trigger that another file has taken the place of."""

    trigger: DeclaredTrigger
    by: str  # the file's path


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """The declared triggers of a tree, as they run where nothing says otherwise."""

    triggers: tuple[DeclaredTrigger, ...] = CATALOG
    anew: frozenset[str] = frozenset()  # names of those that the base does not know
    of_host: frozenset[str] = frozenset()  # paths of the host's own files
    shadowed: tuple[Shadowed, ...] = ()
    problems: tuple[DropInError, ...] = ()  # files of the tree that are left out


@dataclass(slots=True)
class _Making:
    rows: dict[str, DeclaredTrigger]
    files: dict[str, DropIn] = field(default_factory=dict)  # of rows, by name
    every: dict[str, DropIn] = field(default_factory=dict)  # by path
    shadowed: list[Shadowed] = field(default_factory=list)
    problems: list[DropInError] = field(default_factory=list)


def table_of(
    files: Iterable[DropIn],
    *,
    rows: Sequence[DeclaredTrigger] = CATALOG,
    lenient: bool = False,
    problems: Iterable[DropInError] = (),
) -> Table:
    """Returns the table that drop-ins and the rows of the catalog make.

    `problems` are those of files that could not even be read.

    Raises:
        DropInError: a file of the host is wrong; with `lenient` that, too, is one of the problems.
    """
    making = _Making(rows={each.name: each for each in rows}, problems=list(problems))
    for file in sorted(files, key=_rank):
        _take(making, file, lenient=lenient)
    for file in list(making.files.values()):
        _check_names(making, file, lenient=lenient)
    while problem := _no_order(making):
        file, error = problem
        _refuse(making, file, error, lenient=lenient)
    return Table(
        triggers=_sorted(making.rows),
        anew=frozenset(name for name, file in making.files.items() if not file.of_base),
        of_host=frozenset(path for path, file in making.every.items() if file.of_host),
        shadowed=tuple(making.shadowed),
        problems=tuple(making.problems),
    )


def _rank(file: DropIn) -> tuple[int, str]:
    return DROPIN_DIRECTORIES.index(file.path.rpartition("/")[0]), file.name


def _take(making: _Making, file: DropIn, *, lenient: bool) -> None:
    if file.name == SYSUSERS.name:
        what = f"{file.name} makes users before packages' %pre, and nothing can take its place"
        _note(making, file, DropInError(what, file.path), lenient=lenient)
        return
    try:
        trigger = parse(file.text, file.path) if file.text.strip() else None
    except DropInError as error:
        _note(making, file, error, lenient=lenient)
        return
    before = making.rows.pop(file.name, None)
    making.files.pop(file.name, None)
    if before:
        making.shadowed.append(Shadowed(trigger=before, by=file.path))
    if trigger:
        making.rows[file.name] = trigger
        making.files[file.name] = making.every[file.path] = file


def _check_names(making: _Making, file: DropIn, *, lenient: bool) -> None:
    """Refuses names that nothing has; in a package's file they may be another package's."""
    trigger = making.rows[file.name]
    known = {*making.rows, *(each.trigger.name for each in making.shadowed)}
    for key, names in (("before", trigger.before), ("after", trigger.after)):
        for name in names:
            if name not in known and file.of_host:
                what = f"'{key}' has \"{name}\", and there is no such trigger"
                near = difflib.get_close_matches(name, sorted(known), n=1)
                hint = f"did you mean {near[0]}?" if near else _ALL
                error = DropInError(what, file.path, hint)
                _refuse(making, file, error, lenient=lenient)
                return


def _no_order(making: _Making) -> tuple[DropIn, DropInError] | None:
    """Returns the file to blame where there is no order: the host's, else the last."""
    try:
        in_order(_sorted(making.rows))
    except TriggerOrderError as error:
        among = [making.files[name] for name in error.among if name in making.files]
        file = max(among, key=lambda each: (each.of_host, *_rank(each)))
        return file, DropInError(error.what, file.path)
    return None


def _refuse(making: _Making, file: DropIn, error: DropInError, *, lenient: bool) -> None:
    """Takes a file that cannot be used away again, and gives back what it has shadowed."""
    _note(making, file, error, lenient=lenient)
    del making.rows[file.name], making.files[file.name]
    for each in making.shadowed:
        if each.by == file.path:
            making.rows[file.name] = each.trigger
            if each.trigger.origin in making.every:
                making.files[file.name] = making.every[each.trigger.origin]
            making.shadowed.remove(each)
            break


def _note(making: _Making, file: DropIn, error: DropInError, *, lenient: bool) -> None:
    error.of(file.owner)
    if file.of_host and not lenient:
        error.add_note("'overlay triggers --check' looks at all of them")
        raise error
    making.problems.append(error)


def _sorted(rows: dict[str, DeclaredTrigger]) -> tuple[DeclaredTrigger, ...]:
    """Returns rows in the catalog's order, drop-ins by name ahead of the initramfs."""
    place = {each.name: float(at) for at, each in enumerate(CATALOG)}
    between = place[INITRAMFS.name] - 0.5
    return tuple(
        rows[name] for name in sorted(rows, key=lambda name: (place.get(name, between), name))
    )
