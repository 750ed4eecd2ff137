# SPDX-License-Identifier: LGPL-2.1-or-later
"""What is known of packages is what `dnf5 list`, `search` and `provides` say of the same world."""

import re
from collections.abc import Iterable
from pathlib import Path

import pytest

from solver import Catalogue, ConfigurationError, Field, PackageInfo
from tests.rpms import File
from tests.solver.test_against_dnf5 import dnf5
from tests.solver.worlds import Pkg, World, pkg

root = pytest.mark.root  # dnf5 refuses everybody else

BASE: list[str | Pkg] = [
    "app-1-1.noarch",
    pkg("lib-2-1.x86_64", provides=["libfoo.so.2()(64bit)"], files={"/usr/lib64/libfoo": File()}),
    "tool-1-1.noarch",
    "gone-1-1.noarch",
]
OFFERED: list[str | Pkg] = [
    "app-1-1.noarch",
    "app-2-1.noarch",
    "app-1:0-1.noarch",
    pkg("lib-1-1.x86_64", provides=["libfoo.so.1()(64bit)"], files={"/usr/lib64/libfoo": File()}),
    "lib-2-1.i686",
    "tool-1-1.noarch",
    pkg("app-tool-1-1.noarch", files={"/usr/bin/app-tool": File(mode=0o755)}),
    pkg("package-1-1.noarch", provides=["box = 2"], tags="URL: https://example.org/boxes"),
    pkg("Package-box-1-1.noarch", provides=["box = 1"], files={"/opt/box/deep": File()}),
    pkg("smith-1-1.noarch", provides=["smith(box)"], files={"/usr/sbin/smith": File(mode=0o755)}),
]


def told(world: World, *specs: str, **options: bool) -> dict[str, set[str]]:
    with Catalogue.open(world.config()) as catalogue:
        found = catalogue.select(specs, **options)
    return {"installed": nevras(found.installed), "available": nevras(found.available)}


def nevras(packages: Iterable[PackageInfo]) -> set[str]:
    return {str(package.nevra) for package in packages}


def listed_by_dnf5(world: World, directory: Path, *words: str) -> set[str]:
    done = dnf5(world, directory).run("list", *words)
    rows = re.findall(r"^(\S+)\.(\w+) +(\S+) +\S+$", done.stdout, re.MULTILINE)
    return {f"{name}-{evr}.{arch}" for name, arch, evr in rows}


@root
@pytest.mark.parametrize(
    "spec",
    [
        "app", "APP", "app*", "app-2", "app-0:2-1", "app-2-1.noarch", "app.noarch", "lib.i686",
        "li?", "*", "[al]*", "app-1:*", "gone", "nothing", "libfoo.so.2()(64bit)", "/usr/bin/smith",
    ],
)  # fmt: skip
@pytest.mark.parametrize("duplicates", [False, True])
@pytest.mark.parametrize("scope", ["installed", "available"])
def test_names_and_globs_select_what_dnf5_lists(
    world: World, spec: str, duplicates: bool, scope: str
) -> None:
    world.base(*BASE)
    directory = world.repo("r", *OFFERED)
    words = [f"--{scope}", *(["--showduplicates"] if duplicates else []), spec]
    theirs = listed_by_dnf5(world, directory, *words)
    assert told(world, spec, all_versions=duplicates)[scope] == theirs


def test_without_a_spec_everything_is_told(world: World) -> None:
    world.base("a-1-1.noarch")
    world.repo("r", "b-1-1.noarch", "b-2-1.noarch")
    assert told(world) == {"installed": {"a-1-1.noarch"}, "available": {"b-2-1.noarch"}}


def test_specs_that_select_nothing_are_named(world: World) -> None:
    world.base("a-1-1.noarch")
    with Catalogue.open(world.config()) as catalogue:
        found = catalogue.select(["b", "a", "c*", "b"])
    assert found.unmatched == ("b", "c*")


@root
@pytest.mark.parametrize(
    "words",
    [
        ("app",),
        ("PACKAGE",),
        ("box",),
        ("package", "test"),
        ("app", "box"),
        ("app*",),
        ("nothing",),
    ],
)
def test_the_words_are_found_where_dnf5_search_finds_them(
    world: World, words: tuple[str, ...]
) -> None:
    world.base(*BASE)
    directory = world.repo("r", *OFFERED)
    with Catalogue.open(world.config()) as catalogue:
        found = catalogue.search(words)
    done = dnf5(world, directory).run("search", *words)
    theirs = re.findall(r"^ (\S+)\t", done.stdout, re.MULTILINE)
    assert {f"{f.package.nevra.name}.{f.package.nevra.arch}" for f in found} == set(theirs)


@root
def test_with_all_dnf5_finds_the_same_in_descriptions_and_urls(world: World) -> None:
    world.base(*BASE)
    directory = world.repo("r", *OFFERED)
    with Catalogue.open(world.config()) as catalogue:
        found = catalogue.search(["smith", "boxes"], everywhere=True)
    done = dnf5(world, directory).run("search", "--all", "smith", "boxes")
    theirs = re.findall(r"^ (\S+)\t", done.stdout, re.MULTILINE)
    ours = [f"{f.package.nevra.name}.{f.package.nevra.arch}" for f in found]
    assert sorted(ours) == sorted(theirs) == ["package.noarch", "smith.noarch"]
    assert [f.fields for f in found] == [(Field.EXACT_NAME, Field.DESCRIPTION), (Field.URL,)]


def test_names_come_before_summaries_before_descriptions(world: World) -> None:
    world.repo("r", *OFFERED)
    with Catalogue.open(world.config()) as catalogue:
        found = catalogue.search(["package"], everywhere=True)
    order = [(str(each.package.nevra), each.fields) for each in found]
    description = Field.DESCRIPTION
    assert order[:3] == [
        ("package-1-1.noarch", (Field.EXACT_NAME, Field.SUMMARY, description)),
        ("Package-box-1-1.noarch", (Field.NAME, Field.SUMMARY, description)),
        ("app-1:0-1.noarch", (Field.SUMMARY, description)),
    ]


def test_what_the_tree_has_is_not_found_again_in_a_repository(world: World) -> None:
    world.base("app-1-1.noarch")
    world.repo("r", "app-2-1.noarch", "app-3-1.noarch")
    with Catalogue.open(world.config()) as catalogue:
        (only,) = catalogue.search(["app"])
    assert (str(only.package.nevra), only.package.installed) == ("app-1-1.noarch", True)


@root
@pytest.mark.parametrize(
    "what",
    [
        "box", "box = 2", "box >= 1", "box > 2", "bo*", "libfoo.so.*", "libfoo.so.2()(64bit)",
        "/usr/bin/app-tool", "/opt/box/deep", "/usr/bin/app-*", "*bin/smith", "smith", "/opt/bo?/*",
        "app", "/usr/lib64/libfoo", "app-tool", "nothing", "/nothing", "box >=", "smith(box)",
    ],
)  # fmt: skip
def test_providers_are_those_of_dnf5(world: World, what: str) -> None:
    world.base(*BASE)
    directory = world.repo("r", *OFFERED)
    with Catalogue.open(world.config(need_filelists=True)) as catalogue:
        found = catalogue.providers(what)
    done = dnf5(world, directory).run("provides", what)
    theirs = set(re.findall(r"^(\S+) : ", done.stdout, re.MULTILINE))
    assert nevras(each.package for each in found) == theirs, done.stdout + done.stderr
    for each in found:
        assert each.capabilities or each.paths


def test_lists_of_files_are_loaded_only_when_asked_for(world: World) -> None:
    world.repo("r", *OFFERED)
    found = []
    for wanted in (False, True):
        with Catalogue.open(world.config(need_filelists=wanted)) as catalogue:
            found.append(len(catalogue.providers("/opt/box/deep")))
    assert found == [0, 1]


def test_a_path_is_found_under_its_other_spelling(world: World) -> None:
    world.base(pkg("sh-1-1.noarch", files={"/usr/bin/sh": File(mode=0o755)}))
    with Catalogue.open(world.config()) as catalogue:
        assert catalogue.providers("/bin/sh") == ()
        (found,) = catalogue.providers("/bin/sh", ["/usr/bin/sh", "/bin/sh"])
    assert found.paths == ("/usr/bin/sh",)


def test_a_package_says_what_its_header_says(world: World) -> None:
    path = world.file(pkg("app-1:2-3.noarch", tags="URL: https://example.org\nVendor: us"))
    world.base(pkg("app-1:2-3.noarch", tags="URL: https://example.org\nVendor: us"))
    with Catalogue.open(world.config()) as catalogue:
        (found,) = catalogue.select(["app"]).installed
    assert path.name == "app-2-3.noarch.rpm"
    assert (found.summary, found.description) == ("test package", "The test package app.")
    assert (found.url, found.vendor, found.license) == (
        "https://example.org",
        "us",
        "LGPL-2.1-or-later",
    )
    assert (found.source, found.repo_id, found.download_size) == ("app-2-3.src.rpm", "", 0)
    assert found.build_time == 1_700_000_000


def test_excludes_hide_packages_of_repositories_and_none_of_the_tree(world: World) -> None:
    world.base("app-1-1.noarch")
    world.repo("r", "app-2-1.noarch", "lib-1-1.noarch")
    conf = world.directory / "dnf.conf"
    conf.write_text("[main]\nexcludepkgs=app\n")
    with Catalogue.open(world.config(dnf_conf=conf)) as catalogue:
        found = catalogue.select([])
    assert nevras(found.installed) == {"app-1-1.noarch"}
    assert nevras(found.available) == {"lib-1-1.noarch"}


def test_an_unusable_configuration_is_said(world: World) -> None:
    with pytest.raises(ConfigurationError, match="no repository matches 'x'"):
        Catalogue.open(world.config(enable_repos=("x",)))
