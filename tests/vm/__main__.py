# SPDX-License-Identifier: LGPL-2.1-or-later
"""A machine by hand, as `./dev vm` runs it: its console in this terminal.

It boots again whenever it reboots, as a machine does, and ends when it is powered off. Its disk
stays, and the next run goes on with it; `--fresh` begins with a new one.
"""

import argparse
import os
import sys
import tempfile
from pathlib import Path

from fixtures import forest
from tests.vm import disk, firmware, image, qemu
from tests.vm.disk import Disk
from tests.vm.qemu import End, Hardware

# systemd.system-credentials(7); only here: a test's machine has nobody at its console.
AUTOLOGIN = "systemd.set_credential=agetty.autologin:root"


def main(argv: list[str]) -> int:
    """Prepares the disks, and boots them until the machine is powered off."""
    options = _parser().parse_args(argv)
    try:
        if not qemu.available():
            raise qemu.QemuError(f"{qemu.PROGRAM} is not installed")
        directory = options.keep or options.cache / "machine"
        machine = _disk(options, directory)
        _say(f"the disk is {machine.system}; `./dev vm` goes on with it, --fresh makes a new one")
        while _boot(machine) is End.REBOOTED:
            _say("rebooting")
    except (
        *(disk.DiskError, firmware.FirmwareError, forest.FixtureError),
        *(image.ImageError, qemu.QemuError, OSError),
    ) as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    return 0


def _disk(options: argparse.Namespace, directory: Path) -> Disk:
    master = disk.prepare(options.cache, _world(options))
    kept = Disk(system=directory / "system.img", media=master.media)
    if kept.system.exists() and not options.fresh:
        return kept
    directory.mkdir(parents=True, exist_ok=True)
    return master.copy(directory)


def _world(options: argparse.Namespace) -> forest.World:
    document = os.environ.get("OVERLAY_TEST_WORLD")
    if document:
        return disk.world_from(Path(document))
    wanted = disk.Recipe()
    refs = [ref for ref in (wanted.tree, *wanted.more_refs) if ref in forest.names()]
    return forest.compose(forest.build_world(options.cache, options.apt_sources), refs)


def _boot(machine: Disk) -> End:
    image.recover(machine.system)
    entry = firmware.entries(machine.system)[0]
    _say(f"booting {entry.title!r}; power it off, or press Ctrl-A X, to leave")
    with tempfile.TemporaryDirectory(prefix="overlay-vm-", dir="/var/tmp") as name:
        kernel, initrd = firmware.load(machine.system, entry, Path(name))
        hardware = Hardware(
            kernel=kernel,
            initrd=initrd,
            options=f"{entry.options} {AUTOLOGIN}",
            system=machine.system,
            media=machine.media,
        )
        return qemu.interactive(hardware)


def _say(text: str) -> None:
    sys.stderr.write(f"vm: {text}\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="./dev vm", description=__doc__)
    parser.add_argument("--cache", type=Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--apt-sources", type=Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--fresh", action="store_true", help="begin with a new disk")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="keep the disk there")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
