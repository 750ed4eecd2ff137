# SPDX-License-Identifier: LGPL-2.1-or-later
"""`bench triggers`: what deciding on triggers and running them takes, against running them all.

On the test world's workstation, padded. Three requests: a program that feeds no trigger, a
graphical one, and a hundred packages of which each tenth feeds one. Each is installed with
everything forgotten (cold), and once more with only the merged tree forgotten (remembered): what
is summed are the phases that plan and run scripts. Beside them stand all triggers of the base over
all of its files, as an operation pays that asks nothing of what has changed.
"""

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench import events, image, shape
from bench.figures import Goal, Json, Summary, ratios
from bench.host import Host, create
from bench.hundred import hundred_packages
from bench.measure import Run, measured, say
from fixtures.forest import World

TREE = "base/workstation"
FILES = 100_000
ROUNDS = 3
PHASES = ("scripts planned", "scripts before", "scripts after")
_NOTHING, _EACH, _LESS = 0.050, 0.010, 20.0  # seconds, seconds, times


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A request, and what of it is told."""

    name: str
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """One installation: the seconds of its scripts, how many ran, and how many were remembered."""

    seconds: float
    ran: int
    remembered: int

    @classmethod
    def of(cls, run: Run) -> "Taken":
        """Returns what a run tells of itself."""
        phases = events.phases(run)
        ran, remembered = events.scripts(run)
        return cls(
            seconds=sum(phases.get(name, 0.0) for name in PHASES), ran=ran, remembered=remembered
        )


def bench(cache: Path, world: World, *, rounds: int = ROUNDS) -> Json:
    """Returns the document.

    Raises:
        BenchError: something could not be measured.
    """
    with image.mounted(cache) as ground:
        form = shape.load()
        host = create(ground / "host", world, form, FILES, TREE)
        subjects = (
            Subject(name="small", words=("tree",)),
            Subject(name="graphical", words=("mousepad",)),
            Subject(name="hundred", words=hundred_packages(ground / "packages")),
        )
        taken: dict[str, list[tuple[Taken, Taken]]] = {each.name: [] for each in subjects}
        everything: list[float] = []
        for number in range(rounds + 1):
            say(f"round {number} of {rounds}" if number else "warming up")
            everything.append(_all_triggers(host, ground))
            for subject in subjects:
                taken[subject.name].append(_round(host, subject))
        return {
            "bench": "triggers",
            "files": host.padded.files,
            "shape": form.source,
            **_document(taken, everything[1:]),
        }


def _round(host: Host, subject: Subject) -> tuple[Taken, Taken]:
    host.forget()
    cold = Taken.of(host.install(*subject.words))
    host.forget("merged")
    remembered = Taken.of(host.install(*subject.words))
    say(
        f"  {subject.name}: cold {cold.seconds:.3f} s, {cold.ran} ran; "
        f"then {remembered.seconds:.3f} s, {remembered.ran} ran"
    )
    return cold, remembered


def _all_triggers(host: Host, ground: Path) -> float:
    command = [sys.executable, "-m", "bench.alltriggers", str(host.deployment), str(ground)]
    told = json.loads(measured(command).stdout)
    say(f"  all {told['triggers']} triggers over {told['files']} files: {told['seconds']:.2f} s")
    return float(told["seconds"])


def _document(taken: dict[str, list[tuple[Taken, Taken]]], everything: Sequence[float]) -> Json:
    document: Json = {"all_triggers_s": Summary.of(everything).as_json()}
    goals = []
    for name, rounds in taken.items():
        cold, warm = ([each[at] for each in rounds[1:]] for at in (0, 1))
        seconds = [[each.seconds for each in side] for side in (cold, warm)]
        document[name] = {
            "cold_s": Summary.of(seconds[0]).as_json(),
            "remembered_s": Summary.of(seconds[1]).as_json(),
            "scripts": {"ran_cold": cold[-1].ran, "ran_then": warm[-1].ran},
            "remembered": warm[-1].remembered,
            "all_to_cold": Summary.of(ratios(everything, seconds[0])).as_json(),
            "all_to_remembered": Summary.of(ratios(everything, seconds[1])).as_json(),
        }
        goals.append(_at_least(f"{name}.all_to_remembered", ratios(everything, seconds[1])))
    nothing = Summary.of(each.seconds for each, _ in taken["small"][1:]).median
    goals.append(Goal(what="small.cold_s", limit=_NOTHING, reached=nothing).as_json())
    return {**document, "goals": goals}


def _at_least(what: str, samples: Sequence[float]) -> Json:
    median = Summary.of(samples).median
    return {"what": what, "at_least": _LESS, "median": round(median, 2), "met": median >= _LESS}
