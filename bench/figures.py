# SPDX-License-Identifier: LGPL-2.1-or-later
"""Samples and what is said of them: the median, with the least and the greatest beside it.

No figure stands alone: ratios are taken round by round, between commands that ran one after the
other, so that a machine which slows down over a run slows both sides.
"""

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

Json = dict[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What is said of a series of samples."""

    median: float
    least: float
    greatest: float
    runs: int

    @classmethod
    def of(cls, samples: Iterable[float]) -> "Summary":
        """Returns the summary of at least one sample."""
        found = sorted(samples)
        return cls(
            median=statistics.median(found), least=found[0], greatest=found[-1], runs=len(found)
        )

    def as_json(self) -> Json:
        """Returns the summary as the documents carry it."""
        return {
            "median": round(self.median, 4),
            "min": round(self.least, 4),
            "max": round(self.greatest, 4),
            "runs": self.runs,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """A limit that the project sets itself."""

    what: str
    limit: float
    reached: float

    def as_json(self) -> Json:
        """Returns the goal with its verdict."""
        return {
            "what": self.what,
            "limit": self.limit,
            "median": round(self.reached, 4),
            "met": self.reached <= self.limit,
        }


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> list[float]:
    """Returns the ratio of each round."""
    return [mine / other for mine, other in zip(ours, theirs, strict=True)]


def by_key(rounds: Sequence[Mapping[str, float]]) -> dict[str, Summary]:
    """Returns a summary for each key, in the order of first sight; a round without it counts 0."""
    keys = dict.fromkeys(key for each in rounds for key in each)
    return {key: Summary.of(each.get(key, 0.0) for each in rounds) for key in keys}


def table(document: Json) -> str:
    """Returns a document as aligned text: a line for each figure, sections indented."""
    return "\n".join(_lines(document, ""))


def _lines(value: Mapping[str, object], indent: str) -> Iterable[str]:
    for key, each in value.items():
        label = f"{indent}{key}"
        if isinstance(each, dict) and "median" in each and "runs" in each:
            span = f"({each['min']:g} to {each['max']:g}, {each['runs']} runs)"
            yield f"{label:<44}{each['median']:>10.3f}  {span}"
        elif isinstance(each, dict):
            yield label
            yield from _lines(each, f"{indent}  ")
        elif isinstance(each, list):
            yield label
            for item in each:
                if isinstance(item, dict):
                    yield f"{indent}  " + ", ".join(f"{name}: {it}" for name, it in item.items())
                else:
                    yield f"{indent}  {item}"
        else:
            yield f"{label:<44}{each!s:>10}"
