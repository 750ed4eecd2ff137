# SPDX-License-Identifier: LGPL-2.1-or-later
"""What single values of an origin say, in rpm-ostree's notation: files that were
given, and changes to packages of the base.
"""

import re
from dataclasses import dataclass
from typing import Self

_LOCAL = re.compile(r"([0-9a-f]{64}):(.+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalPackage:
    """A package that came as a file: written as `DIGEST:NEVRA`."""

    digest: str  # 64 hexadecimal digits
    nevra: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Returns the package; ValueError says what the text should have been."""
        found = _LOCAL.fullmatch(text)
        if found is None:
            raise ValueError(f"not SHA256:NEVRA: {text!r}")
        return cls(digest=found[1], nevra=found[2])

    def __str__(self) -> str:
        return f"{self.digest}:{self.nevra}"

    @property
    def name(self) -> str:
        """The package's name."""
        return self.nevra.rsplit("-", 2)[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Replacement:
    """Base packages to be taken from one repository: written as `repo=ID,NAME,…`."""

    source: str  # "repo=ID"
    packages: tuple[str, ...]

    @classmethod
    def parse(cls, text: str) -> Self:
        """Returns the replacement; ValueError says what the text should have been."""
        source, *packages = text.split(",")
        if "=" not in source or not all(packages) or not packages:
            raise ValueError(f"not repo=ID,NAME,…: {text!r}")
        return cls(source=source, packages=tuple(packages))

    def __str__(self) -> str:
        return ",".join((self.source, *self.packages))


@dataclass(frozen=True, slots=True, kw_only=True)
class Overrides:
    """Changes to packages of the base."""

    remove: tuple[str, ...] = ()
    replace_local: tuple[LocalPackage, ...] = ()
    replace: tuple[Replacement, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.remove or self.replace_local or self.replace)


NO_OVERRIDES = Overrides()


def sorted_overrides(overrides: Overrides) -> Overrides:
    """Returns the overrides in the order in which they are written, each once."""
    sources: dict[str, set[str]] = {}
    for each in overrides.replace:
        sources.setdefault(each.source, set()).update(each.packages)
    return Overrides(
        remove=tuple(sorted(set(overrides.remove))),
        replace_local=tuple(sorted(set(overrides.replace_local), key=str)),
        replace=tuple(
            Replacement(source=source, packages=tuple(sorted(sources[source])))
            for source in sorted(sources)
        ),
    )
