# SPDX-License-Identifier: LGPL-2.1-or-later
"""What runs over a united tree, planned from a real base's rpmdb and real headers."""

from pathlib import Path

import pytest

from layering.base import Base, load_base
from layering.header import read_header
from layering.layerinfo import Layer, LayerInfo
from layering.repo import Repo
from layering.scriptplan import plan_of, tools_of
from layering.spellings import live_path
from layering.union import Union, union
from tests.rpms import File, Spec, build_rpm
from tests.sysroots import commit_tree, make_tree
from triggers import SkipRule

TRIGGERING = Spec(
    files={"/usr/share/icons/base.png": File(), "/etc/fonts/packaged.conf": File()},
    sections="""
    %transfiletriggerin -- /usr/share/icons
    echo icons
    %triggerin -- late
    echo late came
    """,
)


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("base")
    files = {"usr/bin/true": b"", "usr/sbin/ldconfig": b"", "usr/etc/fonts/a.conf": b""}
    files["usr/share/beside/file"] = b""
    make_tree(made / "tree", files, [build_rpm(made, "base-1-1.noarch", TRIGGERING)])
    return made


@pytest.fixture
def repo(scratch: Path) -> Repo:
    return Repo.create(scratch / "repo", "bare-user-only")


@pytest.fixture
def base(repo: Repo, directory: Path, scratch: Path) -> Base:
    return load_base(repo, commit_tree(repo.path, directory / "tree"), scratch / "cache")


def layer(directory: Path, nevra: str, spec: Spec) -> LayerInfo:
    header = read_header(build_rpm(directory, nevra, spec))
    identity = Layer(nevra=header.nevra, digest="sha256:0", ref="", commit="0" * 64)
    return LayerInfo(layer=identity, owners=(), owned_dirs=(), stub=header.prefix)


def of_base(repo: Repo, base: Base) -> Union:
    return union(repo, base.commit, [])


def planned(repo: Repo, base: Base, *layers: LayerInfo, noscripts: str = "") -> list[str]:
    plan = plan_of(repo, base, layers, of_base(repo, base), noscripts=frozenset(noscripts.split()))
    return [each.label for each in (*plan.before, *plan.after) if each.owner[0] != "/"]


def test_the_bases_triggers_run_for_what_layers_bring(
    repo: Repo, base: Base, tmp_path: Path
) -> None:
    icon = layer(tmp_path, "icon-1-1.noarch", Spec(files={"/usr/share/icons/x.png": File()}))
    late = layer(tmp_path, "late-1-1.noarch", Spec(sections="%post\necho post"))
    other = layer(tmp_path, "other-1-1.noarch", Spec(files={"/usr/share/other": File()}))
    assert planned(repo, base, other) == []
    assert planned(repo, base, icon) == ["%transfiletriggerin(base-1-1.noarch)"]
    labels = planned(repo, base, late)
    assert labels == ["%post(late-1-1.noarch)", "%triggerin(base-1-1.noarch)"]


def test_a_layers_own_trigger_runs_for_what_the_base_has(
    repo: Repo, base: Base, tmp_path: Path
) -> None:
    sections = "%transfiletriggerin -- /usr/share/icons /etc/fonts\ncat"
    watcher = layer(tmp_path, "watcher-1-1.noarch", Spec(sections=sections))
    plan = plan_of(repo, base, [watcher], of_base(repo, base))
    (trigger,) = [each for each in plan.after if each.owner == "watcher-1-1.noarch"]
    assert trigger.stdin is not None
    given = trigger.stdin.decode().splitlines()
    # /etc/fonts/a.conf is nobody's, and rpm would not know of it.
    assert given == ["/etc/fonts/packaged.conf", "/usr/share/icons/base.png"]


def test_scripts_that_are_not_wanted_are_left_out(repo: Repo, base: Base, tmp_path: Path) -> None:
    loud = layer(tmp_path, "loud-1-1.noarch", Spec(sections="%post\necho post"))
    assert planned(repo, base, loud) == ["%post(loud-1-1.noarch)"]
    assert planned(repo, base, loud, noscripts="loud") == []


def test_a_tool_is_there_if_the_tree_has_it(repo: Repo, base: Base) -> None:
    has = tools_of(repo, of_base(repo, base))
    assert all(has(tool) for tool in ("true", "ldconfig", "/usr/bin/true"))
    assert not any(has(tool) for tool in ("false", "/bin/sh", "/usr/bin/none"))


@pytest.mark.parametrize(
    ("path", "live"),
    [
        ("/usr/etc/x", "/etc/x"),
        ("/usr/etc", "/etc"),
        ("/usr/etcetera", "/usr/etcetera"),
        ("/usr/bin/x", "/usr/bin/x"),
    ],
)
def test_paths_are_called_as_on_the_running_system(path: str, live: str) -> None:
    assert live_path(path) == live


@pytest.mark.parametrize(
    ("prefix", "given"),
    [
        ("/usr/share/icons", ["/usr/share/icons/base.png"]),
        ("/usr/share/ico", ["/usr/share/icons/base.png"]),
        ("/usr/share/icons/base.png", None),  # no directory begins so
        ("/usr/share/icon-themes", None),
    ],
)
def test_a_layers_trigger_searches_the_base_as_rpm_searches_its_database(
    repo: Repo, base: Base, tmp_path: Path, prefix: str, given: list[str] | None
) -> None:
    watcher = layer(
        tmp_path, "watcher-1-1.noarch", Spec(sections=f"%transfiletriggerin -- {prefix}\ncat")
    )
    plan = plan_of(repo, base, [watcher], of_base(repo, base))
    told = [each.stdin for each in plan.after if each.owner == "watcher-1-1.noarch"]
    assert told == ([] if given is None else ["".join(f"{x}\n" for x in given).encode()])


def test_a_rule_of_the_configuration_turns_off_a_trigger_of_the_base(
    repo: Repo, base: Base, tmp_path: Path
) -> None:
    icon = layer(tmp_path, "icon-1-1.noarch", Spec(files={"/usr/share/icons/x.png": File()}))
    rule = SkipRule.parse("base.%transfiletriggerin")
    plan = plan_of(repo, base, [icon], of_base(repo, base), skip=(rule,))
    assert plan.why == (
        "%transfiletriggerin(base-1-1.noarch) is skipped: turned off in the configuration",
    )
