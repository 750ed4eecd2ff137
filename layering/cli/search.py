# SPDX-License-Identifier: LGPL-2.1-or-later
"""`overlay search`."""

from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

import click

from layering.cli.asking import asked, cropped, document, head, revision_option
from layering.cli.options import Settings, SomeText, repository_options, shown_options
from layering.cli.output import show_json
from layering.cli.printable import printable

if TYPE_CHECKING:
    from layering.packagequeries import KnownPackage


@click.command(epilog="Example: overlay search 'system call'")
@click.argument("words", metavar="WORD…", nargs=-1, required=True, type=SomeText("WORD"))
@click.option("--all", "everywhere", is_flag=True, help="In descriptions and URLs, too; any word.")
@revision_option
@repository_options
@shown_options
@click.pass_obj
def search(
    settings: Settings,
    /,
    *,
    words: tuple[str, ...],
    everywhere: bool,
    rev: str | None,
    **given: Any,
) -> int:
    """Search names and summaries for words.

    All words have to be there, in any case of letters; with --all any of them is enough. The best
    come first: what is called so, what has a word in its name, then in its summary, in its
    description, in its URL.
    """
    with asked(settings, rev, given) as questions:
        found = questions.search(words, everywhere=everywhere)
        known = [(questions.known(each.package), each.fields) for each in found]
        start, failure = head(questions), None
        if not found:
            failure = questions.nothing_matches(words)
            if not everywhere:
                failure.add_note("--all looks in descriptions, too, and is content with one word")
    if settings.json:
        packages = [{**document(each), "fields": [*map(str, at)]} for each, at in known]
        show_json({**start, "packages": packages})
    if failure is not None:
        raise failure
    for fields, group in groupby(() if settings.json else known, key=lambda each: each[1]):
        print(f"Found in {', '.join(fields)}:")
        for line in cropped(_rows([package for package, _fields in group])):
            print(printable(line))
    return 0


def _rows(packages: "Sequence[KnownPackage]") -> list[tuple[str, ...]]:
    """Returns names and summaries; between them, if the tree has any of them, as what."""
    places = ["" if each.place == "repository" else str(each.place) for each in packages]
    names = [f"{each.info.nevra.name}.{each.info.nevra.arch}" for each in packages]
    summaries = [each.info.summary for each in packages]
    columns = (names, places, summaries) if any(places) else (names, summaries)
    return [*zip(*columns, strict=True)]
