# SPDX-License-Identifier: LGPL-2.1-or-later
"""Where the base can stay, the answer is what `dnf5 install` and `dnf5 upgrade` would do."""

import shutil
from pathlib import Path

import pytest

from tests import needs
from tests.rpms import File
from tests.solver.dnf5 import Dnf5
from tests.solver.worlds import Pkg, World, pkg

pytestmark = pytest.mark.root  # dnf5 refuses everybody else

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
        ("(bash and exim)",),
        ("(exim if bash)",),
    ],
)
@pytest.mark.parametrize("weak", [True, False])
def test_the_same_packages_are_chosen_for_the_same_reasons(
    world: World, specs: tuple[str, ...], weak: bool
) -> None:
    world.base(*BASE)
    directory = world.repo("r", *OFFERED)
    ours = world.resolve(*specs, weak_deps=weak)
    theirs = dnf5(world, directory).install(specs, weak_deps=weak)
    assert theirs.added, theirs.text
    assert {str(package.nevra): package.reason for package in ours.packages} == theirs.added


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
    theirs = dnf5(world, directory).ask("upgrade")
    expected = {*theirs.added, *before} - theirs.replaced
    assert {str(package.nevra) for package in ours.packages} == expected, theirs.text


def dnf5(world: World, repo: Path) -> Dnf5:
    """Returns dnf5 over a copy of the same world."""
    needs.program("dnf5")
    scratch = world.directory / "dnf5"
    shutil.copytree(world.root, scratch / "root")
    return Dnf5(root=scratch / "root", repositories={"r": repo}, scratch=scratch)
