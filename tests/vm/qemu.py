# SPDX-License-Identifier: LGPL-2.1-or-later
"""One run of QEMU: the emulator's arguments, its process, and why it ended.

Emulated (TCG), never KVM: `/dev/kvm` is absent on most build machines, and hangs on some. The
disk's cache mode is `unsafe`: flushes of the guest are not passed on to the host's disk, for
what QEMU wrote is in the host's memory, and survives QEMU. A cut of the power therefore loses
what the guest's kernel had not written yet, and nothing else
(https://www.qemu.org/docs/master/system/qemu-block-drivers.html).
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from tests.vm.guest.agent import NAME

PROGRAM = "qemu-system-x86_64"
MEMORY_MB = 1536
CPUS = 2
# Emulated, wide registers are slow, and libc would take them for every copy and comparison: without
# them a boot takes a fifth less. The instructions for SHA-256 are of use, and stay.
CPU = "max,-avx,-avx2,-xsave,-svm"


class QemuError(Exception):
    """QEMU could not be started, or did not end as it should; the message says how."""


class End(StrEnum):
    """Why a machine is not running any more."""

    POWERED_OFF = "powered off"
    REBOOTED = "rebooted"
    DIED = "died"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hardware:
    """What a machine is started with."""

    kernel: Path
    initrd: Path
    options: str
    system: Path
    """The disk that it boots from and writes to."""
    media: Path
    """The second disk, which it may read."""


def available() -> bool:
    """Tells whether this environment has QEMU."""
    return shutil.which(PROGRAM) is not None


def arguments(hardware: Hardware) -> list[str]:
    """Returns QEMU's argv, without what its console is."""
    disk = "format=raw,if=none,discard=unmap"
    return [
        PROGRAM,
        *("-accel", "tcg,thread=multi,tb-size=512", "-cpu", CPU),
        *("-m", str(MEMORY_MB), "-smp", str(CPUS)),
        *("-nodefaults", "-display", "none", "-vga", "none", "-nic", "none", "-no-reboot"),
        *("-kernel", str(hardware.kernel), "-initrd", str(hardware.initrd)),
        *("-append", hardware.options),
        *("-drive", f"file={hardware.system},id=system,cache=unsafe,{disk}"),
        *("-device", "virtio-blk-pci,drive=system,serial=system"),
        *("-drive", f"file={hardware.media},id=media,readonly=on,{disk}"),
        *("-device", "virtio-blk-pci,drive=media,serial=media"),
        *("-device", "virtio-rng-pci"),
    ]


class Qemu:
    """A running QEMU whose console goes to a file, with a wire to the guest's agent."""

    def __init__(self, hardware: Hardware, console: Path) -> None:
        """Starts it.

        Raises:
            QemuError: if there is no QEMU.
        """
        self.agent, agent_of_child = socket.socketpair()
        control, control_of_child = socket.socketpair()
        descriptors = [agent_of_child.fileno(), control_of_child.fileno()]
        argv = [
            *arguments(hardware),
            *(
                "-chardev",
                f"file,id=console,path={console},append=on",
                "-serial",
                "chardev:console",
            ),
            *("-device", "virtio-serial-pci"),
            *("-chardev", f"socket,id=agent,fd={descriptors[0]}"),
            *("-device", f"virtserialport,chardev=agent,name={NAME}"),
            *("-chardev", f"socket,id=control,fd={descriptors[1]}"),
            *("-mon", "chardev=control,mode=control"),
        ]
        try:
            self._process = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                pass_fds=descriptors,
            )
        except OSError as error:
            self.agent.close()
            control.close()
            raise QemuError(f"cannot start {PROGRAM}: {error.strerror}") from error
        finally:
            agent_of_child.close()
            control_of_child.close()
        self._monitor = Monitor(control)

    def wait(self, limit: float) -> End:
        """Returns why it ended.

        Raises:
            QemuError: if it still runs after `limit` seconds.
        """
        try:
            status = self._process.wait(limit)
        except subprocess.TimeoutExpired:
            raise QemuError(f"the machine still runs after {limit:.0f} s") from None
        return self._monitor.end() if status == 0 else End.DIED

    @property
    def running(self) -> bool:
        """Whether it runs."""
        return self._process.poll() is None

    def kill(self) -> None:
        """Kills it, as a loss of power does; nothing happens if it has ended."""
        if self.running:
            self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    def close(self) -> str:
        """Ends it whatever it does, and returns what QEMU itself had to say."""
        self.kill()
        self._monitor.close()
        assert self._process.stdout is not None
        with self._process.stdout as stream:
            return stream.read().decode(errors="replace")


class Monitor:
    """QEMU's control connection: it alone tells a reboot from a power-off.

    https://www.qemu.org/docs/master/interop/qemu-qmp-ref.html#event-QMP-run-state.SHUTDOWN
    """

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._reason = ""
        connection.sendall(b'{"execute": "qmp_capabilities"}\n')
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def end(self) -> End:
        """Returns why the machine, which is no more, ended."""
        self._reader.join(10)
        ends = {"guest-shutdown": End.POWERED_OFF, "guest-reset": End.REBOOTED}
        return ends.get(self._reason, End.DIED)

    def close(self) -> None:
        """Ends the connection and its thread, after QEMU's end."""
        self._reader.join(10)
        self._connection.close()

    def _read(self) -> None:
        with self._connection.makefile("rb") as stream:
            try:
                for line in stream:
                    message = json.loads(line)
                    if message.get("event") == "SHUTDOWN":
                        self._reason = message["data"]["reason"]
            except (OSError, ValueError):
                return  # killed in the middle of a line


def interactive(hardware: Hardware) -> End:
    """Runs a machine with the terminal as its console and returns why it ended."""
    control, control_of_child = socket.socketpair()
    descriptor = control_of_child.fileno()
    argv: Sequence[str] = [
        *arguments(hardware),
        *("-serial", "mon:stdio"),
        *("-chardev", f"socket,id=control,fd={descriptor}", "-mon", "chardev=control,mode=control"),
    ]
    with control_of_child:
        process = subprocess.Popen(argv, pass_fds=[descriptor])
    monitor = Monitor(control)
    try:
        process.wait()
    finally:
        if process.poll() is None:
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
        end = monitor.end()
        monitor.close()
    return end
