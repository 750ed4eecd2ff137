# SPDX-License-Identifier: LGPL-2.1-or-later
"""What must hold of every solution, whatever the solver thinks: pure checks and attributions.

The base is never moved. The solver is told so beforehand; here its answer is judged again, from
names and architectures alone, as rpm would judge it when it installs.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from solver.errors import BaseMovedError, UnsatisfiableError
from solver.model import BaseMove
from solver.nevra import Nevra


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One line of a solution: a package that comes in, or (outbound) one that would go."""

    nevra: Nevra
    repo_id: str
    inbound: bool
    replaces: tuple[Nevra, ...] = ()  # installed packages that it upgrades, obsoletes, …


def replaces(new: Nevra, old: Nevra) -> bool:
    """Tells whether installing `new` makes rpm take `old` away, going by their names.

    Another architecture of the same version lives beside it (multilib); another version does not,
    because the files which both share would differ.
    """
    if new.name != old.name:
        return False
    multilib = new.arch != old.arch and "noarch" not in (new.arch, old.arch)
    return not (multilib and new.evr == old.evr)


def base_moves(
    steps: Iterable[Step],
    base: Collection[Nevra],
    requests: Mapping[Nevra, Sequence[str]],
    everything: Sequence[str] = (),
) -> tuple[BaseMove, ...]:
    """Returns what the steps would do to base packages, sorted; nothing where the base stays.

    `requests` says whose request each incoming package is; `everything` is what all was for.
    """
    by_name: dict[str, list[Nevra]] = {}
    for nevra in base:
        by_name.setdefault(nevra.name, []).append(nevra)
    wanted = tuple(sorted({spec for specs in requests.values() for spec in specs} or everything))
    moves: dict[Nevra, BaseMove] = {}
    removed: list[Nevra] = []
    for step in sorted(steps, key=lambda step: str(step.nevra)):
        if not step.inbound:
            removed.append(step.nevra)
            continue
        mates = [old for old in by_name.get(step.nevra.name, ()) if replaces(step.nevra, old)]
        for old in {*step.replaces, *mates}.intersection(base):
            whose = tuple(requests.get(step.nevra, ())) or wanted
            moves[old] = BaseMove(
                requests=whose, base=old, replacement=step.nevra, repo_id=step.repo_id
            )
    for old in removed:
        if old in base and old not in moves:
            moves[old] = BaseMove(requests=wanted, base=old, replacement=None)
    return tuple(moves[old] for old in sorted(moves, key=str))


def check_base_stays(
    steps: Iterable[Step],
    base: Collection[Nevra],
    requests: Mapping[Nevra, Sequence[str]],
    everything: Sequence[str] = (),
) -> None:
    """Raises BaseMovedError where a step touches a base package."""
    moves = base_moves(steps, base, requests, everything)
    if moves:
        raise BaseMovedError(moves)


def check_overridden(steps: Iterable[Step], going: Collection[Nevra]) -> None:
    """Raises UnsatisfiableError where a base package stays that is to go."""
    steps = tuple(steps)
    gone = {move.base for move in base_moves(steps, going, {})}
    staying = sorted(str(nevra) for nevra in going if nevra not in gone)
    if staying:
        raise UnsatisfiableError((), f"{', '.join(staying)} would not leave the base", ())


def attribute(
    roots: Mapping[str, Iterable[Nevra]],
    needs: Mapping[Nevra, Iterable[Nevra]],
    packages: Iterable[Nevra],
) -> dict[Nevra, tuple[str, ...]]:
    """Returns for each package the requests that pull it, directly or through what they need.

    `roots` are the packages that each request names, `needs` the packages that each package pulls.
    What no chain explains (a rich dependency that only holds for the set as a whole) belongs to
    every request.
    """
    pulled: dict[Nevra, set[str]] = {nevra: set() for nevra in packages}
    for request, starts in roots.items():
        waiting = [nevra for nevra in starts if nevra in pulled]
        while waiting:
            nevra = waiting.pop()
            if request in pulled[nevra]:
                continue
            pulled[nevra].add(request)
            waiting.extend(needed for needed in needs.get(nevra, ()) if needed in pulled)
    everyone = tuple(sorted(roots))
    return {nevra: tuple(sorted(requests)) or everyone for nevra, requests in pulled.items()}
