# SPDX-License-Identifier: LGPL-2.1-or-later
"""Whatever form a request has, it brings what `dnf5 install` would install for it."""

import pytest

from solver import Goal, UnknownPackageError
from tests.rpms import File
from tests.solver.test_against_dnf5 import dnf5
from tests.solver.worlds import Pkg, World, pkg

pytestmark = pytest.mark.root  # dnf5 refuses everybody else

BASE: list[str | Pkg] = ["base-1-1.noarch", pkg("have-1-1.noarch", provides=["cap-have = 1"])]
OFFERED: list[str | Pkg] = [
    "app-1-1.noarch",
    "app-2-1.noarch",
    "app-2-2.noarch",
    "late-1:1-1.noarch",
    "late-1:2-1.noarch",
    "late-9-1.noarch",
    "lib-1-1.x86_64",
    "lib-1-1.i686",
    "only-1-1.i686",
    "name-with-dash-1.0-3.noarch",
    "name.dots-1-1.noarch",
    "c++-1-1.noarch",
    pkg("one-1-1.noarch", provides=["cap = 1", "libcap.so.1()(64bit)", "virtual(one)"]),
    pkg("two-1-1.noarch", provides=["cap = 2", "libcap.so.2()(64bit)", "virtual(two)"]),
    pkg("tool-1-1.noarch", files={"/usr/bin/tool": File(mode=0o755)}),
    pkg("tool-extra-1-1.noarch", files={"/usr/bin/tool-extra": File(mode=0o755)}),
    pkg("deep-1-1.noarch", files={"/opt/deep/file": File()}),
    pkg("admin-1-1.noarch", files={"/usr/sbin/admin": File(mode=0o755)}),
    pkg("conditional-1-1.noarch"),
    pkg("mandatory-1-1.noarch", requires=["app"]),
    pkg("wanted-1-1.noarch"),
    pkg("optional-1-1.noarch"),
    pkg("more-1-1.noarch"),
]
COMPS = """\
<?xml version="1.0" encoding="UTF-8"?>
<comps>
  <group><id>things</id><name>Some Things</name><packagelist>
    <packagereq type="mandatory">mandatory</packagereq>
    <packagereq type="default">wanted</packagereq>
    <packagereq type="optional">optional</packagereq>
    <packagereq type="conditional" requires="one">conditional</packagereq>
  </packagelist></group>
  <group><id>extras</id><name>Extras</name><packagelist>
    <packagereq type="mandatory">more</packagereq>
  </packagelist></group>
  <group><id>had</id><name>What is there</name><packagelist>
    <packagereq type="mandatory">have</packagereq>
  </packagelist></group>
  <environment><id>place</id><name>A Place</name>
    <grouplist><groupid>things</groupid></grouplist>
    <optionlist><groupid>extras</groupid></optionlist>
  </environment>
</comps>
"""
MATCHING = [
    *["app", "app-1", "app-2", "app-1-1", "app-2-1.noarch", "app.noarch", "app-0:1-1.noarch"],
    *["late", "late-1:1", "late-1:1-1", "late-9-1", "late-0:9-1.noarch"],
    *["lib", "lib.i686", "lib.x86_64", "lib-1.i686", "lib*", "only", "lib.*"],
    *["name-with-dash", "name-with-dash-1.0", "name-with-dash-1.0-3.noarch", "name.dots", "c++"],
    *["cap", "cap = 1", "cap >= 2", "cap < 2", "cap=1", "libcap.so.1()(64bit)", "virtual(two)"],
    *["/usr/bin/tool", "/opt/deep/file", "/usr/bin/to*", "/opt/*/file", "/usr/sbin/admin"],
    *["tool*", "t?ol", "[ot]*-1-1.noarch", "*dash*", "app-*", "tool-*", "*-1-1.i686"],
    *["@things", "@extras", "@Some Things", "@place", "@A Place", "@had", "@thing*"],
    *["have", "cap-have", "base", "base*"],
    *["(app or one)", "(app and one)", "(one if base)", "tool-extra >= 1", "app > 1"],
    *["virtual(*)", "admin", "APP", "Tool", "*/tool", "*/deep/file", "needs-deep"],
    *["(/opt/deep/file or app)", "nothing*", "@nothing", "/nothing", "*bin/tool", "lib.noarch"],
]


@pytest.mark.parametrize("spec", MATCHING)
def test_every_form_brings_what_dnf5_installs(world: World, spec: str) -> None:
    world.base(*BASE)
    directory = world.repo("r", *OFFERED, comps=COMPS)
    answer = dnf5(world, directory).install([spec])
    theirs = {"unknown"} if "No match for" in answer.text else set(answer.added)
    with world.sack(need_filelists=spec.startswith(("/", "*/"))) as sack:
        try:
            ours = {str(each.nevra) for each in sack.resolve(Goal(install=(spec,))).packages}
        except UnknownPackageError:
            ours = {"unknown"}
    assert ours == theirs, answer.text
