# SPDX-License-Identifier: LGPL-2.1-or-later
"""`bench imports`: one package into a layer, beside `rpm2archive | tar x` of the same package.

There are two: one holds one large file of half-compressible data, the other 20,000 small ones; both
are built by rpmbuild, with its default compressor at a lower level, which is as fast to take apart
and much faster to make. An import ends with everything on the disk and every
digest checked, an extraction with neither. So each is compared twice, like with like: both left to
the page cache, and both on the disk (tar followed by a sync of its file system).
"""

import json
import os
import platform
import random
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bench import image
from bench.figures import Json, Summary, ratios
from bench.measure import measured, plain, say
from fixtures.forest import World

ROUNDS = 5
LARGE = 256 << 20  # bytes
MANY = 20_000  # files
_DIRECTORIES = 200
_GOAL = 0.7  # of the throughput of the extraction
_SPEC = """\
Name: bench-{name}
Version: 1
Release: 1
Summary: To be measured with
License: LGPL-2.1-or-later
BuildArch: noarch
%global __os_install_post %{{nil}}
%description
To be measured with.
%install
mkdir -p %{{buildroot}}/usr/share
cp -r {tree} %{{buildroot}}/usr/share/bench-{name}
%files
/usr/share/bench-{name}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A package, and what is in it."""

    name: str
    rpm: Path
    files: int
    size: int  # bytes of all files


def bench(cache: Path, world: World | None = None, *, rounds: int = ROUNDS) -> Json:
    """Returns the document; what is measured needs nothing of the world.

    Raises:
        BenchError: something could not be measured.
    """
    with image.mounted(cache) as ground:
        subjects = [_large(ground), _many(ground)]
        taken: dict[str, list[dict[str, float]]] = {subject.name: [] for subject in subjects}
        for number in range(rounds + 1):
            say(f"round {number} of {rounds}" if number else "warming up")
            for subject in subjects:
                taken[subject.name].append(_round(subject, ground))
        return {
            "bench": "imports",
            **{each.name: _document(each, taken[each.name][1:]) for each in subjects},
            "goals": [goal for each in subjects for goal in _goals(each, taken[each.name][1:])],
            "environment": _environment(),
        }


def _large(ground: Path) -> Subject:
    tree = ground / "large"
    tree.mkdir()
    numbers = random.Random(1)
    with (tree / "file").open("wb") as stream:
        for _ in range(LARGE >> 20):
            stream.write(numbers.randbytes(1 << 19).hex().encode())
    return _built(ground, tree, files=1, size=LARGE)


def _many(ground: Path) -> Subject:
    tree = ground / "many"
    size = 0
    for at in range(MANY):
        path = tree / str(at % _DIRECTORIES) / str(at)
        path.parent.mkdir(parents=True, exist_ok=True)
        size += path.write_bytes(b"The content of number %d.\n" % at * (1 + at % 16))
    return _built(ground, tree, files=MANY, size=size)


def _built(ground: Path, tree: Path, *, files: int, size: int) -> Subject:
    say(f"building the package of {tree.name}")
    spec = ground / f"{tree.name}.spec"
    spec.write_text(_SPEC.format(name=tree.name, tree=tree), encoding="utf-8")
    rpm = ground / f"{tree.name}.rpm"
    defines = {
        "_topdir": ground / "rpmbuild",
        "_rpmdir": ground,
        "_rpmfilename": rpm.name,
        "_binary_payload": "w3.zstdio",
    }
    command = ["rpmbuild", "-bb", "--quiet", str(spec)]
    for name, value in defines.items():
        command += ["--define", f"{name} {value}"]
    plain(command)
    shutil.rmtree(tree)
    shutil.rmtree(ground / "rpmbuild")
    return Subject(name=tree.name, rpm=rpm, files=files, size=size)


def _round(subject: Subject, ground: Path) -> dict[str, float]:
    """Returns the seconds of everything, by name."""
    place = ground / "place"
    place.mkdir()
    extracted = place / "extracted"
    seconds = {}
    for name in ("extract", "extract_synced"):
        shutil.rmtree(extracted, ignore_errors=True)
        extracted.mkdir()
        script = 'rpm2archive -n < "$1" | tar -x -C "$2"'
        if name == "extract_synced":
            script += ' && sync -f "$2"'
        run = measured(["sh", "-c", script, "sh", str(subject.rpm), str(extracted)])
        seconds[name] = run.seconds
    for name, how, what in (
        ("import", "import-unsynced", subject.rpm),
        ("import_synced", "import", subject.rpm),
        ("floor", "floor-unsynced", extracted),
        ("floor_synced", "floor", extracted),
    ):
        repo = place / "repo"
        run = measured([sys.executable, "-m", "bench.ourimport", how, str(repo), str(what)])
        seconds[name] = json.loads(run.stdout)["seconds"]
        if name == "import_synced":
            seconds["peak_mb"] = run.peak_mb
        shutil.rmtree(repo)
    shutil.rmtree(place)
    say(f"  {subject.name}: " + ", ".join(f"{key} {each:.2f}" for key, each in seconds.items()))
    return seconds


def _ratios(rounds: list[dict[str, float]], one: str, other: str) -> Summary:
    """Returns the throughput of one as a share of the other's, which is the inverse of seconds."""
    return Summary.of(ratios([each[other] for each in rounds], [each[one] for each in rounds]))


def _document(subject: Subject, rounds: list[dict[str, float]]) -> Json:
    def speed(key: str, amount: float) -> Json:
        return Summary.of(amount / each[key] for each in rounds).as_json()

    seconds = {key: Summary.of(each[key] for each in rounds).as_json() for key in rounds[0]}
    peak = seconds.pop("peak_mb")
    return {
        "files": subject.files,
        "mb": round(subject.size / 1e6, 1),
        "ratio": _ratios(rounds, "import", "extract").as_json(),
        "ratio_synced": _ratios(rounds, "import_synced", "extract_synced").as_json(),
        "ratio_of_floor": _ratios(rounds, "floor", "extract").as_json(),
        "ratio_of_floor_synced": _ratios(rounds, "floor_synced", "extract_synced").as_json(),
        "mb_per_s": {key: speed(key, subject.size / 1e6) for key in seconds},
        "files_per_s": {key: speed(key, subject.files) for key in seconds},
        "seconds": seconds,
        "peak_mb": peak,
    }


def _goals(subject: Subject, rounds: list[dict[str, float]]) -> list[Mapping[str, object]]:
    reached = {
        "ratio": _ratios(rounds, "import", "extract").median,
        "ratio_synced": _ratios(rounds, "import_synced", "extract_synced").median,
    }
    return [
        {
            "what": f"{subject.name}.{what}",
            "at_least": _GOAL,
            "median": round(median, 4),
            "met": median >= _GOAL,
        }
        for what, median in reached.items()
    ]


def _environment() -> Json:
    return {
        "processors": len(os.sched_getaffinity(0)),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "ostree": plain(["ostree", "--version"]).split("'")[1],
        "rpm": plain(["rpm", "--version"]).split()[-1],
        "file_system": "ext4 with a journal, loop",
        "load_average": round(os.getloadavg()[0], 2),
    }
