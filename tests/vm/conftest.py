# SPDX-License-Identifier: LGPL-2.1-or-later
"""One machine for each test module, with its own copy of the one disk that is built."""

import os
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from fixtures.forest import World
from tests import needs
from tests.vm import disk, qemu
from tests.vm.disk import Disk
from tests.vm.machine import Machine

pytest.register_assert_rewrite("tests.vm.agreement")

MakeMachine = Callable[[], Machine]
_CONSOLE_LINES = 60


@pytest.fixture(scope="session")
def world() -> World:
    """The test distribution where it was built; nothing there is ever changed."""
    return disk.world_from(needs.world_document())


@pytest.fixture(scope="session")
def master(world: World) -> Disk:
    """The disk that machines take copies of."""
    if not qemu.available():
        needs.absent(f"{qemu.PROGRAM} is not installed")
    default = Path.home() / ".cache/overlay-dev"
    return disk.prepare(Path(os.environ.get("OVERLAY_DEV_CACHE", default)), world)


@pytest.fixture(scope="module")
def make_machine(master: Disk) -> Iterator[MakeMachine]:
    """Makes machines with fresh disks, not booted; they end with the module."""
    with ExitStack() as stack:
        yield lambda: stack.enter_context(Machine(master))


@pytest.fixture(scope="module")
def shared_machine(make_machine: MakeMachine) -> Machine:
    """The module's machine, in whatever state the last test left it."""
    return make_machine()


@pytest.fixture
def machine(shared_machine: Machine) -> Machine:
    """The module's machine, running: booted if the last test left it off."""
    if not shared_machine.running:
        shared_machine.boot()
    return shared_machine


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Shows the end of the console under a test that failed."""
    report = yield
    machine = getattr(item, "funcargs", {}).get("shared_machine")
    if report.failed and isinstance(machine, Machine):
        tail = machine.console.splitlines()[-_CONSOLE_LINES:]
        report.sections.append(("the machine's console", "\n".join(tail)))
    return report
