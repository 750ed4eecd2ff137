# SPDX-License-Identifier: LGPL-2.1-or-later
"""Random requests, in all the forms that requests have, from what repositories offer.

The same seed over the same metadata gives the same requests.
"""

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from tests.solver.described import Described, Metadata

_RICH = ("and", "or", "if", "with")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One question to both solvers."""

    kind: str
    specs: tuple[str, ...]
    weak_deps: bool = True
    best: bool = True


def requests(
    offered: Mapping[str, Metadata], groups: Sequence[str], *, seed: int
) -> Iterator[Asked]:
    """Yields requests without end, every kind of them again and again."""
    chance = random.Random(seed)
    choice = _Choice(chance, list(offered.values()), groups)
    kinds = [*choice.kinds, "several"]
    while True:
        for kind in kinds:
            single = kind != "several"
            some = [kind] if single else chance.choices(choice.kinds, k=chance.randint(2, 4))
            yield Asked(
                kind=kind,
                specs=tuple(choice.of(one) for one in some),
                weak_deps=chance.random() < 0.7,
                best=chance.random() < 0.7,
            )


class _Choice:
    def __init__(
        self, chance: random.Random, offered: Sequence[Metadata], groups: Sequence[str]
    ) -> None:
        self._chance = chance
        self._offered = offered
        self._groups = groups
        self._makers: dict[str, Callable[[Described], str]] = {
            "name": lambda package: package.name,
            "name.arch": lambda package: f"{package.name}.{package.arch}",
            "name-version": lambda package: f"{package.name}-{package.version}",
            "nevra": lambda package: package.nevra,
            "provide": self._provide,
            "versioned": lambda package: f"{package.name} {chance.choice('<>')}= {package.evr}",
            "glob": self._glob,
            "file": self._file,
            "rich": self._rich,
            "group": lambda _: f"@{chance.choice(groups)}",
        }
        self.kinds = [kind for kind in self._makers if groups or kind != "group"]

    def of(self, kind: str) -> str:
        """Returns a request of a kind."""
        return self._makers[kind](self._package())

    def _package(self) -> Described:
        metadata = self._chance.choices(self._offered, weights=[len(one) for one in self._offered])[
            0
        ]
        return metadata[self._chance.randrange(len(metadata))]

    def _provide(self, package: Described) -> str:
        names = [text.split()[0] for text in package.provides if not text.startswith("(")]
        return self._chance.choice(names or [package.name])

    def _glob(self, package: Described) -> str:
        name = package.name
        at = self._chance.randint(min(4, len(name) - 1), len(name) - 1)
        return self._chance.choice([f"{name[:at]}?{name[at + 1 :]}", f"{name[: at + 1]}*"])

    def _file(self, package: Described) -> str:
        for _ in range(50):
            if package.files:
                break
            package = self._package()
        return self._chance.choice(package.files or ["/usr/bin/nothing-has-this"])

    def _rich(self, package: Described) -> str:
        word = self._chance.choice(_RICH)
        other = package.name if word == "with" else self._package().name
        return f"({package.name} {word} {other})"
