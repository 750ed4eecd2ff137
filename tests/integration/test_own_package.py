# SPDX-License-Identifier: LGPL-2.1-or-later
"""overlay as its own RPM brings it: run from a tree it is layered on, with that tree's libraries.

Nothing of this machine is in sight there, so that what the package does not bring or require is
missing.
"""

import json
import subprocess
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from fixtures import host as hosts_of_fixtures
from fixtures import overlayrpm
from fixtures.forest import World
from layering.cli import VERBS
from tests.integration.conftest import MINIMAL
from tests.integration.hosts import Ended, Host, command

pytestmark = [pytest.mark.world, pytest.mark.root, pytest.mark.bwrap]

PROJECT = Path(__file__).parents[2]
MODULES = "usr/lib/overlay"
# Imports one module after the other as the launcher would, and says which cannot be.
IMPORTS = f"""
import importlib, sys
sys.path.insert(0, "/{MODULES}")
for name in sys.argv[1:]:
    try:
        importlib.import_module(name)
    except Exception as error:
        print(f"{{name}}: {{type(error).__name__}}: {{error}}")
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Inside:
    """A deployed tree that overlay is part of, and the sysroot that it is deployed in."""

    host: Host
    tree: Path
    package: Path  # the RPM that it was layered from

    def run(
        self, *words: str, repository: Path | None = None, environment: Mapping[str, str] = {}
    ) -> Ended:
        """Runs a command as root with the tree as `/` and the sysroot at /sysroot."""
        bwrap = ["bwrap", "--ro-bind", str(self.tree), "/", "--dev", "/dev", "--proc", "/proc"]
        bwrap += ["--bind", str(self.host.path), "/sysroot", "--tmpfs", "/tmp", "--tmpfs", "/run"]
        bwrap += ["--tmpfs", "/var", "--dir", "/var/tmp", "--unshare-pid", "--unshare-net"]
        bwrap += ["--unshare-ipc", "--unshare-uts", "--cap-add", "ALL", "--die-with-parent"]
        if repository is not None:
            bwrap += ["--ro-bind", str(repository), "/run/repository"]
        settings = {"PATH": "/usr/sbin:/usr/bin", "LANG": "C.UTF-8", "HOME": "/root", **environment}
        bwrap += ["--clearenv"]
        for name, value in settings.items():
            bwrap += ["--setenv", name, value]
        done = subprocess.run(
            [*bwrap, "--", *words],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        return Ended(status=done.returncode, stdout=done.stdout, stderr=done.stderr)

    def ask(self, *words: str) -> str:
        """Returns what a command prints, which must succeed and complain of nothing."""
        ended = self.run(*words)
        assert (ended.status, ended.stderr) == (0, ""), f"{' '.join(words)}: {ended}"
        return ended.stdout


@pytest.fixture(scope="module")
def inside(world: World, ground: Path) -> Iterator[Inside]:
    """A host that overlay was installed on by overlay, to be left as it is."""
    host = Host(path=ground / "with-overlay", world=world, tree=MINIMAL)
    hosts_of_fixtures.create(host.path, world, host.tree)
    yield with_overlay(host, ground)
    hosts_of_fixtures.remove(host.path)


def with_overlay(host: Host, ground: Path) -> Inside:
    """Layers overlay's own package on a host."""
    repository = overlayrpm.repository(ground / "overlay-rpm")
    host.change("install", f"--repofrompath=overlay,file://{repository}", "overlay")
    (package,) = repository.glob("overlay-[0-9]*.rpm")
    return Inside(host=host, tree=host.checkout(), package=package)


def test_what_it_needs_and_the_base_has_not_comes_with_it(inside: Inside) -> None:
    names = [package["nevra"] for package in inside.host.deployments()[0]["packages"]]
    assert [name.rsplit("-", 2)[0] for name in names] == ["overlay", "python3-rpmfile"]


def test_it_says_the_version_of_its_package(inside: Inside) -> None:
    version = command("rpm", "-qp", "--qf", "%{VERSION}", inside.package)
    assert inside.ask("overlay", "--version") == f"overlay, version {version}\n"


def test_rpm_finds_its_files_as_the_package_has_them(inside: Inside) -> None:
    # Times are OSTree's; no file is missing, and none has another size, mode, owner or content.
    verified = inside.ask(
        "rpm", "--dbpath=/usr/share/rpm", "-V", "--nomtime", "--nodeps", "overlay"
    )
    assert verified == ""


@pytest.mark.parametrize("verb", ["", *VERBS])
def test_every_verb_has_help_there(verb: str, inside: Inside) -> None:
    words = [verb, "--help"] if verb else ["--help"]
    assert inside.ask("overlay", *words).startswith(f"Usage: overlay {verb}".rstrip())


def test_every_module_is_there_and_imports_with_the_trees_own_libraries(inside: Inside) -> None:
    files = [
        path.relative_to(PROJECT)
        for room in ("layering", "solver", "triggers")
        for path in sorted((PROJECT / room).rglob("*.py"))
    ]
    names = [".".join(file.with_suffix("").parts).removesuffix(".__init__") for file in files]
    names.remove("layering.rpmdb_transaction")  # a program
    assert inside.ask("/usr/bin/python3", "-I", "-c", IMPORTS, *names) == ""


def test_it_sees_the_sysroot_as_overlay_does_from_outside(inside: Inside) -> None:
    shown = json.loads(inside.ask("overlay", "--sysroot=/sysroot", "--json", "status"))
    assert shown["deployments"] == inside.host.deployments()


def test_its_byte_code_is_used_though_no_file_has_a_time(inside: Inside) -> None:
    sources = inside.tree / MODULES / "layering" / "errors.py"
    assert sources.stat().st_mtime == 0
    words = ["/usr/bin/python3", "-Iv", "/usr/bin/overlay", "--sysroot=/sysroot", "status"]
    loaded = [
        line.split("code object from ")[1].strip("'")
        for line in inside.run(*words).stderr.splitlines()
        if "code object from " in line and MODULES in line
    ]
    assert len(loaded) > 20
    assert [path for path in loaded if not path.endswith(".pyc")] == []


def test_its_byte_code_names_the_files_where_they_are_installed(inside: Inside) -> None:
    (code,) = (inside.tree / MODULES / "layering/__pycache__").glob("errors.*.pyc")
    content = code.read_bytes()
    assert f"/{MODULES}/layering/errors.py".encode() in content
    assert b"BUILD" not in content


def test_nothing_of_the_callers_environment_is_run(inside: Inside) -> None:
    trap = "raise SystemExit('somebody else')"
    plant = f'mkdir -p /tmp/trap/layering && echo "{trap}" | tee /tmp/trap/layering/__init__.py'
    plant += " /tmp/trap/click.py /tmp/trap/json.py >/dev/null && cd /tmp/trap && "
    environment = {"PYTHONPATH": "/tmp/trap", "PYTHONHOME": "/tmp", "PYTHONSTARTUP": "/tmp/x"}
    trapped = inside.run(
        "sh", "-c", plant + "PYTHONHOME= python3 -c 'import click'", environment=environment
    )
    assert trapped.stderr == "somebody else\n"
    ended = inside.run("sh", "-c", plant + "overlay --version", environment=environment)
    assert (ended.status, ended.stderr) == (0, "")


def test_it_layers_packages_from_there(host: Host, ground: Path) -> None:
    inside = with_overlay(host, ground)
    extras = Path(host.world.repositories["extras"]["directory"])
    words = ["--sysroot=/sysroot", "install", "--disablerepo=world-*"]
    words += ["--repofrompath=extras,file:///run/repository", "strace"]
    ended = inside.run("overlay", *words, repository=extras)
    assert ended.status == 0, ended.stderr
    assert host.deployments()[0]["requested"] == ["overlay", "strace"]
    there = host.checksum()
    host.change("uninstall", "strace")
    # From outside, it is the same.
    url = f"--repofrompath=extras,file://{extras}"
    assert host.change("install", "--disablerepo=world-*", url, "strace") == there


def test_its_settings_are_the_administrators_and_its_timer_is_off(inside: Inside) -> None:
    shipped = tomllib.loads((inside.tree / "etc/overlay/overlay.toml").read_text())
    assert shipped == {"upgrade": {}, "scripts": {}, "packages": {}}
    flags = command("rpm", "-qp", "--configfiles", inside.package)
    assert flags == "/etc/overlay/overlay.toml\n"
    state = inside.run("systemctl", "--root=/", "is-enabled", "overlay-upgrade.timer")
    assert state.stdout == "disabled\n"


def test_systemd_takes_its_units_as_they_are(inside: Inside) -> None:
    units = ("overlay-upgrade.service", "overlay-upgrade.timer")
    paths = [f"/usr/lib/systemd/system/{unit}" for unit in units]
    assert inside.ask("systemd-analyze", "verify", "--man=no", *paths) == ""


def test_the_same_sources_are_the_same_packages(tmp_path: Path) -> None:
    once, again = (overlayrpm.repository(tmp_path / name) for name in ("once", "again"))
    assert once.name == again.name
    rpms = sorted(path.name for path in once.glob("*.rpm"))
    assert [name.rsplit("-", 2)[0] for name in rpms] == ["overlay", "python3-rpmfile"]
    for name in (*rpms, "repodata/repomd.xml"):
        assert (once / name).read_bytes() == (again / name).read_bytes(), name


def test_an_unchanged_package_is_not_built_again(tmp_path: Path) -> None:
    first = overlayrpm.repository(tmp_path)
    before = (first / "repodata/repomd.xml").stat()
    assert overlayrpm.repository(tmp_path) == first
    assert (first / "repodata/repomd.xml").stat() == before
