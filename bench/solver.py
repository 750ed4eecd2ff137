# SPDX-License-Identifier: LGPL-2.1-or-later
"""`bench solver`: this solver beside dnf5, at the scale of a distribution, and how fast it starts.

Two worlds: CentOS Stream 9 by its genuine metadata, where that is found, and a made-up distribution
of Fedora's size. In each, the same requests are solved by a process of ours and by `dnf5 install
--assumeno`, over the same installed packages. Warm is with the caches of an earlier run; cold is
with none, so that all metadata is read from its XML. Random requests are judged on the first world.
"""

import json
import shutil
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from bench import image
from bench.figures import Goal, Json, Summary, ratios
from bench.measure import Run, measured, plain, say
from fixtures import host as fixture
from fixtures.forest import World
from tests.solver import centos
from tests.solver.asking import requests
from tests.solver.described import install, write_repository
from tests.solver.distribution import distribution
from tests.solver.dnf5 import Dnf5
from tests.solver.judging import Verdict, judge

ASKED = 500
WARM, COLD = 5, 3  # rounds
_FEDORA, _BASE = 80_000, 500  # packages
_SEED = 44
_IMPORTS, _STATUS = 0.2, 0.25  # seconds
_NO = 1  # how dnf5 ends where the answer to its question is no
_IMPORTING = """
import json, time
began = time.perf_counter()
import layering.cli
print(json.dumps({"seconds": time.perf_counter() - began}))
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """A world to solve in, and what is asked there."""

    name: str
    packages: int
    dnf5: Dnf5
    cache: Path
    specs: Mapping[str, str]  # by what they stand for

    def ours(self, spec: str) -> list[str]:
        """Returns the command of this solver."""
        repositories = (f"{id}={path}" for id, path in self.dnf5.repositories.items())
        fixed = [str(self.dnf5.root), str(self.cache), self.dnf5.releasever]
        return [sys.executable, "-m", "bench.oursolve", *fixed, spec, *repositories]

    def theirs(self, spec: str) -> list[str]:
        """Returns dnf5's command."""
        return self.dnf5.command("install", spec)

    def forget(self) -> None:
        """Takes all caches away."""
        shutil.rmtree(self.cache, ignore_errors=True)
        shutil.rmtree(self.dnf5.scratch / "cache", ignore_errors=True)


def bench(
    cache: Path, world: World, *, asked: int = ASKED, warm: int = WARM, cold: int = COLD
) -> Json:
    """Returns the document.

    Raises:
        BenchError: something could not be measured.
    """
    with image.mounted(cache) as ground:
        document: Json = {"bench": "solver", **_start(ground, world, warm)}
        goals = [_goal("imports_s", _IMPORTS, document), _goal("status_s", _STATUS, document)]
        if centos.present():
            scene = _centos(ground)
            document["answers"] = _answers(scene, asked)
            document[scene.name] = _costs(scene, warm, cold, goals)
        scene = _made_up(ground)
        document[scene.name] = _costs(scene, warm, cold, goals)
        document["goals"] = [goal.as_json() for goal in goals]
        return document


def _goal(what: str, limit: float, document: Json) -> Goal:
    told = document[what]
    assert isinstance(told, dict)
    return Goal(what=what, limit=limit, reached=told["median"])


def _start(ground: Path, world: World, rounds: int) -> Json:
    """Returns what it takes before anything is solved."""
    say("imports and status")
    sysroot = ground / "host"
    fixture.create(sysroot, world, "base/minimal")
    imports, status = [], []
    for _ in range(rounds + 1):
        done = plain([sys.executable, "-c", _IMPORTING])
        imports.append(float(json.loads(done)["seconds"]))
        status.append(measured(["overlay", f"--sysroot={sysroot}", "status"]).seconds)
    return {
        "imports_s": Summary.of(imports[1:]).as_json(),
        "status_s": Summary.of(status[1:]).as_json(),
    }


def _centos(ground: Path) -> Scene:
    root, scratch = ground / "centos/root", ground / "centos/dnf5"
    root.mkdir(parents=True)
    metadata = centos.offered()
    say(f"a base of {centos.make_base(root, scratch, metadata)} packages")
    return Scene(
        name="centos_stream_9",
        packages=sum(map(len, metadata.values())),
        dnf5=centos.judge_of(root, scratch),
        cache=ground / "centos/ours",
        specs={
            "httpd": "httpd",
            "podman": "podman",
            "group": "@development",
            "file": "/usr/bin/vim",
        },
    )


def _made_up(ground: Path) -> Scene:
    say(f"making a distribution of {_FEDORA} packages")
    root, repository = ground / "made/root", ground / "made/repository"
    root.mkdir(parents=True)
    made = distribution(_FEDORA, base=_BASE, seed=_SEED, faults=False)
    install(made.base, root)
    write_repository(repository, made.offered, groups=made.groups)
    file = next(path for each in made.offered[-9999:] for path in each.files if "/bin/" in path)
    return Scene(
        name="made_up",
        packages=len(made.offered),
        dnf5=Dnf5(root=root, repositories={"r": repository}, scratch=ground / "made/dnf5"),
        cache=ground / "made/ours",
        specs={"httpd": "httpd", "podman": "podman", "group": "@development", "file": file},
    )


def _answers(scene: Scene, asked: int) -> Json:
    """Returns how many random requests were answered how."""
    say(f"{asked} random requests")
    config = centos.config(scene.dnf5.root, scene.cache)
    verdicts: Counter[Verdict] = Counter()
    different: list[object] = []
    with judge(config, scene.dnf5) as one:
        wanted = islice(requests(centos.offered(), centos.GROUPS, seed=_SEED), asked)
        for judged in one.judge_all(wanted):
            verdicts[judged.verdict] += 1
            if judged.verdict is Verdict.DIFFERENT:
                say(str(judged))
                different.append(" ".join(judged.asked.specs))
    counts = {verdict.name.lower(): verdicts[verdict] for verdict in Verdict}
    return {"asked": asked, **counts, "which": different}


def _costs(scene: Scene, warm: int, cold: int, goals: list[Goal]) -> Json:
    found: Json = {"packages": scene.packages}
    for what, spec in scene.specs.items():
        say(f"{scene.name}: {spec}")
        figures = {
            "warm": _rounds(scene, spec, warm, cold=False),
            "cold": _rounds(scene, spec, cold, cold=True),
        }
        found[what] = figures
        for heat, told in figures.items():
            for unit in ("seconds", "cpu_seconds", "peak_mb"):
                reached = _ratio(told[unit])
                name = f"{scene.name} {what} {heat} {unit}"
                goals.append(Goal(what=name, limit=1.0, reached=reached))
    return found


def _ratio(told: object) -> float:
    assert isinstance(told, dict)
    return float(told["ratio"]["median"])


def _rounds(scene: Scene, spec: str, rounds: int, *, cold: bool) -> Json:
    ours, theirs = [], []
    for number in range(rounds if cold else rounds + 1):
        if cold:
            scene.forget()
        pair = measured(scene.ours(spec)), measured(scene.theirs(spec), ends=(0, _NO), wait=False)
        if cold or number:
            ours.append(pair[0])
            theirs.append(pair[1])
    return {unit: _compared(unit, ours, theirs) for unit in ("seconds", "cpu_seconds", "peak_mb")}


def _compared(unit: str, ours: Sequence[Run], theirs: Sequence[Run]) -> Json:
    mine, others = ([float(getattr(run, unit)) for run in runs] for runs in (ours, theirs))
    return {
        "ours": Summary.of(mine).as_json(),
        "dnf5": Summary.of(others).as_json(),
        "ratio": Summary.of(ratios(mine, others)).as_json(),
    }
