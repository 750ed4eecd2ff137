# SPDX-License-Identifier: LGPL-2.1-or-later
"""`bench install`: one package onto a large base, beside what bounds it and what else would do it.

A round is one of each, in the same order: `overlay install`, libostree's bare deploy of the commit
that came of it (with and without the prune that its command line adds), dnf5 into a plain root,
the union by checkout, our union alone. The first round warms up and is dropped.
"""

import json
import os
import platform
import sys
from dataclasses import dataclass
from pathlib import Path

from bench import events, image, padding, peers, shape
from bench.figures import Goal, Json, Summary, by_key, ratios
from bench.host import Host, create
from bench.measure import BenchError, Run, measured, plain, say
from bench.peers import ByCheckout, Root
from fixtures.forest import World

FILES = 90_000
ROUNDS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """One round's runs."""

    overlay: Run
    bare: Run
    pruning: Run
    dnf5: Run
    by_checkout: ByCheckout
    union: Run

    @property
    def union_told(self) -> dict[str, float]:
        """Returns the seconds of our union and of its commit, inside its process."""
        told = json.loads(self.union.stdout)
        return {"union": told["union"], "commit": told["commit"]}


def bench(cache: Path, world: World, *, files: int = FILES, rounds: int = ROUNDS) -> Json:
    """Returns the document.

    Raises:
        BenchError: something could not be measured.
    """
    with image.mounted(cache) as ground:
        form = shape.load()
        host = create(ground / "host", world, form, files)
        root = peers.copied_root(ground / "root", host)
        done = []
        for number in range(rounds + 1):
            say(f"round {number} of {rounds}" if number else "warming up")
            done.append(_round(host, root, ground))
        return {
            "bench": "install",
            "files": host.padded.files,
            "directories": host.padded.directories,
            **_document(done[1:]),
            "environment": {**_environment(ground), "shape": form.source},
        }


def _round(host: Host, root: Root, ground: Path) -> Round:
    host.forget()
    overlay = host.install()
    merged = host.newest()
    host.to_base()
    bare = host.deploy(merged, "--no-prune")
    host.to_base()
    pruning = host.deploy(merged)
    host.to_base()
    dnf5 = root.install()
    root.reset()
    layer = host.layer()
    by_checkout = peers.by_checkout(host, layer, ground / "checkout")
    repository = str(host.path / "ostree/repo")
    module = [sys.executable, "-m", "bench.ourunion"]
    union = measured([*module, repository, host.padded.commit, layer])
    _same_tree(host, by_checkout.result, json.loads(union.stdout)["result"])
    done = Round(
        overlay=overlay,
        bare=bare,
        pruning=pruning,
        dnf5=dnf5,
        by_checkout=by_checkout,
        union=union,
    )
    say(
        f"  overlay {overlay.seconds:.2f} s, bare deploy {bare.seconds:.2f} s, dnf5 "
        f"{dnf5.seconds:.2f} s, by checkout {by_checkout.seconds:.2f} s, "
        f"our union {done.union_told['union']:.3f} s"
    )
    return done


def _same_tree(host: Host, theirs: str, ours: str) -> None:
    """Checks that both unions are the same tree, which alone makes their times comparable."""
    difference = plain(["ostree", "diff", host.repo, theirs, ours]).strip()
    if difference:
        raise BenchError(f"the unions differ:\n{difference}")


def _document(rounds: list[Round]) -> Json:
    whole = [each.overlay.seconds for each in rounds]
    outside = Summary.of(events.outside_deploy(each.overlay) for each in rounds)
    bare = [each.bare.seconds for each in rounds]
    dnf5 = [each.dnf5.seconds for each in rounds]
    checkout = [each.by_checkout.seconds for each in rounds]
    united = [sum(each.union_told.values()) for each in rounds]
    to_bare = Summary.of(ratios(whole, bare))
    union = Summary.of(each.union_told["union"] for each in rounds)
    phases = by_key([events.phases(each.overlay) for each in rounds])
    pruning = [each.pruning.seconds for each in rounds]
    goals = [
        Goal(what="outside_deploy_s", limit=1.5, reached=outside.median),
        Goal(what="ratio_to_bare_deploy", limit=1.5, reached=to_bare.median),
        Goal(what="union_s", limit=0.15, reached=union.median),
    ]
    return {
        "whole_s": Summary.of(whole).as_json(),
        "phases_s": {name: each.as_json() for name, each in phases.items()},
        "outside_deploy_s": outside.as_json(),
        "bare_deploy_s": Summary.of(bare).as_json(),
        "bare_deploy_with_prune_s": Summary.of(pruning).as_json(),
        "dnf5_s": Summary.of(dnf5).as_json(),
        "checkout_union_commit_s": Summary.of(checkout).as_json(),
        "union_s": union.as_json(),
        "union_commit_s": Summary.of(united).as_json(),
        "ratio_to_bare_deploy": to_bare.as_json(),
        "ratio_to_bare_deploy_with_prune": Summary.of(ratios(whole, pruning)).as_json(),
        "ratio_to_dnf5": Summary.of(ratios(whole, dnf5)).as_json(),
        "ratio_of_unions": Summary.of(ratios(united, checkout)).as_json(),
        "peak_mb": _series(rounds, "peak_mb"),
        "cpu_s": _series(rounds, "cpu_seconds"),
        "others_busy": Summary.of(each.overlay.others for each in rounds).as_json(),
        "goals": [goal.as_json() for goal in goals],
    }


def _series(rounds: list[Round], field: str) -> Json:
    """Returns one field of each command's runs; of several commands in a row, the greatest."""
    combine = max if field == "peak_mb" else sum
    commands: dict[str, list[tuple[Run, ...]]] = {
        "overlay": [(each.overlay,) for each in rounds],
        "bare_deploy": [(each.bare,) for each in rounds],
        "dnf5": [(each.dnf5,) for each in rounds],
        "checkout_union_commit": [each.by_checkout.runs for each in rounds],
        "union_commit": [(each.union,) for each in rounds],
    }
    return {
        name: Summary.of(
            combine(float(getattr(run, field)) for run in row) for row in rows
        ).as_json()
        for name, rows in commands.items()
    }


def _environment(ground: Path) -> Json:
    space = os.statvfs(ground)
    return {
        "processors": len(os.sched_getaffinity(0)),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "ostree": plain(["ostree", "--version"]).split("'")[1],
        "file_system": f"ext4 with a journal, {space.f_blocks * space.f_frsize >> 30} GiB, loop",
        "content": padding.CONTENT,
        "load_average": round(os.getloadavg()[0], 2),
    }
