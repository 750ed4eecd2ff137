# SPDX-License-Identifier: LGPL-2.1-or-later
"""The order in which declared triggers run: `before` and `after`, else that of the table.

Those that run `first` precede the transaction's file triggers, and so all others.
"""

from collections.abc import Iterable, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter

from triggers.declared import DeclaredTrigger
from triggers.errors import TriggerOrderError


def in_order(table: Sequence[DeclaredTrigger]) -> tuple[DeclaredTrigger, ...]:
    """Returns the triggers of a table as they run.

    Raises:
        TriggerOrderError: what they say of one another leaves no order.
    """
    named = {each.name: each for each in table}
    sorter: TopologicalSorter[str] = TopologicalSorter(dict.fromkeys(named, ()))
    for earlier, later in _edges(table, named):
        sorter.add(later.name, earlier.name)
    try:
        sorter.prepare()
    except CycleError as error:
        cycle = tuple(error.args[1])  # each has to be earlier than the next
        raise TriggerOrderError(f"a circle: {' before '.join(cycle)}", cycle) from None
    place = {each.name: (not each.first, at) for at, each in enumerate(table)}
    ready, ordered = set(sorter.get_ready()), []
    while ready:
        name = min(ready, key=place.__getitem__)
        ready.remove(name)
        ordered.append(named[name])
        sorter.done(name)
        ready.update(sorter.get_ready())
    return tuple(ordered)


def _edges(
    table: Iterable[DeclaredTrigger], named: Mapping[str, DeclaredTrigger]
) -> Iterable[tuple[DeclaredTrigger, DeclaredTrigger]]:
    """Yields what has to be earlier with what has to be later; names that are not there wait."""
    for each in table:
        pairs = [(named[name], each) for name in each.after if name in named]
        pairs += [(each, named[name]) for name in each.before if name in named]
        for earlier, later in pairs:
            if later.first and not earlier.first:
                what = f"{later.name} runs first and {earlier.name} does not"
                raise TriggerOrderError(what, (earlier.name, later.name))
            yield earlier, later
