# SPDX-License-Identifier: LGPL-2.1-or-later
"""rpm is the judge, at random: whatever a transaction holds, both transcripts are the same.

Sets are drawn from a pool of packages (`random_packages`), put on a base of others of the pool, as
new packages, updates and obsoleting ones; or packages of the base are erased. What differs, which
`as_documented` applies to rpm's transcript, and nothing else:

| in rpm                             | here                                                     |
|------------------------------------|----------------------------------------------------------|
| %pre package by package            | %pretrans, then %pre of all, on the final files: owners  |
|                                    | are settled after them                                   |
| slots before files go (%preun, …)  | do not run: the tree no longer has the files (`RULES`)   |
| triggers of packages that go       | do not run: the tree does not have the packages          |
| -q in scripts of packages that go  | do not run: their headers are gone                       |
| files that go, to %filetriggerin   | are not listed: the tree does not have them              |
"""

import random
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from layering.header import read_header
from layering.layerinfo import Layer, LayerInfo
from layering.layerscripts import install_sequence, order_item, scripts_of
from layering.paths import BaseLayout
from solver import compare_evr, erase_order
from tests.triggers.random_packages import NAMES, OBSOLETING, UPDATED, build_pool
from tests.triggers.roots import add_rpm, make_root, sandbox_over, take_log, transact
from triggers import RULES, Bind, PackageScripts, PathList, Phase, TreeChange, plan, run, tools_in

pytestmark = [pytest.mark.root, pytest.mark.bwrap]

SETS = 40
LAYOUT = BaseLayout.of({"bin": "usr/bin", "sbin": "usr/sbin", "lib": "usr/lib"}, {})
Pool = dict[tuple[str, str], Path]


@dataclass(frozen=True, slots=True, kw_only=True)
class Transaction:
    """What is there, what comes and what is erased on request; by name and version."""

    base: tuple[tuple[str, str], ...]
    new: tuple[tuple[str, str], ...] = ()
    erased: tuple[str, ...] = ()


@pytest.fixture(scope="session")
def pools(tmp_path_factory: pytest.TempPathFactory) -> list[Pool]:
    """Two pools: the packages differ in everything."""
    directory = tmp_path_factory.mktemp("pools")
    return [build_pool(directory / str(seed), seed) for seed in (1, 2)]


@pytest.fixture(scope="session")
def template() -> Iterator[Path]:
    """A root with a shell and rpm, to be copied as links: so it lies where the copies do."""
    directory = Path(tempfile.mkdtemp(prefix="overlay-test-", dir="/var/tmp"))
    root = make_root(directory / "root", ("sh", "cat"))
    add_rpm(root)
    yield root
    shutil.rmtree(directory)


def drawn(seed: int) -> Transaction:
    chance = random.Random(seed)
    base = {name: "1" for name in NAMES if name not in OBSOLETING and chance.random() < 0.5}
    if chance.random() < 0.2 and base:
        count = min(len(base), chance.choice([1, 2, 4]))
        erased = tuple(sorted(chance.sample(sorted(base), count)))
        return Transaction(base=tuple(sorted(base.items())), erased=erased)
    new = {name: "1" for name in NAMES if name not in base and chance.random() < 0.6}
    new |= {name: "2" for name in UPDATED if name in base and chance.random() < 0.3}
    for name, obsoleted in OBSOLETING.items():
        if name in new and (obsoleted in new or obsoleted not in base):
            del new[name]  # what it obsoletes has to be there, and not to come
    return Transaction(base=tuple(sorted(base.items())), new=tuple(sorted(new.items())))


def layer_of(rpm: Path) -> LayerInfo:
    header = read_header(rpm)
    identity = Layer(nevra=header.nevra, digest="sha256:0", ref="", commit="0" * 64)
    return LayerInfo(layer=identity, owners=(), owned_dirs=(), stub=header.prefix)


def change_of(pool: Pool, transaction: Transaction, root: Path) -> TreeChange:
    """What happens to the tree, put together from the headers as for a real base and its layers."""
    base = [layer_of(pool[each]) for each in transaction.base]
    installed = [scripts_of(each, LAYOUT) for each in install_sequence(base, LAYOUT)]
    new = [layer_of(pool[each]) for each in transaction.new]
    added = tuple(scripts_of(each, LAYOUT) for each in install_sequence(new, LAYOUT))
    return TreeChange(
        added=added,
        removed=removed_of(transaction, base, added),
        base_file_triggers=tuple(each for one in installed for each in one.file_triggers),
        base_package_triggers=tuple(each for one in installed for each in one.package_triggers),
        tools=tools_in(root),
        base_files=lambda _prefixes: [PathList(each.files, each.package) for each in installed],
        base_versions={name: (f"{version}-1",) for name, version in transaction.base},
        compare_evr=compare_evr,
    )


def removed_of(
    transaction: Transaction, base: Sequence[LayerInfo], added: Sequence[PackageScripts]
) -> tuple[PackageScripts, ...]:
    """What goes, in rpm's order, with the files that nobody else has."""
    by_name = {each.layer.nevra.name: each for each in base}
    going: dict[str, str] = dict.fromkeys(transaction.erased, "")
    for name, version in transaction.new:  # in the order in which rpm gets to know of them
        for gone in (name, OBSOLETING.get(name, "")):
            if gone in by_name:
                going[gone] = f"{name}-{version}-1.noarch"
    items = [order_item(by_name[name].header, LAYOUT) for name in going]
    staying = frozenset(path for each in added for path in each.files)
    return tuple(
        replace(
            scripts,
            kept=staying.intersection(scripts.files),
            replaced_by=going[nevra.name],
        )
        for nevra in erase_order(items)
        for scripts in [scripts_of(by_name[nevra.name], LAYOUT)]
    )


def carried_out(pool: Pool, transaction: Transaction, root: Path, *options: str) -> None:
    if transaction.new:
        transact(root, "-U", *options, *(pool[each] for each in transaction.new))
    if transaction.erased:
        transact(root, "-e", *options, *transaction.erased)


def entries(log: str) -> list[str]:
    """Splits a log into notes, each with the lines that its script read."""
    found: list[str] = []
    for line in log.splitlines():
        if line.startswith("  "):
            found[-1] += f"\n{line}"
        else:
            found.append(line)
    return found


def owner_of(note: str) -> str:
    return note.split()[0].split(".")[0]


def spoken_for(note: str) -> bool:
    """Whether it is a note of a trigger, or of a body that rpm formatted."""
    return "trigger" in slot_of(note) or bool(re.fullmatch("[a-z]-[12]", note.split()[2]))


def without_vanished(note: str, vanished: frozenset[str]) -> str:
    """What is left of a note: %filetriggerin is told of files that are about to go."""
    first, *lines = note.split("\n")
    left = [line for line in lines if line[2:] not in vanished]
    if slot_of(note) is not Phase.FILETRIGGERIN or left == lines:
        return note
    return "\n".join((first, *left)) if left else ""


def slot_of(note: str) -> Phase:
    return Phase(f"%{note.split()[1]}")


def as_documented(
    noted: Sequence[str], going: frozenset[str], vanished: frozenset[str]
) -> list[str]:
    """Applies the table of differences to rpm's transcript."""
    kept = [
        each
        for each in noted
        if RULES[slot_of(each)].runs and not (owner_of(each) in going and spoken_for(each))
    ]
    kept = [left for each in kept if (left := without_vanished(each, vanished))]
    first = ([Phase.PRETRANS], [Phase.TRIGGERPREIN, Phase.PRE])
    ordered: list[str] = []
    for slots in first:
        ordered += [each for each in kept if slot_of(each) in slots]
    return ordered + [each for each in kept if not any(slot_of(each) in slots for slots in first)]


def _database(root: Path) -> Bind:
    return Bind(source=root / "var/lib/rpm", destination="/var/lib/rpm")


def copied(template: Path, root: Path) -> Path:
    subprocess.run(["cp", "-al", template, root], check=True)
    for name in ("var", "tmp"):
        shutil.rmtree(root / name)
        (root / name).mkdir()
    return root


def compared(pool: Pool, template: Path, scratch: Path, seed: int) -> tuple[list[str], list[str]]:
    """Returns what rpm noted, differences applied, and what we did."""
    transaction = drawn(seed)
    theirs, ours = copied(template, scratch / "by-rpm"), copied(template, scratch / "by-us")
    base = [pool[each] for each in transaction.base]
    if base:
        transact(theirs, "-U", *base)
        transact(ours, "-U", "--noscripts", "--notriggers", *base)
    take_log(theirs)
    carried_out(pool, transaction, theirs)
    carried_out(pool, transaction, ours, "--noscripts", "--notriggers")
    change = change_of(pool, transaction, ours)
    going = frozenset(f"{each.package.split('-')[0]}1" for each in change.removed)
    made = plan(change)
    sandbox = replace(sandbox_over(ours), binds=(_database(ours),))
    run((*made.before, *made.after), sandbox)
    vanished = frozenset(change.removed_paths)
    return as_documented(entries(take_log(theirs)), going, vanished), entries(take_log(ours))


@pytest.mark.parametrize("seed", range(SETS))
def test_a_random_transaction_is_what_rpm_makes_of_it(
    seed: int, pools: list[Pool], template: Path, scratch: Path
) -> None:
    expected, noted = compared(pools[seed % len(pools)], template, scratch, seed)
    assert noted == expected


def test_the_random_transactions_are_worth_it() -> None:
    drawn_ones = [drawn(seed) for seed in range(SETS)]
    assert sum(len(each.new) for each in drawn_ones) > 2 * SETS
    assert sum(bool(each.erased) for each in drawn_ones) > 3
    assert any("m" in dict(each.new) for each in drawn_ones)
    assert sum(version == "2" for each in drawn_ones for _, version in each.new) > 10
