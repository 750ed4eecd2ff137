# SPDX-License-Identifier: LGPL-2.1-or-later
"""One request put to this solver and to dnf5, and what is to be said of the two answers.

dnf5 may move installed packages, this solver may not. So what must be the same is only what dnf5
does without touching any; elsewhere an explained refusal is right, and so is a set that dnf5, asked
for exactly these packages, would add without touching any installed one either.
"""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from enum import StrEnum

from solver import Goal, Sack, SackConfig, SolverError, Transaction
from tests.solver.asking import Asked
from tests.solver.dnf5 import Answer, Dnf5


class Verdict(StrEnum):
    """What two answers are to each other."""

    EQUAL = "the same packages are added"
    UNSOLVED = "neither finds a solution, and the refusal is explained"
    REFUSED = "dnf5 would touch installed packages, and the refusal is explained"
    BESIDE = "dnf5 would touch installed packages, the answer adds others and does not"
    DORMANT = "dnf5 would touch installed packages, or fails to, and they are what was asked for"
    OUTDATED = "dnf5 would not have what meets the request for being old; else it adds the same"
    DIFFERENT = "the answers contradict each other"


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A request with both answers and the verdict."""

    asked: Asked
    verdict: Verdict
    ours: Transaction | SolverError
    theirs: Answer

    def __str__(self) -> str:
        ours = sorted(_added(self.ours)) if isinstance(self.ours, Transaction) else self.ours
        return f"{self.asked}: {self.verdict}\nours: {ours}\ndnf5:\n{self.theirs.text}"


class Judge:
    """Puts requests to both solvers over the same world."""

    def __init__(self, sacks: dict[tuple[bool, bool], Sack], dnf5: Dnf5) -> None:
        self._sacks = sacks  # by whether file lists are loaded, and whether only the best will do
        self._dnf5 = dnf5

    def judge_all(self, requests: Iterable[Asked], *, at_once: int = 2) -> Iterator[Judged]:
        """Yields a verdict for each request; dnf5 is asked for several at a time."""
        asked = list(requests)
        self._dnf5.install(["nothing-has-this-name"])  # from here on all finds its caches whole
        with ThreadPoolExecutor(at_once) as pool:
            for one, theirs in zip(asked, pool.map(self._ask_dnf5, asked), strict=True):
                yield self._judge(one, theirs)

    def _ask_dnf5(self, asked: Asked) -> Answer:
        return self._dnf5.install(asked.specs, weak_deps=asked.weak_deps, best=asked.best)

    def _judge(self, asked: Asked, theirs: Answer) -> Judged:
        files = any(spec.startswith("/") for spec in asked.specs)
        ours: Transaction | SolverError
        try:
            goal = Goal(install=asked.specs, weak_deps=asked.weak_deps)
            ours = self._sacks[files, asked.best].resolve(goal)
        except SolverError as error:
            ours = error
        verdict = self._verdict(asked, ours, theirs)
        return Judged(asked=asked, verdict=verdict, ours=ours, theirs=theirs)

    def _verdict(self, asked: Asked, ours: Transaction | SolverError, theirs: Answer) -> Verdict:
        if isinstance(ours, SolverError):
            if not (str(ours) and ours.requests) or not (theirs.failed or theirs.touches):
                return Verdict.DIFFERENT
            return Verdict.UNSOLVED if theirs.failed else Verdict.REFUSED
        added = _added(ours)
        if theirs.failed:
            return Verdict.DIFFERENT if added else self._idle(asked, ours)
        if not theirs.touches:
            return Verdict.EQUAL if added == set(theirs.added) else self._any_version(asked, added)
        if not added:
            idle = set(ours.inactive) == set(asked.specs)
            return Verdict.DORMANT if idle else Verdict.DIFFERENT
        exact = self._dnf5.install(sorted(added), weak_deps=False, best=False)
        fits = set(exact.added) == added and not exact.touches and not exact.failed
        return Verdict.BESIDE if fits else Verdict.DIFFERENT

    def _idle(self, asked: Asked, ours: Transaction) -> Verdict:
        """Judges an answer that takes for met what dnf5 fails to bring to its newest version."""
        any_version = self._dnf5.install(asked.specs, weak_deps=asked.weak_deps, best=False)
        moving = any_version.touches or not any_version.added
        met = moving and not any_version.failed and set(ours.inactive) == set(asked.specs)
        return Verdict.DORMANT if asked.best and met else Verdict.DIFFERENT

    def _any_version(self, asked: Asked, added: set[str]) -> Verdict:
        """Judges an answer that meets a request with a base package which is not the newest."""
        if not asked.best:
            return Verdict.DIFFERENT
        any_version = self._dnf5.install(asked.specs, weak_deps=asked.weak_deps, best=False)
        same = set(any_version.added) == added and not any_version.touches
        return Verdict.OUTDATED if same and not any_version.failed else Verdict.DIFFERENT


@contextmanager
def judge(config: SackConfig, dnf5: Dnf5) -> Iterator[Judge]:
    """Gives a judge; the configuration says how this solver sees the world, dnf5 how it does."""
    with ExitStack() as stack:
        sacks = {}
        for files in (False, True):
            for best in (False, True):
                options = (*config.setopts, ("best", str(int(best))))
                one = replace(config, need_filelists=files, setopts=options)
                sacks[files, best] = stack.enter_context(Sack.open(one))
        yield Judge(sacks, dnf5)


def _added(transaction: Transaction) -> set[str]:
    return {str(package.nevra) for package in transaction.packages}
