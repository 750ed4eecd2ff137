# SPDX-License-Identifier: LGPL-2.1-or-later
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import pytest

from layering import scriptruns
from layering.header import PackageHeader, read_header
from layering.progress import Event, Kind
from layering.recipe import Recipe
from layering.scriptruns import Work
from tests.rpms import File, Spec, build_rpm
from triggers import INITRAMFS, Invocation, Outcome, Phase, Progress

CONFIGURATION = "/usr/lib/dracut/dracut.conf.d/50-x.conf"


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    header: PackageHeader

    @property
    def layer(self) -> PackageHeader:
        return self.header  # it has a NEVRA


@dataclass(frozen=True, slots=True, kw_only=True)
class Layers:
    layers: tuple[Layer, ...]
    time_limit: float = 600.0


class NoMemory:
    def complete(self) -> None:
        """There is nothing to bring to the mount."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NoWork:
    sandbox: None = None
    memory: NoMemory = field(default_factory=NoMemory)


@pytest.mark.parametrize(
    ("why", "said"),
    [
        (
            f"changed: {CONFIGURATION} and 2 more",
            f"initramfs: made anew, as dracutcfg-1-1.noarch changes {CONFIGURATION} and 2 more",
        ),
        ("changed: /usr/lib/a", "initramfs: made anew, changed: /usr/lib/a"),
    ],
)
def test_it_is_said_that_and_why_the_initramfs_is_made_before_it_takes_its_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, why: str, said: str
) -> None:
    files = {CONFIGURATION: File(content=b"x")}
    rpm = build_rpm(tmp_path, "dracutcfg-1-1.noarch", Spec(files=files))
    dracut = Invocation(
        phase=Phase.BUILTIN,
        owner=INITRAMFS.name,
        label="dracut 6",
        interpreter=("dracut",),
        why=why,
    )

    def run(every: tuple[Invocation, ...], *_: object, **terms: object) -> tuple[Outcome, ...]:
        for done in (0, 1):
            event = Progress(phase="scripts", item="dracut 6", done=done, total=1, unit="scripts")
            terms["report"](event)  # type: ignore[operator]
        return ()

    monkeypatch.setattr(scriptruns, "run", run)
    told: list[Event] = []
    recipe = cast("Recipe", Layers(layers=(Layer(header=read_header(rpm)),)))
    scriptruns._run([dracut], cast("Work", NoWork()), recipe, told.append)
    assert [(event.kind, event.item) for event in told] == [
        (Kind.NOTE, said),
        (Kind.PROGRESS, "dracut 6"),
        (Kind.PROGRESS, "dracut 6"),
    ]
