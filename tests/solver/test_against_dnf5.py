# SPDX-License-Identifier: LGPL-2.1-or-later
"""Where the base can stay, the answer is what `dnf5 install` and `dnf5 upgrade` would do."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from solver import Reason
from tests import needs
from tests.rpms import File
from tests.solver.worlds import Pkg, World, pkg

pytestmark = pytest.mark.root  # dnf5 refuses everybody else

_ROW = re.compile(r"^ (\S+)\s+(\S+)\s+(\d+):(\S+)\s+\S+\s+[\d.]+ +\S+$")
_TITLES: dict[str, Reason | None] = {
    "Installing:": Reason.USER,
    "Installing dependencies:": Reason.DEPENDENCY,
    "Installing weak dependencies:": Reason.WEAK,
    "Installing group/module packages:": Reason.GROUP,
    "Upgrading:": Reason.USER,
    "Skipping packages with broken dependencies:": None,
}

BASE: list[str | Pkg] = [
    pkg("glibc-2-1.x86_64", provides=["libc.so.6()(64bit)"]),
    pkg("bash-5-1.x86_64", provides=["sh"], files={"/usr/bin/bash": File(mode=0o755)}),
    pkg("docs-filesystem-1-1.noarch"),
    pkg("langs-1-1.noarch", recommends=["never-installed"]),
]
OFFERED: list[str | Pkg] = [
    pkg("app-1-1.x86_64", requires=["libc.so.6()(64bit)", "/usr/bin/bash", "libapp >= 1:2"]),
    pkg("app-2-1.x86_64", requires=["libc.so.6()(64bit)", "/usr/bin/bash", "libapp >= 1:2"]),
    pkg("libapp-1:2-1.x86_64", recommends=["app-docs", "missing"]),
    pkg("libapp-1:2-1.i686"),
    pkg("app-docs-1-1.noarch", requires=["docs-filesystem"]),
    pkg("app-langs-1-1.noarch", tags="Supplements: (app and langs)"),
    pkg("app-extra-1-1.noarch", tags="Supplements: app"),
    pkg("mail-1-1.noarch", requires=["mta"]),
    pkg("exim-1-1.noarch", provides=["mta"]),
    pkg("postfix-1-1.noarch", provides=["mta = 3"]),
    pkg("sendmail-1-1.noarch", provides=["mta"], requires=["not-there"]),
    pkg("rich-1-1.noarch", requires=["(tool-gui if bash)", "(nowhere or tool-cli)"]),
    pkg("tool-gui-1-1.noarch"),
    pkg("tool-cli-1-1.noarch"),
    pkg("old-name-1-1.noarch"),
    pkg("new-name-1-1.noarch", obsoletes=["old-name < 2"], provides=["old-name = 2"]),
    pkg("never-installed-1-1.noarch"),
    pkg("picky-1-1.noarch", requires=["mta"], conflicts=["exim"]),
    pkg("sh-1-1.noarch"),  # which the base provides
    pkg("in-a-circle-1-1.noarch", requires=["the-circle"]),
    pkg("the-circle-1-1.noarch", requires=["in-a-circle"]),
]


@pytest.mark.parametrize(
    "specs",
    [
        ("app",),
        ("app-1",),
        ("libapp.i686",),
        ("app", "mail"),
        ("mail", "postfix"),
        ("mta",),
        ("picky", "mail"),
        ("rich",),
        ("old-name",),
        ("tool-*",),
        ("sh",),
        ("in-a-circle", "langs"),
        ("libc.so.6()(64bit)", "exim"),
    ],
)
@pytest.mark.parametrize("weak", [True, False])
def test_the_same_packages_are_chosen_for_the_same_reasons(
    world: World, specs: tuple[str, ...], weak: bool
) -> None:
    world.base(*BASE)
    directory = world.repo("r", *OFFERED)
    ours = world.resolve(*specs, weak_deps=weak)
    done = dnf5(world, directory, "install", *specs, f"--setopt=install_weak_deps={weak}")
    theirs = chosen_by_dnf5(done.stdout)
    assert theirs, done.stderr
    assert {str(package.nevra): package.reason for package in ours.packages} == theirs


def app(version: int, *needs: str) -> Pkg:
    return pkg(f"app-{version}-1.noarch", requires=["lib", *needs])


@pytest.mark.parametrize(
    "newer",
    [
        (app(3),),
        (app(2), app(3, "nowhere")),  # what is broken is skipped
        (app(3, "nowhere"),),
        (app(3, "lib >= 2"), "lib-2-1.noarch"),
        (app(3, "more"), "more-1-1.noarch"),
        (pkg("next-1-1.noarch", requires=["lib"], obsoletes=["app < 2"], provides=["app = 2"]),),
        (),
    ],
)
def test_an_upgrade_goes_where_dnf5_upgrade_goes(
    world: World, newer: tuple[str | Pkg, ...]
) -> None:
    layered: list[str | Pkg] = [app(1), "lib-1-1.noarch"]
    world.base("glibc-2-1.x86_64")
    layers = tuple(map(world.layer, layered))
    directory = world.repo("r", "unrelated-1-1.noarch", *newer)
    before = {"app-1-1.noarch", "lib-1-1.noarch"}
    ours = world.resolve("app", layers=layers, upgrade=True)
    world.base(*layered)  # to dnf5 they are installed like all others
    done = dnf5(world, directory, "upgrade")
    fresh = chosen_by_dnf5(done.stdout).keys()
    replaced = set(re.findall(r"^   replacing (\S+)", done.stdout, re.MULTILINE))
    theirs = {*fresh, *(nevra for nevra in before if nevra.split("-")[0] not in replaced)}
    assert {str(package.nevra) for package in ours.packages} == theirs, done.stdout + done.stderr


def dnf5(world: World, repo: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Asks dnf5 about the same world; nothing is installed."""
    needs.program("dnf5")
    scratch = world.directory / "dnf5"
    shutil.copytree(world.root, scratch / "root")
    options = {"cachedir": "cache", "system_cachedir": "cache", "logdir": "log"}
    command = ["dnf5", f"--installroot={scratch}/root", "--use-host-config", "--no-gpgchecks"]
    command += [f"--setopt={name}={scratch}/{place}" for name, place in options.items()]
    command += ["--setopt=reposdir=/nowhere", "--setopt=plugins=0", "--releasever=1"]
    command += [f"--repofrompath=r,file://{repo}", "--forcearch=x86_64", "-q"]
    return subprocess.run(
        [*command, *words, "--assumeno"],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": "/usr/sbin:/usr/bin", "LC_ALL": "C.UTF-8", "COLUMNS": "200"},
    )


def chosen_by_dnf5(output: str) -> dict[str, Reason]:
    """Reads the table of a transaction that dnf5 prints."""
    found: dict[str, Reason] = {}
    reason: Reason | None = None
    for line in output.splitlines():
        reason = _TITLES.get(line.strip(), reason)
        row = _ROW.match(line)
        if row is not None and reason is not None:
            epoch = f"{row[3]}:" if row[3] != "0" else ""
            found[f"{row[1]}-{epoch}{row[4]}.{row[2]}"] = reason
    return found
