# SPDX-License-Identifier: LGPL-2.1-or-later
"""Fills a system disk, as a process of its own: `python -m tests.vm.install IMAGE TREE …`.

The sysroot is the one that the fixtures make, then as a machine's own is: `/sysroot` read-only
for everybody but who asks, its remote on the network, kernel arguments for its console.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from fixtures import host
from fixtures.forest import World
from tests.vm import image

SIZE = 6 << 30  # bytes, sparse
LABEL = "root"
SERVER = "http://127.0.0.1:8080"
GUEST = Path(__file__).parent / "guest"
# Nothing but what the console takes, and what an emulated machine need not do.
KERNEL_ARGUMENTS = (
    "console=ttyS0",
    "systemd.unit=multi-user.target",
    "quiet",
    "loglevel=4",
    "mitigations=off",
    "audit=0",
    "selinux=0",
    "nowatchdog",
)
MACHINE_ID = "0123456789abcdef0123456789abcdef"
# Units of the tree that an emulated machine without a network, a screen and people waits for.
MASKED = (
    "dev-hugepages.mount",
    "dev-mqueue.mount",
    "getty@tty1.service",
    "modprobe@configfs.service",
    "modprobe@drm.service",
    "modprobe@efi_pstore.service",
    "proc-sys-fs-binfmt_misc.automount",
    "sys-fs-fuse-connections.mount",
    "sys-kernel-config.mount",
    "sys-kernel-debug.mount",
    "sys-kernel-tracing.mount",
    "systemd-binfmt.service",
    "systemd-network-generator.service",
    "systemd-networkd.service",
    "systemd-networkd-persistent-storage.service",
    "systemd-networkd-resolve-hook.socket",
    "systemd-networkd-varlink.socket",
    "systemd-networkd-varlink-metrics.socket",
    "systemd-networkd-wait-online.service",
    "systemd-networkd.socket",
    "systemd-pstore.service",
)


def fill(system: Path, world: World, tree: str, overlay: Path) -> None:
    """Makes the disk at `system`: the tree deployed, overlay layered, the guest's part in /etc."""
    image.make(system, label=LABEL, size=SIZE)
    with (
        tempfile.TemporaryDirectory(prefix="vm-build-", dir="/var/tmp") as name,
        image.mounted(system, Path(name) / "root") as root,
    ):
        host.create(root, world, tree)
        _configure_sysroot(root)
        _layer_overlay(root, overlay)
        (deployment,) = root.glob(f"ostree/deploy/{host.STATEROOT}/deploy/*.0")
        _configure_guest(deployment / "etc")
        _publish(root / "ostree/deploy" / host.STATEROOT / "var/www", world)


def _configure_sysroot(root: Path) -> None:
    repo = f"--repo={root}/ostree/repo"
    _run("ostree", "config", repo, "set", "sysroot.readonly", "true")
    _run("ostree", "config", repo, "set", f'remote "{host.REMOTE}".url', f"{SERVER}/ostree")
    arguments = [f"--append-if-missing={each}" for each in KERNEL_ARGUMENTS]
    _run("ostree", "admin", "kargs", f"--sysroot={root}", "edit-in-place", *arguments)


def _layer_overlay(root: Path, overlay: Path) -> None:
    sysroot = f"--sysroot={root}"
    repository = f"--repofrompath=overlay,file://{overlay}"
    _run("overlay", "--progress=plain", sysroot, "install", "-y", repository, "overlay")
    # The machine begins with one deployment.
    _run("ostree", "admin", sysroot, "undeploy", "1")


def _configure_guest(etc: Path) -> None:
    shutil.copytree(GUEST / "etc", etc, dirs_exist_ok=True)
    # An installed machine: without an id, systemd takes each new disk's first boot for the first
    # of all, and presets every unit.
    (etc / "machine-id").write_text(f"{MACHINE_ID}\n", encoding="ascii")
    ours = etc / "overlay-vm"
    ours.mkdir()
    for script in ("agent.py", "server.py"):
        shutil.copy(GUEST / script, ours / script)
    system = etc / "systemd/system"
    for unit in MASKED:
        (system / unit).unlink(missing_ok=True)
        (system / unit).symlink_to("/dev/null")
    for unit, target in (
        ("vm-agent.service", "multi-user.target"),
        ("var-world.mount", "multi-user.target"),
        ("world-server.socket", "sockets.target"),
    ):
        wants = system / f"{target}.wants"
        wants.mkdir(exist_ok=True)
        (wants / unit).symlink_to(f"/etc/systemd/system/{unit}")


def _publish(www: Path, world: World) -> None:
    """Lays out what the guest serves: the media, and refs that can change."""
    heads = www / "ostree/refs/heads"
    heads.mkdir(parents=True)
    (www / "repos").symlink_to("/var/world/repos")
    for name in ("config", "objects"):
        (www / "ostree" / name).symlink_to(f"/var/world/ostree/{name}")
    for ref, commit in world.trees.items():
        head = heads / ref
        head.parent.mkdir(parents=True, exist_ok=True)
        head.write_text(f"{commit}\n", encoding="ascii")


def _run(*command: str) -> None:
    subprocess.run(command, stdout=sys.stderr, check=True)


def main(argv: list[str]) -> None:
    """Reads the command line and fills the disk."""
    system, tree, ostree_repo, overlay, *commits = argv
    trees = dict(each.split("=", 1) for each in commits)
    world = World(
        directory=Path(ostree_repo).parent,
        repositories={},
        ostree_repo=Path(ostree_repo),
        trees=trees,
    )
    fill(Path(system), world, tree, Path(overlay))


if __name__ == "__main__":
    main(sys.argv[1:])
