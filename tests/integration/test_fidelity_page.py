# SPDX-License-Identifier: LGPL-2.1-or-later
"""docs/fidelity.md says what the tests check, and leaves no package of the collection out."""

from collections import Counter

from tests.integration.classes import CHAPTERS
from tests.integration.conventions import ALWAYS, ROWS
from tests.integration.fidelity import PAGE, page, specs


def test_the_page_is_what_the_tests_declare() -> None:
    assert PAGE.read_text(encoding="utf-8") == page()


def test_every_package_of_the_collection_is_in_one_class() -> None:
    named = Counter(
        name
        for classes in CHAPTERS.values()
        for each in classes
        for name in dict.fromkeys(each.cases.split())
    )
    assert [name for name, count in named.items() if count > 1] == []
    assert specs().keys() - named.keys() == set()
    cases = {name for name in named if name.startswith("case-")}
    assert cases - specs().keys() == set()


def test_the_collection_has_an_idea_each() -> None:
    ideas = {path: path.read_text(encoding="utf-8").splitlines()[0] for path in specs().values()}
    assert len([path for path in ideas if path.stem.startswith("case-")]) >= 120
    assert [path.name for path, idea in ideas.items() if not idea.endswith(".")] == []


def test_every_convention_is_of_a_class_or_of_all() -> None:
    used = {name for classes in CHAPTERS.values() for each in classes for name in each.conventions}
    assert {row.name for row in ROWS} - used - ALWAYS == {"ima"}  # of genuine packages alone
