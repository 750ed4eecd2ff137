# SPDX-License-Identifier: LGPL-2.1-or-later
"""The tools are the judges: what triggers left in a tree is what each tool makes of it by itself.

On one host trees are made one after the other: with all packages that feed a cache, with one half
of them, with the other half, with none. So each package comes and goes, alone or beside another
that feeds the same cache, and the last one goes. In each tree the programs that use the caches are
asked what they know; then the caches are removed, and made anew by their tools, run by hand on a
plain checkout.

The same is asked of a last tree, on which a person has turned off what overlay has built in, where
the base's packages have triggers of their own.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import pytest

from fixtures.forest import World
from layering import memos
from layering.refs import MEMO_PREFIX
from layering.repo import Repo
from tests.integration.conftest import fresh_host
from tests.integration.hosts import Host
from tests.integration.live import live_tree
from tests.integration.oracle import Found, judged
from tests.integration.oracles import ASKS, ORACLES
from tests.integration.reads import unexplained

pytestmark = [pytest.mark.world, pytest.mark.root, pytest.mark.bwrap]

WORKSTATION = "base/workstation"
NO_FEED = "case-trigger-program"
SCRIPT = ("progress", "scripts")  # run, or known from before
CHECK = "check of the tree after its scripts"  # of all that ran

FED = frozenset(name for each in ORACLES.values() for name in each.feeds)
_ALONE = [name for each in ORACLES.values() for name in each.feeds if len(each.feeds) == 1]
_BESIDE = [name for each in ORACLES.values() for name in tuple(each.feeds)[1:]]
# Of two packages that feed one cache, each half has one.
HALF = frozenset({*_ALONE[::2], *_BESIDE})
TREES = {
    "a program": frozenset[str](),
    "a library": frozenset({"case-trigger-library"}),
    "all": FED,
    "one half": HALF,
    "the other half": FED - HALF,
    "none": frozenset[str](),
    "by packages": FED,
}
# Turned off at last: what packages of the base have triggers for as well, and which.
TWINS = {
    "ldconfig": "glibc-common",
    "systemd-hwdb": "systemd-udev",
    "glib-compile-schemas": "glib2",
    "gio-querymodules": "glib2",
    "gdk-pixbuf-query-loaders": "gdk-pixbuf2",
    "gtk-query-immodules": "gtk3",
    "update-mime-database": "shared-mime-info",
    "fontconfig": "fontconfig",
}
JUDGED = [tree for tree in TREES if tree not in ("a program", "a library")]
PAIRS = [
    (tree, row)
    for tree in JUDGED
    for row in ORACLES
    # fc-cache deletes what it has just made for directories that are newer than its clock says.
    if (tree, row) != ("by packages", "fonts")
]
# The kernel's, and those of the base's packages.
_VERSION = re.compile(r"^(depmod) .*$|^(%transfiletriggerin\(.+)-[^-]+-[^-]+\)$")
# The catalog's, by which all of it is asked for.
ROWS = {each.split()[0] for scripts in ASKS.values() for each in scripts if each[0] != "%"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A tree that was made: which scripts that asked for, and what was found of each cache."""

    asked: frozenset[str]
    caches: Mapping[str, Found]


@pytest.fixture(scope="module")
def host(built: World, world: World, ground: Path) -> Iterator[Host]:
    """A host for the whole module."""
    with fresh_host(ground / "oracles", built, world, WORKSTATION) as made:
        yield made


@pytest.fixture(scope="module")
def made(host: Host, ground: Path) -> Mapping[str, Made]:
    """All trees, by name."""
    trees: dict[str, Made] = {}
    layered: frozenset[str] = frozenset()
    for tree, packages in TREES.items():
        if tree == "by packages":
            _turn_off(host)
        away = [word for name in sorted(layered - packages) for word in ("--uninstall", name)]
        asked = _asked(host, "install", NO_FEED, *sorted(packages - layered), *away)
        layered = packages
        trees[tree] = Made(asked=asked, caches=_looked(host, ground) if tree in JUDGED else {})
    return trees


@pytest.fixture(scope="module")
def memories(made: Mapping[str, Made], host: Host) -> Mapping[str, Sequence[memos.Memo]]:
    """What the host remembers of all that ran, by row of the catalog."""
    assert made.keys() == TREES.keys()
    repo = Repo.open(host.repo)
    keys = {ref.split("/")[-2] for ref in repo.refs(MEMO_PREFIX)}
    known = sorted((memo for key in keys for memo in memos.known(repo, key)), key=_row)
    return {row: list(group) for row, group in groupby(known, key=_row)}


@pytest.mark.parametrize("tree", TREES)
def test_only_what_feeds_a_cache_asks_for_its_trigger(made: Mapping[str, Made], tree: str) -> None:
    wanted = {script for name in (NO_FEED, *TREES[tree]) for script in ASKS[name]}
    if tree == "by packages":
        wanted = {each for each in wanted if each.split()[0] not in TWINS}
        wanted |= {f"%transfiletriggerin({package})" for package in TWINS.values()}
    assert made[tree].asked == wanted


@pytest.mark.parametrize(("tree", "row"), PAIRS)
def test_a_cache_is_what_its_tool_makes_of_the_whole_tree(
    made: Mapping[str, Made], tree: str, row: str
) -> None:
    each = made[tree].caches[row]
    assert each.left.keys() == each.scratch.keys()
    assert [path for path in each.left if each.left[path] != each.scratch[path]] == []


@pytest.mark.parametrize(("tree", "row"), PAIRS)
def test_programs_know_the_packages_that_are_there_and_no_others(
    made: Mapping[str, Made], tree: str, row: str
) -> None:
    fed = ORACLES[row].feeds.keys()
    assert made[tree].caches[row].known == fed & TREES[tree]
    assert made[tree].caches[row].unknown == fed - TREES[tree]


@pytest.mark.parametrize("row", ORACLES)
def test_programs_take_a_cache_for_up_to_date(made: Mapping[str, Made], row: str) -> None:
    assert made["all"].caches[row].used == made["all"].caches[row].left


@pytest.mark.parametrize("row", sorted(ROWS))
def test_a_trigger_looks_at_nothing_but_what_it_declares(
    memories: Mapping[str, Sequence[memos.Memo]], row: str
) -> None:
    (first, *more) = memories[row]  # it was observed, and nothing in it was doubted
    assert [path for each in (first, *more) for path in unexplained(each.label, each.reads)] == []


def _asked(host: Host, *words: str) -> frozenset[str]:
    """Runs a command that must succeed; returns the scripts that it asked for."""
    ended = host.overlay("--progress=json", *words)
    assert ended.status == 0, ended.stderr
    events = [json.loads(line) for line in ended.stderr.splitlines()]
    told = {each["item"] for each in events if (each["event"], each["phase"]) == SCRIPT}
    return frozenset(_unversioned(each) for each in told - {CHECK})


def _unversioned(script: str) -> str:
    match = _VERSION.match(script)
    return script if not match else match[1] or f"{match[2]})"


def _turn_off(host: Host) -> None:
    directory = host.checkout() / "etc/overlay/triggers.d"
    directory.mkdir(parents=True)
    for name in TWINS:
        (directory / f"{name}.toml").touch()


def _row(memo: memos.Memo) -> str:
    return memo.label.split()[0]


def _looked(host: Host, ground: Path) -> dict[str, Found]:
    with live_tree(host.checkout(), ground, time=host.deployments()[0]["timestamp"]) as live:
        return {row: judged(live, each) for row, each in ORACLES.items()}
