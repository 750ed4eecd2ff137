# SPDX-License-Identifier: LGPL-2.1-or-later
"""How prefixes find paths; what rpm itself finds is compared in test_against_rpm."""

from hypothesis import given
from hypothesis import strategies as st

from triggers import FileTrigger, Phase
from triggers.filetrigger import PathList, matches_in_database, matches_in_package, watched

PATHS = st.lists(st.text("/ab\udc80é", max_size=6).map(lambda text: f"/{text}"), max_size=30)
PREFIX = st.text("/ab\udc80é", max_size=5).map(lambda text: f"/{text}")


def trigger(*prefixes: str) -> FileTrigger:
    return FileTrigger(package="t-1-1.noarch", phase=Phase.FILETRIGGERIN, prefixes=prefixes)


@given(PATHS, PREFIX)
def test_search_finds_what_looking_at_each_path_finds(paths: list[str], prefix: str) -> None:
    found = list(PathList(paths).below(prefix))
    assert found == sorted(path for path in paths if path.startswith(prefix))


@given(PATHS, st.lists(PREFIX, min_size=1, max_size=3))
def test_order_of_the_package_does_not_matter(paths: list[str], prefixes: list[str]) -> None:
    one = matches_in_package(trigger(*prefixes), PathList(paths))
    assert one == matches_in_package(trigger(*prefixes), PathList(reversed(paths)))


@given(PATHS, PREFIX)
def test_database_finds_no_more_than_the_package_has(paths: list[str], prefix: str) -> None:
    files = PathList(paths)
    found, _package = matches_in_database(trigger(prefix), [files])
    assert found in ((), matches_in_package(trigger(prefix), files))


def test_a_trigger_on_an_old_directory_sees_paths_below_usr() -> None:
    files = PathList(["/usr/lib/udev/rules.d/1.rules"])
    assert matches_in_package(trigger("/lib/udev"), files) == ("/usr/lib/udev/rules.d/1.rules",)


def test_a_trigger_that_names_both_places_gets_each_path_once() -> None:
    assert watched(trigger("/lib", "/usr/lib")) == ("/lib", "/usr/lib")
    assert watched(trigger("/lib64", "/etc", "/libexec")) == (
        "/lib64",
        "/etc",
        "/libexec",
        "/usr/lib64",
    )
