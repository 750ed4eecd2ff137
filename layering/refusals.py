# SPDX-License-Identifier: LGPL-2.1-or-later
"""What stops a change before anything is done: a next tree that would silently lack something.

Overlay goes on from trees that others made. What such a tree has and ours would not have is named,
and stays; nobody finds out later that it is gone.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from layering import requests
from layering.errors import BadRequestError
from layering.intent import Intent
from layering.overriding import overridden
from layering.target import Target
from solver import OverrideError, SolverError

# Groups of an origin in which rpm-ostree keeps changes to a tree that are not made here.
_UNSUPPORTED_GROUPS = ("modules", "rpmostree")


def refuse_unsupported(target: Target, intent: Intent) -> None:
    """Raises BadRequestError where the pending tree has what a new one would silently lack."""
    origin = intent.origin
    groups = [f"[{group}]" for group in _UNSUPPORTED_GROUPS if origin.document.keys(group)]
    if groups:
        what = f"the pending deployment has {' and '.join(groups)}, which would be lost"
        error = BadRequestError(f"{what}: {target.pending.id}")
        error.add_note("take them back with 'rpm-ostree reset' and its options, then try again")
        raise error


def refuse_lost_requests(target: Target, intent: Intent) -> None:
    """Raises BadRequestError where an origin asks for nothing of what its tree was made for.

    So it is after a power cut on some file systems: a file of no bytes.
    """
    origin, made_for = target.pending.origin, target.tree.requested
    if origin.layered or intent.source is not None or not intent.wanted:
        return
    if not (target.tree.layers and made_for):
        return
    error = BadRequestError(
        f"the origin asks for nothing, but its tree was made for {', '.join(made_for)}: "
        f"{target.pending.id}"
    )
    error.add_note(f"to ask for it again: overlay rebase REFSPEC --install {made_for[0]} …")
    error.add_note("'overlay reset' goes on without")
    raise error


@contextmanager
def hinted(target: Target, intent: Intent) -> Iterator[None]:
    """Tells, where requests of before do not fit any more, why that may be."""
    try:
        yield
    except SolverError as error:
        present = requests.current(target.pending.origin)
        old = [spec for spec in error.requests if spec in present.names]
        if isinstance(error, OverrideError) and intent.best:
            names = sorted(overridden(intent.wanted.overrides))
            error.add_note(f"to go on without: first 'overlay override reset {' '.join(names)}'")
        elif old and not intent.best and target.tree.layered and not target.tree.policy_version:
            error.add_note(
                "the pending tree is not overlay's: what it layers comes from the repositories once"
            )
        raise
