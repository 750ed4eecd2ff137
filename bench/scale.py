# SPDX-License-Identifier: LGPL-2.1-or-later
"""`bench scale`: what an install costs before libostree's deploy, on a small and on a large base.

By the second invariant nothing before the deploy may follow the size of the tree. Time shows it
with the machine's noise, the number of file system calls without: both are told, with the ratio of
files beside them. Rounds alternate between the two hosts.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from bench import events, image, shape
from bench.figures import Goal, Json, Summary, by_key, ratios
from bench.host import REQUEST, Host, create
from bench.measure import Run, plain, say
from fixtures.forest import World

SMALL, LARGE = 20_000, 100_000
ROUNDS = 5
_LIMIT = 1.2  # five times the files may cost that much more before the deploy

# A line of strace -f: process, system call, and whether it is the second half of one.
_CALL = re.compile(r"^\d+ +(?P<name>[a-z]\w*)\(")
_PHASE = re.compile(r'"event\\": \\"(?P<event>start|end)\\", \\"phase\\": \\"(?P<phase>[^\\]+)\\"')
_BEFORE = "start"


def bench(cache: Path, world: World, *, rounds: int = ROUNDS) -> Json:
    """Returns the document.

    Raises:
        BenchError: something could not be measured.
    """
    with image.mounted(cache) as ground:
        form = shape.load()
        hosts = [create(ground / f"host-{size}", world, form, size) for size in (SMALL, LARGE)]
        runs: list[list[Run]] = [[], []]
        for number in range(rounds + 1):
            say(f"round {number} of {rounds}" if number else "warming up")
            for host, taken in zip(hosts, runs, strict=True):
                host.forget()
                taken.append(host.install())
                seconds = events.outside_deploy(taken[-1])
                say(f"  {host.padded.files} files: {seconds:.2f} s beside the deploy")
        calls = [_calls(host, ground / "calls") for host in hosts]
        small, large = (taken[1:] for taken in runs)
        return {
            "bench": "scale",
            "shape": form.source,
            **_document(hosts, small, large),
            **_called(calls),
        }


def _document(hosts: list[Host], small: list[Run], large: list[Run]) -> Json:
    before = [[events.outside_deploy(run) for run in runs] for runs in (small, large)]
    ratio = Summary.of(ratios(before[1], before[0]))
    goal = Goal(what="ratio_before_deploy", limit=_LIMIT, reached=ratio.median)
    files = [host.padded.files for host in hosts]
    return {
        "files": {"small": files[0], "large": files[1], "ratio": files[1] / files[0]},
        "before_deploy_s": {
            "small": Summary.of(before[0]).as_json(),
            "large": Summary.of(before[1]).as_json(),
        },
        "ratio_before_deploy": ratio.as_json(),
        "phases_s": {"small": _phases(small), "large": _phases(large)},
        "others_busy": Summary.of(run.others for run in (*small, *large)).as_json(),
        "goals": [goal.as_json()],
    }


def _phases(runs: list[Run]) -> Json:
    return {
        name: each.as_json() for name, each in by_key([events.phases(run) for run in runs]).items()
    }


def _called(calls: list[Counter[str]]) -> Json:
    deploy = [each.pop(events.DEPLOY, 0) for each in calls]
    before = [sum(each.values()) for each in calls]
    return {
        "calls_before_deploy": {
            "small": before[0],
            "large": before[1],
            "ratio": round(before[1] / before[0], 3),
        },
        "calls_in_deploy": {"small": deploy[0], "large": deploy[1]},
        "calls_by_phase": {"small": dict(calls[0]), "large": dict(calls[1])},
    }


def _calls(host: Host, log: Path) -> Counter[str]:
    """Returns the file system calls of one install by the phase they were made in.

    Counted are the calls that take a path, and the reading of directories.
    """
    host.forget()
    say(f"counting file system calls with {host.padded.files} files")
    strace = ["strace", "-f", "-qq", "-s", "256", "-o", str(log)]
    strace += ["-e", "trace=%file,getdents64,write", "-e", "signal=none"]
    plain([*strace, "overlay", host.sysroot, "--progress=json", "install", "-y", REQUEST])
    with log.open(encoding="utf-8", errors="replace") as lines:
        return counted(lines)


def counted(lines: Iterable[str]) -> Counter[str]:
    """Returns the number of calls in a trace by phase, those outside any phase among them."""
    found: Counter[str] = Counter()
    for phase, call in _by_phase(lines):
        if call != "write":
            found[phase] += 1
    return found


def _by_phase(lines: Iterable[str]) -> Iterator[tuple[str, str]]:
    phase = events.AROUND
    for line in lines:
        call = _CALL.match(line)
        if call is None:
            continue
        told = _PHASE.search(line) if call["name"] == "write" else None
        if told is not None:
            phase = told["phase"] if told["event"] == _BEFORE else events.AROUND
        yield phase, call["name"]
