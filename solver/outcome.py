# SPDX-License-Identifier: LGPL-2.1-or-later
"""A solution that was found, judged again and turned into the layered set.

The solver was told beforehand that the base stays; here its answer is judged from names alone, see
`solver.transaction`. A request that brought nothing, because the base or what stands in its place
meets it after all, is inactive: dnf takes it as installed already, see
https://dnf5.readthedocs.io/en/latest/commands/install.8.html
"""

from collections.abc import Collection, Sequence
from typing import Any

from solver.identity import nevra_of
from solver.model import Reason, Replaced, Transaction
from solver.request import Request
from solver.roots import is_met, roots_of, with_groups
from solver.solution import incoming, needs_of, package_values, steps_of
from solver.solving import Solving
from solver.transaction import attribute, check_base_stays, check_overridden


def outcome(
    solving: Solving,
    requests: Sequence[Request],
    solved: Any,
    *,
    weak: bool,
    inactive: Collection[str],
    held_back: tuple[str, ...],
) -> Transaction:
    """Returns the layered set that a solution comes to; some more requests may be inactive.

    Raises:
        BaseMovedError: it moves the base.
        UnsatisfiableError: a base package stays that is overridden.
    """
    candidates, overrides = solving.candidates, solving.overrides
    packages = incoming(solved)
    bare = [package for package, _ in packages]
    steps = steps_of(solved)
    brought = [step.nevra for step in steps if step.inbound]
    roots = roots_of(candidates, requests, solved)
    met = {
        request.label
        for request in requests
        if roots[request.label].isdisjoint(brought) and is_met(candidates, request, solved)
    }
    roots = {label: found for label, found in roots.items() if label not in met}
    packages = with_groups(packages, requests, roots)
    roots |= {label: {nevra} for label, nevra in overrides.labels.items()}
    needs = needs_of(candidates, bare, weak=weak)
    attributed = attribute(roots, needs, brought)
    everything = [*(request.label for request in requests), *overrides.labels]
    check_base_stays(steps, candidates.base_nevras - overrides.going, attributed, everything)
    check_overridden(steps, overrides.going)
    instead = set(overrides.labels.values())
    reasons = [(p, Reason.OVERRIDE if nevra_of(p) in instead else why) for p, why in packages]
    return Transaction(
        packages=package_values(candidates, reasons, attributed),
        inactive=tuple(sorted({*inactive, *met})),
        held_back=held_back,
        removed=tuple(sorted(map(nevra_of, overrides.removed), key=str)),
        replaced=tuple(
            Replaced(old=each.old, new=each.new, replacing=each.replacing)
            for each in overrides.chosen
        ),
        resting=overrides.resting,
    )
