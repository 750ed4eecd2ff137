# SPDX-License-Identifier: LGPL-2.1-or-later
"""What overrides came to, for the tree: which base packages it lacks, and what its commit says.

rpm-ostree tells replacements that are held from those that follow a source, and so its keys do.
"""

from layering.departures import Departure
from layering.metadata import Replaced
from layering.originvalues import Overrides
from solver import Nevra, Transaction

Pairs = tuple[Replaced, tuple[tuple[str, Replaced], ...]]


def departures_of(transaction: Transaction) -> tuple[Departure, ...]:
    """Returns the base packages that a tree lacks, and what replaces them."""
    return (
        *(Departure(package=nevra) for nevra in transaction.removed),
        *(Departure(package=each.old, replaced_by=str(each.new)) for each in transaction.replaced),
    )


def replaced_pairs(overrides: Overrides, transaction: Transaction) -> Pairs:
    """Returns what replaces what: held as it is, and by the source that it follows."""
    sources = {name: each.source for each in overrides.replace for name in each.packages}
    held: list[tuple[Nevra, Nevra]] = []
    followed: dict[str, list[tuple[Nevra, Nevra]]] = {}
    for each in transaction.replaced:
        source = sources.get(each.old.name)
        pairs = held if source is None else followed.setdefault(source, [])
        pairs.append((each.new, each.old))
    return tuple(held), tuple((source, tuple(followed[source])) for source in sorted(followed))


def overrides_key(overrides: Overrides, transaction: Transaction) -> dict[str, object]:
    """Returns what of overrides a merged tree is made from; nothing where there are none."""
    held, followed = replaced_pairs(overrides, transaction)
    if not (transaction.removed or held or followed):
        return {}
    pairs = [(source, str(new), str(old)) for source, found in followed for new, old in found]
    pairs += [("", str(new), str(old)) for new, old in held]
    return {"overrides": [sorted(map(str, transaction.removed)), sorted(pairs)]}
