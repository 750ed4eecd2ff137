# SPDX-License-Identifier: LGPL-2.1-or-later
"""Overrides that do not fit, and those that would: what stands against them, and the command.

A command is offered only once it was solved. What is removed is named by its name alone, and what
replaces by its whole NEVRA, the one form of a spec that means one version:
https://dnf5.readthedocs.io/en/latest/misc/specs.7.html
"""

import shlex
from collections.abc import Iterable, Sequence
from itertools import product

import libdnf5

from solver.candidates import Candidates
from solver.errors import OverrideError, SolverError
from solver.identity import nevra_of
from solver.model import COMMANDLINE_REPO, BaseMove, Replacing
from solver.nevra import Nevra
from solver.overrides import Chosen, Overrides, joined
from solver.problems import problem_lines
from solver.request import Request
from solver.solving import Solving, fits

_LISTED = 20  # packages that a hint names at most
_LINES = 10  # that tell what needs what goes


def offer_override(
    solving: Solving, error: SolverError, moves: Sequence[BaseMove], requests: Sequence[Request]
) -> None:
    """Adds the command to an error that would move the base so, if it would do."""
    more = _overriding(solving.candidates, moves)
    if more is None:
        return
    before = solving.overrides
    solving.override(joined(before, more))
    solving.limit_to_base(lock_base=True)
    solved = solving.solve(requests, any_version=True)
    if fits(solved) and not solving.moves(solved):
        error.add_note(f"to change the base: {_command(more, requests)}")
        error.removing = tuple(nevra_of(package).name for package in more.removed)
        error.replacing = tuple(each.replacing for each in more.chosen)
    solving.overrides = before  # candidates are prepared anew before they serve again


def misfit(solving: Solving, requests: Sequence[Request]) -> SolverError | None:
    """Returns the error for overrides that do not fit by themselves, None if they do."""
    if not solving.overrides:
        return None
    solving.limit_to_base(lock_base=True)
    alone = solving.solve((), any_version=True)
    if fits(alone):
        return None
    lines = problem_lines(solving.candidates, alone)
    tries = [(False, False)] if solving.overrides.chosen else []
    tries += [(True, True), (False, True)]
    for (lock, erase), some in product(tries, (requests, ())):
        solving.limit_to_base(lock_base=lock)
        free = solving.solve(some, any_version=True, allow_erasing=erase)
        moves = solving.moves(free) if fits(free) else ()
        if moves:
            return _error(solving.candidates, solving.overrides, moves, lines)
    return _error(solving.candidates, solving.overrides, (), lines)


def _overriding(candidates: Candidates, moves: Sequence[BaseMove]) -> Overrides | None:
    """Returns the overrides that would move the base so.

    None where a file or a layer would, or the base's own package that is overridden already.
    """
    chosen: list[Chosen] = []
    for move in moves:
        if move.repo_id == COMMANDLINE_REPO or move.replacement == move.base:
            return None
        if not move.updates:
            continue
        query = libdnf5.rpm.PackageQuery(candidates.visible)
        query.filter_available()
        query.filter_nevra([str(move.replacement)])
        query.filter_repo_id([move.repo_id])
        for package in query:
            replacing = Replacing(spec=str(move.replacement), renewed=True)
            chosen.append(Chosen(old=move.base, package=package, replacing=replacing))
            break
        if not query.size():
            return None
    replaced = {each.old for each in chosen}
    gone = {move.base for move in moves} - replaced
    removed = [package for package in candidates.installed if nevra_of(package) in gone]
    return Overrides(removed=tuple(removed), chosen=tuple(chosen), going=frozenset(replaced | gone))


def _command(overrides: Overrides, requests: Iterable[Request]) -> str:
    """Returns the command that makes these overrides, and installs what asks for them."""
    install = "".join(
        f" --install {shlex.quote(request.label)}" for request in requests if not request.package
    )
    names = [nevra_of(package).name for package in overrides.removed]
    if not overrides.chosen:
        return f"overlay override remove {' '.join(names)}{install}"
    removing = "".join(f" --remove {name}" for name in names)
    instead = " ".join(str(each.new) for each in overrides.chosen)
    return f"overlay override replace {instead}{removing}{install}"


def _needing(
    candidates: Candidates, overrides: Overrides, removed: Sequence[Nevra]
) -> dict[Nevra, list[str]]:
    """Returns which of the packages that would be removed need each one that goes, directly.

    Without any it is which of all that stay.
    """
    found: dict[Nevra, list[str]] = {}
    for package in candidates.installed:
        nevra = nevra_of(package)
        if nevra in overrides.going:
            alone = libdnf5.rpm.PackageSet(candidates.base)
            alone.add(package)
            query = libdnf5.rpm.PackageQuery(candidates.staying)
            query.filter_requires(alone)
            staying = [nevra_of(each) for each in query]
            names = [str(each) for each in staying if each in removed or not removed]
            if names:
                found[nevra] = names
    return found


def _first_of_each(lines: Sequence[str]) -> list[str]:
    """Returns the lines, of those that tell what one package needs the first, and not too many."""
    heads = {line.partition(" needs ")[0]: line for line in reversed(lines)}
    found = [line for line in lines if line in heads.values()]
    more = len(found) - _LINES
    return [*found[:_LINES], f"and {more} more of the kind"] if more > 0 else found


def _error(
    candidates: Candidates,
    overrides: Overrides,
    moves: Sequence[BaseMove],
    lines: Sequence[str],
) -> OverrideError:
    """Returns the error for overrides that other base packages stand against, with ways on.

    `moves` are what a solution without the lock does to other base packages.
    """
    removed = [move.base for move in moves if move.replacement is None]
    needing = _needing(candidates, overrides, removed) if removed or not moves else {}
    going = needing.keys() or overrides.going
    few = len(removed) <= _LISTED
    direct = {name for names in needing.values() for name in names}
    named = sorted(map(str, removed) if few or not direct else direct)
    error = OverrideError(sorted(map(str, going)), named, moves, _first_of_each(lines))
    words = [nevra_of(package).name for package in overrides.removed if nevra_of(package) in going]
    words = list(dict.fromkeys([*words, *(nevra.name for nevra in removed)]))
    instead = [str(each.new) for each in overrides.chosen if each.replacing.renewed]
    instead += [str(move.replacement) for move in moves if move.replacement is not None]
    if moves and instead and few:
        removing = "".join(f" --remove {name}" for name in words)
        error.add_note(
            f"to override all of them: overlay override replace {' '.join(instead)}{removing}"
        )
    elif moves and few:
        error.add_note(f"to remove all of them: overlay override remove {' '.join(words)}")
    if overrides.removed:
        error.add_note(
            "--install PACKAGE in the same command puts what provides the same in its place"
        )
    return error
