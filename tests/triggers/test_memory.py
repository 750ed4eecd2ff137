# SPDX-License-Identifier: LGPL-2.1-or-later
"""A script whose result is known does not run; the others run as without a memory."""

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.triggers.roots import make_root, sandbox_over
from triggers import Invocation, Observed, Outcome, Phase, run

pytestmark = [pytest.mark.bwrap, pytest.mark.root]


def script(label: str, body: str, *, memo: bool = True) -> Invocation:
    return Invocation(
        phase=Phase.BUILTIN,
        owner="test",
        label=label,
        interpreter=("/bin/sh",),
        body=body,
        memo=memo,
        why="test",
    )


@dataclass(slots=True)
class Fake:
    known: dict[str, str] = field(default_factory=dict)
    told: list[str] = field(default_factory=list)

    def recall(self, invocation: Invocation) -> str | None:
        self.told.append(f"recall {invocation.label}")
        return self.known.get(invocation.label)

    def begin(self, invocation: Invocation) -> bool:
        self.told.append(f"begin {invocation.label}")
        return False

    def keep(self, outcome: Outcome, observed: Observed | None) -> None:
        self.told.append(f"keep {outcome.invocation.label} {outcome.status} {observed}")


def test_what_is_known_does_not_run_and_its_output_is_given_again(scratch: Path) -> None:
    root = make_root(scratch / "root")
    memory = Fake(known={"known": "said before\n"})
    scripts = [script("known", "echo ran"), script("new", "echo ran")]
    known, new = run(scripts, sandbox_over(root), memory=memory)
    assert (known.output, known.status, known.remembered) == ("said before\n", 0, True)
    assert (new.output, new.status, new.remembered) == ("ran\n", 0, False)
    assert memory.told == ["recall known", "recall new", "begin new", "keep new 0 None"]


def test_a_script_that_may_not_be_remembered_is_not_asked_for_and_finds_a_whole_tree(
    scratch: Path,
) -> None:
    root = make_root(scratch / "root")
    memory = Fake(known={"scriptlet": "said before\n"})
    (outcome,) = run([script("scriptlet", "exit 3", memo=False)], sandbox_over(root), memory=memory)
    assert (outcome.status, outcome.remembered) == (3, False)
    assert memory.told == ["begin scriptlet", "keep scriptlet 3 None"]
