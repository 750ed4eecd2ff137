# SPDX-License-Identifier: LGPL-2.1-or-later
"""A machine: boots its disk as firmware would, runs commands, loses its power when told.

Before each boot the disk's journal is replayed and the newest boot loader entry taken from it; a
reboot is an end of QEMU and a boot. The machine is a context: at its end, however that comes,
there is no process and no file left.
"""

import base64
import re
import shlex
import shutil
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.vm import firmware, image
from tests.vm.disk import Disk
from tests.vm.firmware import Entry
from tests.vm.qemu import End, Hardware, Qemu, QemuError
from tests.vm.wire import Job, Result, Wire, WireError

BOOT_SECONDS = 300.0  # limits, several times of what it takes
SHUTDOWN_SECONDS = 180.0
COMMAND_SECONDS = 300.0
_TAIL_LINES = 40
_PUBLISHED = "/var/www/ostree/refs/heads"

Command = str | Sequence[str]


class MachineError(Exception):
    """The machine did not do as it was told; the message ends with its console's last lines."""


class Machine:
    """A virtual machine with its own copy of a disk."""

    def __init__(self, master: Disk, directory: Path | None = None) -> None:
        """Copies the disk into `directory`, which is kept, or into one that goes with it."""
        self._temporary = directory is None
        self.directory = directory or Path(tempfile.mkdtemp(prefix="overlay-vm-", dir="/var/tmp"))
        self._log = self.directory / "console.log"
        self._log.touch()
        self._qemu: Qemu | None = None
        self._wire: Wire | None = None
        self.entry: Entry | None = None
        """The boot loader entry of the last boot."""
        self.boot_seconds = 0.0
        """How long the last boot took, until everything that starts with it had."""
        self.disk = master.copy(self.directory)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def running(self) -> bool:
        """Whether it runs."""
        return self._qemu is not None and self._qemu.running

    @property
    def console(self) -> str:
        """What its console showed in all of its boots so far."""
        return self._log.read_bytes().decode(errors="replace").replace("\r\n", "\n")

    def wait_for_console(self, pattern: str, start: int, limit: float) -> None:
        """Waits until what the console shows behind its first `start` characters has a match.

        Raises:
            MachineError: if it has not after `limit` seconds.
        """
        deadline = time.monotonic() + limit
        while not re.search(pattern, self.console[start:]):
            if time.monotonic() > deadline:
                raise self._failed(f"its console never said {pattern!r}")
            time.sleep(0.05)

    def entries(self) -> list[Entry]:
        """Returns the boot loader entries of the disk, the one that would boot first.

        Raises:
            MachineError: if the machine runs.
        """
        if self.running:
            raise self._failed("the disk is read while the machine is off")
        image.recover(self.disk.system)
        return firmware.entries(self.disk.system)

    def boot(self, entry: Entry | None = None, *, limit: float = BOOT_SECONDS) -> None:
        """Boots the newest entry, or `entry` as somebody at the boot menu would.

        Returns when everything that starts with the machine has started, or failed to.

        Raises:
            MachineError: if it runs already, or is not up after `limit` seconds.
        """
        entries = self.entries()
        self.entry = entry or entries[0]
        kernel, initrd = firmware.load(self.disk.system, self.entry, self.directory)
        hardware = Hardware(
            kernel=kernel,
            initrd=initrd,
            options=self.entry.options,
            system=self.disk.system,
            media=self.disk.media,
        )
        started = time.monotonic()
        self._disconnect()
        self._qemu = Qemu(hardware, self._log)
        self._wire = Wire(self._qemu.agent)
        try:
            self._wire.wait_for_agent(limit)
            rest = limit - (time.monotonic() - started)
            self._wire.start("systemctl is-system-running --wait").wait(rest)
        except WireError as error:
            raise self._failed(f"no boot: {error}") from error
        self.boot_seconds = time.monotonic() - started

    def start(self, command: Command) -> Job:
        """Starts a command and returns at once; see `Job` for what can be done with it."""
        return self._connected().start(command if isinstance(command, str) else shlex.join(command))

    def run(self, command: Command, *, limit: float = COMMAND_SECONDS) -> Result:
        """Runs a shell command, or an argv, as root, and returns how it ended.

        Raises:
            MachineError: if it has not ended after `limit` seconds, or the machine ended first.
        """
        try:
            return self.start(command).wait(limit)
        except WireError as error:
            raise self._failed(str(error), *getattr(error, "__notes__", ())) from error

    def check(self, command: Command, *, limit: float = COMMAND_SECONDS) -> str:
        """Runs a command that must succeed and returns its standard output.

        Raises:
            AssertionError: with all that it wrote, if its status is not 0.
            MachineError: as `run` does.
        """
        result = self.run(command, limit=limit)
        if result.status:
            raise AssertionError(str(result))
        return result.stdout

    def write(self, path: str, content: str | bytes) -> None:
        """Writes a file of the guest, with the directories above it."""
        data = content.encode() if isinstance(content, str) else content
        place = shlex.quote(path)
        encoded = base64.b64encode(data).decode()
        self.check(f'mkdir -p "$(dirname {place})"\nbase64 -d > {place} <<"END"\n{encoded}\nEND\n')

    def publish(self, ref: str, commit: str) -> None:
        """Lets the guest's OSTree server name `commit` (which it has) as the head of `ref`."""
        self.write(f"{_PUBLISHED}/{ref}", f"{commit}\n")

    def power_off(self, *, limit: float = SHUTDOWN_SECONDS) -> None:
        """Shuts the machine down in order.

        Raises:
            MachineError: if it is not off after `limit` seconds, or ended in another way.
        """
        self.start("systemctl poweroff")
        end = self.wait_for_end(limit=limit)
        if end is not End.POWERED_OFF:
            raise self._failed(f"it was told to power off, and {end}")

    def wait_for_end(self, *, limit: float = SHUTDOWN_SECONDS) -> End:
        """Returns how the machine ended that was told to shut down or reboot in some other way.

        Raises:
            MachineError: if it still runs after `limit` seconds.
        """
        if self._qemu is None:
            raise self._failed("it was never started")
        try:
            return self._qemu.wait(limit)
        except QemuError as error:
            raise self._failed(str(error)) from error

    def reboot(self) -> None:
        """Shuts the machine down in order and boots it again."""
        self.power_off()
        self.boot()

    def cut_power(self) -> None:
        """Ends the machine at once. What the guest's kernel had not written to its disk is lost."""
        if self._qemu is not None:
            self._qemu.kill()

    def close(self) -> None:
        """Ends the machine and removes its temporary directory."""
        self._disconnect()
        if self._temporary:
            shutil.rmtree(self.directory, ignore_errors=True)

    def _disconnect(self) -> None:
        if self._qemu is not None:
            said = self._qemu.close()
            if said:
                with self._log.open("a", encoding="utf-8") as log:
                    log.write(f"\n[qemu: {said.strip()}]\n")
        if self._wire is not None:
            self._wire.close()
        self._qemu = self._wire = None

    def _connected(self) -> Wire:
        if self._wire is None or not self.running:
            raise self._failed("the machine is off")
        return self._wire

    def _failed(self, what: str, *notes: str) -> MachineError:
        tail = "\n".join(self.console.splitlines()[-_TAIL_LINES:])
        error = MachineError(f"{what}\nthe console's last lines:\n{tail}")
        for note in notes:
            error.add_note(note)
        return error
