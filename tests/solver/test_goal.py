# SPDX-License-Identifier: LGPL-2.1-or-later
"""Goals solved over real rpmdbs and repositories: what comes in, why, and always the same."""

from pathlib import Path

import pytest

from solver import (
    Goal,
    Nevra,
    Reason,
)
from tests.rpms import File
from tests.solver.worlds import World, names, pkg

COMPS = """<?xml version="1.0" encoding="UTF-8"?>
<comps>
  <group>
    <id>tools</id><name>Tools</name><description/><uservisible>true</uservisible>
    <packagelist>
      <packagereq type="mandatory">hammer</packagereq>
      <packagereq type="optional">anvil</packagereq>
    </packagelist>
  </group>
</comps>
"""


def test_a_package_comes_with_all_that_it_needs(world: World) -> None:
    world.base("glibc-1-1.x86_64")
    world.repo(
        "r",
        pkg("app-1-1.x86_64", requires=["libapp", "glibc"], recommends=["docs"]),
        pkg("libapp-1-1.x86_64", requires=["data"]),
        "data-1-1.noarch",
        "docs-1-1.noarch",
        "unrelated-1-1.noarch",
    )
    packages = {package.nevra.name: package for package in world.resolve("app").packages}
    assert {name: package.reason for name, package in packages.items()} == {
        "app": Reason.USER,
        "libapp": Reason.DEPENDENCY,
        "data": Reason.DEPENDENCY,
        "docs": Reason.WEAK,
    }
    assert {package.requested_by for package in packages.values()} == {("app",)}


def test_weak_dependencies_can_be_left_out(world: World) -> None:
    world.repo("r", pkg("app-1-1.noarch", recommends=["docs"]), "docs-1-1.noarch")
    assert names(world.resolve("app")) == ["app-1-1.noarch", "docs-1-1.noarch"]
    assert names(world.resolve("app", weak_deps=False)) == ["app-1-1.noarch"]


def test_dnf_conf_can_turn_weak_dependencies_off(world: World) -> None:
    world.repo("r", pkg("app-1-1.noarch", recommends=["docs"]), "docs-1-1.noarch")
    conf = world.directory / "dnf.conf"
    conf.write_text("[main]\ninstall_weak_deps=False\n", encoding="utf-8")
    with world.sack(dnf_conf=conf) as sack:
        assert names(sack.resolve(Goal(install=("app",)))) == ["app-1-1.noarch"]


@pytest.mark.parametrize(
    "spec",
    "app app-1:2-1 app-1:2-1.noarch app.noarch app-2 ap[p] config(app)".split()
    + "app >= 1:2|libapp.so.1()(64bit)|/usr/bin/app|/usr/bin/ap?".split("|"),
)
def test_every_form_of_a_spec_finds_its_package(world: World, spec: str) -> None:
    world.repo(
        "r",
        pkg("app-1:1-1.noarch"),
        pkg(
            "app-1:2-1.noarch",
            provides=["config(app) = 2", "libapp.so.1()(64bit)"],
            files={"/usr/bin/app": File(mode=0o755)},
        ),
    )
    (package,) = world.resolve(spec).packages
    assert (str(package.nevra), package.requested_by) == ("app-1:2-1.noarch", (spec,))


def test_other_paths_are_found_with_filelists(world: World) -> None:
    world.repo("r", pkg("app-1-1.noarch", files={"/usr/share/app/data": File()}))
    with world.sack(need_filelists=True) as sack:
        assert names(sack.resolve(Goal(install=("/usr/share/app/data",)))) == ["app-1-1.noarch"]


def test_a_group_brings_its_packages(world: World) -> None:
    world.repo("r", pkg("hammer-1-1.noarch", requires=["handle"]), "handle-1-1.noarch")
    world.repo("r", "anvil-1-1.noarch", comps=COMPS)
    packages = world.resolve("@tools").packages
    assert [(p.nevra.name, p.reason, p.requested_by) for p in packages] == [
        ("hammer", Reason.GROUP, ("@tools",)),
        ("handle", Reason.DEPENDENCY, ("@tools",)),
    ]


def test_each_package_names_the_requests_that_pull_it(world: World) -> None:
    world.base(pkg("shell-1-1.noarch", provides=["sh"]))
    world.repo(
        "r",
        pkg("one-1-1.noarch", requires=["shared", "sh"]),
        pkg("two-1-1.noarch", requires=["shared"], recommends=["extra"]),
        pkg("shared-1-1.noarch", requires=["deep"]),
        "deep-1-1.noarch",
        "extra-1-1.noarch",
        pkg("othershell-1-1.noarch", provides=["sh"]),
    )
    packages = world.resolve("two", "one", "othershell").packages
    assert {package.nevra.name: package.requested_by for package in packages} == {
        "one": ("one",),
        "two": ("two",),
        "shared": ("one", "two"),
        "deep": ("one", "two"),
        "extra": ("two",),
        "othershell": ("othershell",),  # the base's shell is what `one` needs
    }


def test_excluded_versions_leave_the_others(world: World) -> None:
    world.repo("r", "app-1-1.noarch", "app-2-1.noarch")
    assert names(world.resolve("app", exclude=("app-2*",))) == ["app-1-1.noarch"]


def test_an_empty_base_is_a_base(world: World) -> None:
    world.repo("r", pkg("bash-5-1.x86_64", requires=["glibc"]), "glibc-2-1.x86_64")
    assert names(world.resolve("bash")) == ["bash-5-1.x86_64", "glibc-2-1.x86_64"]


def test_an_empty_goal_has_an_empty_answer(world: World) -> None:
    world.base("bash-5-1.x86_64")
    transaction = world.resolve()
    assert (transaction.packages, transaction.inactive) == ((), ())


def test_the_answer_depends_on_no_order(world: World) -> None:
    for repo_id in ("b", "a", "c"):
        world.repo(
            repo_id,
            pkg("app-1-1.noarch", requires=["editor"], recommends=["nice"]),
            pkg("nano-1-1.noarch", provides=["editor"]),
            pkg("vim-1-1.noarch", provides=["editor"], tags=f"URL: https://{repo_id}.example"),
            "nice-1-1.noarch",
            pkg("tool-1-1.noarch", requires=["nice"]),
        )
    goals = [("app", "tool", "vim"), ("vim", "tool", "app"), ("tool", "app", "vim")]
    repos = [(name, str(world.directory / "repos" / name)) for name in "abc"]
    answers = set()
    for goal, order in zip(goals, [repos, repos[::-1], repos[1:] + repos[:1]], strict=True):
        with world.sack(repos_from_path=tuple(order)) as sack:
            answers.add(sack.resolve(Goal(install=goal)))
    (answer,) = answers
    assert {package.repo_id for package in answer.packages} == {"a"}


def test_of_equal_packages_the_better_repositorys_is_taken(world: World) -> None:
    for repo_id in ("a", "b", "c"):
        world.repo(repo_id, "app-1-1.noarch")
    with world.sack(setopts=(("b.cost", "500"),)) as sack:
        assert sack.resolve(Goal(install=("app",))).packages[0].repo_id == "b"
    with world.sack(setopts=(("c.priority", "50"), ("b.cost", "500"))) as sack:
        assert sack.resolve(Goal(install=("app",))).packages[0].repo_id == "c"


def test_digest_and_sizes_are_those_of_the_rpm(world: World) -> None:
    import hashlib

    directory = world.repo("r", pkg("app-1-1.noarch", files={"/x": File(content=b"x" * 1000)}))
    (app,) = world.resolve("app").packages
    rpm: Path = directory / "app-1-1.noarch.rpm"
    assert app.digest == f"sha256:{hashlib.sha256(rpm.read_bytes()).hexdigest()}"
    assert (app.download_size, app.install_size) == (rpm.stat().st_size, 1000)
    (local,) = world.resolve(local=(rpm,)).packages
    assert (local.digest, local.download_size) == (app.digest, app.download_size)
    assert local.nevra == Nevra.parse("app-1-1.noarch")
