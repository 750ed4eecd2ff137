# SPDX-License-Identifier: LGPL-2.1-or-later
"""`bench scriptlet`: what one scriptlet costs, beside bubblewrap alone and beside a bare chroot.

The tree is the test world's minimal one, mounted as scripts find it: overlayfs over a checkout. The
scriptlet is `:`, so that all there is to measure is around it. Each round runs a handful of each by
turns, and takes their medians: single runs are so short that the machine's noise is larger.
"""

import os
import statistics
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from bench import image
from bench.figures import Goal, Json, Summary, ratios
from bench.measure import plain, say
from fixtures.forest import World
from triggers import Descriptors, Invocation, Phase, Sandbox, run

TREE = "base/minimal"
ROUNDS = 9
_EACH = 5
_RUN = 5  # scripts: an operation seldom has just one
_GOAL = 0.015  # seconds


def bench(cache: Path, world: World, *, rounds: int = ROUNDS) -> Json:
    """Returns the document.

    Raises:
        BenchError: something could not be measured.
    """
    with image.mounted(cache) as ground:
        root = _tree(ground, world)
        try:
            measures = _measures(root, ground)
            taken: dict[str, list[float]] = {name: [] for name in measures}
            for number in range(rounds + 1):
                say(f"round {number} of {rounds}" if number else "warming up")
                for name, measure in measures.items():
                    taken[name].append(statistics.median(measure() for _ in range(_EACH)))
        finally:
            plain(["umount", str(root)])
    taken = {name: found[1:] for name, found in taken.items()}
    reached = Summary.of(taken["scriptlet_s"])
    goal = Goal(what="scriptlet_s", limit=_GOAL, reached=reached.median)
    return {
        "bench": "scriptlet",
        **{name: Summary.of(found).as_json() for name, found in taken.items()},
        "scriptlet_to_bwrap": Summary.of(ratios(taken["scriptlet_s"], taken["bwrap_s"])).as_json(),
        "goals": [goal.as_json()],
    }


def _tree(ground: Path, world: World) -> Path:
    checkout, root = ground / "checkout", ground / "root"
    repo = f"--repo={world.ostree_repo}"
    plain(["ostree", "checkout", "--force-copy", repo, TREE, str(checkout)])
    for each in (root, ground / "upper", ground / "work"):
        each.mkdir()
    options = f"lowerdir={checkout},upperdir={ground / 'upper'},workdir={ground / 'work'}"
    plain(["mount", "-t", "overlay", "-o", options, "overlay", str(root)])
    return root


def _measures(root: Path, ground: Path) -> dict[str, Callable[[], float]]:
    sandbox = Sandbox.over(
        root, var=ground / "var", rpm_state=ground / "state", source_date_epoch=1700000000
    )
    script = Invocation(
        phase=Phase.POST,
        owner="bench-1-1.noarch",
        label="%post(bench-1-1.noarch)",
        interpreter=("/bin/sh",),
        body=":",
        args=("1",),
        why="to be measured",
    )

    def scriptlet() -> float:
        """One script of a run of several, with its share of what a run sets up."""
        return _timed(lambda: run([script] * _RUN, sandbox)) / _RUN

    def bwrap() -> float:
        """The same sandbox, without whatever watches over it."""
        with Path(os.devnull).open("rb") as null:
            words = sandbox.argv(
                ["/bin/sh", "-c", ":"], descriptors=Descriptors(null=null.fileno())
            )
            numbers = (null.fileno(),)
            return _timed(lambda: subprocess.run(words, pass_fds=numbers, check=True))

    def chroot() -> float:
        """What rpm does: a shell in the tree, and nothing around it."""
        words = ["chroot", str(root), "/bin/sh", "-c", ":"]
        return _timed(lambda: subprocess.run(words, check=True))

    return {"scriptlet_s": scriptlet, "bwrap_s": bwrap, "chroot_s": chroot}


def _timed(action: Callable[[], object]) -> float:
    began = time.monotonic()
    action()
    return time.monotonic() - began
