# SPDX-License-Identifier: LGPL-2.1-or-later
"""What layers do to the kernel of a real tree: modules, microcode, dracut's settings, a second one.

depmod, dracut and lsinitrd of the tree itself are the judges.
"""

from pathlib import Path

import pytest

from tests.integration.conftest import MakeHost
from tests.integration.hosts import Host, untouched
from tests.integration.live import LiveTree, live_tree
from tests.rpms import File, Spec, build_rpm

pytestmark = [pytest.mark.world, pytest.mark.root, pytest.mark.bwrap]

CONFIGURATION = b'install_items+=" /usr/share/marker "\n'
MICROCODE = b"\1\0\0\0 no processor has this one"


@pytest.fixture(scope="module")
def rpms(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Packages that matter to an initramfs, and one that doesn't."""
    directory = tmp_path_factory.mktemp("rpms")
    for name, files in {
        "marked": {
            "/usr/lib/dracut/dracut.conf.d/50-marked.conf": File(content=CONFIGURATION),
            "/usr/share/marker": File(content=b"in the initramfs\n"),
        },
        "microcode": {"/usr/lib/firmware/intel-ucode/06-00-00": File(content=MICROCODE)},
        "plain": {"/usr/share/plain": File(content=b"plain\n")},
        "kernel-other": {
            "/usr/lib/modules/9.9-other/vmlinuz": File(content=b"MZ"),
            "/usr/lib/modules/9.9-other/modules.order": File(),
        },
        "kernel-in-boot": {"/boot/vmlinuz-9.8-boot": File(content=b"MZ")},
    }.items():
        # A scriptlet that must not have run when the second kernel is found.
        sections = "%pre\nexit 1\n" if name.startswith("kernel") else ""
        build_rpm(directory, f"{name}-1-1.noarch", Spec(files=files, sections=sections))
    return directory


def rpm_of(rpms: Path, name: str) -> str:
    return str(rpms / f"{name}-1-1.noarch.rpm")


def kernel_of(host: Host, index: int = 0) -> Path:
    """Returns the directory of the tree's one kernel."""
    (found,) = (host.checkout(index) / "usr/lib/modules").glob("*/vmlinuz")
    return found.parent


def listed(tree: LiveTree, version: str) -> str:
    image = f"/usr/lib/modules/{version}/initramfs.img"
    return tree.ask("/usr/bin/lsinitrd", image)


def test_dracuts_configuration_makes_the_initramfs_anew_the_same_on_each_host_while_it_is_there(
    make_host: MakeHost, rpms: Path, scratch: Path
) -> None:
    host, other, plain = make_host(), make_host(), make_host()
    before = kernel_of(host)
    host.change("install", rpm_of(rpms, "marked"))
    version = kernel_of(host).name
    assert version == before.name
    assert [path.name for path in kernel_of(host).glob("initramfs*")] == ["initramfs.img"]
    image = kernel_of(host) / "initramfs.img"
    assert image.stat().st_mode & 0o7777 == 0o600
    with live_tree(host.checkout(), scratch, time=0) as tree:
        shown = listed(tree, version)
    assert "usr/share/marker" in shown
    assert "ostree-prepare-root" in shown
    assert not (host.checkout() / "usr/share/factory/var/tmp").exists()
    # Beside a package that stays: without any, the base itself would be deployed.
    other.change("install", rpm_of(rpms, "marked"), rpm_of(rpms, "plain"))
    assert (kernel_of(other) / "initramfs.img").read_bytes() == image.read_bytes()
    dropped = other.change("uninstall", "marked")
    assert dropped == plain.change("install", rpm_of(rpms, "plain"))
    own = (kernel_of(other) / "initramfs.img").read_bytes()
    assert own == (before / "initramfs.img").read_bytes()


def test_microcode_is_loaded_ahead_of_the_kernel(host: Host, rpms: Path) -> None:
    host.change("install", rpm_of(rpms, "microcode"))
    image = (kernel_of(host) / "initramfs.img").read_bytes()
    early, _, _rest = image.partition(b"TRAILER!!!")
    assert b"kernel/x86/microcode/GenuineIntel.bin" in early
    assert MICROCODE in early


def test_a_package_that_has_nothing_to_do_with_it_leaves_the_initramfs_alone(
    host: Host, rpms: Path
) -> None:
    before = (kernel_of(host) / "initramfs.img").read_bytes()
    ended = host.overlay("-v", "install", rpm_of(rpms, "plain"))
    assert ended.status == 0, ended.stderr
    assert "dracut" not in ended.stdout + ended.stderr
    assert (kernel_of(host) / "initramfs.img").read_bytes() == before


def test_a_layered_module_is_known_to_modprobe(host: Host, scratch: Path) -> None:
    kernel = kernel_of(host)
    # One of the kernel's own under another name, with what it depends on.
    needy = next(
        line for line in (kernel / "modules.dep").read_text().splitlines() if line.count(" ") == 1
    )
    original, needed = needy.split(": ")
    place = f"/usr/lib/modules/{kernel.name}/extra/layered.ko.xz"
    spec = Spec(files={place: File(content=(kernel / original).read_bytes())})
    host.change("install", str(build_rpm(scratch, "kmod-layered-1-1.noarch", spec)))
    lines = (kernel_of(host) / "modules.dep").read_text().splitlines()
    assert f"extra/layered.ko.xz: {needed}" in lines
    with live_tree(host.checkout(), scratch, time=0) as tree:
        found = tree.ask("/usr/sbin/modprobe", "--show-depends", "-S", kernel.name, "layered")
    assert [line.split()[1].partition(f"{kernel.name}/")[2] for line in found.splitlines()] == [
        needed,
        "extra/layered.ko.xz",
    ]
    before, after = (each / "initramfs.img" for each in (kernel, kernel_of(host)))
    assert after.read_bytes() == before.read_bytes()


@pytest.mark.parametrize(
    ("name", "version"), [("kernel-other", "9.9-other"), ("kernel-in-boot", "9.8-boot")]
)
def test_a_second_kernel_is_refused_before_any_script_runs(
    name: str, version: str, host: Host, rpms: Path
) -> None:
    own = kernel_of(host).name
    ended = host.overlay("install", rpm_of(rpms, name))
    assert ended.status != 0
    assert (
        f"several kernels in one tree: {own} (of the base), {version} ({name}-1-1.noarch)"
        in ended.stderr
    )
    assert "the base's changes with the base, 'overlay upgrade'" in ended.stderr
    untouched(host)
