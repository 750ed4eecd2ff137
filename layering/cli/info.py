# SPDX-License-Identifier: LGPL-2.1-or-later
"""`overlay info`."""

import datetime
import shutil
import sys
import textwrap
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from layering.cli.asking import FILES, asked, document, head, revision_option, tell_unmatched
from layering.cli.options import Settings, SomeText, repository_options, shown_options
from layering.cli.output import show_json
from layering.cli.printable import printable
from layering.cli.render import size

if TYPE_CHECKING:
    from layering.packagequeries import KnownPackage

_LABEL = 14
_WIDTH = 80  # of what is not printed on a terminal


@click.command(epilog="Example: overlay info strace")
@click.argument("specs", metavar="SPEC…", nargs=-1, required=True, type=SomeText("SPEC"))
@click.option("--installed", "scope", flag_value="installed", help="What the tree has.")
@click.option("--available", "scope", flag_value="available", help="What the repositories have.")
@click.option("--showduplicates", is_flag=True, help="All versions, not the newest alone.")
@revision_option
@repository_options
@shown_options
@click.pass_obj
def info(
    settings: Settings,
    /,
    *,
    specs: tuple[str, ...],
    scope: str | None,
    showduplicates: bool,
    rev: str | None,
    **given: Any,
) -> int:
    """Tell what packages are, where they are, and for which request.

    SPEC is a name, a NEVRA in any of its forms, or a glob of either. What the tree has is not told
    again from a repository.
    """
    from layering.packagequeries import Scope

    wanted = Scope(scope or "all")
    with asked(settings, rev, given, repositories=wanted is not Scope.INSTALLED) as questions:
        found = questions.select(specs, wanted, all_versions=showduplicates)
        start, failure = head(questions), None
        if not (found.tree or found.available):
            failure = questions.nothing_matches(specs)
    packages = (*found.tree, *found.available)
    if settings.json:
        documents = [document(each) for each in packages]
        show_json({**start, "packages": documents, "unmatched": [*found.unmatched]})
    if failure is not None:
        raise failure
    tell_unmatched(settings, found.unmatched)
    for number, package in enumerate(() if settings.json else packages):
        if number:
            print()
        for line in _lines(package):
            print(printable(line))
    return 0


def _lines(package: "KnownPackage") -> Iterator[str]:
    """Yields the fields, each broken at words, its other lines below the first."""
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else _WIDTH
    for name, text in _fields(package):
        broken = [
            line
            for paragraph in text.splitlines() or [""]
            for line in textwrap.wrap(
                paragraph,
                max(width - _LABEL, 20),
                break_long_words=False,
                break_on_hyphens=False,
            )
            or [""]
        ]
        for number, line in enumerate(broken):
            yield f"{name + ':' if not number else '':<{_LABEL}}{line}".rstrip()


def _fields(package: "KnownPackage") -> Iterator[tuple[str, str]]:
    known, nevra = package.info, package.info.nevra
    yield "Name", nevra.name
    yield "Version", nevra.evr
    yield "Architecture", nevra.arch
    yield from _place(package)
    if known.download_size:
        yield "Download", size(known.download_size)
    yield "Size", f"{size(known.install_size)} installed"
    if known.source:
        yield "Source", known.source
    if known.build_time:
        built = datetime.datetime.fromtimestamp(known.build_time, tz=datetime.UTC)
        yield "Built", f"{built:%Y-%m-%d}"
    yield "Summary", known.summary
    for name, text in (("URL", known.url), ("License", known.license), ("Vendor", known.vendor)):
        if text:
            yield name, text
    yield "Description", known.description


def _place(package: "KnownPackage") -> Iterator[tuple[str, str]]:
    names = ", ".join(package.requested_by)
    if package.place == "repository":
        yield "Repository", package.repository
        return
    yield "In the tree", "from the base" if package.place == "base" else "as a layer"
    if package.repository:
        yield (
            "Repository",
            "none: it came as a file" if package.repository == FILES else (package.repository),
        )
    if package.place == "base" and names:
        yield "Requested", f"as {names}: the base has it"
    elif names:
        if package.reason == "user":
            yield "Requested", "yes"
        yield "Needed for", names
