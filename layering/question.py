# SPDX-License-Identifier: LGPL-2.1-or-later
"""What is asked of the solver, in words of the tree, and the solver's goal that it becomes.

It is always all that is wanted, not what a command adds. Of layers that are of another release than
the base only those are offered that came as files: all others are to come from the new release.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from layering.origin import LocalPackage
from layering.overriding import FROM_REPOSITORY, Instead
from layering.requests import Wanted
from solver import Goal, LayerStub, Replacing, Repository


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked of the solver."""

    wanted: Wanted
    new_local: Mapping[LocalPackage, Path] = field(default_factory=dict)
    instead: tuple[Instead, ...] = ()  # words for what is to replace base packages
    needs_repositories: bool = True
    weak_deps: bool = True
    exclude: tuple[str, ...] = ()
    standing: frozenset[str] = frozenset()  # of what is wanted, what was so before
    best: bool = False  # the best version of every package, rather than the one that is layered
    other_release: bool = False  # the layers are of another release than the base


def goal_of(
    question: Question,
    stubs: Sequence[LayerStub],
    *,
    local: Sequence[Path],
    replacing: Sequence[Path],
) -> Goal:
    """Returns the goal that a question is, with files to add and files to replace with."""
    return Goal(
        install=question.wanted.requested,
        local=tuple(local),
        layers=_offered(question, stubs),
        remove=question.wanted.overrides.remove,
        replace=_replacing(question, replacing),
        weak_deps=question.weak_deps,
        exclude=question.exclude,
        standing=question.standing,
        upgrade=question.best,
    )


def unasked(question: Question, repositories: Iterable[Repository]) -> Iterator[str]:
    """Yields what an upgrade cannot ask for newer packages in the place of the base's."""
    enabled = {repository.id for repository in repositories}
    for each in question.wanted.overrides.replace:
        if each.source.removeprefix(FROM_REPOSITORY) not in enabled:
            yield f"{', '.join(each.packages)} cannot follow {each.source}: it is not enabled"


def _replacing(question: Question, files: Sequence[Path]) -> tuple[Replacing, ...]:
    """Returns what is to replace base packages; of one package's the last counts."""
    followed = (
        Replacing(spec=name, repo_id=each.source.removeprefix(FROM_REPOSITORY))
        for each in question.wanted.overrides.replace
        for name in each.packages
    )
    return (
        *followed,
        *(Replacing(path=path) for path in files),
        *(Replacing(spec=w.spec, repo_id=w.repo_id, renewed=True) for w in question.instead),
    )


def _offered(question: Question, stubs: Sequence[LayerStub]) -> tuple[LayerStub, ...]:
    """Returns the layers that may serve: of another release those alone that came as files."""
    if not question.other_release:
        return tuple(stubs)
    wanted = question.wanted
    local = (*wanted.requested_local, *wanted.overrides.replace_local)
    files = {package.nevra for package in local}
    return tuple(stub for stub in stubs if str(stub.nevra) in files)
