# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a person has allowed packages, or spared them: by name, for as long as they are layered.

It is recorded in the tree's commit, for it is part of what the tree is made from, and goes over to
the next tree of the host with the package. To take one back, uninstall the package and install it
again.
"""

import difflib
import fnmatch
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Self

from layering.errors import BadRequestError

_NAMED = 12  # packages that a hint lists
NEW = "*"  # in place of a name: the packages that the command layers anew


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowances:
    """What is allowed, by the names of packages."""

    noscripts: frozenset[str] = frozenset()  # their own scripts do not run
    replacefiles: frozenset[str] = frozenset()  # their files may take the place of others'
    drop_special: frozenset[str] = frozenset()  # their device nodes, pipes, sockets are left out

    @classmethod
    def of(cls, names: Mapping[str, Iterable[str]]) -> Self:
        """Returns what `to_dict` gave; kinds that are not known are passed over."""
        return cls(**{kind: frozenset(names.get(kind, ())) for kind in _kinds()})

    def to_dict(self) -> dict[str, tuple[str, ...]]:
        """Returns the sorted names by kind, without the kinds that have none."""
        every = {kind: tuple(sorted(getattr(self, kind))) for kind in _kinds()}
        return {kind: names for kind, names in every.items() if names}

    def __bool__(self) -> bool:
        return bool(self.to_dict())

    def __or__(self, other: "Allowances") -> "Allowances":
        return Allowances(**{k: getattr(self, k) | getattr(other, k) for k in _kinds()})

    def __sub__(self, other: "Allowances") -> "Allowances":
        return Allowances(**{k: getattr(self, k) - getattr(other, k) for k in _kinds()})

    def only(self, names: Collection[str]) -> "Allowances":
        """Returns what is allowed to these packages."""
        kept = frozenset(names)
        return Allowances(**{kind: getattr(self, kind) & kept for kind in _kinds()})


NOTHING = Allowances()


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a command asks to be allowed."""

    noscripts: tuple[str, ...] = ()  # names or globs of packages; NEW
    replacefiles: bool = False  # to what the command layers anew, or names
    drop_special: bool = False  # likewise

    def __bool__(self) -> bool:
        return bool(self.noscripts or self.replacefiles or self.drop_special)

    def for_packages(self, names: Sequence[str], new: Collection[str]) -> Allowances:
        """Returns what is allowed to the next tree's packages, of which some are new.

        Raises:
            BadRequestError: a name is none of theirs.
        """
        noscripts: set[str] = set()
        for spec in self.noscripts:
            found = set(new) if spec == NEW else set(fnmatch.filter(names, spec))
            if not found and spec != NEW:
                error = BadRequestError(f"no package of that name is layered: --noscripts={spec}")
                error.add_note(_meant(spec, names))
                raise error
            noscripts |= found
        return Allowances(
            noscripts=frozenset(noscripts),
            replacefiles=frozenset(new if self.replacefiles else ()),
            drop_special=frozenset(new if self.drop_special else ()),
        )


def _meant(spec: str, names: Sequence[str]) -> str:
    near = difflib.get_close_matches(spec, names, n=1)
    if near:
        return f"did you mean {near[0]}?"
    every = sorted(set(names))
    more = f" and {len(every) - _NAMED} more" if len(every) > _NAMED else ""
    return f"there is {', '.join(every[:_NAMED])}{more}" if every else "no package is layered"


def _kinds() -> tuple[str, ...]:
    return tuple(field.name for field in fields(Allowances))


_WORDS = {
    "noscripts": "its own scripts do not run",
    "replacefiles": "its files may take the place of others'",
    "drop_special": "its device nodes, pipes and sockets are left out",
}


def sentences(allowances: Allowances) -> tuple[str, ...]:
    """Returns a line for each package and each thing that it is allowed, sorted."""
    return tuple(
        f"{name}: {_WORDS[kind]}" for kind, names in allowances.to_dict().items() for name in names
    )
