# SPDX-License-Identifier: LGPL-2.1-or-later
"""Changes to what an origin says of base packages: removing, replacing, taking the base's again.

A replacement is held at its version (rpm-ostree's `replace-local`) or follows a repository
(`replace`), and which package a word means is known once it is resolved: until then it is an
`Instead`. What is recorded is sorted: the order in which a person typed must not reach a commit.
"""

import fnmatch
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from layering.errors import BadRequestError, LayeringError
from layering.originvalues import (
    LocalPackage,
    Overrides,
    Replacement,
    sorted_overrides,
)
from solver import Nevra

FROM_REPOSITORY = "repo="  # the one kind of source that rpm-ostree knows


class NotOverriddenError(LayeringError):
    """The base's package is to be taken again where no override is of it."""

    def __init__(self, specs: Sequence[str]) -> None:
        names = ", ".join(repr(spec) for spec in specs)
        super().__init__(f"no override matches {names}: nothing to reset")
        self.add_note("'overlay status' lists the overrides")


class NotInBaseError(BadRequestError):
    """What is to be removed or replaced is no package of the base."""

    def __init__(self, specs: Sequence[str], verb: str) -> None:
        names = ", ".join(repr(spec) for spec in specs)
        super().__init__(f"the base has no package {names}: nothing to {verb}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Instead:
    """A word that names what is to replace base packages, before it is resolved."""

    spec: str
    repo_id: str = ""

    def follows(self, package: Nevra) -> bool:
        """Whether later versions are to be taken, too: the word names none, but a repository."""
        words = (package.name, f"{package.name}.{package.arch}")
        return bool(self.repo_id) and any(fnmatch.fnmatchcase(word, self.spec) for word in words)


@dataclass(frozen=True, slots=True, kw_only=True)
class OverrideEdit:
    """What a person wants of base packages."""

    remove: tuple[str, ...] = ()  # names, NEVRAs, globs
    replace: tuple[str, ...] = ()  # likewise, and files
    repo_id: str = ""  # where `replace` is looked for; "": everywhere
    reset: tuple[str, ...] = ()
    reset_all: bool = False


NO_EDIT = OverrideEdit()


def without(overrides: Overrides, names: Iterable[str]) -> Overrides:
    """Returns the overrides but those of some base packages, by name."""
    gone = set(names)
    followed = (
        replace(each, packages=tuple(name for name in each.packages if name not in gone))
        for each in overrides.replace
    )
    return sorted_overrides(
        Overrides(
            remove=tuple(name for name in overrides.remove if name not in gone),
            replace_local=tuple(p for p in overrides.replace_local if p.name not in gone),
            replace=tuple(each for each in followed if each.packages),
        )
    )


def removing(overrides: Overrides, names: Sequence[str]) -> Overrides:
    """Returns the overrides with base packages removed."""
    kept = without(overrides, names)
    return sorted_overrides(replace(kept, remove=(*kept.remove, *names)))


def holding(overrides: Overrides, packages: Sequence[LocalPackage]) -> Overrides:
    """Returns the overrides with base packages replaced by these very ones."""
    kept = without(overrides, (package.name for package in packages))
    return sorted_overrides(replace(kept, replace_local=(*kept.replace_local, *packages)))


def following(overrides: Overrides, repo_id: str, names: Sequence[str]) -> Overrides:
    """Returns the overrides with base packages replaced by what a repository has."""
    kept = without(overrides, names)
    added = Replacement(source=f"{FROM_REPOSITORY}{repo_id}", packages=tuple(names))
    return sorted_overrides(replace(kept, replace=(*kept.replace, added)))


def resetting(overrides: Overrides, specs: Sequence[str], base: Sequence[Nevra] = ()) -> Overrides:
    """Returns the overrides without those that the specs, names or NEVRAs or globs, mean.

    The NEVRA is the replacement's, or that of the package of the base.

    Raises:
        NotOverriddenError: specs mean none.
    """
    names: set[str] = set()
    missing: list[str] = []
    for spec in dict.fromkeys(specs):
        found = {name for name, word in _words(overrides) if fnmatch.fnmatchcase(word, spec)}
        found |= overridden(overrides).intersection(matching(spec, base))
        names |= found
        if not found:
            missing.append(spec)
    if missing:
        raise NotOverriddenError(missing)
    return without(overrides, names)


def overridden(overrides: Overrides) -> frozenset[str]:
    """Returns the names of base packages that are overridden."""
    return frozenset(name for name, _word in _words(overrides))


def matching(spec: str, packages: Iterable[Nevra]) -> tuple[str, ...]:
    """Returns the names of packages that a spec means: a name, any form of NEVRA, a glob of it."""
    found = {
        package.name
        for package in packages
        for word in _forms(package)
        if word == spec or fnmatch.fnmatchcase(word, spec)
    }
    return tuple(sorted(found))


def _forms(package: Nevra) -> tuple[str, ...]:
    bare = f"{package.name}-{package.version}"
    full = f"{bare}-{package.release}"
    return (
        package.name,
        f"{package.name}.{package.arch}",
        bare,
        full,
        f"{full}.{package.arch}",
        f"{package.name}-{package.evr}",
        str(package),
    )


def _words(overrides: Overrides) -> Iterator[tuple[str, str]]:
    """Yields the name of each overridden package with each word that means it."""
    for name in overrides.remove:
        yield name, name
    for package in overrides.replace_local:
        yield from ((package.name, word) for word in _forms(Nevra.parse(package.nevra)))
        yield package.name, str(package)
    for each in overrides.replace:
        yield from ((name, name) for name in each.packages)
