# SPDX-License-Identifier: LGPL-2.1-or-later
"""What an operation is after: the base, the origin and the complete requests of the next tree.

Verbs differ in nothing else. Where the base comes from is one half (`layering.newbase` finds it),
what is asked for on top of it the other: requests of the pending deployment go on, unless they are
dropped, and what is added comes last.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from layering import requests
from layering.errors import BadRequestError
from layering.localrpm import local_packages, split_specs
from layering.origin import LocalPackage, Origin
from layering.originvalues import NO_OVERRIDES
from layering.overriding import Instead
from layering.refspec import Refspec
from layering.requests import Wanted
from layering.target import Target


@dataclass(frozen=True, slots=True, kw_only=True)
class Reset:
    """What to give up of what was changed on top of the base."""

    overlays: bool
    overrides: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Additions:
    """What is asked for anew: words for the solver, and files."""

    names: tuple[str, ...] = ()
    local: Mapping[LocalPackage, Path] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.names or self.local)


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """What the next deployment is to be made of."""

    base_commit: str
    wanted: Wanted
    origin: Origin  # the next deployment's, but for its requests
    source: Refspec | None = None  # where the base is fetched from; None: it is in the repository
    best: bool = False  # the best version of every package, rather than the one that is layered
    new_local: Mapping[LocalPackage, Path] = field(default_factory=dict)
    instead: tuple[Instead, ...] = ()  # what is to replace base packages, of this command's words
    removing: frozenset[str] = frozenset()  # base packages that this command removes
    asked_anew: frozenset[str] = frozenset()  # of the requests' words, those of this command
    needs_repositories: bool = False

    @property
    def next_origin(self) -> Origin:
        """Returns the origin of the next deployment."""
        return self.wanted.to_origin(self.origin)


def staying(target: Target) -> Intent:
    """Returns the intent that changes nothing: the pending tree as it is."""
    return Intent(
        base_commit=target.base_commit,
        wanted=requests.current(target.pending.origin),
        origin=target.pending.origin,
    )


def resetting(target: Target, what: Reset) -> Intent:
    """Returns the intent of the pending tree without its requests, its overrides, or both."""
    intent = staying(target)
    wanted = intent.wanted.without_requests() if what.overlays else intent.wanted
    if what.overrides:
        wanted = replace(wanted, overrides=NO_OVERRIDES)
    return replace(intent, wanted=wanted)


def additions(specs: Sequence[str]) -> Additions:
    """Returns what the words on a command line ask for.

    Raises:
        BadRequestError, BrokenPackageError: a word is none, or a file is no package.
    """
    names, files = split_specs(specs)
    return Additions(names=names, local=local_packages(files))


def with_requests(
    intent: Intent, target: Target, added: Additions, dropped: Sequence[str], *, drop_all: bool
) -> Intent:
    """Returns the intent with requests dropped and added.

    Raises:
        BadRequestError: a word is asked for and to be dropped.
        NotRequestedError: something is to be dropped that nobody asked for.
    """
    both = sorted(set(added.names).intersection(dropped))
    if both:
        raise BadRequestError(f"both to be installed and uninstalled: {', '.join(both)}")
    wanted = intent.wanted.without_requests() if drop_all else intent.wanted
    if dropped:
        wanted = requests.dropping(wanted, dropped, target.tree.layers)
    if added:
        wanted = requests.adding(wanted, added.names, tuple(added.local))
    return replace(
        intent,
        wanted=wanted,
        new_local={**intent.new_local, **added.local},
        asked_anew=frozenset((*added.names, *(package.nevra for package in added.local))),
        needs_repositories=intent.needs_repositories or bool(added),
    )
