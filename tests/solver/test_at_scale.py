# SPDX-License-Identifier: LGPL-2.1-or-later
"""Whole distributions, with dnf5 as the judge of the answers to random requests.

`./dev bench solver` asks for many more.
"""

from collections import Counter
from itertools import islice
from pathlib import Path

import pytest

from solver import SackConfig
from tests import needs
from tests.layering.rpmbytes import needs_material
from tests.solver import centos
from tests.solver.asking import Asked, requests
from tests.solver.described import Metadata, install, write_repository
from tests.solver.distribution import distribution
from tests.solver.dnf5 import Dnf5
from tests.solver.judging import Judged, Verdict, judge

pytestmark = pytest.mark.root  # dnf5 refuses everybody else

SEED = 6
# A hundred packages provide it, some of them newer builds of what the base has.
AMONG_MANY = Asked(kind="provide", specs=("application()",))


def wrong(judged: list[Judged]) -> str:
    """Returns what the answers that contradict each other were."""
    return "\n".join(str(one) for one in judged if one.verdict is Verdict.DIFFERENT)


def verdicts(judged: list[Judged]) -> Counter[Verdict]:
    return Counter(one.verdict for one in judged)


def test_a_random_distribution_is_answered_as_dnf5_answers_but_for_the_base(
    tmp_path: Path,
) -> None:
    needs.program("dnf5")
    world = distribution(600, base=120, seed=SEED)
    root, repository = tmp_path / "root", tmp_path / "repository"
    root.mkdir()
    install(world.base, root)
    write_repository(repository, world.offered, groups=world.groups)
    dnf5 = Dnf5(root=root, repositories={"r": repository}, scratch=tmp_path / "dnf5")
    config = SackConfig(
        installroot=root,
        cache_dir=tmp_path / "cache",
        repos_from_path=(("r", str(repository)),),
        releasever="1",
        arch="x86_64",
    )
    offered = {"r": Metadata(repository)}
    with judge(config, dnf5) as one:
        asked = islice(requests(offered, tuple(world.groups), seed=SEED), 132)
        judged = list(one.judge_all(asked))
    assert not wrong(judged)
    assert {Verdict.EQUAL, Verdict.UNSOLVED, Verdict.REFUSED} <= verdicts(judged).keys()


@needs_material
def test_a_genuine_distribution_is_answered_as_dnf5_answers_but_for_the_base(
    tmp_path: Path,
) -> None:
    needs.program("dnf5")
    root, scratch = tmp_path / "root", tmp_path / "dnf5"
    root.mkdir()
    offered = centos.offered()
    assert centos.make_base(root, scratch, offered) > 300
    config = centos.config(root, tmp_path / "cache")
    with judge(config, centos.judge_of(root, scratch)) as one:
        asked = [AMONG_MANY, *islice(requests(offered, centos.GROUPS, seed=SEED), 66)]
        judged = list(one.judge_all(asked))
    assert not wrong(judged)
    assert {Verdict.EQUAL, Verdict.UNSOLVED, Verdict.REFUSED} <= verdicts(judged).keys()
